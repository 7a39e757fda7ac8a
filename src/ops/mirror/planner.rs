//! What to do next, given what is known: no socket, no disk, no clock.
//!
//! Whoever carries tasks out asks for the [`next`](Planner::next) one for as long as there is room, and
//! tells what came of each. A package's own file is put in place once every tarball of it that is wanted
//! stands, so that nothing ever names what is not there.

mod item;
mod setup;
mod trust;

pub(super) use setup::{MirrorContents, Refresh, Setup};
pub(super) use trust::may_go;

use item::Item;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::indexes::Listing;
use super::selection::Want;
use super::entity_tag::EntityTag;
use super::task::{Outcome, Task, TarballToFetch};
use crate::publish::withdrawn::Withdrawn;
use super::file_error::FileError;
use crate::name::PackageName;
use crate::package::{Dependency, Release};
use crate::registry::{ListedVersion, Releases};
use crate::repository::RepositoryPath;
use crate::tarball::FileName;

/// Something that was not mirrored.
#[derive(Debug)]
pub struct NotMirrored {
    /// Where it would stand, below the repository's URL.
    pub path: String,
    /// Why.
    pub wrong: FileError,
}

/// The state of a run.
pub(super) struct Planner {
    setup: Setup,
    items: BTreeMap<PackageName, Item>,
    /// Of which there is more to do.
    open: BTreeSet<PackageName>,
    packages: VecDeque<Task>,
    /// What goes first, so that few packages are under way at once.
    first: VecDeque<Task>,
    /// How many tarballs the mirror had of each package.
    standing: BTreeMap<PackageName, usize>,
    /// How many packages' releases are not known yet.
    unknown: usize,
    /// Whether what is wanted grows with what packages need.
    grows: bool,
    /// Whether each package that is wanted is asked for.
    looks_at_all: bool,
    pub wanted: BTreeSet<FileName>,
    /// Whose documentation was asked for already.
    wanted_docs: BTreeSet<FileName>,
    /// Whose file upstream was asked for, with the tag that it has.
    pub fetched: BTreeMap<PackageName, Option<EntityTag>>,
    /// What was not mirrored, or not whole.
    pub failed: BTreeSet<PackageName>,
    /// What stays as it was, since upstream lost or changed it.
    pub held_back: BTreeSet<PackageName>,
    /// What upstream took back, and may.
    pub taken_back: BTreeSet<PackageName>,
    pub without_docs: BTreeSet<FileName>,
    /// What upstream no longer says, of packages whose file was put in place.
    pub withdrawn: Vec<Withdrawn>,
    pub failures: Vec<NotMirrored>,
}

impl Planner {
    pub fn new(mut setup: Setup) -> Self {
        let wants = setup.wants.take();
        let grows = wants.iter().flatten().flat_map(|(_, wants)| wants).any(Want::grows);
        let mut standing: BTreeMap<_, usize> = BTreeMap::new();
        for file in &setup.known.tarballs {
            let count = standing.entry(file.package.clone()).or_default();
            *count = count.saturating_add(1);
        }
        let mut this = Self {
            without_docs: setup.known.without_docs.clone(),
            setup,
            standing,
            items: BTreeMap::new(),
            open: BTreeSet::new(),
            packages: VecDeque::new(),
            first: VecDeque::new(),
            unknown: 0,
            grows,
            looks_at_all: false,
            wanted: BTreeSet::new(),
            wanted_docs: BTreeSet::new(),
            fetched: BTreeMap::new(),
            failed: BTreeSet::new(),
            held_back: BTreeSet::new(),
            taken_back: BTreeSet::new(),
            withdrawn: Vec::new(),
            failures: Vec::new(),
        };
        let wants = wants.unwrap_or_else(|| {
            let upstream = this.setup.upstream.packages.keys();
            let all: BTreeSet<_> = upstream.chain(&this.setup.known.packages).cloned().collect();
            all.into_iter().map(|name| (name, vec![Want::EVERYTHING])).collect()
        });
        this.looks_at_all = wants.keys().any(|name| this.demands_a_look_at_all(name));
        for (name, wants) in wants {
            this.want(name, wants);
        }
        this
    }

    /// Whether a package that is current was not asked for in too long a time.
    fn is_overdue(&self, name: &PackageName) -> bool {
        let Setup { known, refresh, now, .. } = &self.setup;
        let listing = self.listing(name);
        listing.is_some_and(|listing| self.is_current(name, listing))
            && refresh.is_due(known.asked.get(name).copied(), *now)
    }

    /// Whether a package is overdue, and not because it failed the last time: that one is asked for again alone.
    fn demands_a_look_at_all(&self, name: &PackageName) -> bool {
        let Setup { known, refresh, now, .. } = &self.setup;
        let failed = known.failed.get(name).copied();
        self.is_overdue(name) && refresh.is_due(failed, *now)
    }

    /// Whether the indexes say of a package what they said when its file was fetched.
    fn is_current(&self, name: &PackageName, listing: &Listing) -> bool {
        let known = &self.setup.known;
        known.packages.contains(name) && known.listings.get(name) == Some(&listing.digest())
    }

    /// What to do next; nothing while all that is left waits for what is under way.
    pub fn next(&mut self) -> Option<Task> {
        self.first.pop_front().or_else(|| self.packages.pop_front())
    }

    /// Whether there is something to do next.
    pub fn has_more(&self) -> bool {
        !self.first.is_empty() || !self.packages.is_empty()
    }

    /// The packages that are wanted.
    pub fn packages(&self) -> impl Iterator<Item = &PackageName> {
        self.items.keys()
    }

    /// What upstream's indexes say of a package.
    pub fn listing(&self, name: &PackageName) -> Option<&Listing> {
        self.setup.upstream.packages.get(name)
    }

    /// Of how many packages nothing is left to do, and how many there are.
    pub fn progress(&self) -> (usize, usize) {
        (self.items.len().saturating_sub(self.open.len()), self.items.len())
    }

    /// Takes in what came of a task.
    pub fn done(&mut self, task: Task, outcome: Outcome) {
        match (task, outcome) {
            (task, Outcome::Failed(wrong)) => self.fail(&task, wrong),
            (Task::Read(name), Outcome::Read(held)) if self.listing(&name).is_none() => {
                self.is_gone(&name, held.as_ref());
            }
            (Task::Read(name), Outcome::Read(None)) => {
                self.packages.push_front(Task::Fetch(name));
            }
            (Task::Read(name), Outcome::Read(Some(releases))) => {
                let item = self.items.entry(name.clone()).or_default();
                (item.held, item.releases) = (Some(releases.clone()), Some(releases));
                self.is_known(&name);
            }
            (Task::Fetch(name), Outcome::Fetched { held, file }) => {
                let Setup { upstream, accept, now, .. } = &self.setup;
                let listing = upstream.packages.get(&name);
                let is_accepted = accept.contains(&name);
                let objection = listing.and_then(|listing| {
                    trust::objection(listing, held.as_ref(), &file.releases, is_accepted, *now)
                });
                if let Some(wrong) = objection {
                    self.fail(&Task::Fetch(name), wrong);
                } else {
                    // That it was asked for need not be noted before all are.
                    let is_noted = file.is_held
                        && listing.is_some_and(|listing| self.is_current(&name, listing))
                        && !self.is_overdue(&name)
                        && !self.looks_at_all;
                    let item = self.items.entry(name.clone()).or_default();
                    item.withdrawn = trust::withdrawn(held.as_ref(), &file.releases);
                    item.releases = Some(file.releases.clone());
                    (item.held, item.file) = (held, (!is_noted).then_some(file));
                    self.is_known(&name);
                }
            }
            (Task::Tarball(wanted), _) => {
                let name = wanted.file.package;
                let item = self.items.entry(name.clone()).or_default();
                item.waits_for = item.waits_for.saturating_sub(1);
                self.put_if_whole(&name);
            }
            (Task::Docs { file, .. }, Outcome::Missing) => {
                self.without_docs.insert(file);
            }
            (Task::Put(name, file), _) => {
                self.open.remove(&name);
                if let Some(item) = self.items.get_mut(&name) {
                    self.withdrawn.append(&mut item.withdrawn);
                }
                self.fetched.insert(name, file.tag);
            }
            _ => {}
        }
    }

    /// Wants more of a package.
    fn want(&mut self, name: PackageName, wants: Vec<Want>) {
        let is_new = !self.items.contains_key(&name);
        let item = self.items.entry(name.clone()).or_default();
        let before = item.wants.len();
        for want in wants {
            if !item.wants.contains(&want) {
                item.wants.push(want);
            }
        }
        if is_new {
            self.begin(name);
        } else if item.wants.len() > before && item.releases.is_some() {
            self.consider(&name);
        }
    }

    fn begin(&mut self, name: PackageName) {
        let Setup { upstream, known, accept, docs, .. } = &self.setup;
        let stands = known.packages.contains(&name);
        let Some(listing) = upstream.packages.get(&name) else {
            if !stands {
                self.fail_item(&name, FileError::NoSuchPackage);
            } else if !accept.contains(&name) {
                // Whether it may be gone, its own file tells.
                self.ask(Task::Read, name);
            } else {
                self.items.remove(&name);
                self.taken_back.insert(name);
            }
            return;
        };
        let is_asked = self.looks_at_all || listing.is_marked() || self.is_overdue(&name);
        if is_asked || !self.is_current(&name, listing) {
            self.ask(Task::Fetch, name);
            return;
        }
        let item = self.items.entry(name.clone()).or_default();
        let file = |listed: &ListedVersion| FileName {
            package: name.clone(),
            version: listed.version.clone(),
        };
        // All that can be asked of these is whether they are there, for which nothing has to be read. Where
        // there are others, the package's own file may name them: it can be newer than the indexes.
        let is_plain = item.wants.iter().all(|want| *want == Want::EVERYTHING);
        let mut files = listing.versions.iter().map(file);
        let has_others = self.standing.get(&name) > Some(&listing.versions.len());
        if is_plain && !has_others && files.all(|file| known.tarballs.contains(&file)) {
            let files: Vec<_> = listing.versions.iter().map(file).collect();
            if *docs {
                for file in &files {
                    self.want_docs(file, false);
                }
            }
            self.wanted.extend(files);
        } else {
            self.ask(Task::Read, name);
        }
    }

    /// Has it found out which releases a package has.
    fn ask(&mut self, task: fn(PackageName) -> Task, name: PackageName) {
        self.unknown = self.unknown.saturating_add(1);
        self.open.insert(name.clone());
        self.packages.push_back(task(name));
    }

    /// A package that the mirror has and upstream does not, unless `--accept` names it.
    fn is_gone(&mut self, name: &PackageName, held: Option<&Releases>) {
        let now = self.setup.now;
        if !held.is_some_and(|held| trust::may_go(held, now)) {
            self.fail(&Task::Read(name.clone()), FileError::LostPackage);
            return;
        }
        self.unknown = self.unknown.saturating_sub(1);
        self.open.remove(name);
        self.items.remove(name);
        self.taken_back.insert(name.clone());
        self.put_all_if_settled();
    }

    fn is_known(&mut self, name: &PackageName) {
        self.unknown = self.unknown.saturating_sub(1);
        self.consider(name);
        self.put_if_whole(name);
        self.put_all_if_settled();
    }

    /// Sees to the releases of a package that are wanted and were not seen to yet.
    fn consider(&mut self, name: &PackageName) {
        let Some(item) = self.items.get_mut(name) else { return };
        let Some(releases) = item.releases.clone() else { return };
        let mut needed = Vec::new();
        let mut missing = Vec::new();
        for want in item.wants.iter().skip(item.considered) {
            let mut taken = releases.releases.iter().filter(|one| want.takes(&one.version));
            match want {
                Want::Pinned(pin) if taken.clone().next().is_none() => {
                    let (lock, version) = (pin.lock.clone(), pin.version.clone());
                    missing.push(FileError::NoSuchRelease { lock, version });
                }
                // Of a package without releases, all of them are none.
                Want::Matching { requirement: Some(_), .. } if taken.clone().next().is_none() => {
                    missing.push(FileError::NothingMatches);
                }
                Want::Matching { with_deps: true, .. } => {
                    needed.extend(taken.by_ref().flat_map(|one| one.dependencies.clone()));
                }
                _ => {}
            }
        }
        item.considered = item.wants.len();
        let mut queued = Vec::new();
        for release in &releases.releases {
            let mut wants = item.wants.iter().filter(|want| want.takes(&release.version));
            if wants.clone().next().is_none() || !item.seen.insert(release.version.clone()) {
                continue;
            }
            let file = FileName { package: name.clone(), version: release.version.clone() };
            self.wanted.insert(file.clone());
            let pins: Vec<_> = wants.by_ref().filter_map(Want::pin).collect();
            let contradicts = pins.iter().find(|pin| !pin.agrees(release)).copied();
            let stands = self.setup.known.tarballs.contains(&file);
            let held = item.held.as_ref();
            let is_trusted = stands && trust::holds(held, release) && !self.setup.refresh.all;
            if !is_trusted || contradicts.is_some() {
                item.waits_for = item.waits_for.saturating_add(1);
                let pin = contradicts.or(pins.first().copied()).cloned();
                let Release { inner_checksum, outer_checksum, .. } = *release;
                queued.push(TarballToFetch {
                    file: file.clone(),
                    inner_checksum,
                    outer_checksum,
                    pin,
                    stands,
                    is_accepted: self.setup.accept.contains(name)
                        || trust::held_young(held, &release.version, self.setup.now),
                });
            }
        }
        let is_fetched = item.file.as_ref().is_some_and(|file| !file.is_held);
        let files: Vec<_> = item.seen.iter().cloned().collect();
        self.first.extend(queued.into_iter().map(Task::Tarball));
        if self.setup.docs {
            for version in files {
                self.want_docs(&FileName { package: name.clone(), version }, is_fetched);
            }
        }
        for wrong in missing {
            self.fail_item(name, wrong);
        }
        for dependency in needed {
            self.need(dependency);
        }
    }

    /// Wants what a release needs, if it is to be had here.
    fn need(&mut self, dependency: Dependency) {
        let Dependency { package, requirement, optional, repository, .. } = dependency;
        let is_here = repository.is_none_or(|named| named == self.setup.repository.as_str());
        if optional || !is_here {
            return;
        }
        let Ok(name) = package.parse() else { return };
        // A requirement that clients cannot read keeps them from none.
        let requirement = requirement.0.parse().ok();
        self.want(name, vec![Want::Matching { requirement, with_deps: true }]);
    }

    /// Where there was none the last time, it is asked for again with each change of its package.
    fn want_docs(&mut self, file: &FileName, is_fetched: bool) {
        let Setup { known: MirrorContents { docs, without_docs, .. }, refresh, .. } = &self.setup;
        let stands = docs.contains(file);
        let is_wanted =
            if stands { refresh.all } else { is_fetched || !without_docs.contains(file) };
        if is_wanted && self.wanted_docs.insert(file.clone()) {
            self.without_docs.remove(file);
            self.first.push_back(Task::Docs { file: file.clone(), stands });
        }
    }

    /// Has a package's file put in place once nothing of it is missing.
    fn put_if_whole(&mut self, name: &PackageName) {
        // What is not known yet may need more of it.
        if self.grows && self.unknown > 0 {
            return;
        }
        let Some(item) = self.items.get_mut(name) else { return };
        if item.waits_for == 0 && !item.failed {
            match item.file.take() {
                Some(file) => self.first.push_back(Task::Put(name.clone(), file)),
                // It stood before, and is as it should be.
                None => drop(self.open.remove(name)),
            }
        }
    }

    fn put_all_if_settled(&mut self) {
        if self.grows && self.unknown == 0 {
            let names: Vec<_> = self.items.keys().cloned().collect();
            for name in &names {
                self.put_if_whole(name);
            }
        }
    }

    fn fail(&mut self, task: &Task, wrong: FileError) {
        let (path, name) = match task {
            Task::Read(name) | Task::Fetch(name) => {
                self.unknown = self.unknown.saturating_sub(1);
                (RepositoryPath::package(name), Some(name))
            }
            Task::Put(name, _) => (RepositoryPath::package(name), Some(name)),
            Task::Tarball(wanted) => {
                let name = &wanted.file.package;
                let item = self.items.entry(name.clone()).or_default();
                item.waits_for = item.waits_for.saturating_sub(1);
                (RepositoryPath::tarball(&wanted.file), Some(name))
            }
            // Nothing names it.
            Task::Docs { file, .. } => (RepositoryPath::docs(file), None),
        };
        self.failed.extend(name.cloned());
        if wrong.holds_back() {
            self.held_back.extend(name.cloned());
        }
        if let Some(item) = name.and_then(|name| self.items.get_mut(name)) {
            item.failed = true;
        }
        name.map(|name| self.open.remove(name));
        self.failures.push(NotMirrored { path: path.to_string(), wrong });
        self.put_all_if_settled();
    }

    fn fail_item(&mut self, name: &PackageName, wrong: FileError) {
        if let Some(item) = self.items.get_mut(name) {
            item.failed = true;
        }
        self.open.remove(name);
        self.failed.insert(name.clone());
        let path = RepositoryPath::package(name).to_string();
        self.failures.push(NotMirrored { path, wrong });
    }
}

#[cfg(test)]
mod tests;
