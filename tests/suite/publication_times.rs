//! When releases were published: `hexreg add` says it, and `hexreg build` leaves it as it is.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::signed::releases;
use crate::support::tarball::Tarball;

fn add(repository: &TestRepository, more: &[&str]) -> Ran {
    let usual = ["add", "--to=public", "--name=acme", "--private-key=key.pem"];
    repository.hexreg().run(usual.iter().chain(more).copied()).ok()
}

fn with_tarball(version: &str) -> TestRepository {
    let repository = TestRepository::new();
    repository.write("foo.tar", &Tarball::new("foo", version).build());
    repository
}

/// When each release of `foo` was published.
fn times(repository: &TestRepository) -> Vec<Option<i64>> {
    let releases = releases(repository, "public/packages/foo").releases.into_iter();
    releases.map(|one| one.remarks.published_at.map(|time| time.seconds.0)).collect()
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[test]
fn an_addition_is_published_now_and_says_what_that_does_to_clients() {
    let repository = with_tarball("1.0.0");
    let before = now();
    let ran = add(&repository, &["foo.tar"]);
    let time = times(&repository)[0].unwrap();
    assert!((before..=now()).contains(&time), "{time}");
    assert!(ran.stdout.contains("HEX_COOLDOWN_EXCLUDE_REPOS=acme"), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("HEX_COOLDOWN ").count(), 1);
    // Nothing is said of it again.
    let ran = add(&repository, &["foo.tar"]);
    assert_eq!(ran.stdout, "acme: nothing has changed\n");
    repository.build(&[]).ok();
    assert_eq!(times(&repository), [Some(time)]);
    repository.hexreg().run(["verify", "public"]).ok();
}

#[test]
fn a_time_that_is_given_is_written_and_needs_no_note() {
    for (given, written) in [("none", None), ("1700000000", Some(1_700_000_000))] {
        let repository = with_tarball("1.0.0");
        let ran = add(&repository, &["foo.tar", &format!("--published-at={given}")]);
        assert_eq!(times(&repository), [written]);
        assert!(!ran.stdout.contains("HEX_COOLDOWN"), "{}", ran.stdout);
    }
}

#[test]
fn the_time_does_not_pass_the_epoch_of_reproducible_builds() {
    let repository = with_tarball("1.0.0");
    let arguments = ["add", "foo.tar", "--to=public", "--name=acme", "--private-key=key.pem"];
    repository.hexreg().env("SOURCE_DATE_EPOCH", "1700000000").run(arguments).ok();
    assert_eq!(times(&repository), [Some(1_700_000_000)]);
}

/// A tarball from another registry was published when that one says.
#[test]
fn a_time_that_is_known_where_the_tarball_lies_stays() {
    let other = with_tarball("1.0.0");
    add(&other, &["foo.tar", "--published-at=1600000000"]);
    let tarball = other.path("public/tarballs/foo-1.0.0.tar");
    let tarball = tarball.to_str().unwrap();
    for (more, written) in [
        (&[][..], Some(1_600_000_000)),
        (&["--published-at=none"], Some(1_600_000_000)),
        (&["--published-at=1700000000"], Some(1_700_000_000)),
    ] {
        let repository = TestRepository::new();
        let ran = add(&repository, &[&[tarball], more].concat());
        assert_eq!(times(&repository), [written], "{more:?}");
        assert!(!ran.stdout.contains("HEX_COOLDOWN"), "{}", ran.stdout);
    }
}

#[test]
fn a_build_says_no_time_as_mix() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    assert_eq!(times(&repository), [None]);
}

/// The documentation of a release goes with it.
#[test]
fn a_removal_takes_the_documentation_along() {
    let repository = with_tarball("1.0.0");
    add(&repository, &["foo.tar"]);
    repository.write("public/docs/foo-1.0.0.tar.gz", b"docs");
    repository.write("public/docs/foo-1.1.0.tar.gz", b"docs of another release");
    let remove = ["remove", "foo", "1.0.0", "--to=public", "--name=acme", "--private-key=key.pem"];
    let ran = repository.hexreg().run(remove).ok();
    assert!(ran.stdout.contains("* removing public/docs/foo-1.0.0.tar.gz\n"), "{}", ran.stdout);
    assert!(!repository.path("public/docs/foo-1.0.0.tar.gz").exists());
    assert!(repository.path("public/docs/foo-1.1.0.tar.gz").exists());
}
