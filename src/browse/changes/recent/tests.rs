use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::package::{Advisory, Release, Remarks, Retirement};
use crate::registry::ListedVersion;
use crate::unknown_fields::UnknownFields;

/// A release: `1.0.0`, then `R` if it is retired, `A` if there is an advisory, and `@TIME` of publishing.
fn release(text: &str) -> Release {
    let mut words = text.split(' ');
    let version = words.next().unwrap().parse().unwrap();
    let mut remarks = Remarks::default();
    for word in words {
        match word {
            "R" => {
                let message = Some("use bar".to_owned());
                remarks.retired = Some(Retirement::new(RetirementReason::Deprecated, message));
            }
            "A" => remarks.advisories.push(Arc::new(advisory("GHSA-1"))),
            time => {
                let time = time.strip_prefix('@').unwrap().parse().unwrap();
                remarks.published_at = Some(UnixSeconds(time).into());
            }
        }
    }
    Release {
        version,
        inner_checksum: InnerChecksum::from_bytes([1; 32]),
        outer_checksum: OuterChecksum::from_bytes([2; 32]),
        dependencies: Vec::new(),
        remarks,
    }
}

fn advisory(id: &str) -> Advisory {
    Advisory {
        id: id.to_owned(),
        summary: String::new(),
        severity: None,
        cvss_score: None,
        html_url: String::new(),
        api_url: String::new(),
        aliases: Vec::new(),
        unknown: UnknownFields::default(),
    }
}

/// A state of a registry: `foo: 1.0.0 @5, 1.1.0 R`, a package a line.
struct State(BTreeMap<PackageName, Arc<Releases>>);

fn state(text: &str) -> State {
    let packages = text.lines().map(|line| {
        let (name, releases) = line.trim().split_once(": ").unwrap();
        let name: PackageName = name.parse().unwrap();
        let releases = releases.split(", ").map(release).collect();
        (name.clone(), Arc::new(Releases::new("acme".parse().unwrap(), name, releases)))
    });
    State(packages.collect())
}

impl State {
    fn versions(&self) -> Versions {
        let packages = self.0.iter().map(|(name, releases)| {
            let versions = releases.releases.iter().map(|release| ListedVersion {
                version: release.version.clone(),
                marks: release.remarks.marks(),
            });
            (name.clone(), versions.collect())
        });
        Versions::new("acme".parse().unwrap(), packages.collect())
    }
}

fn observe(recent: &mut RecentChanges, before: &str, after: &str, seen_at: i64) {
    let after = state(after);
    let before = if before.is_empty() { State(BTreeMap::new()) } else { state(before) };
    let details = |name: &PackageName| after.0.get(name).cloned();
    recent.observe(&before.versions(), &after.versions(), UnixSeconds(seen_at), &details);
}

fn told(recent: &RecentChanges) -> Vec<String> {
    let told = recent.iter().map(|change| {
        let version = change.version.as_ref().map_or("-".to_owned(), ToString::to_string);
        let kind = match &change.kind {
            ChangeKind::Retired { reason: Some(reason), message } => {
                format!("Retired({reason}: {})", message.as_deref().unwrap_or_default())
            }
            other => format!("{other:?}").replace("Advised { ids: ", "Advised(").replace(" }", ")"),
        };
        format!("{} {} {version} {kind}", change.time().0, change.package)
    });
    told.collect()
}

#[test]
fn each_kind_of_change_is_seen() {
    let mut recent = RecentChanges::default();
    observe(
        &mut recent,
        "a: 1.0.0, 1.1.0\nb: 1.0.0 R, 2.0.0\nc: 1.0.0\nd: 1.0.0, 1.1.0\nsame: 1.0.0 R A",
        "a: 1.0.0 A, 1.1.0 R\nb: 1.0.0, 2.0.0, 2.1.0 @7\nd: 1.1.0\nnew: 1.0.0 @3, 2.0.0-rc.1 @4\nsame: 1.0.0 R A",
        10,
    );
    assert_eq!(
        told(&recent),
        [
            "10 b 2.1.0 NewRelease",
            "10 new 1.0.0 NewPackage",
            "10 a 1.1.0 Retired(deprecated: use bar)",
            "10 a 1.0.0 Advised([\"GHSA-1\"])",
            "10 b 1.0.0 Unretired",
            "10 c - Removed",
            "10 d 1.0.0 Removed",
        ]
    );
    assert_eq!(recent.iter().next().unwrap().published_at, Some(UnixSeconds(7)));
}

#[test]
fn later_states_come_first_and_nothing_changed_adds_nothing() {
    let mut recent = RecentChanges::default();
    observe(&mut recent, "a: 1.0.0", "a: 1.0.0, 1.1.0 @50", 60);
    observe(&mut recent, "a: 1.0.0, 1.1.0", "a: 1.0.0, 1.1.0", 65);
    // Published years before it was mirrored.
    observe(&mut recent, "a: 1.0.0, 1.1.0", "a: 1.0.0, 1.1.0\nold: 0.1.0 @1", 70);
    assert_eq!(told(&recent), ["70 old 0.1.0 NewPackage", "60 a 1.1.0 NewRelease"]);
}

#[test]
fn what_was_removed_is_no_longer_new() {
    let mut recent = RecentChanges::default();
    observe(&mut recent, "a: 1.0.0", "a: 1.0.0, 1.1.0, 1.2.0\nb: 1.0.0", 1);
    observe(&mut recent, "a: 1.0.0, 1.1.0, 1.2.0\nb: 1.0.0", "a: 1.0.0, 1.2.0", 2);
    assert_eq!(told(&recent), ["2 a 1.1.0 Removed", "2 b - Removed", "1 a 1.2.0 NewRelease"]);
}

#[test]
fn only_packages_that_changed_are_read() {
    let (before, after) = (state("a: 1.0.0\nb: 1.0.0\nc: 1.0.0"), state("a: 1.0.0\nb: 1.1.0"));
    let asked = RefCell::new(Vec::new());
    let details = |name: &PackageName| {
        asked.borrow_mut().push(name.to_string());
        None
    };
    let mut recent = RecentChanges::default();
    recent.observe(&before.versions(), &after.versions(), UnixSeconds(1), &details);
    assert_eq!(*asked.borrow(), ["b"]);
    // What the file of the package would say is left out.
    assert_eq!(told(&recent), ["1 b 1.1.0 NewRelease", "1 b 1.0.0 Removed", "1 c - Removed"]);
}

#[test]
fn a_list_begins_with_the_latest_releases() {
    let first = state("a: 1.0.0 @10, 1.1.0 @40\nb: 0.1.0 @30, 0.2.0\nc: 1.0.0, 1.1.0");
    let mut recent = RecentChanges::default();
    for releases in first.0.values() {
        recent.add_published(releases, Some(UnixSeconds(35)));
    }
    let expected = [
        "40 a 1.1.0 NewRelease",
        "35 b 0.2.0 NewRelease",
        "35 c 1.1.0 NewRelease",
        "30 b 0.1.0 NewPackage",
        "10 a 1.0.0 NewPackage",
    ];
    assert_eq!(told(&recent), expected);
    // Read again, as after another change of the package.
    for releases in first.0.values() {
        recent.add_published(releases, Some(UnixSeconds(35)));
    }
    assert_eq!(told(&recent), expected);
}

#[test]
fn a_release_that_was_seen_is_not_added_again() {
    let mut recent = RecentChanges::default();
    observe(&mut recent, "a: 1.0.0 @10", "a: 1.0.0 @10, 1.1.0 @40", 50);
    let after = state("a: 1.0.0 @10, 1.1.0 @40");
    after.0.values().for_each(|releases| recent.add_published(releases, None));
    assert_eq!(told(&recent), ["50 a 1.1.0 NewRelease", "10 a 1.0.0 NewPackage"]);
}

#[test]
fn the_list_is_bounded_and_keeps_the_newest() {
    let many = |at: std::ops::Range<i64>| {
        let text: Vec<_> = at.map(|time| format!("p{time:05}: 1.0.0 @{time}")).collect();
        text.join("\n")
    };
    let mut recent = RecentChanges::default();
    for releases in state(&many(0..3_000)).0.values() {
        recent.add_published(releases, None);
    }
    assert_eq!(recent.iter().len(), MOST_CHANGES);
    assert_eq!(recent.iter().next_back().unwrap().time(), UnixSeconds(2_000));
    // A first run of a mirror that brings more than the list holds; one retirement is among it.
    let before = format!("z: 1.0.0\n{}", many(0..2));
    observe(&mut recent, &before, &format!("z: 1.0.0 R\n{}", many(0..3_000)), 9_000);
    assert_eq!(recent.iter().len(), MOST_CHANGES);
    assert!(recent.iter().all(|change| change.seen_at == Some(UnixSeconds(9_000))));
    assert!(recent.iter().any(|change| matches!(change.kind, ChangeKind::Retired { .. })));
}

#[test]
fn a_list_survives_the_cache() {
    let mut recent = RecentChanges::default();
    observe(&mut recent, "a: 1.0.0\nb: 1.0.0 R\nc: 1.0.0", "a: 1.0.0 R A, 1.1.0 @-5\nb: 1.0.0", -3);
    recent.add_published(state("d: 1.0.0 @3").0.values().next().unwrap(), None);
    assert_eq!(recent.iter().len(), 6);
    assert_eq!(RecentChanges::decode(&recent.encode()), Some(recent));
    let none = RecentChanges::default();
    assert_eq!(RecentChanges::decode(&none.encode()), Some(none));
}

#[test]
fn what_is_no_list_is_refused() {
    let mut recent = RecentChanges::default();
    observe(&mut recent, "a: 1.0.0", "a: 1.0.0 R, 1.1.0", 1);
    let bytes = recent.encode();
    for end in 0..bytes.len() {
        assert_eq!(RecentChanges::decode(&bytes[..end]), None, "{end}");
    }
    assert_eq!(RecentChanges::decode(&[bytes.as_slice(), &[0]].concat()), None);
    // A length of 2^62 entries, and a text of as many bytes.
    let long = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F];
    assert_eq!(RecentChanges::decode(&long), None);
    assert_eq!(RecentChanges::decode(&[&[1][..], &long].concat()), None);
    assert_eq!(RecentChanges::decode(&vec![0; MOST_BYTES + 1]), None);
    let bad_name = StoredChange {
        package: "../a".to_owned(),
        version: None,
        kind: StoredKind::Removed,
        seen_at: None,
        published_at: None,
    };
    assert_eq!(RecentChanges::decode(&postcard::to_stdvec(&vec![bad_name]).unwrap()), None);
}

proptest! {
    #[test]
    fn any_bytes_are_a_list_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Some(recent) = RecentChanges::decode(&bytes) {
            prop_assert_eq!(RecentChanges::decode(&recent.encode()), Some(recent));
        }
    }
}
