//! Releases that upstream removes: for a day it may, and later the package is held back, and no other.

use std::time::{SystemTime, UNIX_EPOCH};

use hexreg::package::UnixSeconds;

use super::{is_verbatim, mirror, report};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::signed::{self, edit};
use crate::support::tarball::Tarball;
use crate::support::unruly::{Fault, Unruly};

fn seconds_ago(seconds: i64) -> UnixSeconds {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    UnixSeconds(i64::try_from(now).unwrap() - seconds)
}

/// A mirrored upstream whose releases were published this long ago.
fn published(seconds: i64) -> (TestRepository, Server) {
    let repository = TestRepository::new()
        .release("foo", "1.0.0")
        .release("foo", "1.1.0")
        .release("bar", "1.0.0")
        .release("gone", "1.0.0")
        .release("kept", "1.0.0");
    repository.set_mtime("kept-1.0.0.tar", 2_000_000_000);
    repository.build(&[]).ok();
    for package in ["foo", "bar", "gone"] {
        let path = format!("public/packages/{package}");
        edit(&repository, &path, &signed::key("acme-2048.pem"), |release| {
            release.remarks.published_at = Some(seconds_ago(seconds).into());
        });
    }
    let server = Server::of(&repository, &[]);
    mirror(&repository, &server.url(), &["--all"]).ok();
    repository.remove_tarball("foo-1.0.0.tar");
    repository.remove_tarball("gone-1.0.0.tar");
    let other = Tarball::new("bar", "1.0.0").requires("kept", "~> 1.0").build();
    repository.write_tarball("bar-1.0.0.tar", &other);
    repository.set_mtime("bar-1.0.0.tar", 1_900_000_000);
    repository.build(&["--no-cache"]).ok();
    (repository, server)
}

#[test]
fn young_releases_may_change_or_disappear() {
    let (repository, server) = published(60);
    mirror(&repository, &server.url(), &["--all"]).ok();
    for path in ["names", "versions", "packages/foo", "packages/bar", "tarballs/bar-1.0.0.tar"] {
        let upstream = repository.read(&format!("public/{path}"));
        assert_eq!(repository.read(&format!("copy/{path}")), upstream, "{path}");
    }
    assert!(!repository.path("copy/packages/gone").exists());
    // No tarball is removed without --prune.
    for tarball in ["foo-1.0.0", "gone-1.0.0"] {
        assert!(repository.path(&format!("copy/tarballs/{tarball}.tar")).exists(), "{tarball}");
    }
    let quiet = report(&repository, &server.url(), &["--all"]);
    assert_eq!(quiet["requests"], 2, "{quiet}");
    mirror(&repository, &server.url(), &["--all", "--prune"]).ok();
    is_verbatim(&repository);
    assert!(!repository.path("copy/tarballs/gone-1.0.0.tar").exists());
}

#[test]
fn older_releases_are_held_back_and_nothing_else() {
    let (repository, server) = published(25 * 60 * 60);
    for options in [&["--all", "--prune"][..], &["--all", "--tarballs-only", "--prune"]] {
        let ran = mirror(&repository, &server.url(), options);
        if options.contains(&"--tarballs-only") {
            // This mirror has only tarballs, and one of them is another file.
            assert!(ran.stderr.contains("tarballs/bar-1.0.0.tar"), "{}", ran.transcript());
        } else {
            for package in ["foo", "bar", "gone"] {
                let path = format!("packages/{package}");
                assert!(ran.stderr.contains(&path), "{}", ran.transcript());
                assert!(repository.path("copy").join(path).exists());
            }
        }
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(ran.stderr.contains("give --accept=PACKAGE"), "{}", ran.stderr);
        assert_eq!(repository.read("copy/versions"), repository.read("public/versions"));
    }
    let accept = ["--accept=foo", "--accept=bar", "--accept=gone"];
    mirror(&repository, &server.url(), &[&["--all"], &accept[..]].concat()).ok();
    // After --accept the package is like any other, also without --prune.
    let quiet = report(&repository, &server.url(), &["--all"]);
    assert_eq!((&quiet["requests"], &quiet["failures"]), (&2.into(), &serde_json::json!([])));
}

/// No other package has changed since.
#[test]
fn the_newest_package_may_be_removed_while_it_is_young() {
    for options in [&["--all"][..], &["--all", "--tarballs-only"]] {
        for (age, code) in [(60, 0), (25 * 60 * 60, 1)] {
            let repository = TestRepository::new().release("foo", "1.0.0").release("new", "1.0.0");
            repository.set_mtime("foo-1.0.0.tar", 1_700_000_000);
            repository.set_mtime("new-1.0.0.tar", 1_700_000_060);
            repository.build(&[]).ok();
            edit(&repository, "public/packages/new", &signed::key("acme-2048.pem"), |release| {
                release.remarks.published_at = Some(seconds_ago(age).into());
            });
            let server = Server::of(&repository, &[]);
            mirror(&repository, &server.url(), options).ok();
            repository.remove_tarball("new-1.0.0.tar");
            repository.build(&["--no-cache"]).ok();
            let ran = mirror(&repository, &server.url(), options);
            assert_eq!(ran.code, code, "{options:?}, {age}: {}", ran.transcript());
            let folder = if options.len() == 1 { "copy" } else { "copy/.hexreg-mirror" };
            let is_new =
                repository.read(&format!("{folder}/names")) == repository.read("public/names");
            assert_eq!(is_new, code == 0, "{options:?}, {age}");
            let is_gone = !repository.path(&format!("{folder}/packages/new")).exists();
            assert_eq!(is_gone, code == 0, "{options:?}, {age}");
            // --accept takes it.
            let ran = mirror(&repository, &server.url(), &[options, &["--accept=new"]].concat());
            assert_eq!(ran.code, 0, "{}", ran.transcript());
        }
    }
}

/// Upstream has signed each of these files.
#[test]
fn older_indexes_are_refused() {
    for options in [&["--all"][..], &["--all", "--tarballs-only"]] {
        let repository = TestRepository::new().release("foo", "1.0.0");
        repository.set_mtime("foo-1.0.0.tar", 1_700_000_000);
        repository.build(&[]).ok();
        let old = ["names", "versions", "packages/foo"]
            .map(|path| (format!("/{path}"), repository.read(&format!("public/{path}"))));
        for (file, time) in [("foo-1.1.0", 1_700_000_060), ("bar-1.0.0", 1_700_000_120)] {
            let (name, version) = file.split_once('-').unwrap();
            repository.write_tarball(&format!("{file}.tar"), &Tarball::new(name, version).build());
            repository.set_mtime(&format!("{file}.tar"), time);
        }
        repository.build(&[]).ok();
        let server = Server::of(&repository, &[]);
        mirror(&repository, &server.url(), options).ok();
        let before = repository.files("copy", |_| true);
        let replay = Unruly::before(server.address, move |asked, _| {
            let old = old.iter().find(|(path, _)| path == asked);
            old.map_or(Fault::None, |(_, bytes)| Fault::Replace(bytes.clone()))
        });
        let ran = mirror(&repository, &replay.url(), options);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(
            ran.stderr.contains(
                "names: upstream sent an older `names` than this mirror has: its newest change is of \
                 2023-11-14T22:13:20Z, here bar of 2023-11-14T22:15:20Z, foo of 2023-11-14T22:14:20Z"
            ),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
        assert_eq!(repository.files("copy", |_| true), before);
        // Accepting one package does not accept the others.
        let accept = |names: &[&str]| {
            let accept = names.iter().map(|name| format!("--accept={name}")).collect::<Vec<_>>();
            let accept = accept.iter().map(String::as_str);
            mirror(
                &repository,
                &replay.url(),
                &options.iter().copied().chain(accept).collect::<Vec<_>>(),
            )
        };
        let ran = accept(&["bar"]);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(ran.stderr.contains("Z, here foo of"), "{}", ran.stderr);
        accept(&["foo", "bar"]).ok();
    }
}

/// An attacker on the network may replay an older file, which upstream has signed too.
#[test]
fn withdrawn_remarks_are_mirrored_with_a_warning() {
    for options in [&["--all"][..], &["--all", "--tarballs-only"]] {
        let repository = TestRepository::new().release("foo", "1.0.0").release("foo", "1.1.0");
        repository.build(&[]).ok();
        let older = repository.read("public/packages/foo");
        let reason = hexreg::package::RetirementReason::Security;
        edit(&repository, "public/packages/foo", &signed::key("acme-2048.pem"), |release| {
            release.remarks.retired = Some(hexreg::package::Retirement::new(reason, None));
            if release.version.to_string() == "1.1.0" {
                release.remarks.advisories = vec![super::later::advisory("GHSA-1")];
            }
        });
        repository.build(&["--no-cache"]).ok();
        let server = Server::of(&repository, &[]);
        mirror(&repository, &server.url(), options).ok();
        let upstream = Unruly::before(server.address, move |path, _| match path {
            "/packages/foo" => Fault::Replace(older.clone()),
            _ => Fault::None,
        });
        let dry = report(&repository, &upstream.url(), &[options, &["--dry-run"]].concat());
        let said = report(&repository, &upstream.url(), options);
        let withdrawn = serde_json::json!([
            { "package": "foo", "version": "1.0.0", "retired": "security" },
            { "package": "foo", "version": "1.1.0", "retired": "security" },
            { "package": "foo", "version": "1.1.0", "advisory": "GHSA-1" },
        ]);
        for said in [&dry, &said] {
            assert_eq!(said["withdrawn"], withdrawn, "{options:?}: {said}");
            assert_eq!(said["failures"], serde_json::json!([]), "{options:?}: {said}");
            let warnings = said["warnings"].as_array().unwrap();
            assert_eq!(
                warnings[2],
                "upstream no longer says that GHSA-1 concerns foo 1.1.0: mirrored as upstream has it now; \
                 if this is unexpected, ask upstream"
            );
        }
        // The warning is printed once.
        let quiet = report(&repository, &upstream.url(), options);
        assert_eq!(quiet["withdrawn"], serde_json::json!([]), "{options:?}: {quiet}");
        // The remark is back. A retirement with another reason withdraws the former one.
        mirror(&repository, &server.url(), options).ok();
        let key = signed::key("acme-2048.pem");
        edit(&repository, "public/packages/foo", &key, |release| {
            let other = hexreg::package::RetirementReason::Renamed;
            release.remarks.retired = Some(hexreg::package::Retirement::new(other, None));
        });
        let ran = mirror(&repository, &server.url(), options);
        assert_eq!(ran.code, 0, "{}", ran.transcript());
        let said =
            "warning: upstream no longer says that foo 1.0.0 is retired (security): mirrored";
        assert!(ran.stderr.contains(said), "{}", ran.transcript());
    }
}

/// Publishers cannot remove the time of a release.
#[test]
fn a_file_without_the_time_of_a_release_is_older() {
    for (age, is_alarm) in [(60, false), (25 * 60 * 60, true)] {
        let repository = TestRepository::new().release("foo", "1.0.0").release("bar", "1.0.0");
        repository.build(&[]).ok();
        let older = repository.read("public/packages/foo");
        edit(&repository, "public/packages/foo", &signed::key("acme-2048.pem"), |release| {
            release.remarks.published_at = Some(seconds_ago(age).into());
        });
        let server = Server::of(&repository, &[]);
        mirror(&repository, &server.url(), &["--all"]).ok();
        let held = repository.read("copy/packages/foo");
        let replayed = older.clone();
        let upstream = Unruly::before(server.address, move |path, _| match path {
            "/packages/foo" => Fault::Replace(replayed.clone()),
            _ => Fault::None,
        });
        let ran = mirror(&repository, &upstream.url(), &["--all", "--refresh"]);
        assert_eq!(ran.code, i32::from(is_alarm), "{age}: {}", ran.transcript());
        if is_alarm {
            let said = "packages/foo: upstream no longer says when 1.0.0 was published";
            assert!(ran.stderr.contains(said), "{}", ran.transcript());
            assert!(ran.stderr.contains("give --accept=PACKAGE"), "{}", ran.transcript());
            assert_eq!(repository.read("copy/packages/foo"), held);
        }
        mirror(&repository, &upstream.url(), &["--all", "--refresh", "--accept=foo"]).ok();
        assert_eq!(repository.read("copy/packages/foo"), older);
    }
}
