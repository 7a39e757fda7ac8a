//! Remarks that upstream changes later. Its indexes do not show all of these changes.

use std::sync::Arc;

use hexreg::package::{Advisory, Release, Severity};
use hexreg::unknown_fields::UnknownFields;
use serde_json::Value;

use super::report;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::signed::{self, edit};
use crate::support::unruly::{Fault, Unruly};

pub fn advisory(id: &str) -> Arc<Advisory> {
    Arc::new(Advisory {
        id: id.to_owned(),
        summary: "a hole".to_owned(),
        severity: Some(Severity::High),
        cvss_score: None,
        html_url: "https://advisories.example/html".to_owned(),
        api_url: "https://advisories.example/api".to_owned(),
        aliases: Vec::new(),
        unknown: UnknownFields::default(),
    })
}

/// An upstream whose `foo` may have advisories, and a mirror.
struct Mirror {
    repository: TestRepository,
    server: Server,
    options: &'static [&'static str],
}

const DAY: i64 = 24 * 60 * 60;

impl Mirror {
    fn new(options: &'static [&'static str]) -> Self {
        let repository = TestRepository::new()
            .release("foo", "1.0.0")
            .release("bar", "1.0.0")
            .release("baz", "1.0.0");
        repository.build(&[]).ok();
        let server = Server::of(&repository, &[]);
        Self { repository, server, options }
    }

    /// Changes upstream's `foo`, without a time in `names`.
    fn upstream(&self, change: impl Fn(&mut Release)) {
        let path = "public/packages/foo";
        edit(&self.repository, path, &signed::key("acme-2048.pem"), change);
        self.repository.build(&["--no-cache"]).ok();
    }

    #[track_caller]
    fn runs(&self, more: &[&str]) -> Value {
        let ran = report(&self.repository, &self.server.url(), &[self.options, more].concat());
        assert_eq!(ran["failures"], Value::Array(vec![]), "{ran}");
        ran
    }

    /// The number of requests of a run, and whether it received bodies.
    #[track_caller]
    fn asks(&self, more: &[&str]) -> (u64, bool) {
        let ran = self.runs(more);
        (ran["requests"].as_u64().unwrap(), ran["bytes"].as_u64().unwrap() > 0)
    }

    fn folder(&self) -> &'static str {
        if self.options.contains(&"--tarballs-only") { "copy/.hexreg-mirror" } else { "copy" }
    }

    /// Whether the mirror has upstream's file of `foo`.
    #[track_caller]
    fn is_up_to_date(&self) {
        let path = format!("{}/packages/foo", self.folder());
        assert_eq!(self.repository.read(&path), self.repository.read("public/packages/foo"));
    }

    /// Moves the times in the state into the past.
    fn wait(&self, seconds: i64) {
        let name = if self.folder() == "copy" { "state" } else { "tarballs-only" };
        let path = format!("copy/.hexreg-mirror/{name}.json");
        let mut state: Value = serde_json::from_slice(&self.repository.read(&path)).unwrap();
        for noted in state["packages"].as_object_mut().unwrap().values_mut() {
            let asked = noted["asked"].as_i64().unwrap();
            noted["asked"] = (asked - seconds).into();
            if let Some(failed) = noted.get("failed").and_then(Value::as_i64) {
                noted["failed"] = (failed - seconds).into();
            }
        }
        self.repository.write(&path, &serde_json::to_vec(&state).unwrap());
    }
}

const ALL: [&[&str]; 2] = [&["--all"], &["--all", "--tarballs-only"]];

#[test]
fn a_marked_package_is_requested_in_each_run() {
    for options in ALL {
        let mirror = Mirror::new(options);
        mirror.runs(&[]);
        assert_eq!(mirror.asks(&[]), (2, false), "nothing is marked");
        mirror.upstream(|release| release.remarks.advisories.push(advisory("GHSA-1")));
        mirror.runs(&[]);
        mirror.is_up_to_date();
        assert_eq!(mirror.asks(&[]), (3, false), "it is marked, and has not changed");
        // These changes do not show in the indexes.
        let indexes =
            || ["names", "versions"].map(|path| mirror.repository.read(&format!("public/{path}")));
        let before = indexes();
        mirror.upstream(|release| release.remarks.advisories.push(advisory("GHSA-2")));
        assert_eq!(indexes(), before);
        assert_eq!(mirror.asks(&[]), (3, true));
        mirror.is_up_to_date();
        mirror.upstream(|release| release.remarks.advisories = vec![advisory("GHSA-3")]);
        assert_eq!(mirror.asks(&[]), (3, true));
        mirror.is_up_to_date();
        assert_eq!(mirror.asks(&[]), (3, false));
    }
}

#[test]
fn all_packages_are_requested_once_a_day() {
    for options in ALL {
        let mirror = Mirror::new(options);
        mirror.runs(&[]);
        mirror.wait(DAY - 60);
        assert_eq!(mirror.asks(&[]), (2, false));
        assert_eq!(mirror.asks(&["--refresh-after=3600"]), (5, false));
        assert_eq!(mirror.asks(&["--refresh-after=3600"]), (2, false), "they were asked for");
        mirror.wait(DAY);
        assert_eq!(mirror.asks(&[]), (5, false));
        assert_eq!(mirror.asks(&[]), (2, false));
        assert_eq!(mirror.asks(&["--refresh-after=0"]), (5, false));
        // A mirror of some packages requests these.
        mirror.wait(DAY);
        let only = Mirror { options: &["--only=bar"], ..mirror };
        if options == ALL[0] {
            assert_eq!(only.asks(&[]), (3, false));
            assert_eq!(only.asks(&[]), (2, false));
            // The other packages are still overdue.
            let mirror = Mirror { options, ..only };
            assert_eq!(mirror.asks(&[]), (5, false));
        }
    }
}

/// Each run requests this package again, and no other.
#[test]
fn a_package_that_always_fails_causes_no_full_checks() {
    let mirror = Mirror::new(&["--all"]);
    mirror.runs(&[]);
    mirror.wait(DAY);
    let unruly = Unruly::before(mirror.server.address, |asked, _| match asked {
        "/packages/baz" => Fault::Status(403, Vec::new()),
        _ => Fault::None,
    });
    let asks = || {
        let ran = report(&mirror.repository, &unruly.url(), &["--all"]);
        assert_eq!(ran["failures"].as_array().unwrap().len(), 1, "{ran}");
        ran["requests"].as_u64().unwrap()
    };
    assert_eq!([asks(), asks(), asks()], [5, 3, 3]);
    mirror.wait(DAY);
    assert_eq!([asks(), asks()], [5, 3], "a day later");
    assert_eq!(mirror.asks(&[]).0, 3, "it comes again");
    assert_eq!(mirror.asks(&[]), (2, false));
}

/// A tag is sent only for the file that it came with.
#[test]
fn a_tag_belongs_to_one_file() {
    let mirror = Mirror::new(&["--all"]);
    mirror.runs(&[]);
    let upstream = mirror.repository.read("public/packages/foo");
    // Another file that upstream has signed, and one without a valid signature.
    mirror.upstream(|release| {
        release.remarks.published_at = Some(hexreg::package::UnixSeconds(1).into());
    });
    let other = mirror.repository.read("public/packages/foo");
    mirror.runs(&["--refresh-after=0"]);
    for file in [&upstream[..], b"junk"] {
        mirror.repository.write("copy/packages/foo", file);
        assert_eq!(mirror.asks(&["--refresh-after=0"]), (5, true));
        assert_eq!(mirror.repository.read("copy/packages/foo"), other);
    }
    assert_eq!(mirror.asks(&["--refresh-after=0"]), (5, false));
    // --refresh fetches the file whole.
    assert_eq!(mirror.asks(&["--refresh"]), (5, true));
}
