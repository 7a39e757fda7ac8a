//! `hexreg push`: a registry from a directory to where it is served, in order, and only what changed. START
//! HERE.
//!
//! ```text
//! local     what clients ask for, everything that is signed checked
//!  → remote what stands there: listings tell, save of what differs
//!  → losses what clients were told and would be told no longer
//!  → Plan   in its order, made only over what was looked at
//!  → store  again from the start, where somebody else was faster
//! ```

mod error;
mod local;
mod losses;
mod remote;

pub use error::Error;

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rayon::prelude::*;

use crate::name::{PackageName, RepositoryName};
use crate::publish::lock::{self, Wanted as Turn};
use crate::publish::observer::{Observer, Warning, Work};
use crate::publish::retry::{self, Contended};
use crate::publish::{Plan, State, Wanted};
use crate::published::{Published, Reader};
use crate::registry::{Releases, Resource, Versions};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{AppliedChange, Change, Changed, DirStore, Operation, Store, StoreError};
use crate::tarball::FileName;
use local::Local;
use remote::Remote;

/// How to push.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether releases and remarks may be lost that stand there and not here.
    pub overwrite: bool,
    /// How long to wait for whoever else works on either side.
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
    /// How many files stood there already.
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
    let mut turns: Vec<(&dyn Store, Turn)> = vec![(from, Turn::Shared)];
    if !options.dry_run {
        turns.push((to, Turn::Alone));
    }
    // In one order, or two who push to and fro would wait for each other.
    turns.sort_by_key(|(store, _)| store.lock_path());
    let hold = |(store, turn)| lock::hold::<Error>(store, turn, options.lock_timeout, observer);
    let _locks = turns.into_iter().map(hold).collect::<Result<Vec<_>, _>>()?;
    let local = Local::read(from, observer)?;
    let changes = Mutex::new(Vec::new());
    let heard = |change: &Change| {
        observer.went_on(1, 0);
        if let Some(changed) = change.changed() {
            observer.changed(&change.path, changed);
            let mut changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
            changes.push((change.path.clone(), changed));
        }
    };
    let unchanged = retry::until_undisturbed(options.lock_timeout, observer, |attempt| {
        let Planned { plan, leans_on_others } = plan(&local, to, options, observer, attempt)?;
        if options.dry_run {
            plan.changes.iter().for_each(heard);
        } else {
            observer.began(Work::Pushing, plan.changes.len());
            let made = |made: AppliedChange<'_>| {
                heard(made.change);
                if let Some(warning) = Warning::of_lost_readers(to, made) {
                    observer.warn(warning);
                }
            };
            plan.apply(to, &made).map_err(Error::Write)?;
            let met_others = attempt > 0 || options.overwrite || leans_on_others;
            if to.is_conditional() && met_others && !plan.changes.is_empty() {
                confirm(&local, to, options).map_err(Error::after_writing)?;
            }
        }
        Ok::<_, Error>(plan.unchanged)
    })?;
    Ok(Report {
        repository: local.versions.repository.clone(),
        fingerprint: local.key.fingerprint().to_owned(),
        packages: local.packages.len(),
        releases: local.release_count(),
        changes: changes.into_inner().unwrap_or_else(PoisonError::into_inner),
        unchanged,
    })
}

/// What has to be done.
struct Planned {
    plan: Plan,
    /// Whether it will name what stands there already and nobody names, or write what is named already:
    /// somebody may be about to name it, or to remove it.
    leans_on_others: bool,
}

/// What has to be done, unless something would be lost.
fn plan(
    local: &Local,
    to: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
    attempt: usize,
) -> Result<Planned, Error> {
    let remote = Remote::list(to, local, options.overwrite)?;
    let mut wanted = remote.registry(local)?;
    let key = RepositoryPath::public_key();
    let is_changed = |one: &&Wanted| one.state != State::Stands;
    if wanted.iter().any(|one| one.path == key && one.state != State::Stands) {
        if let Some(location) = remote.other_key(local)?.filter(|_| !options.overwrite) {
            return Err(Error::OtherKey { location, pushed: local.key.fingerprint().to_owned() });
        }
    }
    let surplus = remote.surplus(local);
    let changed: Vec<_> = wanted.iter().filter(is_changed).map(|one| &one.path).collect();
    let going = surplus.iter().map(|(path, _)| path);
    let names: Vec<PackageName> = changed.into_iter().chain(going).filter_map(package).collect();
    let standing = remote.packages(&names, &local.key)?;
    let versions = RepositoryPath::resource(&Resource::Versions);
    let is_told = wanted.iter().filter(is_changed).any(|one| one.path == versions);
    let versions = if is_told { remote.versions(&local.key)? } else { Published::Missing };
    let mut losses = losses::of(local, &standing, &versions);
    for (name, here) in &local.policies {
        let path = RepositoryPath::policy(name);
        if wanted.iter().filter(is_changed).any(|one| one.path == path) {
            let there = remote.policy(name, &local.key)?;
            losses.extend(losses::of_policy(path, here, &there));
        }
    }
    if !losses.is_empty() && !options.overwrite {
        return Err(Error::Loses(losses));
    }
    for alarm in losses {
        observer.warn(Warning::Alarm { alarm });
    }

    // As in a mirror of a part.
    let absent = remote.tarballs_missing(local);
    if absent > 0 {
        observer.warn(Warning::NoTarballs { absent, total: local.release_count() });
    }
    let files = local.files.par_iter();
    let files = files.map_init(Vec::new, |buffer, file| {
        let wanted = remote.file(file, &standing, buffer)?;
        if wanted.state != State::Stands {
            file.check(to)?;
        }
        Ok::<_, Error>(wanted)
    });
    wanted.extend(files.collect::<Result<Vec<_>, _>>()?);
    let unnamed = unnamed(local, &standing, &wanted);
    if to.is_conditional() && !options.overwrite {
        // To write over it would break what they publish. When it is looked at again it is named, or gone.
        if let Some(one) = unnamed.iter().find(|one| matches!(one.state, State::Differs(_))) {
            let is_expected = attempt < retry::UNTIL_DONE;
            return Err(Error::InTheWay { location: to.locate(&one.path), is_expected });
        }
    }
    let is_package = |one: &Wanted| one.path.folder() == Folder::Packages;
    let leans_on_others = unnamed.iter().any(|one| one.state == State::Stands)
        || if is_told {
            let names = RepositoryPath::resource(&Resource::Names);
            let is_named = !wanted.iter().filter(is_changed).any(|one| one.path == names);
            names_anew(local, &standing, &versions, is_named)
        } else {
            wanted.iter().filter(is_changed).any(is_package)
        };
    let mut plan = Plan::between(&[], None, &[], wanted.iter());
    plan.bridge(shrinking(local, &standing));
    if options.overwrite {
        plan.remove(surplus.into_iter().map(|(path, listed)| (path, listed.stamp)));
    }
    Ok(Planned { plan, leans_on_others })
}

/// The tarballs that stand there and that no release names there.
fn unnamed<'a>(
    local: &Local,
    standing: &HashMap<PackageName, Option<Releases>>,
    wanted: &'a [Wanted],
) -> Vec<&'a Wanted> {
    let is_named = |file: &FileName| match standing.get(&file.package) {
        // Its file is the same there.
        None => true,
        Some(says) => {
            says.iter().flat_map(|says| &says.releases).any(|one| one.version == file.version)
        }
    };
    let releases = local.files.iter().filter_map(|file| Some((&file.path, file.release.as_ref()?)));
    let unnamed = releases.filter(|(_, (file, _))| !is_named(file)).map(|(path, _)| path);
    let unnamed: HashSet<_> = unnamed.collect();
    let stands = wanted.iter().filter(|one| !matches!(one.state, State::Missing(_)));
    stands.filter(|one| unnamed.contains(&one.path)).collect()
}

/// Whether there are packages whose files stay as they are there, with releases that `versions` does not name;
/// or such as it does not name at all, where `names` stays as it is too.
fn names_anew(
    local: &Local,
    standing: &HashMap<PackageName, Option<Releases>>,
    versions: &Published<Versions>,
    names_stays: bool,
) -> bool {
    let named: HashMap<_, HashSet<_>> = match versions {
        Published::Present { document: versions, .. } => {
            let all = versions.packages.iter();
            all.map(|(name, all)| (name, all.iter().map(|one| &one.version).collect())).collect()
        }
        _ => HashMap::new(),
    };
    local.packages.iter().any(|(name, says)| match named.get(name) {
        None => names_stays || !standing.contains_key(name),
        Some(_) if standing.contains_key(name) => false,
        Some(named) => says.releases.iter().any(|one| !named.contains(&one.version)),
    })
}

/// Makes sure that what was pushed is still so, where nobody could be kept away. What stood already was not
/// written, so somebody may have changed or removed it since it was listed; others may have come since, who are
/// welcome unless all but this was to go. Where nobody was met this is not asked: whoever removes looks at all of
/// it afterwards, and makes good what a push named again.
fn confirm(local: &Local, to: &dyn Store, options: &Options) -> Result<(), Error> {
    let remote = Remote::list(to, local, options.overwrite)?;
    let amiss = match remote.lacks(local) {
        Some(path) => Some(path.clone()),
        None if options.overwrite => {
            let registry = remote.registry(local)?.into_iter();
            let differs = registry.filter(|one| one.state != State::Stands).map(|one| one.path);
            differs.chain(remote.surplus(local).into_iter().map(|(path, _)| path)).next()
        }
        None => {
            let packages = local.packages.iter().map(|(name, says)| {
                (name, says.releases.iter().map(|release| &release.version).collect())
            });
            Reader::new(to, local.key.clone()).index_without(&packages.collect())?
        }
    };
    let Some(path) = amiss else { return Ok(()) };
    Err(Error::Write(StoreError::conflict(Operation::Confirm, to.locate(&path))))
}

fn package(path: &RepositoryPath) -> Option<PackageName> {
    (path.folder() == Folder::Packages).then(|| path.file_name().parse().ok())?
}

/// The packages that lose releases and gain none, which wait until no index names those. A file that
/// would do for both, before and after, cannot be signed here.
fn shrinking(
    local: &Local,
    standing: &HashMap<PackageName, Option<Releases>>,
) -> HashMap<RepositoryPath, Option<Vec<u8>>> {
    let lacks = |some: &Releases, others: &Releases| {
        let mut some = some.releases.iter();
        some.any(|one| others.releases.iter().all(|other| other.version != one.version))
    };
    let shrinking = standing.iter().filter_map(|(name, was)| {
        let (was, is) = (was.as_ref()?, local.packages.get(name)?);
        (lacks(was, is) && !lacks(is, was)).then(|| (RepositoryPath::package(name), None))
    });
    shrinking.collect()
}
