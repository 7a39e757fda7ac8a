//! `hexreg push`: copies a registry from a directory to where it is served, in order, and only what changed. START HERE.
//!
//! ```text
//! local        what clients ask for, everything that is signed checked
//!  → remote    what the destination has: listings tell, except for what differs
//!  → breakage  what clients were told and would no longer be told
//!  → Plan      a file is there before another names it
//!  → transaction  writes only over what was read; again from the start if another writer was faster
//! ```

mod error;
mod local;
mod remote;
mod rivals;

pub use error::Error;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use rayon::prelude::*;

use crate::name::{PackageName, RepositoryName};
use crate::publish::breakage::{self, Breakage, Bridges};
use crate::publish::observer::{Observer, Warning, Work};
use crate::publish::transaction::{Attempt, Publication, Transaction};
use crate::publish::{DesiredFile, FileState, Plan};
use crate::published::{Published, Reader};
use crate::registry::{Releases, Resource};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Changed, DirStore, Store};
use local::Local;
use remote::Remote;

/// How to push.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether the destination may lose releases and remarks that the directory does not have.
    pub overwrite: bool,
    /// Files whose losses were judged before, such as by a mirror that compared them with what is published: the
    /// destination may lose what these no longer say, and the files that are missing here are removed there.
    pub judged: BTreeSet<RepositoryPath>,
    /// How long to wait for other processes that use either side.
    pub lock_timeout: Duration,
    /// Plan, and write nothing.
    pub dry_run: bool,
}

/// What was done, or with a dry run would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The name under which clients know the repository.
    pub repository: RepositoryName,
    /// The fingerprint of the key that signed it.
    pub fingerprint: String,
    /// How many packages there are.
    pub packages: usize,
    /// How many releases they have.
    pub releases: usize,
    /// What changed, in the order in which it did.
    pub changes: Vec<(RepositoryPath, Changed)>,
    /// How many files were there already.
    pub unchanged: usize,
}

/// Makes `to` what `from` is, on the threads of the current rayon pool.
///
/// # Errors
/// [`Error`]; unless it is [`Error::Write`], nothing was written.
pub fn push(
    from: &DirStore,
    to: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    let Options { lock_timeout, dry_run, .. } = *options;
    let transaction = Transaction::begin::<Error>(to, Some(from), lock_timeout, dry_run, observer)?;
    let local = Local::read(from, observer)?;
    let (planned, changes) = transaction.run(&Push { local: &local, options })?;
    Ok(Report {
        repository: local.versions.repository.clone(),
        fingerprint: local.key.fingerprint().to_owned(),
        packages: local.packages.len(),
        releases: local.release_count(),
        changes,
        unchanged: planned.unchanged,
    })
}

struct Push<'a> {
    local: &'a Local,
    options: &'a Options,
}

/// A push that was planned.
struct Planned {
    unchanged: usize,
    /// Whether the plan uses a file of the destination that no release names, or overwrites one that a release names.
    /// Another writer may be doing the opposite.
    meets_others: bool,
}

impl Publication for Push<'_> {
    type Planned = Planned;
    type Error = Error;

    const PROGRESS: Option<Work> = Some(Work::Pushing);

    fn plan(&self, attempt: &Attempt<'_>) -> Result<(Plan, Planned), Error> {
        let (to, observer, Self { local, options }) = (attempt.store(), attempt.observer(), self);
        let remote = Remote::list(attempt, local, options.overwrite)?;
        let mut desired = remote.registry(local)?;
        self.refuse_other_key(&remote, &desired)?;
        let surplus = remote.surplus(local);
        let changed = changed(&desired).map(|one| &one.path);
        let removed = surplus.iter().map(|(path, _)| path);
        let names: Vec<PackageName> = changed.chain(removed).filter_map(package).collect();
        let published = remote.packages(&names, &local.key)?;
        let changes_versions = changes(&desired, &RepositoryPath::resource(&Resource::Versions));
        let versions =
            if changes_versions { remote.versions(&local.key)? } else { Published::Missing };

        let mut losses =
            breakage::by_other_registry(&local.versions, &local.packages, &published, &versions);
        for (name, here) in &local.policies {
            let path = RepositoryPath::policy(name);
            if changes(&desired, &path) {
                let there = remote.policy(name, &local.key)?;
                losses.extend(breakage::by_other_policy(path, here, &there));
            }
        }
        if losses.iter().any(|loss| !self.is_judged(loss)) && !options.overwrite {
            losses.retain(|loss| !self.is_judged(loss));
            return Err(Error::Loses(losses));
        }
        for breakage in losses {
            observer.warn(Warning::Breakage { breakage });
        }

        // A mirror of some releases lacks the tarballs of others.
        let absent = remote.tarballs_missing(local);
        if absent > 0 {
            observer.warn(Warning::NoTarballs { absent, total: local.release_count() });
        }
        let files = local.files.par_iter().map_init(Vec::new, |buffer, file| {
            let desired = remote.file(file, &published, buffer)?;
            if desired.state != FileState::Unchanged {
                file.check(to)?;
            }
            Ok::<_, Error>(desired)
        });
        let files = files.collect::<Result<Vec<_>, _>>()?;

        let unnamed = rivals::unnamed(local, &published, &files);
        if attempt.has_concurrent_writers() && !options.overwrite {
            // To overwrite it would break what another writer publishes. The next attempt finds it named, or gone.
            let in_the_way = |one: &&&DesiredFile| matches!(one.state, FileState::Different(_));
            if let Some(one) = unnamed.iter().find(in_the_way) {
                return Err(Error::InTheWay { location: to.locate(&one.path) });
            }
        }
        let meets_others = unnamed.iter().any(|one| one.state == FileState::Unchanged)
            || if changes_versions {
                let names = RepositoryPath::resource(&Resource::Names);
                rivals::names_anew(local, &published, &versions, !changes(&desired, &names))
            } else {
                self::changed(&desired).any(|one| one.path.folder() == Folder::Packages)
            };
        desired.extend(files);
        let mut plan = Plan::between(&[], None, &[], desired.iter());
        plan.bridge(self.bridges(&published));
        let removed = surplus.into_iter();
        let removed =
            removed.filter(|(path, _)| options.overwrite || options.judged.contains(path));
        plan.remove(removed.map(|(path, listed)| (path, listed.stamp)));
        let unchanged = plan.unchanged;
        Ok((plan, Planned { unchanged, meets_others }))
    }

    /// Files that were there already were not written, so another writer may have changed or removed them since they
    /// were listed. Releases that were added since are fine, except with `overwrite`. A first attempt that met no other
    /// writer is not checked: a writer that removes a release checks all of it, and repairs what a push named again.
    fn confirm(&self, attempt: &Attempt<'_>, _: &Plan, planned: &Planned) -> Result<(), Error> {
        let Self { local, options } = self;
        if attempt.is_first() && !options.overwrite && !planned.meets_others {
            return Ok(());
        }
        let remote = Remote::list(attempt, local, options.overwrite)?;
        let undone = match remote.lacks(local) {
            Some(path) => Some(path.clone()),
            None if options.overwrite => {
                let registry = remote.registry(local)?;
                let changed = changed(&registry).map(|one| one.path.clone());
                changed.chain(remote.surplus(local).into_iter().map(|(path, _)| path)).next()
            }
            None => {
                let packages = local.packages.iter().map(|(name, package)| {
                    (name, package.releases.iter().map(|release| &release.version).collect())
                });
                let reader = Reader::new(attempt.store(), local.key.clone());
                reader.index_without(&packages.collect())?
            }
        };
        undone.map_or(Ok(()), |path| Err(Error::Write(attempt.undone(&path))))
    }
}

impl Push<'_> {
    fn refuse_other_key(&self, remote: &Remote<'_>, desired: &[DesiredFile]) -> Result<(), Error> {
        if changes(desired, &RepositoryPath::public_key()) {
            if let Some(location) =
                remote.other_key(self.local)?.filter(|_| !self.options.overwrite)
            {
                let pushed = self.local.key.fingerprint().to_owned();
                return Err(Error::OtherKey { location, pushed });
            }
        }
        Ok(())
    }

    /// Whether a loss is one of the files that were judged before.
    fn is_judged(&self, loss: &Breakage) -> bool {
        let judged = &self.options.judged;
        let Some(package) = loss.package() else {
            let path = loss.path();
            return path.folder() == Folder::Policies && judged.contains(&path);
        };
        judged.contains(&RepositoryPath::package(package))
    }

    /// There is no key here to sign bridges with.
    fn bridges(&self, published: &HashMap<PackageName, Option<Releases>>) -> Bridges {
        let packages = published
            .iter()
            .filter_map(|(name, was)| Some((name, was.as_ref()?, self.local.packages.get(name)?)));
        breakage::shrinking(packages)
    }
}

/// The files that are not as they should be.
fn changed(desired: &[DesiredFile]) -> impl Iterator<Item = &DesiredFile> {
    desired.iter().filter(|one| one.state != FileState::Unchanged)
}

fn changes(desired: &[DesiredFile], path: &RepositoryPath) -> bool {
    changed(desired).any(|one| one.path == *path)
}

fn package(path: &RepositoryPath) -> Option<PackageName> {
    (path.folder() == Folder::Packages).then(|| path.file_name().parse().ok())?
}
