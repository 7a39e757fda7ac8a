//! The index of documentation in a site: the same files that a server searches, below `search/`.
//!
//! The files depend on the order in which documentation came, and what a search finds does not. So a check compares the files
//! with the list of files, and what is indexed with the archives.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::archives;
use super::context::SiteContext;
use super::digest::Inputs;
use super::error::Error;
use super::manifest::{ManifestPackage, SiteManifest};
use super::paths;
use super::sink::PageSink;
use crate::docs::records::{DocsRecord, docs_records};
use crate::docs::search::{
    DocsChanges, DocsFiles, DocsId, DocsIndex, IndexedDocs, MANIFEST, MemoryFiles, STATE,
};
use crate::name::PackageName;
use crate::repository::{Folder, is_elixirs};
use crate::store::{Operation, Store, StoreError};
use crate::tarball::FileName;

/// In bytes: the largest file of an index.
const MAX_FILE: usize = 64 << 20;

/// The digest of all that the index is made from.
fn inputs(context: &SiteContext<'_>, wanted: &DocsById<'_>) -> String {
    let mut inputs = Inputs::default();
    for (id, one) in wanted {
        inputs.add(&id.package);
        inputs.add(&id.version);
        inputs.add(one.source);
        inputs.add(rank(context, &id.package).to_le_bytes());
    }
    inputs.finish()
}

/// What should be in an index.
type DocsById<'a> = BTreeMap<DocsId, WantedDocs<'a>>;

/// The package and the documentation of one release: at least one of them.
struct WantedDocs<'a> {
    package: Option<(&'a str, &'a str)>,
    archive: Option<&'a FileName>,
    /// The digest of both.
    source: [u8; 32],
}

/// Each package with its description, at the version that its page shows, and the documentation of each release.
fn wanted<'a>(
    context: &'a SiteContext<'_>,
    packages: &'a BTreeMap<String, ManifestPackage>,
) -> DocsById<'a> {
    let mut wanted: DocsById<'a> = BTreeMap::new();
    let mut sources: BTreeMap<DocsId, Sha256> = BTreeMap::new();
    let nothing = || WantedDocs { package: None, archive: None, source: [0; 32] };
    for package in &context.source.packages {
        let Some(release) = package.releases.recommended() else { continue };
        let name = package.releases.package.as_str();
        let description = packages.get(name).map_or("", |one| one.description.as_str());
        let id = DocsId { package: name.to_owned(), version: release.version.to_string() };
        sources.entry(id.clone()).or_default().update(description);
        wanted.entry(id).or_insert_with(nothing).package = Some((name, description));
    }
    for (release, archive) in context.archives.iter().filter(|(_, archive)| archive.is_usable) {
        let package = release.package.to_string();
        let id = DocsId { package, version: release.version.to_string() };
        // No description has this character.
        let digest = sources.entry(id.clone()).or_default();
        digest.update([0]);
        digest.update(&archive.digest);
        wanted.entry(id).or_insert_with(nothing).archive = Some(release);
    }
    for (id, digest) in sources {
        if let Some(one) = wanted.get_mut(&id) {
            one.source = digest.finalize().into();
        }
    }
    wanted
}

/// How early documentation is found: by how many packages use its package. Elixir comes first.
fn rank(context: &SiteContext<'_>, package: &str) -> u32 {
    let Ok(name) = package.parse::<PackageName>() else { return 0 };
    if is_elixirs(&name) {
        return u32::MAX;
    }
    let row = context.index.get(&name);
    row.map_or(0, |row| u32::try_from(row.dependents).unwrap_or(u32::MAX))
}

/// Brings the index up to date, if anything has changed. `site` has the files of the last run.
pub(super) fn make(
    context: &SiteContext<'_>,
    packages: &BTreeMap<String, ManifestPackage>,
    before: &SiteManifest,
    is_there: &(dyn Fn(&str) -> bool + Sync),
    site: &dyn Store,
    sink: &dyn PageSink,
) -> Result<String, Error> {
    let wanted = wanted(context, packages);
    let inputs = inputs(context, &wanted);
    let mut files = index_files(before);
    if before.searched == inputs && files.clone().all(is_there) {
        for path in files {
            sink.keep(path);
        }
        return Ok(inputs);
    }
    let memory = Arc::new(MemoryFiles::default());
    let known = files.try_for_each(|path| {
        let (place, mut bytes) = (Folder::Root.file(path), Vec::new());
        let found = site.read(&place, MAX_FILE, &mut bytes)?;
        let name = path.rsplit('/').next().unwrap_or_default();
        found.map_or(Ok(()), |_| {
            memory.write(name, &bytes).map_err(|error| failed(site, path, error))
        })
    });
    known?;
    let (index, memory) = if let Some(index) = update(context, &wanted, Arc::clone(&memory))? {
        (index, memory)
    } else {
        // What was there is damaged: all of it is made anew.
        let memory = Arc::new(MemoryFiles::default());
        let index = update(context, &wanted, Arc::clone(&memory))?;
        let manifest = paths::search_file(MANIFEST);
        let damaged = || failed(site, &manifest, io::ErrorKind::InvalidData.into());
        (index.ok_or_else(damaged)?, memory)
    };
    let names =
        index.file_names().map_err(|error| failed(site, &paths::search_file(MANIFEST), error))?;
    let names: BTreeSet<String> =
        names.into_iter().chain([MANIFEST.to_owned(), STATE.to_owned()]).collect();
    let put = |name: &str| {
        let path = paths::search_file(name);
        let bytes = memory.read(name).map_err(|error| failed(site, &path, error))?;
        bytes.map_or(Ok(()), |bytes| sink.put(path, bytes))
    };
    // The manifest names the others.
    names.iter().filter(|name| *name != MANIFEST).try_for_each(|name| put(name))?;
    sink.settle()?;
    put(MANIFEST)?;
    Ok(inputs)
}

/// The files of the index that a site has.
pub(super) fn index_files(site: &SiteManifest) -> impl Iterator<Item = &str> + Clone {
    let from = site.files.range(paths::SEARCHED.to_owned()..).map(|(path, _)| path.as_str());
    let in_folder = from.take_while(|path| path.starts_with(paths::SEARCHED));
    in_folder.filter(|path| path.strip_prefix(paths::SEARCHED) != Some(paths::SEARCH_SCRIPT))
}

/// Changes the index in these files; `None` if they are damaged.
fn update(
    context: &SiteContext<'_>,
    wanted: &DocsById<'_>,
    files: Arc<MemoryFiles>,
) -> Result<Option<DocsIndex>, Error> {
    let mut index = DocsIndex::open(files);
    let (mut removed, mut known) = (Vec::new(), BTreeSet::new());
    for (id, source) in index.docs() {
        match wanted.get(id) {
            None => removed.push(id.clone()),
            Some(one) if source == Some(&one.source) => {
                known.insert(id.clone());
            }
            Some(_) => {}
        }
    }
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let new = wanted.iter().filter(|(id, _)| !known.contains(id));
    let mut added = new.filter_map(|(id, one)| match records(context, one) {
        Ok(records) => Some(IndexedDocs { id: id.clone(), source: one.source, records }),
        Err(error) => {
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            None
        }
    });
    let rank = |package: &str| rank(context, package);
    let changes = DocsChanges { removed: &removed, added: &mut added, rank: &rank };
    let done = index.update(changes);
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    // Memory takes every file, so one of those that were there is damaged.
    Ok(done.ok().map(|_| index))
}

/// What the search finds of a release. That of the package comes first, and has its place below the site.
fn records(context: &SiteContext<'_>, one: &WantedDocs<'_>) -> Result<Vec<DocsRecord>, Error> {
    let package = one.package.map(|(name, description)| DocsRecord {
        kind: "package".to_owned(),
        title: name.to_owned(),
        module: String::new(),
        place: paths::package(name),
        text: description.to_owned(),
    });
    let mut records: Vec<DocsRecord> = package.into_iter().collect();
    if let Some(release) = one.archive {
        let bytes = archives::read(context.source.store, release)?.unwrap_or_default();
        records.extend(docs_records(&bytes, &archives::LIMITS).unwrap_or_default());
    }
    Ok(records)
}

/// Whether an index, of these files of a site, has exactly what the archives give.
pub(super) fn is_of(
    context: &SiteContext<'_>,
    packages: &BTreeMap<String, ManifestPackage>,
    site: &dyn Store,
) -> Result<bool, Error> {
    let memory = Arc::new(MemoryFiles::default());
    for name in [MANIFEST, STATE] {
        let (path, mut bytes) = (paths::search_file(name), Vec::new());
        if site.read(&Folder::Root.file(&path), MAX_FILE, &mut bytes)?.is_some() {
            memory.write(name, &bytes).map_err(|error| failed(site, &path, error))?;
        }
    }
    let index = DocsIndex::open(memory);
    let found: BTreeMap<DocsId, Option<[u8; 32]>> =
        index.docs().map(|(id, source)| (id.clone(), source.copied())).collect();
    let wanted = wanted(context, packages).into_iter().map(|(id, one)| (id, Some(one.source)));
    Ok(found == wanted.collect())
}

fn failed(site: &dyn Store, path: &str, error: io::Error) -> Error {
    StoreError::new(Operation::Read, site.locate(&Folder::Root.file(path)), error).into()
}
