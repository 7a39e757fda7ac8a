//! `hexreg verify`: a registry as a suspicious client reads it, all of it. Nothing is written.

mod indexes;
mod problem;
mod resources;
mod strays;
mod tarballs;

pub use problem::{Mark, Problem, Wrong};

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::time::Duration;

use super::dependencies::{self, DependencyRules};
use crate::key::PublicKey;
use crate::name::{PackageName, RepositoryName};
use crate::publish::lock::{self, Busy, Wanted};
use crate::publish::observer::{Observer, Warning, Work};
use crate::repository::RepositoryPath;
use crate::store::{Lock, Store, StoreError};
use crate::tarball::Limits;
use resources::Resources;
use strays::Tree;

/// What to expect.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name under which clients know the repository; without it, whatever its files agree on.
    pub repository: Option<RepositoryName>,
    /// The key that clients hold; without it, the registry's own `public_key`.
    pub public_key: Option<PublicKey>,
    /// What clients accept.
    pub limits: Limits,
    /// Whether to inflate and check what is in the packages.
    pub check_contents: bool,
    /// Whether packages and tarballs that are named may be missing, as from a mirror of some.
    pub partial: bool,
    /// How long to wait for a build to end.
    pub lock_timeout: Duration,
}

/// What was found.
#[derive(Debug)]
pub struct Report {
    /// The name that was expected, or else the one that the files give.
    pub repository: Option<RepositoryName>,
    /// The key that signatures were checked with, if there was one.
    pub public_key: Option<PublicKey>,
    /// How many packages could be read.
    pub packages: usize,
    /// How many releases they have.
    pub releases: usize,
    /// Everything that is wrong, by path.
    pub problems: Vec<Problem>,
    /// Whether `hexreg mirror` keeps the tree, which fetches again what is damaged.
    pub is_mirror: bool,
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tree cannot be listed or locked.
    #[error(transparent)]
    List(#[from] StoreError),
    /// There is nothing to list.
    #[error("there is no such directory")]
    Missing,
    /// A build did not end in time.
    #[error(transparent)]
    Busy(#[from] Busy),
}

/// Reads everything in `store` and compares each thing with what the others say of it, on the threads
/// of the current rayon pool.
///
/// # Errors
/// [`Error`] where the tree cannot be looked at as a whole. What is wrong in it is in the report.
pub fn verify(
    store: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    let _lock = lock(store, options.lock_timeout, observer)?;
    let tree = Tree::walk(store)?;
    let mut problems = Vec::new();

    let resources = Resources::read(store, &tree, options, &mut problems);
    for (name, policy) in &resources.policies {
        let location = store.locate(&RepositoryPath::policy(name));
        let warnings = policy.inert().into_iter();
        warnings.for_each(|inert| {
            observer.warn(Warning::Inert { location: location.clone(), inert });
        });
    }
    problems.extend(indexes::compare(&resources));

    observer.began(Work::ReadingTarballs, resources.release_count());
    problems.extend(tarballs::check(store, &tree, &resources, options, observer));
    warn_of_dependencies(&resources, observer);
    let strays = strays::find(store, &tree, &resources, &problems);
    problems.extend(strays);

    problems.retain(|problem| !options.partial || !problem.is_absence());
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Report {
        packages: resources.packages.len(),
        releases: resources.release_count(),
        repository: resources.repository,
        public_key: resources.public_key,
        problems,
        is_mirror: tree.is_mirror(),
    })
}

/// What is published stays as it is, and still some of it may harm clients.
fn warn_of_dependencies(resources: &Resources, observer: &dyn Observer) {
    let Some(repository) = &resources.repository else { return };
    let has_package = |name: &PackageName| resources.has_package(name);
    let allow_public = BTreeSet::new();
    let rules =
        DependencyRules { repository, has_package: &has_package, allow_public: &allow_public };
    for (name, package) in &resources.packages {
        let faulty = package.releases.iter().filter_map(|release| {
            let faults = rules.check(&release.dependencies).err()?;
            Some((release, faults))
        });
        dependencies::warn(observer, name, faulty);
    }
}

/// In the middle of a build a registry does not agree with itself.
fn lock(
    store: &dyn Store,
    timeout: Duration,
    observer: &dyn Observer,
) -> Result<Option<Lock>, Error> {
    match lock::hold(store, Wanted::Shared, timeout, observer) {
        Err(Error::List(error)) if error.source.kind() == ErrorKind::NotFound => {
            Err(Error::Missing)
        }
        held => held,
    }
}
