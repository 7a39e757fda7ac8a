//! What was looked up so far, each package once, and how much more may be.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ops::Bound;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer::Stopped;
use super::choice::{Choice, Choices, allowed, repository_of};
use super::source::{Lookup, PackageSource, QualifiedName, Whereabouts};
use crate::package::{Dependency, Release};
use crate::registry::Releases;
use crate::requirement::{VersionRequirement, check_solvable};
use crate::version::Version;

/// How much work a closure may be.
#[derive(Clone, Debug)]
pub struct ClosureLimits {
    /// The most packages that are looked up. The largest real sets have 200.
    pub packages: usize,
    /// The most steps of the solver. Real sets need one or two for each package.
    pub steps: usize,
    /// How often another version of a package may be tried. The solver remembers why each does not fit, so its memory
    /// grows with the square of this.
    pub retries: usize,
    /// The longest time, without the last lookup.
    pub time: Duration,
    /// The most requirements that are listed as unreadable.
    pub unreadable: usize,
}

impl Default for ClosureLimits {
    fn default() -> Self {
        Self {
            packages: 500,
            steps: 5_000,
            retries: 400,
            time: Duration::from_secs(5),
            unreadable: 20,
        }
    }
}

/// What was looked up, by the number of the repository and the name of the package.
type Lookups = HashMap<(usize, Arc<str>), Rc<CatalogPackage>>;

/// The packages that were looked up.
pub(super) struct Catalog<'a> {
    source: &'a dyn PackageSource,
    limits: &'a ClosureLimits,
    started: Instant,
    steps: Cell<usize>,
    /// The packages of which a version was tried, and how often another one was.
    tried: RefCell<HashSet<(usize, Arc<str>)>>,
    retries: Cell<usize>,
    /// Their numbers count from 1.
    repositories: RefCell<Vec<Rc<str>>>,
    packages: RefCell<Lookups>,
    requirements: RefCell<HashMap<String, Rc<ReadRequirement>>>,
}

/// A package that was looked up.
pub(super) struct CatalogPackage {
    pub whereabouts: Whereabouts,
    releases: Option<Arc<Releases>>,
    /// Ascending, each with its index in the releases.
    versions: Vec<(Version, usize)>,
}

/// A requirement that was parsed.
pub(super) struct ReadRequirement {
    /// `None` if it does not parse. Any version may meet it.
    pub versions: Option<VersionRequirement>,
    /// Why Hex's solver raises on it.
    pub fault: Option<String>,
}

/// A dependency, with what it allows.
pub(super) struct Demand {
    pub package: Arc<str>,
    pub repository: usize,
    pub choices: Choices,
}

impl<'a> Catalog<'a> {
    pub fn new(source: &'a dyn PackageSource, limits: &'a ClosureLimits) -> Self {
        Self {
            source,
            limits,
            started: Instant::now(),
            steps: Cell::new(0),
            tried: RefCell::default(),
            retries: Cell::new(0),
            repositories: RefCell::default(),
            packages: RefCell::default(),
            requirements: RefCell::default(),
        }
    }

    /// Counts a step of the solver.
    pub fn step(&self) -> Result<(), Stopped> {
        self.steps.set(self.steps.get().saturating_add(1));
        if self.steps.get() > self.limits.steps {
            return Err(Stopped::Steps(self.limits.steps));
        }
        self.in_time()
    }

    /// Counts a version that is tried.
    pub fn try_version(&self, repository: usize, package: &Arc<str>) -> Result<(), Stopped> {
        if !self.tried.borrow_mut().insert((repository, Arc::clone(package))) {
            self.retries.set(self.retries.get().saturating_add(1));
        }
        if self.retries.get() > self.limits.retries {
            return Err(Stopped::Retries(self.limits.retries));
        }
        Ok(())
    }

    /// Fails once the time is over.
    pub fn in_time(&self) -> Result<(), Stopped> {
        if self.started.elapsed() > self.limits.time { Err(Stopped::Time) } else { Ok(()) }
    }

    pub fn repository(&self, name: &str) -> usize {
        let mut repositories = self.repositories.borrow_mut();
        let known = repositories.iter().position(|one| **one == *name);
        let index = known.unwrap_or_else(|| {
            repositories.push(name.into());
            repositories.len().saturating_sub(1)
        });
        index.saturating_add(1)
    }

    pub fn repository_name(&self, number: usize) -> Rc<str> {
        let repositories = self.repositories.borrow();
        let name = number.checked_sub(1).and_then(|index| repositories.get(index));
        name.cloned().unwrap_or_else(|| "".into())
    }

    pub fn name(&self, repository: usize, package: &str) -> QualifiedName {
        let repository = self.repository_name(repository).to_string();
        QualifiedName { repository, package: package.to_owned() }
    }

    /// Looks up a package, unless that was done.
    pub fn package(
        &self,
        repository: usize,
        name: &Arc<str>,
    ) -> Result<Rc<CatalogPackage>, Stopped> {
        let key = (repository, Arc::clone(name));
        if let Some(known) = self.packages.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        if self.packages.borrow().len() >= self.limits.packages {
            return Err(Stopped::Packages(self.limits.packages));
        }
        self.in_time()?;
        let lookup = self.source.releases(&self.repository_name(repository), name);
        let package = Rc::new(CatalogPackage::of(lookup));
        self.packages.borrow_mut().insert(key, Rc::clone(&package));
        Ok(package)
    }

    /// A package, if it was looked up.
    pub fn known(&self, repository: usize, name: &Arc<str>) -> Option<Rc<CatalogPackage>> {
        self.packages.borrow().get(&(repository, Arc::clone(name))).cloned()
    }

    /// The packages that a set of choices is of.
    fn packages(
        &self,
        name: &Arc<str>,
        choices: &Choices,
    ) -> Result<Vec<Rc<CatalogPackage>>, Stopped> {
        let intervals = choices.iter().map(|(lower, _)| repository_of(lower));
        intervals.map(|repository| self.package(repository, name)).collect()
    }

    /// How many versions of a package are in a set.
    pub fn count(&self, name: &Arc<str>, choices: &Choices) -> Result<usize, Stopped> {
        let packages = self.packages(name, choices)?;
        let counts = packages.iter().zip(choices.iter());
        Ok(counts.map(|(package, interval)| package.within(interval).len()).sum())
    }

    /// The version that clients take of those in a set: the newest; a pre-release only if there is no other.
    pub fn best(&self, name: &Arc<str>, choices: &Choices) -> Result<Option<Choice>, Stopped> {
        let packages = self.packages(name, choices)?;
        let mut pre_release = None;
        let intervals: Vec<_> = packages.iter().zip(choices.iter()).collect();
        for (package, interval) in intervals.into_iter().rev() {
            let repository = repository_of(interval.0);
            for (version, _) in package.within(interval).iter().rev() {
                let choice = || Choice::new(repository, version.clone());
                if !version.is_pre_release() {
                    return Ok(Some(choice()));
                }
                pre_release = pre_release.or_else(|| Some(choice()));
            }
        }
        Ok(pre_release)
    }

    /// The text of a requirement, parsed once.
    pub fn requirement(&self, text: &str) -> Rc<ReadRequirement> {
        if let Some(known) = self.requirements.borrow().get(text) {
            return Rc::clone(known);
        }
        let fault = check_solvable(text).err().map(|error| error.to_string());
        let read = Rc::new(ReadRequirement { versions: text.parse().ok(), fault });
        self.requirements.borrow_mut().insert(text.to_owned(), Rc::clone(&read));
        read
    }

    /// The requirements of the releases that were read, by what they allow.
    pub fn requirement_texts(&self) -> Vec<(Choices, String)> {
        let requirements = self.requirements.borrow();
        let repositories = 1..=self.repositories.borrow().len();
        let texts =
            requirements.iter().filter_map(|(text, read)| Some((text, read.versions.as_ref()?)));
        let all = texts.flat_map(|(text, versions)| {
            let sets = repositories.clone().map(move |number| allowed(number, Some(versions)));
            sets.map(|set| (set, text.clone()))
        });
        all.collect()
    }

    /// What a dependency of a release in `repository` allows.
    pub fn demand(&self, repository: usize, dependency: &Dependency) -> Demand {
        let named = dependency.repository.as_deref().map(|name| self.repository(name));
        let repository = named.unwrap_or(repository);
        let requirement = self.requirement(&dependency.requirement.0);
        let choices = allowed(repository, requirement.versions.as_ref());
        Demand { package: dependency.package.as_str().into(), repository, choices }
    }
}

impl CatalogPackage {
    fn of(lookup: Lookup) -> Self {
        let (whereabouts, releases) = match lookup {
            Lookup::Here(releases) => (Whereabouts::Here, Some(releases)),
            Lookup::Upstream(releases) => (Whereabouts::Upstream, Some(releases)),
            Lookup::Missing => (Whereabouts::Missing, None),
            Lookup::Unknown(reason) => (Whereabouts::Unknown(reason), None),
        };
        let all = releases.iter().flat_map(|releases| &releases.releases);
        let mut versions: Vec<_> = all.map(|one| one.version.clone()).zip(0..).collect();
        versions.sort();
        versions.dedup_by(|(one, _), (other, _)| one == other);
        Self { whereabouts, releases, versions }
    }

    pub fn release(&self, version: &Version) -> Option<&Release> {
        let place = self.versions.binary_search_by(|(one, _)| one.cmp(version)).ok()?;
        let (_, index) = self.versions.get(place)?;
        self.releases.as_ref()?.releases.get(*index)
    }

    /// Every release of it.
    pub fn releases(&self) -> impl Iterator<Item = &Release> {
        self.releases.iter().flat_map(|releases| &releases.releases)
    }

    /// All versions, ascending.
    pub fn versions(&self) -> impl DoubleEndedIterator<Item = &Version> {
        self.versions.iter().map(|(version, _)| version)
    }

    fn within(&self, (lower, upper): (&Bound<Choice>, &Bound<Choice>)) -> &[(Version, usize)] {
        let repository = repository_of(lower);
        let place = |version: &Version| Choice::new(repository, version.clone());
        let is_below = |version: &Version| match lower {
            Bound::Included(end) => place(version) < *end,
            Bound::Excluded(end) => place(version) <= *end,
            Bound::Unbounded => false,
        };
        let is_not_above = |version: &Version| match upper {
            Bound::Included(end) => place(version) <= *end,
            Bound::Excluded(end) => place(version) < *end,
            Bound::Unbounded => true,
        };
        let from = self.versions.partition_point(|(version, _)| is_below(version));
        let to = self.versions.partition_point(|(version, _)| is_not_above(version));
        self.versions.get(from..to).unwrap_or_default()
    }
}
