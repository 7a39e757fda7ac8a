//! Archives of documentation: which of them clients can read, without reading those again that were read before.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::digest::{excerpt, sha256};
use super::error::Error;
use super::manifest::SiteManifest;
use super::source::SiteSource;
use super::workers;
use crate::name::PackageName;
use crate::publish::observer::{Observer, Warning};
use crate::repository::RepositoryPath;
use crate::store::{Stamp, Store};
use crate::tarball::{DocsError, DocsLimits, FileName, check_docs};
use crate::version::Version;

/// The largest documentation that is shown: what clients accept.
pub(super) const LIMITS: DocsLimits = DocsLimits::HEX;

/// An archive of documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Archive {
    /// The SHA-256 of its bytes.
    pub digest: String,
    /// The digest of what tells that it is still the same; empty if nothing does.
    pub stamp: String,
    pub is_usable: bool,
    /// Whether this run has read it to know that.
    pub was_read: bool,
}

/// Why documentation is not shown.
#[derive(Debug, thiserror::Error)]
enum UnusableDocs {
    #[error(transparent)]
    Docs(#[from] DocsError),
    #[error("it has no index.html, which its readers open first")]
    NoIndex,
}

/// The archives of these releases.
pub(super) fn look(
    source: &SiteSource<'_>,
    chosen: &BTreeMap<PackageName, Vec<Version>>,
    before: &SiteManifest,
    threads: usize,
    observer: &dyn Observer,
) -> Result<BTreeMap<FileName, Archive>, Error> {
    let releases: Vec<FileName> = chosen
        .iter()
        .flat_map(|(package, versions)| {
            versions
                .iter()
                .map(|version| FileName { package: package.clone(), version: version.clone() })
        })
        .collect();
    let found = Mutex::new(BTreeMap::new());
    workers::each(&releases, threads, |release| {
        let stamp = source.docs_stamp(release).map(of_stamp).unwrap_or_default();
        let known = before.documentation.get(&release.to_string());
        let known = known.filter(|known| !stamp.is_empty() && known.stamp == stamp);
        let archive = if let Some(known) = known {
            let (digest, is_usable) = (known.archive.clone(), !known.is_unusable);
            Some(Archive { digest, stamp, is_usable, was_read: false })
        } else {
            examine(source, release, stamp, observer)?
        };
        if let Some(archive) = archive {
            found.lock().unwrap_or_else(PoisonError::into_inner).insert(release.clone(), archive);
        }
        Ok(())
    })?;
    Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn of_stamp(stamp: Stamp) -> String {
    let mut bytes = Vec::new();
    stamp.extend(&mut bytes);
    excerpt(&bytes)
}

/// Reads an archive; `None` if it is gone.
fn examine(
    source: &SiteSource<'_>,
    release: &FileName,
    stamp: String,
    observer: &dyn Observer,
) -> Result<Option<Archive>, Error> {
    let Some(bytes) = read(source.store, release)? else { return Ok(None) };
    let usable = check_docs(bytes.as_slice(), &LIMITS).map_err(UnusableDocs::from);
    let usable =
        usable.and_then(|docs| if docs.has_index { Ok(()) } else { Err(UnusableDocs::NoIndex) });
    if let Err(error) = &usable {
        let location = source.store.locate(&RepositoryPath::docs(release));
        observer.warn(Warning::NotShown { location, reason: error.to_string() });
    }
    let (digest, is_usable) = (sha256(&bytes), usable.is_ok());
    Ok(Some(Archive { digest, stamp, is_usable, was_read: true }))
}

/// The bytes of an archive, as far as one is accepted; `None` if there is none.
pub(super) fn read(store: &dyn Store, release: &FileName) -> Result<Option<Vec<u8>>, Error> {
    let (mut bytes, limit) = (Vec::new(), usize::try_from(LIMITS.compressed).unwrap_or(usize::MAX));
    let found = store.read(&RepositoryPath::docs(release), limit, &mut bytes)?;
    Ok(found.map(|_| bytes))
}
