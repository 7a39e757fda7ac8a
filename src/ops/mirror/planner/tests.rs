//! The planner against an upstream without a network.

mod upstream;

use std::collections::BTreeMap;

use super::*;
use crate::package::{Release, Remarks, UnixSeconds};
use upstream::{
    DAY, NOW, Upstream, failures, file, listing, matching, name, pinned, release, releases, two,
};

#[test]
fn a_package_is_written_after_its_tarballs() {
    let upstream = two();
    let mut planner = Planner::new(upstream.setup(None, MirrorContents::default()));
    let done = upstream.run(&mut planner, &[]);
    assert_eq!(
        done,
        ["fetch a", "get a-1.0.0", "get a-1.1.0", "write a", "fetch b", "get b-1.0.0", "write b"]
    );
    assert_eq!(failures(&planner), [""; 0]);
    assert_eq!(planner.progress(), (2, 2));
}

#[test]
fn no_package_is_written_before_its_last_tarball() {
    let upstream = two();
    let mut planner = Planner::new(upstream.setup(None, MirrorContents::default()));
    let fetch = planner.next().unwrap();
    let answer = upstream.answer(&fetch, &BTreeMap::new());
    planner.done(fetch, answer);
    let [first, second] = [planner.next().unwrap(), planner.next().unwrap()];
    planner.done(second, Outcome::Done);
    assert!(!planner.first.iter().any(|task| matches!(task, Task::Write(..))));
    planner.done(first, Outcome::Failed(FileError::Missing));
    assert!(!planner.first.iter().any(|task| matches!(task, Task::Write(..))));
    assert_eq!(failures(&planner), ["tarballs/a-1.0.0.tar: upstream does not have it"]);
    assert_eq!(planner.progress(), (1, 2), "of the first there is no more to do");
}

#[test]
fn unchanged_packages_are_neither_read_nor_fetched() {
    let upstream = two();
    let mut planner = Planner::new(upstream.setup(None, upstream.mirrored()));
    assert_eq!(upstream.run(&mut planner, &[]), [""; 0]);
    assert_eq!(planner.wanted.len(), 3);
}

#[test]
fn a_release_that_the_indexes_do_not_name_yet_is_selected() {
    let upstream = two();
    let mut contents = upstream.mirrored();
    contents.tarballs.insert(file("a-1.2.0"));
    let newer = ["1.0.0", "1.1.0", "1.2.0"].map(|version| release(version, 1, &[]));
    let mut planner = Planner::new(upstream.setup(None, contents));
    assert_eq!(upstream.run(&mut planner, &[releases("a", &newer)]), ["read a"]);
    assert!(planner.wanted.contains(&file("a-1.2.0")), "{:?}", planner.wanted);
}

#[test]
fn a_missing_tarball_is_fetched_without_its_package() {
    let upstream = two();
    let mut contents = upstream.mirrored();
    contents.tarballs.remove(&file("a-1.0.0"));
    let held: Vec<_> = upstream.0.values().map(|(_, releases)| releases.clone()).collect();
    let mut planner = Planner::new(upstream.setup(None, contents.clone()));
    assert_eq!(upstream.run(&mut planner, &held), ["read a", "get a-1.0.0"]);
    // If the package's own file is damaged too, the whole package is fetched and checked.
    let mut planner = Planner::new(upstream.setup(None, contents));
    let done = upstream.run(&mut planner, &[]);
    assert_eq!(done, ["read a", "fetch a", "get a-1.0.0", "check a-1.1.0", "write a"]);
}

#[test]
fn a_new_release_costs_its_package_and_its_tarball() {
    let upstream = two();
    let mut contents = upstream.mirrored();
    contents.tarballs.remove(&file("a-1.1.0"));
    contents.listings.insert(name("a"), listing(&["1.0.0"], 0).digest());
    let held = [releases("a", &[release("1.0.0", 1, &[])])];
    let mut planner = Planner::new(upstream.setup(None, contents));
    assert_eq!(upstream.run(&mut planner, &held), ["fetch a", "get a-1.1.0", "write a"]);
}

#[test]
fn lost_or_changed_releases_are_held_back_unless_accepted() {
    let upstream = two();
    let mut contents = upstream.mirrored();
    contents.listings.clear();
    contents.packages.insert(name("gone"));
    let held = [
        releases("a", &[release("0.9.0", 9, &[]), release("1.0.0", 1, &[])]),
        releases("b", &[release("1.0.0", 4, &[])]),
    ];
    let mut planner = Planner::new(upstream.setup(None, contents.clone()));
    assert_eq!(upstream.run(&mut planner, &held), ["fetch a", "fetch b", "read gone"]);
    assert_eq!(
        failures(&planner),
        [
            "packages/a: upstream no longer has 0.9.0: left as it was until it is accepted",
            "packages/b: 1.0.0 was 040404040404… here before and is 030303030303… upstream: \
             left as it was until it is accepted",
            "packages/gone: upstream no longer has it: left as it was until it is accepted",
        ]
    );
    assert_eq!(planner.held_back, ["a", "b", "gone"].map(name).into());
    let mut setup = upstream.setup(None, contents);
    setup.accept = ["a", "b", "gone"].map(name).into();
    let mut planner = Planner::new(setup);
    let done = upstream.run(&mut planner, &held);
    assert_eq!(
        done,
        ["fetch a", "check a-1.1.0", "write a", "fetch b", "check b-1.0.0", "write b"]
    );
    assert_eq!(failures(&planner), [""; 0]);
}

#[test]
fn a_package_file_older_than_the_index_fails() {
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
fn dependencies_are_selected_and_packages_written_once_all_are_known() {
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
    assert_eq!(done, ["fetch a", "get a-1.0.0", "fetch b", "get b-1.0.0", "write a", "write b"]);
    let wants = BTreeMap::from([(name("a"), matching("~> 2.0", false))]);
    let mut planner = Planner::new(upstream.setup(Some(wants), MirrorContents::default()));
    assert_eq!(upstream.run(&mut planner, &[]), ["fetch a", "get a-2.0.0", "write a"]);
}

#[test]
fn more_releases_of_a_package_are_selected_later() {
    // `b` is contents before `c` is, which needs another release of it.
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
            "write a",
            "write b",
            "write c"
        ]
    );
    // A release of `d` is missing, so its own file would name a tarball that the mirror lacks.
    assert_eq!(failures(&planner), ["packages/d: no release of it is one that was asked for"]);
}

#[test]
fn a_pin_is_compared_with_the_registry() {
    let upstream = two();
    let wants = BTreeMap::from([
        (name("a"), [pinned("1.0.0", 1), pinned("3.0.0", 1)].concat()),
        (name("b"), pinned("1.0.0", 3)),
        (name("c"), pinned("1.0.0", 3)),
    ]);
    let mut planner = Planner::new(upstream.setup(Some(wants), MirrorContents::default()));
    let done = upstream.run(&mut planner, &[]);
    assert_eq!(done, ["fetch a", "get a-1.0.0", "fetch b", "get b-1.0.0", "write b"]);
    assert_eq!(
        failures(&planner),
        [
            "packages/c: upstream has no such package",
            "packages/a: mix.lock pins 3.0.0, which upstream does not have",
        ]
    );
    // A pin that contradicts the registry: the tarball is checked although the mirror has it, for the message.
    let wants = BTreeMap::from([(name("b"), pinned("1.0.0", 7))]);
    let mut planner = Planner::new(upstream.setup(Some(wants), upstream.mirrored()));
    let held: Vec<_> = upstream.0.values().map(|(_, releases)| releases.clone()).collect();
    assert_eq!(upstream.run(&mut planner, &held), ["read b", "check b-1.0.0"]);
}

#[test]
fn missing_documentation_is_requested_again_with_the_next_change() {
    let upstream = two();
    let setup = |contents: MirrorContents| Setup { docs: true, ..upstream.setup(None, contents) };
    let mut contents = upstream.mirrored();
    contents.docs.insert(file("b-1.0.0"));
    contents.without_docs.insert(file("a-1.0.0"));
    let mut planner = Planner::new(setup(contents.clone()));
    assert_eq!(upstream.run(&mut planner, &[]), ["docs a-1.1.0"]);
    assert_eq!(planner.without_docs, ["a-1.0.0", "a-1.1.0"].map(file).into());
    contents.listings.remove(&name("a"));
    let mut held = [releases("a", &upstream.0[&name("a")].1.releases)];
    held[0].releases[0].remarks.published_at = Some(NOW.into());
    let mut planner = Planner::new(setup(contents));
    let done = upstream.run(&mut planner, &held);
    assert_eq!(done, ["fetch a", "docs a-1.0.0", "docs a-1.1.0", "write a"]);
}

/// The mirror of [`two`] whose packages were requested this many seconds ago.
fn requested(upstream: &Upstream, ago: i64) -> MirrorContents {
    let mut contents = upstream.mirrored();
    contents.asked.values_mut().for_each(|asked| asked.0 = NOW.0.saturating_sub(ago));
    contents
}

#[test]
fn marked_packages_are_requested_in_each_run_and_all_once_a_day() {
    let mut upstream = two();
    let held: Vec<_> = upstream.0.values().map(|(_, releases)| releases.clone()).collect();
    for (ago, asked) in [
        (0, &[][..]),
        (DAY - 1, &[]),
        (DAY, &["fetch a", "write a", "fetch b", "write b"]),
        // The clock was set back.
        (-10, &["fetch a", "write a", "fetch b", "write b"]),
    ] {
        let mut planner = Planner::new(upstream.setup(None, requested(&upstream, ago)));
        assert_eq!(upstream.run(&mut planner, &held), asked, "{ago}");
        assert_eq!(planner.fetched.len(), asked.len() / 2, "{ago}");
    }
    let listing = &mut upstream.0.get_mut(&name("b")).unwrap().0;
    listing.versions[0].marks.with_advisories = true;
    let mut planner = Planner::new(upstream.setup(None, upstream.mirrored()));
    assert_eq!(upstream.run(&mut planner, &held), ["fetch b"]);
    assert_eq!(
        planner.fetched.len(),
        0,
        "the time of the request is recorded only with a full check"
    );
    assert_eq!(planner.wanted.len(), 3);
    let mut planner = Planner::new(upstream.setup(None, upstream.mirrored()));
    let older = releases("b", &[]);
    assert_eq!(upstream.run(&mut planner, &[older]), ["fetch b", "check b-1.0.0", "write b"]);
}

/// Two selections that are mirrored into one directory do not postpone each other's full check.
#[test]
fn one_overdue_package_causes_a_full_check() {
    let upstream = two();
    let mut contents = upstream.mirrored();
    contents.asked.insert(name("b"), UnixSeconds(NOW.0 - DAY));
    let held: Vec<_> = upstream.0.values().map(|(_, releases)| releases.clone()).collect();
    let wants = |package: &str| Some(BTreeMap::from([(name(package), vec![Want::EVERYTHING])]));
    let mut planner = Planner::new(upstream.setup(wants("a"), contents.clone()));
    assert_eq!(upstream.run(&mut planner, &held), [""; 0]);
    let mut planner = Planner::new(upstream.setup(None, contents));
    assert_eq!(upstream.run(&mut planner, &held), ["fetch a", "write a", "fetch b", "write b"]);
}

#[test]
fn a_refresh_requests_each_package_and_checks_each_file() {
    let upstream = two();
    let held: Vec<_> = upstream.0.values().map(|(_, releases)| releases.clone()).collect();
    let mut contents = upstream.mirrored();
    contents.docs.insert(file("b-1.0.0"));
    contents.without_docs.extend(["a-1.0.0", "a-1.1.0"].map(file));
    let refresh = Refresh { all: true, after: DAY };
    let mut planner = Planner::new(Setup { docs: true, refresh, ..upstream.setup(None, contents) });
    assert_eq!(
        upstream.run(&mut planner, &held),
        [
            "fetch a",
            "check a-1.0.0",
            "check a-1.1.0",
            "write a",
            "fetch b",
            "check b-1.0.0",
            "check docs b-1.0.0",
            "write b"
        ]
    );
}

#[test]
fn young_releases_may_change_or_disappear() {
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
        let mut contents = upstream.mirrored();
        contents.listings.clear();
        contents.packages.insert(name("gone"));
        let mut planner = Planner::new(upstream.setup(None, contents));
        upstream.run(&mut planner, &held);
        assert_eq!(planner.failures.is_empty(), is_young, "{ago}: {:?}", planner.failures);
        let held_back = if is_young { vec![] } else { ["a", "b", "gone"].map(name).to_vec() };
        assert_eq!(planner.held_back.into_iter().collect::<Vec<_>>(), held_back, "{ago}");
        assert_eq!(planner.removed_upstream.len(), usize::from(is_young), "{ago}");
    }
    // A single release that is not young holds the package back.
    let upstream = two();
    let held = [releases(
        "a",
        &[published(0, release("0.8.0", 8, &[])), published(DAY, release("0.9.0", 9, &[]))],
    )];
    let mut contents = upstream.mirrored();
    contents.listings.remove(&name("a"));
    let mut planner = Planner::new(upstream.setup(None, contents));
    assert_eq!(upstream.run(&mut planner, &held), ["fetch a"]);
    assert_eq!(
        failures(&planner),
        ["packages/a: upstream no longer has 0.9.0: left as it was until it is accepted"]
    );
}
