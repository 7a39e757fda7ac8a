//! An upstream in memory, which answers the planner's tasks.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::name::PackageName;
use crate::ops::mirror::file_error::FileError;
use crate::ops::mirror::indexes::{Indexes, Listing};
use crate::ops::mirror::planner::{MirrorContents, Planner, Refresh, Setup};
use crate::ops::mirror::selection::{Pin, Want};
use crate::ops::mirror::task::{Outcome, PackageFile, Task};
use crate::package::{Dependency, Release, Remarks, Requirement, UnixSeconds};
use crate::registry::Releases;
use crate::tarball::FileName;
use crate::version::Version;

pub(super) const DAY: i64 = 24 * 60 * 60;

pub(super) const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

pub(super) fn name(text: &str) -> PackageName {
    text.parse().unwrap()
}

pub(super) fn file(text: &str) -> FileName {
    text.parse().unwrap()
}

/// A release whose checksums consist of `sum`, with these dependencies.
pub(super) fn release(version: &str, sum: u8, needs: &[(&str, &str)]) -> Release {
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

pub(super) fn releases(package: &str, releases: &[Release]) -> Releases {
    let repository = "acme".parse().unwrap();
    Releases::new(repository, name(package), releases.to_vec())
}

pub(super) fn listing(versions: &[&str], updated_at: i64) -> Listing {
    let versions = versions.iter().map(|version| version.parse::<Version>().unwrap().into());
    Listing { versions: versions.collect(), updated_at: Some(UnixSeconds(updated_at)) }
}

/// What upstream has of each package.
pub(super) struct Upstream(pub BTreeMap<PackageName, (Listing, Releases)>);

impl Upstream {
    pub fn of(packages: &[(&str, &[Release])]) -> Self {
        let package = |(package, all): &(&str, &[Release])| {
            let versions: Vec<_> = all.iter().map(|one| one.version.to_string()).collect();
            let versions: Vec<_> = versions.iter().map(String::as_str).collect();
            (name(package), (listing(&versions, 1), releases(package, all)))
        };
        Self(packages.iter().map(package).collect())
    }

    pub fn setup(
        &self,
        wants: Option<BTreeMap<PackageName, Vec<Want>>>,
        contents: MirrorContents,
    ) -> Setup {
        let listings = self.0.iter().map(|(name, (listing, _))| (name.clone(), listing.clone()));
        Setup {
            repository: "acme".parse().unwrap(),
            wants,
            upstream: Indexes { packages: listings.collect() },
            contents,
            docs: false,
            accept: BTreeSet::new(),
            refresh: Refresh { all: false, after: DAY },
            now: NOW,
        }
    }

    /// A mirror that has all of upstream.
    pub fn mirrored(&self) -> MirrorContents {
        let mut contents = MirrorContents::default();
        for (name, (listing, releases)) in &self.0 {
            contents.packages.insert(name.clone());
            contents.listings.insert(name.clone(), listing.digest());
            contents.asked.insert(name.clone(), NOW);
            for release in &releases.releases {
                let version = release.version.clone();
                contents.tarballs.insert(FileName { package: name.clone(), version });
            }
        }
        contents
    }

    pub fn answer(&self, task: &Task, held: &BTreeMap<PackageName, Releases>) -> Outcome {
        match task {
            Task::Read(name) => Outcome::Read(held.get(name).cloned()),
            Task::Fetch(name) => match self.0.get(name) {
                Some((_, releases)) => {
                    let (releases, held) = (releases.clone(), held.get(name).cloned());
                    let is_held = held.as_ref() == Some(&releases);
                    let file =
                        PackageFile { releases, bytes: Bytes::new(), validator: None, is_held };
                    Outcome::Fetched { held, file }
                }
                None => Outcome::Failed(FileError::Missing),
            },
            Task::Docs { .. } => Outcome::Missing,
            Task::Tarball(_) | Task::Write(..) => Outcome::Done,
        }
    }

    /// Executes all tasks, and returns them in their order.
    pub fn run(&self, planner: &mut Planner, held: &[Releases]) -> Vec<String> {
        let held = held.iter().map(|one| (one.package.clone(), one.clone())).collect();
        let mut done = Vec::new();
        while let Some(task) = planner.next() {
            let outcome = self.answer(&task, &held);
            done.push(label(&task));
            planner.done(task, outcome);
        }
        done
    }
}

pub(super) fn label(task: &Task) -> String {
    match task {
        Task::Read(name) => format!("read {name}"),
        Task::Fetch(name) => format!("fetch {name}"),
        Task::Tarball(tarball) if tarball.on_disk => format!("check {}", tarball.file),
        Task::Tarball(tarball) => format!("get {}", tarball.file),
        Task::Docs { file, on_disk: true } => format!("check docs {file}"),
        Task::Docs { file, .. } => format!("docs {file}"),
        Task::Write(name, _) => format!("write {name}"),
    }
}

pub(super) fn failures(planner: &Planner) -> Vec<String> {
    planner.failures.iter().map(|failed| format!("{}: {}", failed.path, failed.error)).collect()
}

pub(super) fn matching(requirement: &str, with_deps: bool) -> Vec<Want> {
    vec![Want::Matching { requirement: Some(requirement.parse().unwrap()), with_deps }]
}

pub(super) fn pinned(version: &str, sum: u8) -> Vec<Want> {
    vec![Want::Pinned(Pin {
        lock: "mix.lock".to_owned(),
        version: version.parse().unwrap(),
        inner_checksum: None,
        outer_checksum: Some(OuterChecksum::from_bytes([sum; 32])),
    })]
}

pub(super) fn two() -> Upstream {
    Upstream::of(&[
        ("a", &[release("1.0.0", 1, &[]), release("1.1.0", 2, &[])]),
        ("b", &[release("1.0.0", 3, &[])]),
    ])
}
