//! Decides which task is next, without access to the network, the disk or the clock.
//!
//! The executor takes the [`next`](Planner::next) task as long as it has capacity, and reports the outcome of each with
//! [`done`](Planner::done). A package's own file is written once the mirror has all of its selected tarballs, so that no
//! file names one that is missing.

mod item;
mod setup;

pub(super) use setup::{MirrorContents, Refresh, Setup};

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::file_error::{FileError, NotMirrored};
use super::file_validator::FileValidator;
use super::indexes::Listing;
use super::selection::Want;
use super::task::{Outcome, Task};
use super::trust;
use crate::name::PackageName;
use crate::package::Dependency;
use crate::publish::withdrawn::Withdrawn;
use crate::registry::{ListedVersion, Releases};
use crate::repository::RepositoryPath;
use crate::tarball::FileName;
use item::{Considered, Item};

/// The state of a run.
pub(super) struct Planner {
    setup: Setup,
    items: BTreeMap<PackageName, Item>,
    /// Packages that are not finished.
    open: BTreeSet<PackageName>,
    packages: VecDeque<Task>,
    /// Goes before `packages`, so that few packages are in progress at once.
    first: VecDeque<Task>,
    /// How many tarballs the mirror had of each package.
    tarballs_on_disk: BTreeMap<PackageName, usize>,
    /// How many packages' releases are not known yet.
    unknown: usize,
    /// Whether the selection grows by dependencies.
    grows: bool,
    /// Whether each selected package is requested.
    is_full_check: bool,
    /// The selected releases.
    pub wanted: BTreeSet<FileName>,
    /// Releases whose documentation has a task.
    wanted_docs: BTreeSet<FileName>,
    /// Packages whose file was fetched, with its validator.
    pub fetched: BTreeMap<PackageName, Option<FileValidator>>,
    /// Packages that were not mirrored, or not completely.
    pub failed: BTreeSet<PackageName>,
    /// Packages that stay as they were, since upstream lost or changed releases.
    pub held_back: BTreeSet<PackageName>,
    /// Packages that upstream has removed, and may remove.
    pub removed_upstream: BTreeSet<PackageName>,
    pub without_docs: BTreeSet<FileName>,
    /// What upstream has withdrawn of packages whose file was written.
    pub withdrawn: Vec<Withdrawn>,
    pub failures: Vec<NotMirrored>,
}

impl Planner {
    pub fn new(mut setup: Setup) -> Self {
        let wants = setup.wants.take();
        let grows = wants.iter().flatten().flat_map(|(_, wants)| wants).any(Want::grows);
        let mut tarballs_on_disk: BTreeMap<_, usize> = BTreeMap::new();
        for file in &setup.contents.tarballs {
            let count = tarballs_on_disk.entry(file.package.clone()).or_default();
            *count = count.saturating_add(1);
        }
        let mut this = Self {
            without_docs: setup.contents.without_docs.clone(),
            setup,
            tarballs_on_disk,
            items: BTreeMap::new(),
            open: BTreeSet::new(),
            packages: VecDeque::new(),
            first: VecDeque::new(),
            unknown: 0,
            grows,
            is_full_check: false,
            wanted: BTreeSet::new(),
            wanted_docs: BTreeSet::new(),
            fetched: BTreeMap::new(),
            failed: BTreeSet::new(),
            held_back: BTreeSet::new(),
            removed_upstream: BTreeSet::new(),
            withdrawn: Vec::new(),
            failures: Vec::new(),
        };
        let wants = wants.unwrap_or_else(|| {
            let upstream = this.setup.upstream.packages.keys();
            let all: BTreeSet<_> = upstream.chain(&this.setup.contents.packages).cloned().collect();
            all.into_iter().map(|name| (name, vec![Want::EVERYTHING])).collect()
        });
        this.is_full_check = wants.keys().any(|name| this.setup.demands_full_check(name));
        for (name, wants) in wants {
            this.want(name, wants);
        }
        this
    }

    /// The next task; `None` while the rest waits for tasks that are running.
    pub fn next(&mut self) -> Option<Task> {
        self.first.pop_front().or_else(|| self.packages.pop_front())
    }

    /// Whether there is a next task.
    pub fn has_more(&self) -> bool {
        !self.first.is_empty() || !self.packages.is_empty()
    }

    /// The selected packages.
    pub fn packages(&self) -> impl Iterator<Item = &PackageName> {
        self.items.keys()
    }

    /// What upstream's indexes say of a package.
    pub fn listing(&self, name: &PackageName) -> Option<&Listing> {
        self.setup.listing(name)
    }

    /// How many packages are finished, and how many are selected.
    pub fn progress(&self) -> (usize, usize) {
        (self.items.len().saturating_sub(self.open.len()), self.items.len())
    }

    /// Takes the outcome of a task.
    pub fn done(&mut self, task: Task, outcome: Outcome) {
        match (task, outcome) {
            (task, Outcome::Failed(error)) => self.fail(&task, error),
            (Task::Read(name), Outcome::Read(held)) if self.listing(&name).is_none() => {
                self.is_gone_upstream(&name, held.as_ref());
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
                if let Some(error) = objection {
                    self.fail(&Task::Fetch(name), error);
                } else {
                    // The time of this request is recorded only with the next full check.
                    let is_recorded = file.is_held
                        && listing.is_some_and(|listing| self.setup.is_current(&name, listing))
                        && !self.setup.is_overdue(&name)
                        && !self.is_full_check;
                    let item = self.items.entry(name.clone()).or_default();
                    item.withdrawn = trust::withdrawn(held.as_ref(), &file.releases);
                    item.releases = Some(file.releases.clone());
                    (item.held, item.file) = (held, (!is_recorded).then_some(file));
                    self.is_known(&name);
                }
            }
            (Task::Tarball(tarball), _) => {
                let name = tarball.file.package;
                let item = self.items.entry(name.clone()).or_default();
                item.waits_for = item.waits_for.saturating_sub(1);
                self.write_if_complete(&name);
            }
            (Task::Docs { file, .. }, Outcome::Missing) => {
                self.without_docs.insert(file);
            }
            (Task::Write(name, file), _) => {
                self.open.remove(&name);
                if let Some(item) = self.items.get_mut(&name) {
                    self.withdrawn.append(&mut item.withdrawn);
                }
                self.fetched.insert(name, file.validator);
            }
            _ => {}
        }
    }

    /// Adds wants of a package.
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
        let Setup { upstream, contents, accept, docs, .. } = &self.setup;
        let is_held = contents.packages.contains(&name);
        let Some(listing) = upstream.packages.get(&name) else {
            if !is_held {
                self.fail_item(&name, FileError::NoSuchPackage);
            } else if !accept.contains(&name) {
                // Its releases tell whether upstream may have removed it.
                self.ask(Task::Read, name);
            } else {
                self.items.remove(&name);
                self.removed_upstream.insert(name);
            }
            return;
        };
        let is_requested =
            self.is_full_check || listing.is_marked() || self.setup.is_overdue(&name);
        if is_requested || !self.setup.is_current(&name, listing) {
            self.ask(Task::Fetch, name);
            return;
        }
        let item = self.items.entry(name.clone()).or_default();
        let file = |listed: &ListedVersion| FileName {
            package: name.clone(),
            version: listed.version.clone(),
        };
        // If all releases are selected and have a tarball, no file has to be read. If there are more tarballs, the
        // package's own file may name them: it can be newer than the indexes.
        let wants_all = item.wants.iter().all(|want| *want == Want::EVERYTHING);
        let mut files = listing.versions.iter().map(file);
        let has_others = self.tarballs_on_disk.get(&name) > Some(&listing.versions.len());
        if wants_all && !has_others && files.all(|file| contents.tarballs.contains(&file)) {
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

    /// Queues the task that finds out which releases a package has.
    fn ask(&mut self, task: fn(PackageName) -> Task, name: PackageName) {
        self.unknown = self.unknown.saturating_add(1);
        self.open.insert(name.clone());
        self.packages.push_back(task(name));
    }

    /// Handles a package that the mirror has and upstream does not, and that `--accept` does not name.
    fn is_gone_upstream(&mut self, name: &PackageName, held: Option<&Releases>) {
        let now = self.setup.now;
        if !held.is_some_and(|held| trust::may_be_removed(held, now)) {
            self.fail(&Task::Read(name.clone()), FileError::LostPackage);
            return;
        }
        self.unknown = self.unknown.saturating_sub(1);
        self.open.remove(name);
        self.items.remove(name);
        self.removed_upstream.insert(name.clone());
        self.write_all_if_settled();
    }

    fn is_known(&mut self, name: &PackageName) {
        self.unknown = self.unknown.saturating_sub(1);
        self.consider(name);
        self.write_if_complete(name);
        self.write_all_if_settled();
    }

    /// Selects the releases that match new wants, and queues their tarballs.
    fn consider(&mut self, name: &PackageName) {
        let Some(item) = self.items.get_mut(name) else { return };
        let Some(considered) = item.consider(name, &self.setup) else { return };
        let Considered { selected, tarballs, dependencies, unmatched } = considered;
        let is_fetched = item.file.as_ref().is_some_and(|file| !file.is_held);
        let all_selected: Vec<_> = item.selected.iter().cloned().collect();
        self.wanted.extend(selected);
        self.first.extend(tarballs.into_iter().map(Task::Tarball));
        if self.setup.docs {
            for version in all_selected {
                self.want_docs(&FileName { package: name.clone(), version }, is_fetched);
            }
        }
        for error in unmatched {
            self.fail_item(name, error);
        }
        for dependency in dependencies {
            self.want_dependency(dependency);
        }
    }

    /// Selects a dependency of a release, if it is in this repository.
    fn want_dependency(&mut self, dependency: Dependency) {
        let Dependency { package, requirement, optional, repository, .. } = dependency;
        let is_here = repository.is_none_or(|named| named == self.setup.repository.as_str());
        if optional || !is_here {
            return;
        }
        let Ok(name) = package.parse() else { return };
        // If the requirement cannot be parsed, any release may match.
        let requirement = requirement.0.parse().ok();
        self.want(name, vec![Want::Matching { requirement, with_deps: true }]);
    }

    /// Queues the documentation of a release. If upstream had none, it is requested again with each change of the
    /// package.
    fn want_docs(&mut self, file: &FileName, is_fetched: bool) {
        let Setup { contents: MirrorContents { docs, without_docs, .. }, refresh, .. } =
            &self.setup;
        let on_disk = docs.contains(file);
        let is_wanted =
            if on_disk { refresh.all } else { is_fetched || !without_docs.contains(file) };
        if is_wanted && self.wanted_docs.insert(file.clone()) {
            self.without_docs.remove(file);
            self.first.push_back(Task::Docs { file: file.clone(), on_disk });
        }
    }

    /// Queues a package's file once all of its selected tarballs are there.
    fn write_if_complete(&mut self, name: &PackageName) {
        // Packages that are not known yet may depend on more of its releases.
        if self.grows && self.unknown > 0 {
            return;
        }
        let Some(item) = self.items.get_mut(name) else { return };
        if item.waits_for == 0 && !item.failed {
            match item.file.take() {
                Some(file) => self.first.push_back(Task::Write(name.clone(), file)),
                // The mirror has it already.
                None => drop(self.open.remove(name)),
            }
        }
    }

    fn write_all_if_settled(&mut self) {
        if self.grows && self.unknown == 0 {
            let names: Vec<_> = self.items.keys().cloned().collect();
            for name in &names {
                self.write_if_complete(name);
            }
        }
    }

    fn fail(&mut self, task: &Task, error: FileError) {
        let (path, name) = match task {
            Task::Read(name) | Task::Fetch(name) => {
                self.unknown = self.unknown.saturating_sub(1);
                (RepositoryPath::package(name), Some(name))
            }
            Task::Write(name, _) => (RepositoryPath::package(name), Some(name)),
            Task::Tarball(tarball) => {
                let name = &tarball.file.package;
                let item = self.items.entry(name.clone()).or_default();
                item.waits_for = item.waits_for.saturating_sub(1);
                (RepositoryPath::tarball(&tarball.file), Some(name))
            }
            // No file names documentation, so its package is complete without it.
            Task::Docs { file, .. } => (RepositoryPath::docs(file), None),
        };
        self.failed.extend(name.cloned());
        if error.holds_back() {
            self.held_back.extend(name.cloned());
        }
        if let Some(item) = name.and_then(|name| self.items.get_mut(name)) {
            item.failed = true;
        }
        name.map(|name| self.open.remove(name));
        self.failures.push(NotMirrored { path: path.to_string(), error });
        self.write_all_if_settled();
    }

    fn fail_item(&mut self, name: &PackageName, error: FileError) {
        if let Some(item) = self.items.get_mut(name) {
            item.failed = true;
        }
        self.open.remove(name);
        self.failed.insert(name.clone());
        let path = RepositoryPath::package(name).to_string();
        self.failures.push(NotMirrored { path, error });
    }
}

#[cfg(test)]
mod tests;
