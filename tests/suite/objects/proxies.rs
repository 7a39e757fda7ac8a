//! Proxies between a store and whoever keeps its bucket.

use crate::support::repository::TestRepository;
use crate::support::server::free_address;

/// What is said of a bucket at an address where nobody listens, with these variables.
fn said(variables: &[(&str, &str)], endpoint: &str) -> String {
    let repository = TestRepository::new();
    let keys = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let variables = keys.iter().chain(variables);
    let hexreg = variables.fold(repository.hexreg(), |it, (name, value)| it.env(name, value));
    let ran = hexreg.run(["verify", "s3://bucket/hex", &format!("--endpoint={endpoint}")]);
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    ran.stderr
}

#[test]
fn a_proxy_that_cannot_be_reached_is_named_and_an_asterisk_goes_without() {
    let (proxy, nowhere) = (free_address(), free_address());
    let endpoint = format!("http://{nowhere}");
    let with_password = format!("http://ci:SECRET@{proxy}");
    let told = said(&[("HTTP_PROXY", &with_password)], &endpoint);
    let named = format!("{nowhere} through the proxy http://******@{proxy} (HTTP_PROXY): ");
    assert!(told.contains(&named) && !told.contains("SECRET"), "{told}");
    for without in ["*", "127.0.0.1"] {
        let told = said(&[("HTTP_PROXY", &with_password), ("NO_PROXY", without)], &endpoint);
        assert!(told.contains(&nowhere.to_string()), "{told}");
        assert!(!told.contains(&proxy.to_string()), "{told}");
    }
    let told = said(&[("HTTP_PROXY", "ftp://ci:SECRET@p:1")], &endpoint);
    assert!(told.contains("HTTP_PROXY is \"ftp://******@p:1\", which is no proxy"), "{told}");
}
