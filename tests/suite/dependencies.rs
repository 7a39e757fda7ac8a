//! Dependencies that every client decodes and that harm clients all the same: a requirement on which Hex's
//! solver raises, and one on a package of hex.pm that has the name of one of this registry.
//!
//! What is new is refused; what clients were offered already stays, with a warning.

mod unnamed;

use std::fs;

use hexreg::package::Requirement;
use hexreg::tarball::{Limits, Unpacker};
use serde_json::Value;

#[cfg(all(feature = "mirror", feature = "serve"))]
use crate::mirroring::mirror;
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::signed::{self, edit};
use crate::support::tarball::Tarball;

const STOPS: &str = "its requirement on bar stops clients: ";
const NAMESAKE: &str = "secretlib is required from hexpm, but acme has a package secretlib too (dependency \
                        confusion)";

fn requiring(requirement: &str) -> Vec<u8> {
    Tarball::new("foo", "1.0.0").requires("bar", requirement).build()
}

/// `privwrap`, which takes `secretlib` from hex.pm.
fn privwrap(version: &str) -> Vec<u8> {
    Tarball::new("privwrap", version).requires_public("secretlib", ">= 0.0.0").build()
}

/// `hexreg add FILE… --to=public`, and more.
fn add(repository: &TestRepository, more: &[&str]) -> Ran {
    let usual = ["add", "--to=public", "--name=acme", "--private-key=key.pem"];
    repository.hexreg().run(usual.iter().chain(more).copied())
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", ran.transcript()))
}

/// Why the one tarball was rejected.
#[track_caller]
fn rejection(ran: &Ran) -> String {
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    let report = json(ran);
    let rejected = report["rejected"].as_array().unwrap();
    assert_eq!(rejected.len(), 1, "{report}");
    rejected[0]["reason"].as_str().unwrap().to_owned()
}

#[track_caller]
fn warnings(ran: &Ran) -> Vec<String> {
    assert_eq!(ran.code, 0, "{}", ran.transcript());
    let report = json(ran);
    let warnings = report["warnings"].as_array().unwrap();
    warnings.iter().map(|warning| warning.as_str().unwrap().to_owned()).collect()
}

/// `foo` 1.0.0, as if it had been published by what signs any requirement.
fn publish_as_it_is(repository: &TestRepository, requirement: &str) {
    repository.write_tarball("foo-1.0.0.tar", &requiring("~> 1.0"));
    repository.build(&[]).ok();
    let tarball = requiring(requirement);
    let read = Unpacker::new(Limits::HEX).unpack(&tarball).unwrap();
    edit(repository, "public/packages/foo", &signed::key("acme-2048.pem"), |release| {
        release.inner_checksum = read.inner_checksum;
        release.outer_checksum = read.outer_checksum;
        release.dependencies[0].requirement = Requirement(requirement.to_owned());
    });
    repository.write_tarball("foo-1.0.0.tar", &tarball);
}

#[test]
fn a_build_refuses_a_requirement_that_no_client_reads() {
    for (requirement, reason) in [
        ("banana", "\"banana\" is not a version requirement: \"banana\" is not a version: "),
        ("~> 1", "\"~> 1\" is not a version requirement: \"1\" is not a version: "),
        (
            "~> 1.0 and ~> 1.1",
            "\"~> 1.0 and ~> 1.1\" stops Hex's solver: it does not read two `~>` joined by `and`",
        ),
        ("!= 1.0.0", "\"!= 1.0.0\" stops Hex's solver: it does not read `!=`"),
    ] {
        let repository = TestRepository::new().tarball("foo-1.0.0.tar", &requiring(requirement));
        let reason = format!("{STOPS}{reason}");
        let found = rejection(&repository.build(&["--json"]));
        assert!(found.starts_with(&reason), "{found}");
        assert!(repository.served().is_empty(), "something was written");
    }
}

#[test]
fn an_addition_refuses_a_requirement_that_no_client_reads() {
    let repository = TestRepository::new();
    repository.write("foo-1.0.0.tar", &requiring("~> 1"));
    let found = rejection(&add(&repository, &["foo-1.0.0.tar", "--json"]));
    assert!(found.starts_with(STOPS), "{found}");
    assert!(repository.served().is_empty(), "something was written");
}

/// What a release is that was added before its fault was known of.
#[test]
fn an_addition_of_what_is_published_leaves_it_alone_with_a_warning() {
    let repository = TestRepository::new();
    publish_as_it_is(&repository, "~> 1.0 and ~> 1.1");
    let before = repository.files("public", |_| true);
    let again = ["public/tarballs/foo-1.0.0.tar", "--json"];
    let said = warnings(&add(&repository, &again));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with(&format!("foo 1.0.0: {STOPS}")), "{said:?}");
    assert_eq!(repository.files("public", |_| true), before);

    let repository = TestRepository::new().tarball("privwrap-1.0.0.tar", &privwrap("1.0.0"));
    repository.build(&[]).ok();
    repository.write("secretlib-1.0.0.tar", &Tarball::new("secretlib", "1.0.0").build());
    warnings(&add(&repository, &["secretlib-1.0.0.tar", "--json"]));
    let again = ["public/tarballs/privwrap-1.0.0.tar", "--json"];
    assert_eq!(warnings(&add(&repository, &again)), [format!("privwrap 1.0.0: {NAMESAKE}")]);
    // Another tarball of that name is new.
    let other = Tarball::new("privwrap", "1.0.0").requires_public("secretlib", ">= 0.1.0").build();
    repository.write("privwrap-1.0.0.tar", &other);
    let replaced = add(&repository, &["privwrap-1.0.0.tar", "--replace", "--json"]);
    assert_eq!(rejection(&replaced), NAMESAKE);
}

/// With a cache and without: what a build found out before is looked at again.
#[test]
fn a_requirement_that_was_published_stays_with_a_warning() {
    for more in [&["--json"][..], &["--json", "--no-cache"]] {
        let repository = TestRepository::new();
        publish_as_it_is(&repository, "~> 1.0 and ~> 1.1");
        let expected = format!(
            "foo 1.0.0: {STOPS}\"~> 1.0 and ~> 1.1\" stops Hex's solver: it does not read two `~>` joined by `and`"
        );
        assert_eq!(warnings(&repository.build(more)), [expected.as_str()]);
        repository.write_tarball("sound-1.0.0.tar", &Tarball::new("sound", "1.0.0").build());
        assert_eq!(warnings(&repository.build(more)), [expected.as_str()]);
        let verified = repository.hexreg().run(["verify", "public", "--json"]);
        assert_eq!(json(&verified)["problems"].as_array().unwrap().len(), 0);
        assert_eq!(warnings(&verified), [expected.as_str()]);

        // No client has been offered another tarball of that name, nor this one where nothing names it.
        repository.write_tarball("foo-1.0.0.tar", &requiring("banana"));
        assert!(rejection(&repository.build(more)).starts_with(STOPS));
        repository.write_tarball("foo-1.0.0.tar", &requiring("~> 1.0 and ~> 1.1"));
        repository.remove("public/packages/foo");
        assert!(rejection(&repository.build(more)).starts_with(STOPS));
    }
}

/// A mirror cannot change what upstream signed, and a registry that signs it anew loses no release.
#[cfg(all(feature = "mirror", feature = "serve"))]
#[test]
fn a_requirement_that_upstream_published_is_mirrored_and_signed_with_a_warning() {
    let repository = TestRepository::new();
    publish_as_it_is(&repository, "~> 1.0 and ~> 1.1");
    repository.write_key("site.pem", "golden/keys/acme-4096.pem");
    let expected = [format!(
        "foo 1.0.0: {STOPS}\"~> 1.0 and ~> 1.1\" stops Hex's solver: it does not read two `~>` joined by `and`"
    )];
    let server = Server::of(&repository, &[]);
    let mirrored = mirror(&repository, &server.url(), &["--all", "--tarballs-only", "--json"]);
    assert_eq!(warnings(&mirrored), expected);
    // Once told, it is not told again of a file that stays as it is.
    for options in [&["--all", "--refresh"][..], &["--all", "--refresh-after=0"]] {
        let options = [options, &["--tarballs-only", "--json"]].concat();
        assert_eq!(warnings(&mirror(&repository, &server.url(), &options)), [""; 0]);
    }
    mirror(&repository, &server.url(), &["--all", "--tarballs-only"]).ok();
    let build = ["build", "copy", "--name=acme", "--private-key=site.pem", "--json"];
    assert_eq!(warnings(&repository.hexreg().run(build)), expected);

    // Upstream never said so of another tarball.
    repository.write("copy/tarballs/foo-1.0.0.tar", &requiring("banana"));
    assert!(rejection(&repository.hexreg().run(build)).starts_with(STOPS));
}

#[cfg(all(feature = "mirror", feature = "serve"))]
#[test]
fn a_mirror_warns_of_no_release_that_is_not_wanted() {
    let repository = TestRepository::new();
    publish_as_it_is(&repository, "~> 1.0 and ~> 1.1");
    let repository = repository.release("foo", "1.1.0");
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    let only = |only: &str| warnings(&mirror(&repository, &server.url(), &[only, "--json"]));
    assert_eq!(only("--only=foo@1.1.0"), [""; 0]);
    assert_eq!(only("--only=foo"), [""; 0], "its file is there already");
    fs::remove_dir_all(repository.path("copy")).unwrap();
    assert_eq!(only("--only=foo").len(), 1);
}

#[test]
fn a_fault_of_many_releases_is_told_once() {
    let repository = TestRepository::new();
    for version in ["1.0.0", "1.1.0", "0.9.0"] {
        repository.write_tarball(&format!("privwrap-{version}.tar"), &privwrap(version));
    }
    repository.build(&[]).ok();
    repository.write_tarball("secretlib-1.0.0.tar", &Tarball::new("secretlib", "1.0.0").build());
    let ran = repository.build(&["--json"]);
    assert_eq!(warnings(&ran), [format!("privwrap 1.1.0 and 2 more releases: {NAMESAKE}")]);
}

#[test]
fn a_build_refuses_a_public_namesake_in_new_releases() {
    let repository = TestRepository::new()
        .release("secretlib", "1.0.0")
        .tarball("privwrap-1.0.0.tar", &privwrap("1.0.0"));
    assert_eq!(rejection(&repository.build(&["--json"])), NAMESAKE);
    assert!(repository.served().is_empty(), "something was written");
    insta::assert_snapshot!(repository.build(&[]).stderr, @r"
    error: failed to build `acme`: 1 of 2 tarballs rejected
      public/tarballs/privwrap-1.0.0.tar: secretlib is required from hexpm, but acme has a package secretlib too (dependency confusion)
    hint: nothing was written; say in the package's project which repository the dependency is of (`repo:` in mix.exs) and pack it again; where hex.pm's is meant, give --allow-public=NAME
    ");
    repository.build(&["--allow-public=other", "--allow-public=secretlib"]).ok();
}

/// Also where a cache knows the older release.
#[test]
fn a_package_that_comes_later_makes_older_releases_warned_of() {
    let repository = TestRepository::new().tarball("privwrap-1.0.0.tar", &privwrap("1.0.0"));
    repository.build(&[]).ok();
    repository.build(&[]).ok();
    repository.write_tarball("secretlib-1.0.0.tar", &Tarball::new("secretlib", "1.0.0").build());
    let expected = [format!("privwrap 1.0.0: {NAMESAKE}")];
    assert_eq!(warnings(&repository.build(&["--json", "--dry-run"])), expected);
    let allowed = ["--json", "--dry-run", "--allow-public=secretlib"];
    assert_eq!(warnings(&repository.build(&allowed)), [""; 0]);
    assert_eq!(warnings(&repository.build(&["--json"])), expected);
    let verified = repository.hexreg().run(["verify", "public", "--json"]);
    assert_eq!(warnings(&verified), expected);

    // A new release of it is refused.
    repository.write_tarball("privwrap-1.1.0.tar", &privwrap("1.1.0"));
    assert_eq!(rejection(&repository.build(&["--json"])), NAMESAKE);
}

#[test]
fn an_addition_refuses_a_public_namesake() {
    let repository = TestRepository::new().release("secretlib", "1.0.0");
    repository.build(&[]).ok();
    repository.write("privwrap-1.0.0.tar", &privwrap("1.0.0"));
    let before = repository.served();
    assert_eq!(rejection(&add(&repository, &["privwrap-1.0.0.tar", "--json"])), NAMESAKE);
    assert_eq!(repository.served(), before);
    add(&repository, &["privwrap-1.0.0.tar", "--allow-public=secretlib"]).ok();
    assert!(repository.path("public/packages/privwrap").exists());
}

/// Whichever comes first on the command line.
#[test]
fn an_addition_of_both_refuses_a_public_namesake() {
    let repository = TestRepository::new();
    repository.write("privwrap-1.0.0.tar", &privwrap("1.0.0"));
    repository.write("secretlib-1.0.0.tar", &Tarball::new("secretlib", "1.0.0").build());
    for files in [
        ["privwrap-1.0.0.tar", "secretlib-1.0.0.tar"],
        ["secretlib-1.0.0.tar", "privwrap-1.0.0.tar"],
    ] {
        assert_eq!(rejection(&add(&repository, &[files[0], files[1], "--json"])), NAMESAKE);
    }
    assert!(repository.served().is_empty(), "something was written");
}

/// The package that is added makes an older release's dependency one that can be confused.
#[test]
fn an_addition_of_a_namesake_warns_of_older_releases() {
    let repository = TestRepository::new().tarball("privwrap-1.0.0.tar", &privwrap("1.0.0"));
    repository.build(&[]).ok();
    repository.write("secretlib-1.0.0.tar", &Tarball::new("secretlib", "1.0.0").build());
    let expected = [format!("privwrap 1.0.0: {NAMESAKE}")];
    assert_eq!(
        warnings(&add(&repository, &["secretlib-1.0.0.tar", "--json", "--dry-run"])),
        expected
    );
    assert_eq!(warnings(&add(&repository, &["secretlib-1.0.0.tar", "--json"])), expected);
    // It is told when the package is new, and not of each of its releases.
    repository.write("secretlib-1.1.0.tar", &Tarball::new("secretlib", "1.1.0").build());
    assert_eq!(warnings(&add(&repository, &["secretlib-1.1.0.tar", "--json"])), [""; 0]);
}

/// There the two are the same.
#[test]
fn in_hexpm_itself_no_package_has_a_public_namesake() {
    let repository = TestRepository::new()
        .release("secretlib", "1.0.0")
        .tarball("privwrap-1.0.0.tar", &privwrap("1.0.0"));
    let build = ["build", "public", "--name=hexpm", "--private-key=key.pem", "--json"];
    assert_eq!(warnings(&repository.hexreg().run(build)), [""; 0]);
    assert_eq!(warnings(&repository.hexreg().run(["verify", "public", "--json"])), [""; 0]);
}

/// A dependency of no repository is one of the registry that holds the release; one of a third is that one's.
#[test]
fn a_dependency_of_another_repository_is_no_namesake() {
    let of = |repository: &str| {
        let more = format!(
            "{{<<\"requirements\">>,[{{<<\"secretlib\">>,[{{<<\"repository\">>,{repository}}},\
             {{<<\"requirement\">>,<<\"~> 1.0\">>}}]}}]}}."
        );
        Tarball::new("privwrap", "1.0.0").more_metadata(more).build()
    };
    for named in ["nil", "<<\"acme\">>", "<<\"other\">>"] {
        let repository = TestRepository::new()
            .release("secretlib", "1.0.0")
            .tarball("privwrap-1.0.0.tar", &of(named));
        assert_eq!(warnings(&repository.build(&["--json"])), [""; 0], "{named}");
    }
}
