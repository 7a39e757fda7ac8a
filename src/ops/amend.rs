//! What changes some releases of a registry and knows nothing of the rest: [`add`](super::add),
//! [`remove`](super::remove) and [`retire`](super::retire) are its verbs.
//!
//! ```text
//! standing    what packages/NAME, versions and names say, signed
//!  → draft    what they are to say                                pure
//!  → seal     signed files, where they do not stand already
//!  → Plan     in its order: what is named before what names it, and gone after
//!  → store    what was looked at and no other is written over
//!  → confirm  all of it is still so; again from the start, where somebody else came between
//! ```
//!
//! The cost does not depend on how many tarballs there are: no other is read, and nothing is listed.

mod confirm;
mod draft;
mod error;
mod standing;

pub(super) use draft::Draft;
pub use error::Error;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rayon::prelude::*;

use crate::checksum::OuterChecksum;
use crate::key::PrivateKey;
use crate::name::{PackageName, RepositoryName};
use crate::publish::lock::{self, Wanted as Turn};
use crate::publish::observer::{Observer, Warning};
use crate::publish::retry::{self, Contended};
use crate::publish::sign::seal;
use crate::publish::{Plan, State, Wanted};
use crate::registry::{Gzip, Names, Payload, Releases, Versions};
use crate::repository::{ByteSource, Folder, RepositoryPath};
use crate::store::{AppliedChange, Change, Changed, Store};
use crate::tarball::{FileName, Limits};
use confirm::Done;
use standing::{File, Standing};

/// Which registry to change, and how.
#[derive(Debug)]
pub struct Options {
    /// The name under which clients know the repository.
    pub repository: RepositoryName,
    /// What signs it.
    pub key: PrivateKey,
    /// How long to wait for whoever else changes it.
    pub lock_timeout: Duration,
    /// Plan, and write nothing.
    pub dry_run: bool,
}

/// What was done, or with a dry run would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What changed, in the order in which it did.
    pub changes: Vec<(RepositoryPath, Changed)>,
}

/// What is to become of a tarball.
pub(super) enum Tarball {
    /// It is there.
    Stands {
        file: FileName,
        source: ByteSource,
        checksum: OuterChecksum,
        /// Whether the registry lists this very tarball already.
        is_listed: bool,
        /// Whether it may take the place of another.
        replaces: bool,
    },
    /// It is not there.
    Goes(FileName),
}

/// What a verb does to what stands, and to tarballs; doing it twice is doing it once.
pub(super) type Edit<'a> = dyn Fn(&mut Draft) -> Result<Vec<Tarball>, Error> + 'a;

/// Changes these packages as `edit` does, which is asked again, of what stands then, whenever somebody else
/// was faster.
pub(super) fn amend(
    store: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
    packages: &BTreeSet<PackageName>,
    edit: &Edit<'_>,
) -> Result<Report, Error> {
    let timeout = options.lock_timeout;
    // Whoever writes nothing need not keep anybody else from it.
    let hold = || lock::hold::<Error>(store, Turn::Alone, timeout, observer);
    let _lock = if options.dry_run { None } else { hold()? };
    let changes = Mutex::new(Vec::new());
    let heard = |change: &Change| {
        if let Some(changed) = change.changed() {
            observer.changed(&change.path, changed);
            let mut changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
            changes.push((change.path.clone(), changed));
        }
    };
    retry::until_undisturbed::<_, Error>(timeout, observer, |attempt| {
        let standing = Standing::read(store, options, packages, attempt)?;
        let mut draft = standing.draft();
        let tarballs = edit(&mut draft).map_err(|error| match error {
            Error::NoSuchRelease { .. } if standing.is_nothing() => {
                Error::NoRegistry { location: store.locate(&Folder::Root.path()) }
            }
            error => error,
        })?;
        refuse_lacking(store, &draft, attempt)?;
        let plan = plan(store, options, &standing, &draft, &tarballs, attempt)?;
        if options.dry_run {
            plan.changes.iter().for_each(heard);
            return Ok(());
        }
        let made = |made: AppliedChange<'_>| {
            heard(made.change);
            if let Some(warning) = Warning::of_lost_readers(store, made) {
                observer.warn(warning);
            }
        };
        plan.apply(store, &made).map_err(Error::Write)?;
        let done =
            Done { store, options, packages, edit, attempt, plan: &plan, tarballs: &tarballs };
        done.confirm().map_err(Error::after_writing)
    })?;
    let changes = changes.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Report { changes })
}

/// A release is looked for where there is something, or a mistyped directory would come to be for want of a
/// lock.
pub(super) fn refuse_nowhere(store: &dyn Store) -> Result<(), Error> {
    if store.is_conditional() || store.list(Folder::Root)?.is_some() {
        return Ok(());
    }
    Err(Error::NoRegistry { location: store.locate(&Folder::Root.path()) })
}

/// What a package has lost could be told no more, once its file is written anew.
fn refuse_lacking(store: &dyn Store, draft: &Draft, attempt: usize) -> Result<(), Error> {
    let Some((package, version)) = draft.lacking() else { return Ok(()) };
    Err(Error::Lacks {
        location: store.locate(&RepositoryPath::package(package)),
        release: Box::new(FileName { package: package.clone(), version: version.clone() }),
        // Both are read at once: it may be removed just now.
        is_expected: store.is_conditional() && attempt < retry::UNTIL_DONE,
    })
}

/// What has to be done for the registry to say what the draft does.
fn plan(
    store: &dyn Store,
    options: &Options,
    standing: &Standing,
    draft: &Draft,
    tarballs: &[Tarball],
    attempt: usize,
) -> Result<Plan, Error> {
    let repository = || options.repository.clone();
    let mut wanted = Vec::new();
    if standing.versions.says.is_none() {
        wanted.extend(standing::public_key(store, options.key.public_key())?);
    }
    // Whoever writes nothing has to look by itself.
    let is_sure = store.is_conditional() && attempt == 0 && !options.dry_run;
    let looked_at = tarballs.par_iter().map(|tarball| look(store, tarball, is_sure));
    let mut goes = Vec::new();
    for looked_at in looked_at.collect::<Result<Vec<_>, _>>()? {
        match looked_at {
            Looked::Wanted(tarball) => wanted.push(tarball),
            Looked::Goes(path) => goes.push((path, None)),
            Looked::Gone => {}
        }
    }
    let mut late = HashMap::new();
    for (name, file) in &standing.packages {
        let releases = draft.packages.get(name).cloned().unwrap_or_default();
        let was = file.says.iter().flat_map(|says| &says.releases);
        let mut lost = was.filter(|was| releases.iter().all(|is| is.version != was.version));
        if lost.next().is_some() {
            late.insert(file.path.clone(), None);
        }
        if !releases.is_empty() {
            let unknown = file.says.as_ref().map(|says| says.unknown.clone()).unwrap_or_default();
            let (repository, package) = (repository(), name.clone());
            let releases = Releases { repository, package, releases, unknown };
            wanted.push(file.sealed(options, &releases.encode())?);
        } else if file.bytes.is_some() {
            goes.push((file.path.clone(), file.stamp));
        }
    }
    let packages = draft.versions.clone().into_iter().collect();
    let unknown = standing.versions.says.as_ref().map(|says| says.unknown.clone());
    let unknown = unknown.unwrap_or_default();
    let versions = Versions { repository: repository(), packages, unknown };
    let packages = draft.names.clone().into_iter().collect();
    let unknown = standing.names.says.as_ref().map(|says| says.unknown.clone());
    let names = Names { repository: repository(), packages, unknown: unknown.unwrap_or_default() };
    wanted.push(standing.versions.sealed(options, &versions.encode())?);
    wanted.push(standing.names.sealed(options, &names.encode())?);

    let mut plan = Plan::between(&[], None, &[], wanted.iter());
    plan.bridge(late);
    plan.remove(goes);
    Ok(plan)
}

impl<T> File<T> {
    fn sealed(&self, options: &Options, payload: &Payload) -> Result<Wanted, Error> {
        let state =
            seal(&self.resource, payload, &options.key, &mut Gzip::new(), self.bytes.as_deref())?;
        Ok(Wanted { path: self.path.clone(), state, over: self.stamp })
    }
}

/// What was found where a tarball stands or belongs.
enum Looked {
    Wanted(Wanted),
    Goes(RepositoryPath),
    Gone,
}

/// A new tarball is looked for only where it might be overwritten otherwise: most stores tell by
/// themselves whether there is one.
fn look(store: &dyn Store, tarball: &Tarball, is_sure: bool) -> Result<Looked, Error> {
    let mut bytes = Vec::new();
    let (file, source, checksum, is_listed, replaces) = match tarball {
        Tarball::Goes(file) => {
            let path = path(file);
            let stands = store.read(&path, 0, &mut bytes)?.is_some();
            return Ok(if stands { Looked::Goes(path) } else { Looked::Gone });
        }
        Tarball::Stands { file, source, checksum, is_listed, replaces } => {
            (file, source, checksum, *is_listed, *replaces)
        }
    };
    let path = path(file);
    let is_sure = is_sure && !replaces && !is_listed;
    let limit = if is_listed { 0 } else { Limits::HEX.tarball };
    let content = if is_sure { None } else { store.read(&path, limit, &mut bytes)? };
    let state = match content {
        None => State::Missing(source.clone()),
        // What it is, `hexreg verify` tells.
        Some(_) if is_listed => State::Stands,
        Some(_) if OuterChecksum::of(&bytes) == *checksum => State::Stands,
        Some(_) if replaces => State::Differs(source.clone()),
        Some(_) => return Err(Error::InTheWay { location: store.locate(&path) }),
    };
    let over = content.and_then(|content| content.stamp);
    Ok(Looked::Wanted(Wanted { path, state, over }))
}

fn path(tarball: &FileName) -> RepositoryPath {
    RepositoryPath::tarball(tarball)
}
