//! Buckets that are named by arguments, and options that change while a bucket is served.

use std::fs;
use std::time::{Duration, Instant};

use super::metric;
use super::table::copied;
use crate::buckets::PREFIX;
use crate::support::seaweedfs::SeaweedFs;
use crate::support::server::Server;

const LARGE: &str = "/tarballs/large-1.0.0.tar";

#[test]
fn a_bucket_is_an_argument_and_its_cache_goes_with_the_server() {
    let test = "a_bucket_is_an_argument_and_its_cache_goes_with_the_server";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let writer = copied(seaweedfs.bucket("registry"));
    let (bucket, repository) = (&writer.bucket, &writer.repository);
    let url = bucket.url(PREFIX);
    let (named, endpoint) =
        (format!("--repo=acme={url}"), format!("--endpoint={}", bucket.endpoint()));
    let arguments = [&url, &named, &endpoint, "--cache-dir=kept", "--cache-size=8MiB"];
    let hexreg = bucket.known_to(repository.hexreg());
    let server = Server::given(hexreg, repository.root(), &arguments);
    for path in ["/names", LARGE] {
        let answer = server.get(path, &[]);
        assert_eq!(answer.body, repository.read(&format!("public{path}")), "{path}");
        assert_eq!(server.get(&format!("/repos/acme{path}"), &[]).body, answer.body);
    }
    let folders = || fs::read_dir(repository.path("kept")).unwrap().count();
    assert_eq!(folders(), 1);
    server.signal("-HUP");
    server.signal("-TERM");
    assert_eq!(server.ended(), 0);
    assert_eq!(folders(), 0);
}

/// `replace` makes another publisher; what is kept of the files stays.
#[test]
fn a_changed_configuration_keeps_what_was_read_of_a_bucket() {
    let test = "a_changed_configuration_keeps_what_was_read_of_a_bucket";
    let Some(seaweedfs) = SeaweedFs::start(test) else { return };
    let writer = copied(seaweedfs.bucket("registry"));
    let (bucket, repository) = (&writer.bucket, &writer.repository);
    let configuration = |replace: &str, more: &str| {
        format!(
            "listen = \"127.0.0.1:0\"\nmetrics-listen = \"127.0.0.1:0\"\n[[repository]]\nroot = true\nat = \"{}\"\n\
             endpoint = \"{}\"\nprivate-key = \"key.pem\"\nreplace = \"{replace}\"\n{more}",
            bucket.url(PREFIX),
            bucket.endpoint(),
        )
    };
    repository.write("hexreg.toml", configuration("never", "").as_bytes());
    let hexreg = bucket.known_to(repository.hexreg());
    let server = Server::configured(hexreg, repository.root(), "hexreg.toml");
    let large = repository.read(&format!("public{LARGE}"));
    assert_eq!(server.get(LARGE, &[]).body, large);
    let received = || metric(&server, "hexreg_storage_received_bytes_total");
    let before = received();
    assert!(before > 400_000, "{before}");
    let more = "[[repository]]\nname = \"other\"\nat = \"public\"\n";
    repository.write("hexreg.toml", configuration("always", more).as_bytes());
    let began = Instant::now();
    while server.get("/repos/other/names", &[]).status != 200 {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", writer.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.get(LARGE, &[]).body, large);
    let after = received();
    assert!(after - before < 400_000, "{before} {after}");
}
