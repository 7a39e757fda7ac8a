//! `hexreg mirror` from real upstreams on loopback.
//!
//! | module | what belongs there |
//! | --- | --- |
//! | `trust` | signatures, and what upstream must not change |
//! | `faulty` | upstreams that drop, stall, truncate, damage, refuse and redirect |
//! | `redirects` | which redirects are followed |
//! | `locks` | lock files: organisations, repeated entries, empty ones, standard input, other tools' |
//! | `hints` | hints about credentials, login pages, URLs, proxies |
//! | `beside` | documentation, installs, git repositories |
//! | `later` | remarks that upstream changes later, without a change of its indexes |
//! | `rollback` | releases that upstream removes |
//! | `damage` | files that were damaged on the disk |
//! | `policies` | policies |
//! | `signed_anew` | upstream's remarks in a registry with another key |
//! | `slow` | mirrors that are killed; responses that would use up the memory |

mod beside;
mod damage;
mod faulty;
mod hints;
mod later;
mod locks;
mod policies;
mod redirects;
mod rollback;
mod signed_anew;
mod slow;
mod trust;

use serde_json::Value;

use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::server::Server;

/// The options for an upstream that serves `repository`, named `acme`.
pub fn upstream(url: &str) -> Vec<String> {
    let options =
        ["--upstream", url, "--upstream-name", "acme", "--upstream-key", "public/public_key"];
    options.map(str::to_owned).into()
}

/// Mirrors into `copy/` beside `public/`.
pub fn mirror(repository: &TestRepository, url: &str, more: &[&str]) -> Ran {
    let options = upstream(url);
    let arguments = ["mirror", "copy"].into_iter().chain(options.iter().map(String::as_str));
    repository.hexreg().run(arguments.chain(more.iter().copied()))
}

/// The same, with the JSON report.
#[track_caller]
pub fn report(repository: &TestRepository, url: &str, more: &[&str]) -> Value {
    let ran = mirror(repository, url, &[more, &["--json"]].concat());
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.transcript()))
}

/// A server of two packages with three releases.
pub fn samples() -> (TestRepository, Server) {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    (repository, server)
}

/// Asserts that the mirror has upstream's files, byte for byte.
#[track_caller]
pub fn is_verbatim(repository: &TestRepository) {
    let verified = repository.hexreg().run(["verify", "copy"]);
    assert_eq!(verified.code, 0, "{}", verified.transcript());
    for path in repository.served().keys().filter(|path| path.as_str() != "public_key") {
        let (here, there) = (format!("copy/{path}"), format!("public/{path}"));
        assert_eq!(repository.read(&here), repository.read(&there), "{path}");
    }
}

#[test]
fn all_of_a_repository_is_mirrored_and_then_left_alone() {
    let (repository, server) = samples();
    let first = mirror(&repository, &server.url(), &["--all"]).ok();
    assert!(first.stdout.contains("3 releases; 8 created, 0 updated, 0 removed; 7 requests"));
    is_verbatim(&repository);
    let second = report(&repository, &server.url(), &["--all"]);
    assert_eq!(second["requests"], 2, "{second}");
    assert_eq!(second["bytes"], 0, "{second}");
}

#[test]
fn a_part_of_a_repository_is_verified_as_one() {
    let (repository, server) = samples();
    mirror(&repository, &server.url(), &["--only=greeting@1.0.0"]).ok();
    let verify = |more: &[&str]| {
        repository.hexreg().run(["verify", "copy"].iter().chain(more).copied()).transcript()
    };
    insta::assert_snapshot!(verify(&[]), @"
    exit code: 1
    --- stdout
    copy/packages/welcome: it is missing, and versions names its package
    copy/tarballs/greeting-1.1.0.tar: it is missing
    acme: 1 package, 2 releases; 2 problems
    --- stderr
    ");
    insta::assert_snapshot!(verify(&["--partial"]), @"
    exit code: 0
    --- stdout
    acme: 1 package, 2 releases; no problem
    --- stderr
    ");
    // The files that are there have to be right.
    repository.write("copy/tarballs/greeting-1.0.0.tar", b"junk");
    repository.remove("copy/versions");
    let found = verify(&["--partial"]);
    assert!(found.contains("greeting-1.0.0.tar: ") && found.contains("copy/versions: "), "{found}");
}
