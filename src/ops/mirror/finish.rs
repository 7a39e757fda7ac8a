//! The end of a run: writes the indexes, removes what is no longer selected, and writes the state.

use std::collections::BTreeSet;

use super::batch_writer::WriterStopped;
use super::conditional_fetch::FetchedFile;
use super::error::Error;
use super::fetch::Fetcher;
use super::file_validator::FileValidator;
use super::mirror_directory::{self, MirrorDirectory};
use super::options::Options;
use super::planner::{MirrorContents, Planner};
use super::state::{MirrorState, PackageRecord};
use crate::name::PackageName;
use crate::publish::observer::{Observer, Warning};
use crate::publish::{DesiredFile, FileState, Plan};
use crate::repository::{RepositoryPath, is_elixirs};
use crate::store::{AppliedChange, Changed, DirStore};
use crate::tarball::FileName;

/// What is known once all tasks are done.
pub(super) struct Finished<'a> {
    pub names: FetchedFile,
    pub versions: FetchedFile,
    /// Tags of policies and lists of installs, by path.
    pub validators: Vec<(String, FileValidator)>,
    /// The mirror before the run.
    pub contents: MirrorContents,
    pub planner: &'a Planner,
    /// Whether all that the indexes name is there, except for packages that are held back.
    pub is_complete: bool,
    /// Whether to remove what is not selected.
    pub prunes: bool,
}

/// The error of a writer that has stopped.
pub(super) fn check_writer(
    fetcher: &Fetcher,
    executed: &Result<(), WriterStopped>,
) -> Result<(), Error> {
    if let Err(WriterStopped) = executed {
        fetcher.close()?;
        return Err(Error::Run(std::io::Error::other("a task was lost")));
    }
    Ok(())
}

/// Writes the indexes, removes what is not selected, and saves the state. After a failure only the state is saved, so
/// that the next run resumes. A package that is held back is no failure.
pub(super) fn finish(
    fetcher: &Fetcher,
    options: &Options,
    finished: &Finished<'_>,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let mirror_dir = &fetcher.mirror_dir;
    if finished.is_complete {
        for (store, plan) in plans(mirror_dir, options, finished)? {
            let made = |made: AppliedChange<'_>| {
                if let Some(changed) = made.change.changed() {
                    observer.changed(&made.change.path, changed);
                }
                if let Some(warning) = Warning::of_lost_readers(store, made) {
                    observer.warn(warning);
                }
            };
            if options.dry_run {
                plan.changes.iter().map(AppliedChange::new).for_each(made);
            } else {
                plan.apply(store, &made)?;
            }
        }
    }
    if !options.dry_run {
        let state = state(fetcher, finished);
        if state != mirror_dir.state || mirror_dir.has_journal() {
            mirror_dir.write_state(&state)?;
        }
    }
    Ok(())
}

/// One plan for a full mirror. With --tarballs-only there are two stores; what is removed from the second one is named
/// by nothing after the first plan.
fn plans<'a>(
    mirror_dir: &'a MirrorDirectory,
    options: &Options,
    finished: &Finished<'_>,
) -> Result<Vec<(&'a DirStore, Plan)>, Error> {
    let MirrorDirectory { files, registry, .. } = mirror_dir;
    let mut written = vec![desired(&finished.versions), desired(&finished.names)];
    if !options.tarballs_only {
        written.extend(key(mirror_dir, options)?);
    }
    let mut signed = Plan::between(&[], None, &[], written.iter());
    signed.remove(removed_packages(finished).map(|path| (path, None)));
    let unnamed = removed_files(finished, options).into_iter().map(|path| (path, None));
    if files == registry {
        signed.remove(unnamed);
        return Ok(vec![(registry, signed)]);
    }
    let mut unsigned = Plan::default();
    unsigned.remove(unnamed);
    Ok(vec![(registry, signed), (files, unsigned)])
}

fn desired(file: &FetchedFile) -> DesiredFile {
    let bytes = || file.bytes.to_vec().into();
    let state = match file.changed {
        None => FileState::Unchanged,
        Some(Changed::Created) => FileState::Missing(bytes()),
        Some(_) => FileState::Different(bytes()),
    };
    DesiredFile { path: file.path.clone(), state, over: None }
}

/// Upstream's key, with which users can verify the mirror. A key that is there is upstream's, in whichever form:
/// [`MirrorDirectory::open`] refuses another one.
fn key(mirror_dir: &MirrorDirectory, options: &Options) -> Result<Option<DesiredFile>, Error> {
    let path = RepositoryPath::public_key();
    let pem = options.upstream.key.to_pem().as_bytes();
    let limit = pem.len().saturating_mul(8);
    let held = mirror_directory::read(&mirror_dir.registry, &path, limit)?;
    let missing =
        || DesiredFile { path, state: FileState::Missing(pem.to_vec().into()), over: None };
    Ok(held.is_none().then(missing))
}

/// The packages that upstream has removed, and with `--prune` those that are not selected.
fn removed_packages(finished: &Finished<'_>) -> impl Iterator<Item = RepositoryPath> {
    let Finished { contents, planner, prunes, .. } = finished;
    let selected: BTreeSet<_> = planner.packages().collect();
    let removed = contents.packages.iter().filter(move |name| {
        planner.removed_upstream.contains(name) || (*prunes && !selected.contains(name))
    });
    removed.map(RepositoryPath::package)
}

/// With `--prune`, the tarballs and documentation that are not selected.
fn removed_files(finished: &Finished<'_>, options: &Options) -> Vec<RepositoryPath> {
    let Finished { contents, planner, .. } = finished;
    if !finished.prunes {
        return Vec::new();
    }
    // A package that neither upstream nor the mirror has ever had belongs to a registry with its own key.
    let is_upstreams = |name: &PackageName| {
        let is_known = contents.packages.contains(name) || contents.listings.contains_key(name);
        is_known || planner.listing(name).is_some()
    };
    let is_removed = |file: &&FileName| {
        let is_held_back = planner.held_back.contains(&file.package);
        !planner.wanted.contains(*file) && !is_held_back && is_upstreams(&file.package)
    };
    let tarballs = contents.tarballs.iter().filter(is_removed);
    let tarballs = tarballs.map(RepositoryPath::tarball);
    // Of what is asked for by name, other versions go.
    let named: BTreeSet<_> = options.docs_of.iter().map(|file| &file.package).collect();
    let is_former = |file: &FileName| named.contains(&file.package) && is_elixirs(&file.package);
    let docs = contents.docs.iter().filter(|file| {
        let is_removed = is_former(file) || (options.docs && is_removed(file));
        is_removed && !options.docs_of.contains(*file)
    });
    let docs = docs.map(RepositoryPath::docs);
    tarballs.chain(docs).collect()
}

fn state(fetcher: &Fetcher, finished: &Finished<'_>) -> MirrorState {
    let mut state = fetcher.mirror_dir.state.clone();
    let Finished { names, versions, validators, planner, .. } = finished;
    for (name, validator) in &planner.fetched {
        if let Some(listing) = planner.listing(name) {
            let (listing, asked, validator) = (listing.digest(), fetcher.now.0, validator.clone());
            let record = PackageRecord { listing, asked, failed: None, validator };
            state.packages.insert(name.to_string(), record);
        }
    }
    for name in &planner.failed {
        if let Some(record) = state.packages.get_mut(name.as_str()) {
            record.failed = Some(fetcher.now.0);
        }
    }
    if finished.prunes && finished.is_complete {
        let selected: BTreeSet<_> = planner.packages().map(PackageName::as_str).collect();
        state.packages.retain(|name, _| selected.contains(name.as_str()));
    }
    state.without_docs = planner.without_docs.iter().map(ToString::to_string).collect();
    for file in [names, versions].into_iter().filter(|_| finished.is_complete) {
        let path = file.path.as_str().to_owned();
        match &file.validator {
            Some(validator) => state.validators.insert(path, validator.clone()),
            None => state.validators.remove(&path),
        };
    }
    state.validators.extend(validators.iter().cloned());
    state
}
