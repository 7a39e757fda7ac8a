//! `hexreg verify`: checks all of a repository, as a client that trusts nothing would. Nothing is written.

mod error;
mod indexes;
mod options;
mod problem;
mod resources;
mod tarballs;
mod tree;
mod unknown_files;

pub use error::Error;
pub use options::Options;
pub use problem::{Defect, Mark, Problem};

use std::collections::BTreeSet;
use std::time::Duration;

use crate::key::PublicKey;
use crate::name::{PackageName, RepositoryName};
use crate::publish::dependencies::{self, DependencyRules};
use crate::publish::lock::{self, LockMode};
use crate::publish::observer::{Observer, Warning, Work};
use crate::repository::RepositoryPath;
use crate::store::{Lock, Store, StoreErrorKind};
use resources::Resources;
use tree::Tree;

/// The result of a check.
#[derive(Debug)]
pub struct Report {
    /// The name that was expected, or else that of most files.
    pub repository: Option<RepositoryName>,
    /// The key by which signatures were verified, if there was one.
    pub public_key: Option<PublicKey>,
    /// The number of packages that could be read.
    pub packages: usize,
    /// The number of their releases.
    pub releases: usize,
    /// All problems, sorted by path.
    pub problems: Vec<Problem>,
    /// Whether `hexreg mirror` made the repository. It can fetch damaged files again.
    pub is_mirror: bool,
}

/// Reads all files in `store`, checks each and compares them with each other, on the threads of the current rayon pool.
///
/// # Errors
/// [`Error`] if the repository cannot be listed or locked. What is wrong in it is in the report.
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
        let path = RepositoryPath::policy(name);
        for inert in policy.inert_parts() {
            // What upstream has signed cannot be repaired here.
            if tree.is_mirror() {
                observer.warn(Warning::Inert { location: store.locate(&path), inert });
            } else {
                problems.push(Defect::Inert(inert).at(path.clone()));
            }
        }
    }
    problems.extend(indexes::compare(&resources));

    observer.began(Work::ReadingTarballs, resources.release_count());
    problems.extend(tarballs::check(store, &tree, &resources, options, observer));
    warn_of_dependencies(&resources, observer);
    let unknown = unknown_files::find(store, &tree, &resources, &problems);
    problems.extend(unknown);

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

/// Warns of dependencies that may harm clients. They are no problem of the files: what is published must not change.
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

/// Locks out builds. While one is running, the files do not match each other.
fn lock(
    store: &dyn Store,
    timeout: Duration,
    observer: &dyn Observer,
) -> Result<Option<Lock>, Error> {
    match lock::hold(store, LockMode::Shared, timeout, observer) {
        Err(Error::List(error)) if matches!(error.kind, StoreErrorKind::NotFound(_)) => {
            Err(Error::Missing)
        }
        held => held,
    }
}
