//! Hints about credentials, login pages, URLs and proxies.

use std::time::{Duration, Instant};

use super::{is_verbatim, mirror, samples};
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::server::{Server, free_address};
use crate::support::unruly::{Fault, Unruly};

const LOGIN: &[u8] = b"\n<!DOCTYPE html><title>Sign in</title>";

/// Runs with these environment variables.
fn with(repository: &TestRepository, url: &str, more: &[&str], variables: &[(&str, &str)]) -> Ran {
    let options = super::upstream(url);
    let usual = ["mirror", "copy", "--all", "--retries=0"].into_iter();
    let arguments = usual.chain(options.iter().map(String::as_str)).chain(more.iter().copied());
    let hexreg =
        variables.iter().fold(repository.hexreg(), |it, (name, value)| it.env(name, value));
    hexreg.run(arguments)
}

#[test]
fn a_refused_request_gets_a_hint_about_credentials() {
    let (repository, server) = samples();
    let refusing = |path: &'static str, status: u16| {
        Unruly::before(server.address, move |asked, _| {
            if asked.starts_with(path) { Fault::Status(status, Vec::new()) } else { Fault::None }
        })
    };
    for path in ["/names", "/packages/", "/tarballs/"] {
        for status in [401, 403] {
            let url = refusing(path, status).url();
            let ran = with(&repository, &url, &[], &[]);
            assert_eq!(ran.code, 1, "{path}: {}", ran.transcript());
            let hint = "give --upstream-auth=env:NAME, or --upstream-auth=netrc";
            assert!(ran.stderr.contains(hint), "{path}: {}", ran.stderr);
            let ran = with(&repository, &url, &["--upstream-auth=env:KEY"], &[("KEY", "a-secret")]);
            assert_eq!(ran.code, 1, "{path}: {}", ran.transcript());
            let hint = "upstream refuses the credentials of --upstream-auth";
            assert!(ran.stderr.contains(hint), "{path}: {}", ran.stderr);
            assert!(!ran.stderr.contains("a-secret"), "{path}: {}", ran.stderr);
        }
    }
    let url = refusing("/names", 401).url();
    let ran = with(&repository, &url, &["--upstream-name=hexpm:acme"], &[]);
    assert_eq!(ran.code, 2, "the name is given twice: {}", ran.transcript());
    let key = ["--upstream-key=public/public_key", "--upstream", &url];
    let usual = ["mirror", "copy", "--all", "--upstream-name=hexpm:acme"];
    let ran = repository.hexreg().run(usual.into_iter().chain(key));
    assert!(ran.stderr.contains("`mix hex.organization key acme generate`"), "{}", ran.stderr);
}

#[test]
fn a_web_page_in_place_of_a_file_is_named() {
    let (repository, server) = samples();
    for (path, told) in [
        ("/names", "names"),
        ("/versions", "versions"),
        ("/packages/welcome", "packages/welcome"),
        ("/tarballs/welcome-0.1.0.tar", "tarballs/welcome-0.1.0.tar"),
    ] {
        let page = Unruly::before(server.address, move |asked, _| {
            if asked == path { Fault::Replace(LOGIN.to_vec()) } else { Fault::None }
        });
        let ran = with(&repository, &page.url(), &[], &[]);
        assert_eq!(ran.code, 1, "{path}: {}", ran.transcript());
        let said = format!("{told}: {}{path} answers with a web page (text/html)", page.url());
        assert!(ran.stderr.contains(&said), "{path}: {}", ran.stderr);
        let hint = "check that --upstream is the URL of the repository itself, and that no login";
        assert!(ran.stderr.contains(hint), "{path}: {}", ran.stderr);
    }
    // A redirect to a login page, whose query is hidden.
    let login = Unruly::before(server.address, |_, _| Fault::Replace(LOGIN.to_vec()));
    let target = login.url();
    let guarded = Unruly::before(server.address, move |path, _| {
        Fault::Status(302, vec![format!("Location: {target}/login?back={path}&state=a-secret")])
    });
    let ran = with(&repository, &guarded.url(), &[], &[]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    let said = format!(
        "{}/names answers with a web page (text/html), redirected to {}/login?******",
        guarded.url(),
        login.url()
    );
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    assert!(!ran.stderr.contains("a-secret"), "{}", ran.stderr);
}

#[test]
fn an_invalid_upstream_url_is_named_without_its_credentials() {
    let repository = TestRepository::new();
    for (upstream, said) in [
        ("127.0.0.1:8957", "--upstream has no scheme: write https://127.0.0.1:8957"),
        (
            "hex.example/repos/acme",
            "--upstream has no scheme: write https://hex.example/repos/acme",
        ),
        ("localhost:8957", "--upstream has no scheme: write https://localhost:8957"),
        ("ci:SECRET@hex.example", "--upstream has no scheme: write https://******@hex.example"),
        (
            "ftp://ci:SECRET@hex.example",
            "--upstream is ftp://******@hex.example: expected https://",
        ),
        (
            "https://ci:SECRET@hex.example:port",
            "--upstream is https://******@hex.example:port, which",
        ),
        ("https://ci:SECRET@hex.example", "credentials do not belong in --upstream"),
        ("https://SECRET@hex.example", "credentials do not belong in --upstream"),
        (
            "https://hex.example/?token=SECRET",
            "--upstream is https://hex.example/?******: expected",
        ),
        ("https://hex.example/#SECRET", "--upstream is https://hex.example/#******: expected"),
        ("https://", "--upstream is https://, which is no URL"),
        ("", "--upstream has no scheme"),
    ] {
        let argument = format!("--upstream={upstream}");
        for more in [&[][..], &["--json"]] {
            let usual = ["mirror", "copy", "--all", &argument];
            let ran = repository.hexreg().run(usual.into_iter().chain(more.iter().copied()));
            assert_eq!(ran.code, 2, "{upstream}: {}", ran.transcript());
            let told = format!("{}{}", ran.stdout, ran.stderr);
            assert!(told.contains(said), "{upstream}: {told}");
            assert!(!told.contains("SECRET"), "{upstream}: {told}");
        }
    }
}

#[test]
fn an_unreachable_proxy_is_named_without_its_password() {
    let (repository, server) = samples();
    let url = server.url();
    let dead = free_address();
    for variable in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        let proxy = format!("http://ci:SECRET@{dead}/");
        let ran = with(&repository, &url, &[], &[(variable, &proxy)]);
        assert_eq!(ran.code, 1, "{variable}: {}", ran.transcript());
        let said = format!("{url}/names through the proxy http://******@{dead} ({variable}): ");
        assert!(ran.stderr.contains(&said), "{variable}: {}", ran.stderr);
        assert!(ran.stderr.contains("hint: nothing was changed: check the proxy"));
        assert!(!ran.stderr.contains("SECRET"), "{variable}: {}", ran.stderr);
    }
    // HTTPS goes through a tunnel.
    let https = "https://hex.example";
    let ran = with(&repository, https, &[], &[("https_proxy", &dead.to_string())]);
    let said = format!("{https}/names through the proxy http://{dead} (https_proxy): ");
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    // An invalid proxy is an error.
    let ran = with(&repository, &url, &[], &[("HTTP_PROXY", "ftp://ci:SECRET@p:1")]);
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    let said = "HTTP_PROXY is \"ftp://******@p:1\", which is no proxy: expected http://HOST:PORT";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn an_asterisk_in_no_proxy_means_every_host() {
    let (repository, server) = samples();
    let dead = format!("http://{}", free_address());
    let named = format!("http://localhost:{}", server.address.port());
    for (without, url) in [
        ("*", server.url()),
        ("*", named.clone()),
        ("hex.example, *", server.url()),
        ("127.0.0.1", server.url()),
        ("127.0.0.0/8", server.url()),
        ("localhost", named.clone()),
    ] {
        for variable in ["NO_PROXY", "no_proxy"] {
            let ran = with(&repository, &url, &[], &[("ALL_PROXY", &dead), (variable, without)]);
            assert_eq!(ran.code, 0, "{without} {url}: {}", ran.transcript());
            is_verbatim(&repository);
            std::fs::remove_dir_all(repository.path("copy")).unwrap();
        }
    }
    let ran = with(&repository, &server.url(), &[], &[("ALL_PROXY", &dead), ("NO_PROXY", "*.1")]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
}

/// A proxy answers with a status of its own.
#[test]
fn a_proxy_that_requires_credentials_is_distinguished_from_upstream() {
    let (repository, server) = samples();
    let proxy = Unruly::before(server.address, |_, _| Fault::Status(407, Vec::new()));
    for url in ["http://hex.example", "https://hex.example"] {
        let ran = with(&repository, url, &[], &[("ALL_PROXY", &proxy.url())]);
        assert_eq!(ran.code, 1, "{url}: {}", ran.transcript());
        let hint = "the proxy requires credentials: http://USER:PASSWORD@HOST:PORT in its variable";
        assert!(ran.stderr.contains(hint), "{url}: {}", ran.stderr);
    }
}

/// A body that comes byte by byte would block a request for days.
#[test]
fn a_dripping_body_is_given_up() {
    let (repository, server) = samples();
    let dripping = Unruly::before(server.address, |path, _| {
        if path.starts_with("/tarballs/welcome") {
            Fault::Drip(Duration::from_millis(50))
        } else {
            Fault::None
        }
    });
    let began = Instant::now();
    let ran = mirror(&repository, &dripping.url(), &["--all", "--retries=0", "--stall-timeout=1"]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    let said = "welcome-0.1.0.tar came at less than 256 bytes a second for 4 s";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("on a slow line, use fewer concurrent requests: --jobs"),
        "{}",
        ran.stderr
    );
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    // The other files were mirrored.
    assert!(repository.path("copy/tarballs/greeting-1.0.0.tar").exists());
    let back = Server::of(&repository, &[]);
    mirror(&repository, &back.url(), &["--all"]).ok();
    is_verbatim(&repository);
}
