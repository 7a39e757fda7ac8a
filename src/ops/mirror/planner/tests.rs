use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::*;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::ops::mirror::indexes::{Indexes, Listing};
use crate::ops::mirror::selection::Pin;
use crate::ops::mirror::task::PackageFile;
use crate::package::{Dependency, Remarks, Requirement, UnixSeconds};
use crate::registry::Releases;
use crate::version::Version;

const DAY: i64 = 24 * 60 * 60;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn name(text: &str) -> PackageName {
    text.parse().unwrap()
}

fn file(text: &str) -> FileName {
    text.parse().unwrap()
}

/// A release whose checksums are made of `sum`, and which needs these.
fn release(version: &str, sum: u8, needs: &[(&str, &str)]) -> Release {
    let dependency = |(package, requirement): &(&str, &str)| Dependency {
        package: (*package).to_owned(),
        requirement: Requirement((*requirement).to_owned()),
        optional: false,
        app: (*package).to_owned(),
        repository: None,
    };
    Release {
        version: version.parse().unwrap(),
        inner_checksum: InnerChecksum::from_bytes([sum; 32]),
        outer_checksum: OuterChecksum::from_bytes([sum; 32]),
        dependencies: needs.iter().map(dependency).collect(),
        remarks: Remarks::default(),
    }
}

fn releases(package: &str, releases: &[Release]) -> Releases {
    let repository = "acme".parse().unwrap();
    Releases::new(repository, name(package), releases.to_vec())
}

fn listing(versions: &[&str], updated_at: i64) -> Listing {
    let versions = versions.iter().map(|version| version.parse::<Version>().unwrap().into());
    Listing { versions: versions.collect(), updated_at: Some(UnixSeconds(updated_at)) }
}

/// What upstream has, by package.
struct Upstream(BTreeMap<PackageName, (Listing, Releases)>);

impl Upstream {
    fn of(packages: &[(&str, &[Release])]) -> Self {
        let package = |(package, all): &(&str, &[Release])| {
            let versions: Vec<_> = all.iter().map(|one| one.version.to_string()).collect();
            let versions: Vec<_> = versions.iter().map(String::as_str).collect();
            (name(package), (listing(&versions, 1), releases(package, all)))
        };
        Self(packages.iter().map(package).collect())
    }

    fn setup(&self, wants: Option<BTreeMap<PackageName, Vec<Want>>>, known: MirrorContents) -> Setup {
        let listings = self.0.iter().map(|(name, (listing, _))| (name.clone(), listing.clone()));
        Setup {
            repository: "acme".parse().unwrap(),
            wants,
            upstream: Indexes { packages: listings.collect() },
            known,
            docs: false,
            accept: BTreeSet::new(),
            refresh: Refresh { all: false, after: DAY },
            now: NOW,
        }
    }

    /// A mirror that has all of it.
    fn known(&self) -> MirrorContents {
        let mut known = MirrorContents::default();
        for (name, (listing, releases)) in &self.0 {
            known.packages.insert(name.clone());
            known.listings.insert(name.clone(), listing.digest());
            known.asked.insert(name.clone(), NOW);
            for release in &releases.releases {
                let version = release.version.clone();
                known.tarballs.insert(FileName { package: name.clone(), version });
            }
        }
        known
    }

    fn answer(&self, task: &Task, held: &BTreeMap<PackageName, Releases>) -> Outcome {
        match task {
            Task::Read(name) => Outcome::Read(held.get(name).cloned()),
            Task::Fetch(name) => match self.0.get(name) {
                Some((_, releases)) => {
                    let (releases, held) = (releases.clone(), held.get(name).cloned());
                    let is_held = held.as_ref() == Some(&releases);
                    let file = PackageFile { releases, bytes: Bytes::new(), tag: None, is_held };
                    Outcome::Fetched { held, file }
                }
                None => Outcome::Failed(FileError::NotThere),
            },
            Task::Docs { .. } => Outcome::Missing,
            Task::Tarball(_) | Task::Put(..) => Outcome::Done,
        }
    }

    /// Has it all carried out, and tells in which order.
    fn run(&self, planner: &mut Planner, held: &[Releases]) -> Vec<String> {
        let held = held.iter().map(|one| (one.package.clone(), one.clone())).collect();
        let mut done = Vec::new();
        while let Some(task) = planner.next() {
            let outcome = self.answer(&task, &held);
            done.push(told(&task));
            planner.done(task, outcome);
        }
        done
    }
}

fn told(task: &Task) -> String {
    match task {
        Task::Read(name) => format!("read {name}"),
        Task::Fetch(name) => format!("fetch {name}"),
        Task::Tarball(wanted) if wanted.stands => format!("check {}", wanted.file),
        Task::Tarball(wanted) => format!("get {}", wanted.file),
        Task::Docs { file, stands: true } => format!("check docs {file}"),
        Task::Docs { file, .. } => format!("docs {file}"),
        Task::Put(name, _) => format!("put {name}"),
    }
}

fn failures(planner: &Planner) -> Vec<String> {
    planner.failures.iter().map(|failed| format!("{}: {}", failed.path, failed.wrong)).collect()
}

fn matching(requirement: &str, with_deps: bool) -> Vec<Want> {
    vec![Want::Matching { requirement: Some(requirement.parse().unwrap()), with_deps }]
}

fn pinned(version: &str, sum: u8) -> Vec<Want> {
    vec![Want::Pinned(Pin {
        lock: "mix.lock".to_owned(),
        version: version.parse().unwrap(),
        inner_checksum: None,
        outer_checksum: Some(OuterChecksum::from_bytes([sum; 32])),
    })]
}

fn two() -> Upstream {
    Upstream::of(&[
        ("a", &[release("1.0.0", 1, &[]), release("1.1.0", 2, &[])]),
        ("b", &[release("1.0.0", 3, &[])]),
    ])
}

#[test]
fn a_package_follows_its_tarballs() {
    let upstream = two();
    let mut planner = Planner::new(upstream.setup(None, MirrorContents::default()));
    let done = upstream.run(&mut planner, &[]);
    assert_eq!(
        done,
        ["fetch a", "get a-1.0.0", "get a-1.1.0", "put a", "fetch b", "get b-1.0.0", "put b"]
    );
    assert_eq!(failures(&planner), [""; 0]);
    assert_eq!(planner.progress(), (2, 2));
}

#[test]
fn nothing_is_put_before_the_last_tarball_is_there() {
    let upstream = two();
    let mut planner = Planner::new(upstream.setup(None, MirrorContents::default()));
    let fetch = planner.next().unwrap();
    let answer = upstream.answer(&fetch, &BTreeMap::new());
    planner.done(fetch, answer);
    let [first, second] = [planner.next().unwrap(), planner.next().unwrap()];
    planner.done(second, Outcome::Done);
    assert!(!planner.first.iter().any(|task| matches!(task, Task::Put(..))));
    planner.done(first, Outcome::Failed(FileError::NotThere));
    assert!(!planner.first.iter().any(|task| matches!(task, Task::Put(..))));
    assert_eq!(failures(&planner), ["tarballs/a-1.0.0.tar: upstream does not have it"]);
    assert_eq!(planner.progress(), (1, 2), "of the first there is no more to do");
}

#[test]
fn what_is_unchanged_is_neither_read_nor_fetched() {
    let upstream = two();
    let mut planner = Planner::new(upstream.setup(None, upstream.known()));
    assert_eq!(upstream.run(&mut planner, &[]), [""; 0]);
    assert_eq!(planner.wanted.len(), 3);
}

#[test]
fn what_the_indexes_do_not_name_yet_is_wanted_all_the_same() {
    let upstream = two();
    let mut known = upstream.known();
    known.tarballs.insert(file("a-1.2.0"));
    let newer = ["1.0.0", "1.1.0", "1.2.0"].map(|version| release(version, 1, &[]));
    let mut planner = Planner::new(upstream.setup(None, known));
    assert_eq!(upstream.run(&mut planner, &[releases("a", &newer)]), ["read a"]);
    assert!(planner.wanted.contains(&file("a-1.2.0")), "{:?}", planner.wanted);
}

#[test]
fn a_tarball_that_is_gone_comes_back_without_its_package_being_fetched() {
    let upstream = two();
    let mut known = upstream.known();
    known.tarballs.remove(&file("a-1.0.0"));
    let held: Vec<_> = upstream.0.values().map(|(_, releases)| releases.clone()).collect();
    let mut planner = Planner::new(upstream.setup(None, known.clone()));
    assert_eq!(upstream.run(&mut planner, &held), ["read a", "get a-1.0.0"]);
    // Where the package's own file is no good either, all of it is looked at anew.
    let mut planner = Planner::new(upstream.setup(None, known));
    let done = upstream.run(&mut planner, &[]);
    assert_eq!(done, ["read a", "fetch a", "get a-1.0.0", "check a-1.1.0", "put a"]);
}

#[test]
fn a_new_release_costs_its_package_and_its_tarball() {
    let upstream = two();
    let mut known = upstream.known();
    known.tarballs.remove(&file("a-1.1.0"));
    known.listings.insert(name("a"), listing(&["1.0.0"], 0).digest());
    let held = [releases("a", &[release("1.0.0", 1, &[])])];
    let mut planner = Planner::new(upstream.setup(None, known));
    assert_eq!(upstream.run(&mut planner, &held), ["fetch a", "get a-1.1.0", "put a"]);
}

#[test]
fn what_upstream_lost_or_changed_is_an_alarm_unless_it_is_accepted() {
    let upstream = two();
    let mut known = upstream.known();
    known.listings.clear();
    known.packages.insert(name("gone"));
    let held = [
        releases("a", &[release("0.9.0", 9, &[]), release("1.0.0", 1, &[])]),
        releases("b", &[release("1.0.0", 4, &[])]),
    ];
    let mut planner = Planner::new(upstream.setup(None, known.clone()));
    assert_eq!(upstream.run(&mut planner, &held), ["fetch a", "fetch b", "read gone"]);
    assert_eq!(
        failures(&planner),
        [
            "packages/a: upstream no longer has 0.9.0: left as it was (--accept takes it)",
            "packages/b: 1.0.0 was 040404040404… here before and is 030303030303… upstream: \
             left as it was (--accept takes it)",
            "packages/gone: upstream no longer has it: left as it was (--accept takes it)",
        ]
    );
    assert_eq!(planner.held_back, ["a", "b", "gone"].map(name).into());
    let mut setup = upstream.setup(None, known);
    setup.accept = ["a", "b", "gone"].map(name).into();
    let mut planner = Planner::new(setup);
    let done = upstream.run(&mut planner, &held);
    assert_eq!(done, ["fetch a", "check a-1.1.0", "put a", "fetch b", "check b-1.0.0", "put b"]);
    assert_eq!(failures(&planner), [""; 0]);
}

#[test]
fn a_package_that_is_older_than_the_index_waits_for_another_day() {
    let upstream = two();
    let mut setup = upstream.setup(None, MirrorContents::default());
    setup.upstream.packages.insert(name("b"), listing(&["1.0.0", "2.0.0"], 2));
    let mut planner = Planner::new(setup);
    upstream.run(&mut planner, &[]);
    assert_eq!(
        failures(&planner),
        [
            "packages/b: upstream's `versions` names 2.0.0, and its own file does not yet: try again later"
        ]
    );
}

#[test]
fn what_releases_need_is_wanted_too_and_put_once_all_is_known() {
    let upstream = Upstream::of(&[
        (
            "a",
            &[release("1.0.0", 1, &[("b", "~> 1.0")]), release("2.0.0", 2, &[("c", ">= 0.0.0")])],
        ),
        ("b", &[release("1.0.0", 3, &[("a", "~> 1.0")]), release("2.0.0", 4, &[])]),
        ("c", &[release("1.0.0", 5, &[])]),
    ]);
    let wants = BTreeMap::from([(name("a"), matching("~> 1.0", true))]);
    let mut planner = Planner::new(upstream.setup(Some(wants), MirrorContents::default()));
    let done = upstream.run(&mut planner, &[]);
    assert_eq!(done, ["fetch a", "get a-1.0.0", "fetch b", "get b-1.0.0", "put a", "put b"]);
    let wants = BTreeMap::from([(name("a"), matching("~> 2.0", false))]);
    let mut planner = Planner::new(upstream.setup(Some(wants), MirrorContents::default()));
    assert_eq!(upstream.run(&mut planner, &[]), ["fetch a", "get a-2.0.0", "put a"]);
}

#[test]
fn what_more_is_needed_of_a_package_is_seen_to_after_the_rest() {
    // `b` is known before `c` is, which needs another release of it.
    let upstream = Upstream::of(&[
        ("a", &[release("1.0.0", 1, &[("b", "1.0.0"), ("c", "1.0.0")])]),
        ("b", &[release("1.0.0", 2, &[]), release("2.0.0", 3, &[("d", "1.0.0")])]),
        ("c", &[release("1.0.0", 4, &[("b", "2.0.0"), ("d", "9.0.0")])]),
        ("d", &[release("1.0.0", 5, &[])]),
    ]);
    let wants = BTreeMap::from([(name("a"), matching("1.0.0", true))]);
    let mut planner = Planner::new(upstream.setup(Some(wants), MirrorContents::default()));
    let done = upstream.run(&mut planner, &[]);
    assert_eq!(
        done,
        [
            "fetch a",
            "get a-1.0.0",
            "fetch b",
            "get b-1.0.0",
            "fetch c",
            "get c-1.0.0",
            "get b-2.0.0",
            "fetch d",
            "get d-1.0.0",
            "put a",
            "put b",
            "put c"
        ]
    );
    // Of `d` something is missing, so its own file would name what no client here can have.
    assert_eq!(failures(&planner), ["packages/d: no release of it is one that was asked for"]);
}

#[test]
fn a_pin_is_looked_for_and_compared() {
    let upstream = two();
    let wants = BTreeMap::from([
        (name("a"), [pinned("1.0.0", 1), pinned("3.0.0", 1)].concat()),
        (name("b"), pinned("1.0.0", 3)),
        (name("c"), pinned("1.0.0", 3)),
    ]);
    let mut planner = Planner::new(upstream.setup(Some(wants), MirrorContents::default()));
    let done = upstream.run(&mut planner, &[]);
    assert_eq!(done, ["fetch a", "get a-1.0.0", "fetch b", "get b-1.0.0", "put b"]);
    assert_eq!(
        failures(&planner),
        [
            "packages/c: upstream has no such package",
            "packages/a: mix.lock pins 3.0.0, which upstream does not have",
        ]
    );
    // What contradicts the registry is fetched even where it stands, to be told what it is.
    let wants = BTreeMap::from([(name("b"), pinned("1.0.0", 7))]);
    let mut planner = Planner::new(upstream.setup(Some(wants), upstream.known()));
    let held: Vec<_> = upstream.0.values().map(|(_, releases)| releases.clone()).collect();
    assert_eq!(upstream.run(&mut planner, &held), ["read b", "check b-1.0.0"]);
}

#[test]
fn documentation_that_there_was_none_of_is_asked_for_again_with_the_next_change() {
    let upstream = two();
    let setup = |known: MirrorContents| Setup { docs: true, ..upstream.setup(None, known) };
    let mut known = upstream.known();
    known.docs.insert(file("b-1.0.0"));
    known.without_docs.insert(file("a-1.0.0"));
    let mut planner = Planner::new(setup(known.clone()));
    assert_eq!(upstream.run(&mut planner, &[]), ["docs a-1.1.0"]);
    assert_eq!(planner.without_docs, ["a-1.0.0", "a-1.1.0"].map(file).into());
    known.listings.remove(&name("a"));
    let mut held = [releases("a", &upstream.0[&name("a")].1.releases)];
    held[0].releases[0].remarks.published_at = Some(NOW.into());
    let mut planner = Planner::new(setup(known));
    let done = upstream.run(&mut planner, &held);
    assert_eq!(done, ["fetch a", "docs a-1.0.0", "docs a-1.1.0", "put a"]);
}

/// A mirror of [`two`] that was asked for so many seconds ago.
fn looked(upstream: &Upstream, ago: i64) -> MirrorContents {
    let mut known = upstream.known();
    known.asked.values_mut().for_each(|asked| asked.0 = NOW.0.saturating_sub(ago));
    known
}

#[test]
fn what_is_marked_is_asked_for_each_time_and_all_once_a_day() {
    let mut upstream = two();
    let held: Vec<_> = upstream.0.values().map(|(_, releases)| releases.clone()).collect();
    for (ago, asked) in [
        (0, &[][..]),
        (DAY - 1, &[]),
        (DAY, &["fetch a", "put a", "fetch b", "put b"]),
        // A clock that was set back.
        (-10, &["fetch a", "put a", "fetch b", "put b"]),
    ] {
        let mut planner = Planner::new(upstream.setup(None, looked(&upstream, ago)));
        assert_eq!(upstream.run(&mut planner, &held), asked, "{ago}");
        assert_eq!(planner.fetched.len(), asked.len() / 2, "{ago}");
    }
    let listing = &mut upstream.0.get_mut(&name("b")).unwrap().0;
    listing.versions[0].marks.with_advisories = true;
    let mut planner = Planner::new(upstream.setup(None, upstream.known()));
    assert_eq!(upstream.run(&mut planner, &held), ["fetch b"]);
    assert_eq!(planner.fetched.len(), 0, "it is to be asked for again with the others");
    assert_eq!(planner.wanted.len(), 3);
    let mut planner = Planner::new(upstream.setup(None, upstream.known()));
    let older = releases("b", &[]);
    assert_eq!(upstream.run(&mut planner, &[older]), ["fetch b", "check b-1.0.0", "put b"]);
}

/// Two who mirror different things into one directory do not keep each other from looking.
#[test]
fn one_package_that_is_overdue_has_all_that_is_wanted_asked_for() {
    let upstream = two();
    let mut known = upstream.known();
    known.asked.insert(name("b"), UnixSeconds(NOW.0 - DAY));
    let held: Vec<_> = upstream.0.values().map(|(_, releases)| releases.clone()).collect();
    let wants = |package: &str| Some(BTreeMap::from([(name(package), vec![Want::EVERYTHING])]));
    let mut planner = Planner::new(upstream.setup(wants("a"), known.clone()));
    assert_eq!(upstream.run(&mut planner, &held), [""; 0]);
    let mut planner = Planner::new(upstream.setup(None, known));
    assert_eq!(upstream.run(&mut planner, &held), ["fetch a", "put a", "fetch b", "put b"]);
}

#[test]
fn a_refresh_asks_for_all_and_looks_at_every_file() {
    let upstream = two();
    let held: Vec<_> = upstream.0.values().map(|(_, releases)| releases.clone()).collect();
    let mut known = upstream.known();
    known.docs.insert(file("b-1.0.0"));
    known.without_docs.extend(["a-1.0.0", "a-1.1.0"].map(file));
    let refresh = Refresh { all: true, after: DAY };
    let mut planner = Planner::new(Setup { docs: true, refresh, ..upstream.setup(None, known) });
    assert_eq!(
        upstream.run(&mut planner, &held),
        [
            "fetch a",
            "check a-1.0.0",
            "check a-1.1.0",
            "put a",
            "fetch b",
            "check b-1.0.0",
            "check docs b-1.0.0",
            "put b"
        ]
    );
}

/// As hex.pm lets its maintainers.
#[test]
fn young_releases_may_change_or_go() {
    let published = |ago: i64, release: Release| {
        let published_at = Some(UnixSeconds(NOW.0 - ago).into());
        Release { remarks: Remarks { published_at, ..Remarks::default() }, ..release }
    };
    for (ago, is_young) in [(0, true), (DAY - 1, true), (DAY, false), (-60, true), (-DAY, false)] {
        let held = [
            releases("a", &[published(ago, release("0.9.0", 9, &[]))]),
            releases("b", &[published(ago, release("1.0.0", 4, &[]))]),
            releases("gone", &[published(ago, release("1.0.0", 4, &[]))]),
        ];
        let upstream = two();
        let mut known = upstream.known();
        known.listings.clear();
        known.packages.insert(name("gone"));
        let mut planner = Planner::new(upstream.setup(None, known));
        upstream.run(&mut planner, &held);
        assert_eq!(planner.failures.is_empty(), is_young, "{ago}: {:?}", planner.failures);
        let held_back = if is_young { vec![] } else { ["a", "b", "gone"].map(name).to_vec() };
        assert_eq!(planner.held_back.into_iter().collect::<Vec<_>>(), held_back, "{ago}");
        assert_eq!(planner.taken_back.len(), usize::from(is_young), "{ago}");
    }
    // One that is not young keeps the package as it is, whatever else is.
    let upstream = two();
    let held = [releases(
        "a",
        &[published(0, release("0.8.0", 8, &[])), published(DAY, release("0.9.0", 9, &[]))],
    )];
    let mut known = upstream.known();
    known.listings.remove(&name("a"));
    let mut planner = Planner::new(upstream.setup(None, known));
    assert_eq!(upstream.run(&mut planner, &held), ["fetch a"]);
    assert_eq!(
        failures(&planner),
        ["packages/a: upstream no longer has 0.9.0: left as it was (--accept takes it)"]
    );
}
