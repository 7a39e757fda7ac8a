//! What lives in the registry alone: which releases are retired, when they were published, which
//! advisories concern them.

use std::sync::Arc;

use hexreg::key::PrivateKey;
use hexreg::package::{
    Advisory, Marks, Release, Remarks, Retirement, RetirementReason, Severity, UnixSeconds,
};
use hexreg::registry::{Gzip, Releases, Signed, Versions};

use crate::support::read_fixture;
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;

fn key(file: &str) -> PrivateKey {
    let pem = String::from_utf8(read_fixture(&format!("golden/keys/{file}"))).unwrap();
    PrivateKey::from_pem(&pem, None).unwrap()
}

fn releases(repository: &TestRepository, package: &str) -> Releases {
    let file = repository.read(&format!("public/packages/{package}"));
    Releases::decode(&Signed::from_gzip(&file).unwrap().into_unverified()).unwrap()
}

/// Changes what a package's file says, and signs it.
fn edit(repository: &TestRepository, package: &str, key: &PrivateKey, change: fn(&mut Release)) {
    let mut releases = releases(repository, package);
    releases.releases.iter_mut().for_each(change);
    let signed = releases.encode().sign(key).unwrap();
    repository.write(&format!("public/packages/{package}"), &signed.to_gzip(&mut Gzip::new()));
}

fn advisory(id: &str) -> Arc<Advisory> {
    Arc::new(Advisory {
        id: id.to_owned(),
        summary: "a hole".to_owned(),
        severity: Some(Severity::High),
        cvss_score: Some(7.5.into()),
        html_url: "https://advisories.example/html".to_owned(),
        api_url: "https://advisories.example/api".to_owned(),
        aliases: vec!["CVE-2026-1".to_owned()],
    })
}

fn remark(release: &mut Release) {
    release.remarks = Remarks {
        retired: Some(Retirement {
            reason: RetirementReason::Security,
            message: Some("use 1.1.0".to_owned()),
        }),
        published_at: Some(UnixSeconds(1_700_000_000)),
        advisories: vec![advisory("GHSA-1"), advisory("GHSA-2")],
    };
}

/// `foo` with two releases, all of which is remarked upon, and `bar`.
fn remarked() -> TestRepository {
    let repository = TestRepository::new()
        .release("foo", "1.0.0")
        .release("foo", "1.1.0")
        .release("bar", "1.0.0");
    repository.build(&[]).ok();
    edit(&repository, "foo", &key("acme-2048.pem"), remark);
    repository
}

fn marks(repository: &TestRepository) -> Vec<(String, Marks)> {
    let file = repository.read("public/versions");
    let versions = Signed::from_gzip(&file).unwrap().into_unverified();
    let packages = Versions::decode(&versions).unwrap().packages.into_iter();
    let listed = packages.flat_map(|(name, versions)| {
        versions.into_iter().map(move |one| (format!("{name} {}", one.version), one.marks))
    });
    listed.collect()
}

fn is_remarked(repository: &TestRepository, version: &str) -> bool {
    let releases = releases(repository, "foo").releases;
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
        assert_eq!(marks(&repository), expected);
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
    assert_eq!(marks(&repository)[1], ("foo 1.0.0".to_owned(), Marks::default()));
}

#[test]
fn fresh_forgets_them() {
    let repository = remarked();
    repository.build(&[]).ok();
    repository.build(&[]).ok();
    repository.build(&["--fresh"]).ok();
    assert!(!is_remarked(&repository, "1.0.0"));
    assert!(marks(&repository).iter().all(|(_, marks)| *marks == Marks::default()));
    assert_eq!(repository.served(), repository.fresh().served);
}

#[test]
fn what_nobody_signed_or_stands_elsewhere_is_not_believed() {
    let repository = remarked();
    edit(&repository, "foo", &key("acme-4096.pem"), remark);
    repository.build(&[]).ok();
    assert!(!is_remarked(&repository, "1.0.0"));

    let repository = remarked();
    let mut releases = releases(&repository, "foo");
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
    edit(&repository, "foo", &key("acme-2048.pem"), |release| release.remarks = Remarks::default());
    repository.build(&[]).ok();
    assert!(!is_remarked(&repository, "1.0.0"));
    assert!(marks(&repository).iter().all(|(_, marks)| *marks == Marks::default()));

    let repository = old();
    repository.remove("public/packages/foo");
    repository.build(&[]).ok();
    assert!(!is_remarked(&repository, "1.0.0"));
}
