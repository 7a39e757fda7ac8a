//! Upstream's packages in a registry with another key: upstream's remarks come with the tarballs, and each mirror and
//! build updates them.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use hexreg::package::{
    Advisory, Marks, Release, Remarks, Retirement, RetirementReason, Severity, Timestamp,
    UnixSeconds,
};
use hexreg::registry::{Gzip, Payload};
use hexreg::unknown_fields::UnknownFields;

use super::mirror;
use crate::support::hexreg::Ran;
use crate::support::protobuf::{self, extend, unknown_field};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::signed::{self, edit, marks};
use crate::support::tarball::Tarball;

/// Upstream signs with `acme-2048.pem` in `public/`, the site with `acme-4096.pem` in `copy/`.
struct Site {
    repository: TestRepository,
    server: Server,
}

fn advisory(id: &str, severity: Severity) -> Arc<Advisory> {
    Arc::new(Advisory {
        id: id.to_owned(),
        summary: "a hole".to_owned(),
        severity: Some(severity),
        cvss_score: Some(7.5.into()),
        html_url: "https://advisories.example/html".to_owned(),
        api_url: "https://advisories.example/api".to_owned(),
        aliases: vec!["CVE-2026-1".to_owned()],
        unknown: UnknownFields::default(),
    })
}

fn retirement(message: &str) -> Retirement {
    Retirement::new(RetirementReason::Security, Some(message.to_owned()))
}

fn at(seconds: i64) -> Timestamp {
    UnixSeconds(seconds).into()
}

impl Site {
    /// Upstream has `foo` 1.0.0, which has one advisory and is retired, and 1.1.0, and `bar` 1.0.0.
    fn new() -> Self {
        let repository = TestRepository::new()
            .release("foo", "1.0.0")
            .release("foo", "1.1.0")
            .release("bar", "1.0.0");
        repository.write_key("site.pem", "golden/keys/acme-4096.pem");
        repository.build(&[]).ok();
        let server = Server::of(&repository, &[]);
        let site = Self { repository, server };
        site.upstream(|release| {
            release.remarks.published_at = Some(at(1_700_000_000));
            if release.version.to_string() == "1.0.0" {
                release.remarks.retired = Some(retirement("use 1.1.0"));
                release.remarks.advisories = vec![advisory("GHSA-1", Severity::High)];
            }
        });
        site
    }

    /// Changes upstream's file of `foo`.
    fn upstream(&self, change: impl FnMut(&mut Release)) {
        edit(&self.repository, "public/packages/foo", &signed::key("acme-2048.pem"), change);
        // Updates the marks in `versions`.
        self.repository.build(&["--no-cache"]).ok();
    }

    /// Changes upstream's remarks on `foo` 1.0.0.
    fn upstream_says(&self, change: impl Fn(&mut Remarks)) {
        self.upstream(|release| {
            if release.version.to_string() == "1.0.0" {
                change(&mut release.remarks);
            }
        });
    }

    fn mirror(&self) {
        self.mirror_with(&[]);
    }

    fn mirror_with(&self, options: &[&str]) -> Ran {
        let always = ["--all", "--tarballs-only", "--refresh-after=0"];
        let options: Vec<_> = always.iter().chain(options).copied().collect();
        mirror(&self.repository, &self.server.url(), &options).ok()
    }

    fn hexreg(&self, command: &[&str]) -> Ran {
        let key = ["--name=acme", "--private-key=site.pem"];
        self.repository.hexreg().run(command.iter().chain(&key).copied()).ok()
    }

    fn build(&self) -> Ran {
        self.hexreg(&["build", "copy"])
    }

    /// The next mirror and build.
    fn goes_on(&self) {
        self.mirror();
        self.build();
        let verified = self.repository.hexreg().run(["verify", "copy"]);
        assert_eq!(verified.code, 0, "{}", verified.transcript());
    }

    #[track_caller]
    fn says(&self, version: &str) -> Remarks {
        signed::release(&self.repository, "copy/packages/foo", version).remarks
    }

    /// Asserts that the site has upstream's remarks on both releases.
    #[track_caller]
    fn says_the_same(&self) {
        for version in ["1.0.0", "1.1.0"] {
            let upstream = signed::release(&self.repository, "public/packages/foo", version);
            assert_eq!(self.says(version), upstream.remarks, "{version}");
        }
        assert_eq!(marks(&self.repository, "copy"), marks(&self.repository, "public"));
    }
}

#[test]
fn retirements_times_and_advisories_come_with_the_tarballs() {
    let site = Site::new();
    site.goes_on();
    site.says_the_same();
    let marked = Marks { retired: true, with_advisories: true };
    assert_eq!(marks(&site.repository, "copy")[1], ("foo 1.0.0".to_owned(), marked));
    assert_eq!(
        site.says("1.1.0"),
        Remarks { published_at: Some(at(1_700_000_000)), ..Remarks::default() }
    );
    // A build without a cache has the same result.
    let served = site.repository.read("copy/packages/foo");
    fs::remove_dir_all(site.repository.path("copy/packages")).unwrap();
    site.hexreg(&["build", "copy", "--no-cache"]);
    assert_eq!(site.repository.read("copy/packages/foo"), served);
}

/// A newer hex.pm has unknown fields in the package, a release, its retirement, its time and its advisory.
#[test]
fn unknown_fields_are_carried_over() {
    let site = Site::new();
    let path = "public/packages/foo";
    let plain = signed::payload(&site.repository, path);
    // Other values in the second run.
    for text in ["first", "second"] {
        let mut count = 0;
        let extended = extend(&plain, &protobuf::PACKAGE, &mut || {
            count += 1;
            unknown_field(&format!("{text}-{count}"))
        });
        assert_eq!(count, 7);
        let payload = Payload::from_bytes(extended.into());
        let signed = payload.sign(&signed::key("acme-2048.pem")).unwrap();
        site.repository.write(path, &signed.to_gzip(&mut Gzip::new()));
        site.goes_on();
        let copied = signed::payload(&site.repository, "copy/packages/foo");
        assert_eq!(copied, payload.as_bytes(), "{text}");
        site.says_the_same();
    }
}

#[test]
fn new_remarks_arrive_with_the_next_mirror_and_build() {
    let site = Site::new();
    site.goes_on();
    let (first, second) = (advisory("GHSA-1", Severity::High), advisory("GHSA-2", Severity::Low));
    // A new advisory, another severity, a withdrawn one, another message, no retirement, a new retirement.
    site.upstream_says(|remarks| remarks.advisories.push(second.clone()));
    site.goes_on();
    site.says_the_same();
    assert_eq!(site.says("1.0.0").advisories, [first, second.clone()]);
    site.upstream_says(|remarks| remarks.advisories[0] = advisory("GHSA-1", Severity::Critical));
    site.goes_on();
    site.says_the_same();
    assert_eq!(site.says("1.0.0").advisories[0].severity, Some(Severity::Critical));
    site.upstream_says(|remarks| drop(remarks.advisories.remove(0)));
    site.goes_on();
    site.says_the_same();
    assert_eq!(site.says("1.0.0").advisories, [second]);
    for retired in [Some("use 1.2.0"), None, Some("again")].map(|it| it.map(retirement)) {
        site.upstream_says(|remarks| remarks.retired.clone_from(&retired));
        site.goes_on();
        site.says_the_same();
        assert_eq!(site.says("1.0.0").retired, retired);
    }
}

#[test]
fn a_mirror_reports_that_a_build_is_needed() {
    let site = Site::new();
    site.goes_on();
    let unchanged = site.mirror_with(&[]);
    assert!(unchanged.stdout.contains("releases; nothing has changed;"), "{}", unchanged.stdout);
    site.upstream_says(|remarks| remarks.advisories.push(advisory("GHSA-2", Severity::Low)));
    let changed = site.mirror_with(&[]);
    let expected =
        "no tarball has changed, but what upstream says of 1 package has: run `hexreg build`";
    assert!(changed.stdout.contains(expected), "{}", changed.stdout);
    site.upstream_says(|remarks| remarks.advisories.clear());
    let json = site.mirror_with(&["--json"]);
    assert!(json.stdout.contains(r#""upstream_changed":["foo"]"#), "{}", json.stdout);
    let json = site.mirror_with(&["--json"]);
    assert!(json.stdout.contains(r#""upstream_changed":[]"#), "{}", json.stdout);
}

#[test]
fn own_remarks_are_kept() {
    let site = Site::new();
    site.goes_on();
    site.hexreg(&["retire", "foo", "1.1.0", "--reason=deprecated", "--to", "copy"]);
    site.hexreg(&["unretire", "foo", "1.0.0", "--to", "copy"]);
    let own = advisory("OWN-1", Severity::Medium);
    edit(&site.repository, "copy/packages/foo", &signed::key("acme-4096.pem"), |release| {
        release.remarks.advisories.push(own.clone());
    });
    let is_own = || {
        let (old, new) = (site.says("1.0.0"), site.says("1.1.0"));
        assert_eq!(new.retired.unwrap().reason, RetirementReason::Deprecated);
        assert_eq!((old.retired, old.published_at), (None, Some(at(1_700_000_000))));
        assert_eq!(new.advisories, std::slice::from_ref(&own));
        assert_eq!(old.advisories.last(), Some(&own));
        old.advisories.len()
    };
    site.goes_on();
    assert_eq!(is_own(), 2);
    site.upstream_says(|remarks| remarks.advisories.push(advisory("GHSA-2", Severity::Low)));
    site.goes_on();
    assert_eq!(is_own(), 3);
    site.upstream_says(|remarks| remarks.advisories.clear());
    site.goes_on();
    assert_eq!(is_own(), 1);
    // Without the record of upstream's former remarks, the site's own remarks are kept too.
    site.repository.remove("copy/.hexreg-mirror/carried");
    fs::remove_dir_all(site.repository.path("cache")).unwrap();
    site.upstream_says(|remarks| remarks.retired = None);
    site.goes_on();
    assert_eq!(is_own(), 1);
    // Without own remarks, upstream's are published.
    site.hexreg(&["build", "copy", "--fresh"]);
    site.says_the_same();
}

/// A tarball was removed here, and the next mirror fetched it again.
#[test]
fn a_release_that_comes_back_has_upstreams_remarks() {
    let site = Site::new();
    site.goes_on();
    site.hexreg(&["remove", "foo", "1.0.0", "--to", "copy"]);
    site.goes_on();
    site.says_the_same();
}

#[test]
fn remarks_need_the_same_tarball_and_upstreams_signature() {
    let site = Site::new();
    site.mirror();
    let fork = Tarball::new("foo", "1.0.0").requires("bar", "1.0.0").build();
    site.repository.write("copy/tarballs/foo-1.0.0.tar", &fork);
    site.build();
    assert_eq!(site.says("1.0.0"), Remarks::default(), "another tarball");
    assert_eq!(site.says("1.1.0").published_at, Some(at(1_700_000_000)));

    let site = Site::new();
    site.mirror();
    let path = "copy/.hexreg-mirror/packages/foo";
    edit(&site.repository, path, &signed::key("acme-4096.pem"), |release| {
        release.remarks.retired = Some(retirement("forged"));
    });
    let ran = site.build();
    assert!(ran.stderr.contains("packages/foo passed over"), "{}", ran.transcript());
    assert_eq!(site.says("1.0.0"), Remarks::default());
    // The next mirror repairs it.
    site.goes_on();
    site.says_the_same();

    // A damaged key does not remove the remarks that it would verify.
    site.repository.write("copy/.hexreg-mirror/public_key", b"junk");
    let build = ["build", "copy", "--name=acme", "--private-key=site.pem"];
    let ran = site.repository.hexreg().run(build);
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    assert!(ran.stderr.contains("the public key of upstream"), "{}", ran.stderr);
    site.goes_on();
    site.says_the_same();
}

/// An old mirror without upstream's key gets it in the next run, whatever the cache has.
#[test]
fn a_key_that_is_added_later_is_used() {
    let site = Site::new();
    site.mirror();
    site.repository.remove("copy/.hexreg-mirror/public_key");
    site.build();
    std::thread::sleep(Duration::from_millis(2_100));
    site.build();
    assert_eq!(site.says("1.0.0"), Remarks::default());
    site.goes_on();
    site.says_the_same();
}

/// The cache has the remarks of the former build.
#[test]
fn new_remarks_on_an_unchanged_tarball_are_published() {
    let site = Site::new();
    site.goes_on();
    std::thread::sleep(Duration::from_millis(2_100));
    for _ in 0..2 {
        let ran = site.build();
        assert!(ran.stdout.contains("nothing has changed"), "{}", ran.stdout);
    }
    site.upstream_says(|remarks| remarks.advisories.push(advisory("GHSA-2", Severity::Low)));
    site.goes_on();
    site.says_the_same();
    std::thread::sleep(Duration::from_millis(2_100));
    let ran = site.build();
    assert!(ran.stdout.contains("nothing has changed"), "{}", ran.stdout);
    site.says_the_same();
}

/// A package that upstream and the mirror no longer have keeps its remarks.
#[test]
fn a_package_that_is_gone_upstream_keeps_its_remarks() {
    let site = Site::new();
    site.goes_on();
    let before = site.says("1.0.0");
    site.repository.remove("copy/.hexreg-mirror/packages/foo");
    site.build();
    assert_eq!(site.says("1.0.0"), before);
}

#[test]
fn a_full_mirror_that_is_signed_anew_keeps_remarks() {
    let site = Site::new();
    mirror(&site.repository, &site.server.url(), &["--all"]).ok();
    site.hexreg(&["build", "copy", "--rotate-key"]);
    site.says_the_same();
    site.repository.hexreg().run(["verify", "copy"]).ok();
    // From here on only tarballs are mirrored.
    site.upstream_says(|remarks| remarks.advisories.push(advisory("GHSA-2", Severity::Low)));
    site.goes_on();
    site.says_the_same();
}

#[test]
fn releases_added_from_a_mirror_bring_remarks() {
    for verbatim in [true, false] {
        let site = Site::new();
        let mirrors = |site: &Site| {
            let options: &[&str] = if verbatim { &[] } else { &["--tarballs-only"] };
            let options = [&["--all", "--refresh-after=0"], options].concat();
            mirror(&site.repository, &site.server.url(), &options).ok();
        };
        let add = |version: &str, more: &[&str]| {
            let tarball = format!("copy/tarballs/foo-{version}.tar");
            site.hexreg(&[&["add", &tarball, "--to", "own"], more].concat());
        };
        let says =
            |version: &str| signed::release(&site.repository, "own/packages/foo", version).remarks;
        mirrors(&site);
        add("1.0.0", &[]);
        add("1.1.0", &["--published-at=1800000000"]);
        let upstream = |version: &str| {
            signed::release(&site.repository, "public/packages/foo", version).remarks
        };
        assert_eq!(says("1.0.0"), upstream("1.0.0"), "verbatim: {verbatim}");
        assert_eq!(says("1.1.0").published_at, Some(at(1_800_000_000)));
        site.repository.hexreg().run(["verify", "own"]).ok();
        // Adding it again brings upstream's new remarks, and keeps the site's own.
        site.hexreg(&["retire", "foo", "1.1.0", "--reason=deprecated", "--to", "own"]);
        site.upstream_says(|remarks| {
            remarks.retired = Some(retirement("use 1.2.0"));
            remarks.advisories.push(advisory("GHSA-2", Severity::Low));
        });
        mirrors(&site);
        add("1.0.0", &[]);
        add("1.1.0", &[]);
        // It cannot tell whether an existing retirement is upstream's.
        let retired = Some(retirement("use 1.1.0"));
        let expected = Remarks { retired, ..upstream("1.0.0") };
        assert_eq!(says("1.0.0"), expected, "verbatim: {verbatim}");
        let retire = ["retire", "foo", "1.0.0", "--reason=security", "--message=ours", "--to"];
        site.hexreg(&[&retire[..], &["own"]].concat());
        add("1.0.0", &[]);
        assert_eq!(says("1.0.0").retired.unwrap().message.as_deref(), Some("ours"));
        let newer = says("1.1.0");
        assert_eq!(newer.retired.unwrap().reason, RetirementReason::Deprecated);
        assert_eq!(newer.published_at, Some(at(1_800_000_000)));
        site.repository.hexreg().run(["verify", "own"]).ok();
    }
}

/// A source registry with its own key brings its remarks on new releases, and none on existing ones.
#[test]
fn releases_added_from_another_registry_bring_remarks_once() {
    let site = Site::new();
    site.goes_on();
    fs::remove_dir_all(site.repository.path("copy/.hexreg-mirror")).unwrap();
    let add = || site.hexreg(&["add", "copy/tarballs/foo-1.0.0.tar", "--to", "own"]);
    let says = || signed::release(&site.repository, "own/packages/foo", "1.0.0").remarks.retired;
    add();
    assert_eq!(says(), Some(retirement("use 1.1.0")));
    site.hexreg(&["unretire", "foo", "1.0.0", "--to", "own"]);
    add();
    assert_eq!(says(), None);
}
