//! What `hexreg serve` prints for clients of hex.pm's packages: of a repository that is pulled through, and of
//! organisations below it.

use hexreg::key::PublicKey;
use hexreg::ops::mirror::Upstream;

use crate::support::repository::TestRepository;
use crate::support::server::{Server, free_address};

/// `public` is acme.
fn acme() -> TestRepository {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    repository
}

fn fingerprint(repository: &TestRepository) -> String {
    let pem = String::from_utf8(repository.read("public/public_key")).unwrap();
    PublicKey::from_pem(&pem).unwrap().fingerprint().to_owned()
}

/// Nothing of it is there yet, and clients have its key.
#[test]
fn a_cache_of_hexpm() {
    let repository = TestRepository::new();
    let upstream = format!("http://{}", free_address());
    let server = Server::run(repository.root(), &["cache", "--upstream", &upstream]);
    let (url, said) = (server.url(), &server.said);
    let key = PublicKey::from_pem(Upstream::HEXPM_KEY).unwrap();
    let expected = format!(
        "listening on {url}\n\nserving hexpm at {url}, pulled through from {upstream}\nfingerprint {}\n\n\
         for mix and rebar3, in a shell:\n\nexport HEX_MIRROR={url}\nexport HEX_CDN={url}\n\n\
         it answers to localhost",
        key.fingerprint()
    );
    assert!(said.starts_with(&expected), "{said}");
}

/// Both variables send no token.
#[test]
fn a_cache_of_hexpm_for_tokens() {
    let repository = TestRepository::new();
    repository.hexreg().run(["auth", "add", "readers", "alice"]).ok();
    let upstream = format!("http://{}", free_address());
    let arguments = ["cache", "--upstream", &upstream, "--auth-file=readers"];
    let server = Server::run(repository.root(), &arguments);
    let (url, said) = (server.url(), &server.said);
    assert!(!said.contains("HEX_MIRROR"), "{said}");
    let expected = format!(
        "mix hex.repo set hexpm --url {url} --public-key hexpm.pem --auth-key TOKEN --no-oauth-exchange\n"
    );
    assert!(said.contains(&expected), "{said}");
}

/// Clients have to be given another key than hex.pm's.
#[test]
fn another_key_and_another_name() {
    let repository = acme();
    let upstream = format!("http://{}", free_address());
    for name in ["hexpm", "acme"] {
        let arguments = [
            "cache",
            "--upstream",
            &upstream,
            "--upstream-name",
            name,
            "--upstream-key=public/public_key",
        ];
        let server = Server::run(repository.root(), &arguments);
        let (url, said) = (server.url(), &server.said);
        let fingerprint = fingerprint(&repository);
        let serving = format!(
            "serving {name} at {url}, pulled through from {upstream}\nfingerprint {fingerprint}\n"
        );
        assert!(said.contains(&serving) && !said.contains("HEX_MIRROR"), "{said}");
        let expected = match name {
            "hexpm" => format!("mix hex.repo set hexpm --url {url} --public-key hexpm.pem\n"),
            name => format!("mix hex.repo add {name} {url} --fetch-public-key {fingerprint}\n"),
        };
        assert!(said.contains(&expected), "{said}");
    }
}

/// Where hexpm is at `/`, mix takes what is at `/repos/acme` for an organisation.
#[test]
fn organisations() {
    let repository = acme();
    let fingerprint = fingerprint(&repository);
    let upstream = format!("http://{}", free_address());
    let text = "or, for mix, as the organisation acme of hexpm (`organization: \"acme\"` in mix.exs, \
        `hexpm:acme` in mix.lock):\n\n";
    let of = |name: &str, arguments: &[&str]| {
        let named = format!("--repo={name}=public");
        let arguments = [&["cache", "--upstream", &upstream, &named], arguments].concat();
        let server = Server::run(repository.root(), &arguments);
        (server.url(), server.said.clone())
    };
    let (url, said) = of("acme", &[]);
    let expected = format!(
        "{text}mix hex.repo set hexpm --url {url}\n\
         mix hex.repo add hexpm:acme {url}/repos/acme --fetch-public-key {fingerprint}\n\n"
    );
    assert!(said.contains(&expected), "{said}");
    repository.hexreg().run(["auth", "add", "readers", "alice"]).ok();
    let (url, said) = of("acme", &["--auth-file=readers"]);
    let auth = "--auth-key TOKEN --no-oauth-exchange";
    let expected = format!(
        "{text}mix hex.repo set hexpm --url {url} {auth}\n\
         mix hex.repo add hexpm:acme {url}/repos/acme --fetch-public-key {fingerprint} {auth}\n\n"
    );
    assert!(said.contains(&expected), "{said}");
    // mix expects the name of the path in the signed files.
    let (_, said) = of("other", &[]);
    assert!(!said.contains("as the organisation"), "{said}");
    // Without hexpm at `/`, there is nothing that it would be an organisation of.
    let server = Server::run(repository.root(), &["--repo=acme=public"]);
    assert!(!server.said.contains("as the organisation"), "{}", server.said);
}
