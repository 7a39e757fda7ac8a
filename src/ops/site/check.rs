//! `hexreg verify --site`: makes each page anew and compares it with the one that is there. So it does not matter what the
//! manifest of the site says: it may have been changed together with a page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::archives;
use super::context::{self, SiteContext};
use super::digest::excerpt;
use super::docs_search;
use super::error::Error;
use super::make;
use super::manifest::{ManifestPackage, SiteManifest};
use super::options::DocsChoice;
use super::paths;
use super::sink::PageSink;
use super::source::SiteSource;
use crate::docs::search::MANIFEST;
use crate::publish::lock::{self, LockMode};
use crate::publish::observer::Observer;
use crate::published::PublishedKey;
use crate::repository::{Folder, RepositoryPath, is_litter};
use crate::store::{Store, StoreErrorKind};

/// What a check of a site found.
#[derive(Debug)]
pub struct SiteCheck {
    /// How many files the signed registry gives.
    pub files: usize,
    /// All problems, sorted by path.
    pub problems: Vec<SiteProblem>,
}

/// What is wrong with a file of a site.
#[derive(Debug)]
pub struct SiteProblem {
    /// The file.
    pub path: RepositoryPath,
    /// What is wrong with it.
    pub fault: SiteFault,
}

/// What can be wrong with a file of a site.
#[derive(Debug, thiserror::Error)]
pub enum SiteFault {
    /// There is no site.
    #[error("it is missing: there is no site, or not all of it was copied")]
    NoSite,
    /// Another version of hexreg made the site, and makes other pages of the same registry.
    #[error(
        "hexreg {0} made the site, and this is hexreg {version}: check it with that version, or make it again",
        version = env!("CARGO_PKG_VERSION")
    )]
    OtherVersion(String),
    /// The last run was interrupted.
    #[error("the last run has not ended: `hexreg site` goes on with it")]
    Unfinished,
    /// A page is not there.
    #[error("it is missing")]
    Missing,
    /// A page has other bytes than those that were written.
    #[error("it was changed since it was made")]
    Changed,
    /// A page is as it was written, and the registry gives another one.
    #[error(
        "it is not what the signed registry gives: that has changed since, or the page was changed together with the list of files"
    )]
    Differs,
    /// The registry gives no such page.
    #[error("the signed registry gives no such page")]
    Surplus,
    /// A file is where only pages of the site belong.
    #[error("it is not of the site")]
    Stray,
    /// A file cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] StoreErrorKind),
}

impl SiteFault {
    /// The identifier of the fault in JSON. It never changes.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoSite => "site_missing",
            Self::OtherVersion(_) => "site_of_other_version",
            Self::Unfinished => "site_unfinished",
            Self::Missing => "page_missing",
            Self::Changed => "page_changed",
            Self::Differs => "page_differs",
            Self::Surplus => "page_surplus",
            Self::Stray => "page_stray",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

/// Checks that each file of a site is what the signed registry gives, and that there are no others.
///
/// # Errors
/// [`Error`] if the registry cannot be read or is not sound, or either is locked for too long.
pub fn check_site(
    from: &dyn Store,
    site: &dyn Store,
    lock_timeout: Duration,
    observer: &dyn Observer,
) -> Result<SiteCheck, Error> {
    let at_manifest = |fault| {
        let problem = SiteProblem { path: RepositoryPath::site_manifest(), fault };
        Ok(SiteCheck { files: 0, problems: vec![problem] })
    };
    let Some(paths) = site.walk()? else { return at_manifest(SiteFault::NoSite) };
    let _locks = [from, site]
        .map(|store| lock::hold::<Error>(store, LockMode::Shared, lock_timeout, observer));
    let Some(manifest) = SiteManifest::read(site)? else { return at_manifest(SiteFault::NoSite) };
    if !manifest.is_of_this_version() {
        return at_manifest(SiteFault::OtherVersion(manifest.hexreg));
    }
    let source = SiteSource::read(from)?;
    let pinned = manifest.pinned.iter().filter_map(|name| name.parse().ok()).collect();
    let (nothing, threads) = (SiteManifest::default(), rayon::current_num_threads());
    let docs = context::docs(&source, manifest.docs.unwrap_or(DocsChoice::None), &pinned);
    let archives = archives::look(&source, &docs, &nothing, threads, observer)?;
    let context = SiteContext {
        observer,
        index: context::index(&source.packages),
        docs: context::usable(docs, &archives),
        archives,
        url: manifest.url.clone(),
        has_registry: PublishedKey::read(site)?.is_some_and(|key| key.is(&source.key)),
        threads,
        source: &source,
    };
    let checker = SiteChecker { site, manifest: &manifest, state: Mutex::default() };
    let search = |packages: &BTreeMap<String, ManifestPackage>| {
        checker.check_index(docs_search::is_of(&context, packages, site)?);
        Ok(String::new())
    };
    make::make_all(&context, &nothing, &|_| false, &checker, &search)?;

    let CheckerState { made, mut problems } =
        checker.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut add = |path: &str, fault| {
        problems.push(SiteProblem { path: Folder::Root.file(path), fault });
    };
    if !manifest.unfinished.is_empty() {
        add(RepositoryPath::site_manifest().as_str(), SiteFault::Unfinished);
    }
    for (path, _) in &paths {
        let path = path.as_str();
        if made.contains(path) || is_litter(path) {
            continue;
        }
        if manifest.owns(path) {
            add(path, SiteFault::Surplus);
        } else if paths::is_in_folder(path) {
            add(path, SiteFault::Stray);
        }
    }
    problems.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(SiteCheck { files: made.len(), problems })
}

/// Compares pages with those that are there.
struct SiteChecker<'a> {
    site: &'a dyn Store,
    manifest: &'a SiteManifest,
    state: Mutex<CheckerState>,
}

#[derive(Default)]
struct CheckerState {
    made: BTreeSet<String>,
    problems: Vec<SiteProblem>,
}

impl SiteChecker<'_> {
    fn state(&self) -> MutexGuard<'_, CheckerState> {
        // Its parts are valid after a panic too.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks the index of the search. Its files are not the same in each run, so they are compared with the manifest, and
    /// what is indexed was compared with the registry (`is_of_registry`).
    fn check_index(&self, is_of_registry: bool) {
        let mut bytes = Vec::new();
        for path in docs_search::index_files(self.manifest) {
            let place = Folder::Root.file(path);
            let fault = match self.site.read(&place, MOST_READ, &mut bytes) {
                Err(error) => Some(SiteFault::Unreadable(error.kind)),
                Ok(None) => Some(SiteFault::Missing),
                Ok(Some(_)) if self.manifest.files.get(path) != Some(&excerpt(&bytes)) => {
                    Some(SiteFault::Changed)
                }
                Ok(Some(_)) => None,
            };
            let mut state = self.state();
            state.made.insert(path.to_owned());
            state.problems.extend(fault.map(|fault| SiteProblem { path: place, fault }));
        }
        let path = paths::search_file(MANIFEST);
        let place = Folder::Root.file(&path);
        let mut state = self.state();
        if !is_of_registry && !state.problems.iter().any(|problem| problem.path == place) {
            state.made.insert(path);
            state.problems.push(SiteProblem { path: place, fault: SiteFault::Differs });
        }
    }

    /// What is wrong with a file that should have these bytes.
    fn fault(&self, path: &str, bytes: &[u8]) -> Option<SiteFault> {
        let (place, mut found) = (Folder::Root.file(path), Vec::new());
        match self.site.read(&place, bytes.len().max(LEAST_READ), &mut found) {
            Err(error) => Some(SiteFault::Unreadable(error.kind)),
            Ok(None) => Some(SiteFault::Missing),
            Ok(Some(_)) if found == bytes => None,
            Ok(Some(_)) if self.manifest.files.get(path) == Some(&excerpt(&found)) => {
                Some(SiteFault::Differs)
            }
            Ok(Some(_)) => Some(SiteFault::Changed),
        }
    }
}

/// In bytes: the largest file of an index.
const MOST_READ: usize = 64 << 20;

/// In bytes: how much of a file is read at least, so that one that has become shorter is told from one that was changed.
const LEAST_READ: usize = 16 << 20;

impl PageSink for SiteChecker<'_> {
    fn put(&self, path: String, bytes: Vec<u8>) -> Result<(), Error> {
        let fault = self.fault(&path, &bytes);
        let mut state = self.state();
        if let Some(fault) = fault {
            state.problems.push(SiteProblem { path: Folder::Root.file(&path), fault });
        }
        state.made.insert(path);
        Ok(())
    }

    /// Nothing is taken to be as it was.
    fn keep(&self, _: &str) {}

    fn settle(&self) -> Result<(), Error> {
        Ok(())
    }
}
