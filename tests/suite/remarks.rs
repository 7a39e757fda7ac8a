//! What lives in the registry alone: which releases are retired, when they were published, which
//! advisories concern them.

use std::sync::Arc;

use hexreg::package::{
    Advisory, Marks, Release, Remarks, Retirement, RetirementReason, Severity, UnixSeconds,
    UnknownInRelease,
};
use hexreg::registry::Gzip;
use hexreg::unknown_fields::UnknownFields;

use crate::support::repository::TestRepository;
use crate::support::signed::{edit, key, marks, releases};
use crate::support::tarball::Tarball;

fn advisory(id: &str) -> Arc<Advisory> {
    Arc::new(Advisory {
        id: id.to_owned(),
        summary: "a hole".to_owned(),
        severity: Some(Severity::High),
        cvss_score: Some(7.5.into()),
        html_url: "https://advisories.example/html".to_owned(),
        api_url: "https://advisories.example/api".to_owned(),
        aliases: vec!["CVE-2026-1".to_owned()],
        unknown: UnknownFields::default(),
    })
}

fn remark(release: &mut Release) {
    release.remarks = Remarks {
        retired: Some(Retirement::new(RetirementReason::Security, Some("use 1.1.0".to_owned()))),
        published_at: Some(UnixSeconds(1_700_000_000).into()),
        advisories: vec![advisory("GHSA-1"), advisory("GHSA-2")],
        unknown: UnknownInRelease::default(),
    };
}

/// `foo` with two releases, all of which is remarked upon, and `bar`.
fn remarked() -> TestRepository {
    let repository = TestRepository::new()
        .release("foo", "1.0.0")
        .release("foo", "1.1.0")
        .release("bar", "1.0.0");
    repository.build(&[]).ok();
    edit(&repository, "public/packages/foo", &key("acme-2048.pem"), remark);
    repository
}

fn is_remarked(repository: &TestRepository, version: &str) -> bool {
    let releases = releases(repository, "public/packages/foo").releases;
    let release = releases.iter().find(|one| one.version.to_string() == version).unwrap();
    let mut expected = release.clone();
    remark(&mut expected);
    assert!(release.remarks.is_empty() || *release == expected, "{release:?}");
    !release.remarks.is_empty()
}

#[test]
fn a_build_keeps_them_and_versions_marks_what_they_say() {
    for more in [&["--no-cache"][..], &[]] {
        let repository = remarked();
        let package = repository.read("public/packages/foo");
        repository.build(more).ok();
        assert_eq!(repository.read("public/packages/foo"), package);
        let marked = Marks { retired: true, with_advisories: true };
        let expected = [
            ("bar 1.0.0".to_owned(), Marks::default()),
            ("foo 1.0.0".to_owned(), marked),
            ("foo 1.1.0".to_owned(), marked),
        ];
        assert_eq!(marks(&repository, "public"), expected);
        repository.hexreg().run(["verify", "public"]).ok();
        let ran = repository.build(more).ok();
        assert!(ran.stdout.contains("nothing has changed"), "{}", ran.stdout);
        repository.write_tarball("foo-1.2.0.tar", &Tarball::new("foo", "1.2.0").build());
        repository.build(more).ok();
        let found = ["1.0.0", "1.1.0", "1.2.0"].map(|version| is_remarked(&repository, version));
        assert_eq!(found, [true, true, false]);
        repository.hexreg().run(["verify", "public"]).ok();
    }
}

#[test]
fn a_release_that_becomes_another_tarball_loses_them() {
    let repository = remarked();
    repository.write_tarball(
        "foo-1.0.0.tar",
        &Tarball::new("foo", "1.0.0").requires("bar", "1.0.0").build(),
    );
    repository.build(&[]).ok();
    assert_eq!(["1.0.0", "1.1.0"].map(|version| is_remarked(&repository, version)), [false, true]);
    assert_eq!(marks(&repository, "public")[1], ("foo 1.0.0".to_owned(), Marks::default()));
}

#[test]
fn fresh_forgets_them() {
    let repository = remarked();
    repository.build(&[]).ok();
    repository.build(&[]).ok();
    repository.build(&["--fresh"]).ok();
    assert!(!is_remarked(&repository, "1.0.0"));
    assert!(marks(&repository, "public").iter().all(|(_, marks)| *marks == Marks::default()));
    assert_eq!(repository.served(), repository.fresh().served);
}

#[test]
fn what_nobody_signed_or_stands_elsewhere_is_not_believed() {
    let repository = remarked();
    edit(&repository, "public/packages/foo", &key("acme-4096.pem"), remark);
    repository.build(&[]).ok();
    assert!(!is_remarked(&repository, "1.0.0"));

    let repository = remarked();
    let mut releases = releases(&repository, "public/packages/foo");
    releases.package = "bar".parse().unwrap();
    let signed = releases.encode().sign(&key("acme-2048.pem")).unwrap();
    repository.write("public/packages/foo", &signed.to_gzip(&mut Gzip::new()));
    repository.build(&[]).ok();
    assert!(!is_remarked(&repository, "1.0.0"));
}

/// A change of keys changes nothing of what is known.
#[test]
fn another_key_signs_them_too() {
    let repository = remarked().key("acme-4096.pem");
    repository.build(&["--rotate-key"]).ok();
    assert!(is_remarked(&repository, "1.0.0"));
    repository.hexreg().run(["verify", "public"]).ok();
}

/// What a build remembers is what it found then, not what stands now.
#[test]
fn a_cache_does_not_bring_them_back() {
    let old = || {
        let repository = remarked();
        repository.build(&[]).ok();
        // What is this young is not remembered.
        std::thread::sleep(std::time::Duration::from_millis(2100));
        repository.build(&[]).ok();
        assert!(is_remarked(&repository, "1.0.0"));
        repository
    };
    let repository = old();
    edit(&repository, "public/packages/foo", &key("acme-2048.pem"), |release| {
        release.remarks = Remarks::default();
    });
    repository.build(&[]).ok();
    assert!(!is_remarked(&repository, "1.0.0"));
    assert!(marks(&repository, "public").iter().all(|(_, marks)| *marks == Marks::default()));

    let repository = old();
    repository.remove("public/packages/foo");
    repository.build(&[]).ok();
    assert!(!is_remarked(&repository, "1.0.0"));
}
