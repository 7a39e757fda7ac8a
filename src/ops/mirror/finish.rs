//! How a run ends: what names everything goes into place once everything is there, and what nobody wants
//! any more goes last.

use std::collections::BTreeSet;

use super::fetch::{Fetcher, IndexFile};
use super::mirror_directory::{self, PackageRecord, MirrorState};
use super::planner::{MirrorContents, Planner};
use super::batch_writer::WriterStopped;
use super::entity_tag::EntityTag;
use super::{Error, Options};
use crate::name::PackageName;
use crate::publish::observer::{Observer, Warning};
use crate::repository::RepositoryPath;
use crate::store::{Action, AppliedChange, Change, Changed, DirStore, Store};

/// What is known once all tasks are done.
pub(super) struct RunOutcome<'a> {
    pub names: IndexFile,
    pub versions: IndexFile,
    /// Of files beside the registry.
    pub tags: Vec<(String, EntityTag)>,
    /// As it was before the run.
    pub known: MirrorContents,
    pub planner: &'a Planner,
    /// Whether what is not wanted is removed.
    pub prunes: bool,
}

/// What kept the disk from taking more, if it did not.
pub(super) fn stands(fetcher: &Fetcher, carried: &Result<(), WriterStopped>) -> Result<(), Error> {
    if let Err(WriterStopped) = carried {
        fetcher.close()?;
        let lost = std::io::Error::other("a task ended and nobody knows how");
        return Err(Error::Run(lost));
    }
    Ok(())
}

/// Puts the indexes in place, keeps in mind what was fetched, and removes what is not wanted. Where
/// anything could not be fetched, none of it but the second: then the next run begins where this one could not go
/// on. A package that is held back keeps nothing else from it.
pub(super) fn finish(
    fetcher: &Fetcher,
    options: &Options,
    ending: &RunOutcome<'_>,
    is_complete: bool,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let mirror_dir = &fetcher.mirror_dir;
    let removals = removals(ending, options);
    let mut stages: Vec<(&DirStore, Vec<Change>)> = Vec::new();
    if is_complete {
        if !options.tarballs_only {
            stages.push((&mirror_dir.registry, key(fetcher, options)?));
        }
        stages.push((&mirror_dir.registry, index(&ending.versions)));
        stages.push((&mirror_dir.registry, index(&ending.names)));
        let (packages, others) = removals;
        stages.push((&mirror_dir.registry, packages));
        stages.push((&mirror_dir.files, others));
    }
    for (store, changes) in stages {
        let made = |made: AppliedChange<'_>| {
            if let Some(changed) = made.change.changed() {
                observer.changed(&made.change.path, changed);
            }
            if let Some(warning) = Warning::of_lost_readers(store, made) {
                observer.warn(warning);
            }
        };
        if options.dry_run {
            changes.iter().map(AppliedChange::new).for_each(made);
        } else {
            store.apply(&[&changes], &made)?;
        }
    }
    if !options.dry_run {
        let state = state(fetcher, ending, is_complete);
        if state != mirror_dir.state || mirror_dir.has_journal() {
            mirror_dir.keep(&state)?;
        }
    }
    Ok(())
}

/// So that whoever has the mirror can check it.
fn key(fetcher: &Fetcher, options: &Options) -> Result<Vec<Change>, Error> {
    let mirror_dir = &fetcher.mirror_dir;
    let path = RepositoryPath::public_key();
    let bytes = options.upstream.key.to_pem().as_bytes();
    let standing = mirror_directory::read(&mirror_dir.registry, &path, bytes.len().saturating_mul(8))?;
    let action = match standing {
        // In whichever form: another key's is refused before anything begins.
        Some(_) => return Ok(Vec::new()),
        None => Action::Create(bytes.to_vec().into()),
    };
    Ok(vec![Change::new(path, action)])
}

fn index(file: &IndexFile) -> Vec<Change> {
    let path = RepositoryPath::resource(&file.resource);
    let bytes = file.bytes.to_vec();
    let action = match file.changed {
        None => return Vec::new(),
        Some(Changed::Created) => Action::Create(bytes.into()),
        Some(_) => Action::Update(bytes.into()),
    };
    vec![Change::new(path, action)]
}

/// Packages that upstream took back; and where all that is not wanted goes, the other packages, and what nothing
/// names once they are gone.
fn removals(ending: &RunOutcome<'_>, options: &Options) -> (Vec<Change>, Vec<Change>) {
    let RunOutcome { known, planner, .. } = ending;
    let remove = |path: RepositoryPath| Change::new(path, Action::Remove);
    let wanted: BTreeSet<_> = planner.packages().collect();
    let packages = known.packages.iter().filter(|name| {
        planner.taken_back.contains(name) || (ending.prunes && !wanted.contains(name))
    });
    let packages = packages.map(|name| remove(RepositoryPath::package(name))).collect();
    if !ending.prunes {
        return (packages, Vec::new());
    }
    // What is of a package that neither has ever had lies there for another reason: a registry of one's own.
    let is_theirs = |name: &PackageName| {
        let is_known = known.packages.contains(name) || known.listings.contains_key(name);
        is_known || planner.listing(name).is_some()
    };
    let unwanted = |file: &&crate::tarball::FileName| {
        let is_held_back = planner.held_back.contains(&file.package);
        !planner.wanted.contains(*file) && !is_held_back && is_theirs(&file.package)
    };
    let tarballs = known.tarballs.iter().filter(unwanted);
    let tarballs = tarballs.map(|file| remove(RepositoryPath::tarball(file)));
    let docs = known.docs.iter().filter(unwanted).filter(|_| options.docs);
    let docs = docs.map(|file| remove(RepositoryPath::docs(file)));
    (packages, tarballs.chain(docs).collect())
}

fn state(fetcher: &Fetcher, ending: &RunOutcome<'_>, is_complete: bool) -> MirrorState {
    let mut state = fetcher.mirror_dir.state.clone();
    let RunOutcome { names, versions, tags, planner, .. } = ending;
    for (name, tag) in &planner.fetched {
        if let Some(listing) = planner.listing(name) {
            let (listing, asked, tag) = (listing.digest(), fetcher.now.0, tag.clone());
            let noted = PackageRecord { listing, asked, failed: None, tag };
            state.packages.insert(name.to_string(), noted);
        }
    }
    for name in &planner.failed {
        if let Some(noted) = state.packages.get_mut(name.as_str()) {
            noted.failed = Some(fetcher.now.0);
        }
    }
    if ending.prunes && is_complete {
        let wanted: BTreeSet<_> = planner.packages().map(PackageName::as_str).collect();
        state.packages.retain(|name, _| wanted.contains(name.as_str()));
    }
    state.without_docs = planner.without_docs.iter().map(ToString::to_string).collect();
    for file in [names, versions].into_iter().filter(|_| is_complete) {
        let path = RepositoryPath::resource(&file.resource).as_str().to_owned();
        match &file.tag {
            Some(tag) => state.tags.insert(path, tag.clone()),
            None => state.tags.remove(&path),
        };
    }
    state.tags.extend(tags.iter().cloned());
    state
}
