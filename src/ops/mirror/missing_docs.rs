//! Documentation that is linked to from what was mirrored, and is not here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use rayon::prelude::*;

use super::error::Error;
use super::fetch::MAX_DOCS;
use super::mirror_directory::{self, MirrorDirectory};
use super::options::Options;
use super::state::LinkedDocs;
use crate::docs::rewrite::{content_type, docs_links};
use crate::name::PackageName;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{DirStore, EntryKind, Store as _};
use crate::tarball::FileName;
use crate::version::Version;

/// How long a run may look for links. What is left is for the next run.
const MAX_TIME: Duration = Duration::from_secs(60);

/// In bytes: how much is read of one archive.
const MAX_INFLATED: u64 = 256 << 20;

/// In bytes: how much is read of one page.
const MAX_PAGE: u64 = 16 << 20;

/// How many links are remembered of one archive.
const MAX_LINKS: usize = 200;

/// Documentation that others link to, and none of the package is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingDocs {
    /// Of which package.
    pub package: PackageName,
    /// The version that most of the links name. None if they name none.
    pub version: Option<Version>,
    /// The documentation of how many packages links to it.
    pub linked_by: usize,
}

/// What links of mirrored documentation lead to.
#[derive(Debug, Default)]
pub(super) struct DocsLinked {
    pub missing: Vec<MissingDocs>,
    /// How many archives were not looked through, for want of time.
    pub unread: usize,
}

/// Looks through the documentation that is new in the mirror.
///
/// # Errors
/// The mirror cannot be read or written.
pub(super) fn find(directory: &Path, options: &Options) -> Result<DocsLinked, Error> {
    let mirror_dir = MirrorDirectory::open(directory, options)?;
    let listed = mirror_dir.files.list(Folder::Docs)?.unwrap_or_default();
    let sizes = listed.into_iter().filter(|file| file.kind == EntryKind::File).filter_map(|file| {
        Some((Folder::Docs.release(&file.name)?, file.stamp.map_or(0, |stamp| stamp.size())))
    });
    let here: BTreeMap<FileName, u64> = sizes.collect();
    let mut state = mirror_dir.state.clone();
    state.docs_links.retain(|file, record| {
        file.parse().ok().and_then(|file| here.get(&file)) == Some(&record.size)
    });
    let new = here.iter().filter(|(file, _)| !state.docs_links.contains_key(&file.to_string()));
    let new: Vec<_> = new.collect();
    let began = Instant::now();
    let read = new.par_iter().filter_map(|(file, size)| {
        let is_late = began.elapsed() > MAX_TIME;
        let links = if is_late { None } else { links_of(&mirror_dir.files, file) };
        links.map(|links| (file.to_string(), LinkedDocs { size: **size, links }))
    });
    let read: Vec<_> = read.collect();
    let unread = new.len().saturating_sub(read.len());
    state.docs_links.extend(read);
    if state != mirror_dir.state {
        mirror_dir.write_state(&state)?;
    }
    Ok(DocsLinked { missing: missing(&here, &state.docs_links), unread })
}

/// What the pages of an archive link to: `NAME VERSION`, or `NAME` without a version. None if it cannot be read.
fn links_of(files: &DirStore, file: &FileName) -> Option<BTreeSet<String>> {
    let bytes = mirror_directory::read(files, &RepositoryPath::docs(file), MAX_DOCS).ok()??;
    let mut links = BTreeSet::new();
    // Damaged archives are not for this to tell: what was read before the damage counts.
    let _ = read_links(&bytes, file.package.as_str(), &mut links);
    Some(links)
}

fn read_links(bytes: &[u8], own: &str, links: &mut BTreeSet<String>) -> io::Result<()> {
    let inflated = GzDecoder::new(bytes).take(MAX_INFLATED);
    let mut page = Vec::new();
    for entry in tar::Archive::new(inflated).entries()? {
        let entry = entry?;
        let is_page = content_type(&entry.path()?.to_string_lossy()) == content_type("x.html");
        if !is_page {
            continue;
        }
        page.clear();
        entry.take(MAX_PAGE).read_to_end(&mut page)?;
        docs_links(&page, |package, version| {
            if package != own && links.len() < MAX_LINKS {
                let version = version.map(|version| format!(" {version}")).unwrap_or_default();
                links.insert(format!("{package}{version}"));
            }
        });
    }
    Ok(())
}

/// Counts links to packages without documentation here, those with the most links first.
fn missing(
    here: &BTreeMap<FileName, u64>,
    records: &BTreeMap<String, LinkedDocs>,
) -> Vec<MissingDocs> {
    let known: BTreeSet<&PackageName> = here.keys().map(|file| &file.package).collect();
    // Of each package that is missing: who links to it, and to which versions.
    let mut linked: BTreeMap<PackageName, (BTreeSet<&str>, BTreeMap<Version, usize>)> =
        BTreeMap::new();
    for (file, record) in records {
        let by = file.split_once('-').map_or(file.as_str(), |(name, _)| name);
        for link in &record.links {
            let (name, version) = link.split_once(' ').unwrap_or((link, ""));
            let Ok(name) = name.parse::<PackageName>() else { continue };
            if known.contains(&name) {
                continue;
            }
            let (linking, versions) = linked.entry(name).or_default();
            linking.insert(by);
            if let Ok(version) = version.parse() {
                let count = versions.entry(version).or_default();
                *count = count.saturating_add(1);
            }
        }
    }
    let missing = linked.into_iter().map(|(package, (linking, versions))| {
        let version = versions.into_iter().max_by_key(|(version, count)| (*count, version.clone()));
        let version = version.map(|(version, _)| version);
        MissingDocs { package, version, linked_by: linking.len() }
    });
    let mut missing: Vec<_> = missing.collect();
    missing.sort_by(|a, b| b.linked_by.cmp(&a.linked_by).then(a.package.cmp(&b.package)));
    missing
}
