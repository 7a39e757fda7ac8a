//! Looks packages and releases up, for their views.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::metadata::MetadataCache;
use super::views::{PackageFacts, ReleaseFacts};
use crate::checksum::OuterChecksum;
use crate::name::PackageName;
use crate::package::{Release, UnixSeconds};
use crate::registry::Releases;
use crate::repository::RepositoryPath;
use crate::serve::files::releases::ReleaseIndex;
use crate::serve::files::source::{self, FileSource};
use crate::tarball::{Description, FileName};
use crate::version::Version;

/// The packages of one repository.
#[derive(Clone)]
pub(crate) struct Packages {
    source: Arc<dyn FileSource>,
    releases: Arc<ReleaseIndex>,
    metadata: Arc<MetadataCache>,
}

/// A package that was found.
pub(crate) struct FoundPackage {
    pub releases: Releases,
    /// What the tarball of its recommended release says.
    pub description: Option<Arc<Description>>,
    /// The time of its last change, if `names` was read for it.
    pub updated_at: Option<UnixSeconds>,
    /// The releases that have documentation.
    pub docs: HashSet<Version>,
}

/// A release that was found.
pub(crate) struct FoundRelease {
    pub name: FileName,
    pub release: Release,
    pub description: Option<Arc<Description>>,
    pub has_docs: bool,
}

impl Packages {
    pub fn new(source: Arc<dyn FileSource>, releases: Arc<ReleaseIndex>) -> Self {
        let metadata = Arc::new(MetadataCache::new(Arc::clone(&source)));
        Self { source, releases, metadata }
    }

    /// The files of the repository.
    pub fn source(&self) -> &dyn FileSource {
        &*self.source
    }

    /// What is signed of a package, on a thread that may block.
    ///
    /// # Errors
    /// As of [`find`](Self::find).
    pub fn read(&self, name: &PackageName) -> io::Result<Option<Releases>> {
        self.releases.read_package(name)
    }

    /// What the tarball of the recommended release says, on a thread that may block.
    pub fn describe(&self, releases: &Releases) -> Option<Arc<Description>> {
        let (release, checksum) = recommended(releases)?;
        self.metadata.get_blocking(&release, checksum)
    }

    /// What the tarball of the recommended release says, if it was read before.
    pub fn known_description(&self, releases: &Releases) -> Option<Arc<Description>> {
        self.metadata.known(&recommended(releases)?.1)
    }

    /// A package, as it is signed now.
    ///
    /// # Errors
    /// It cannot be read, or no trusted key signed it.
    pub async fn find(&self, name: &PackageName) -> io::Result<Option<FoundPackage>> {
        let Some(releases) = self.releases.package(name).await? else { return Ok(None) };
        let description = match recommended(&releases) {
            Some((release, checksum)) => self.metadata.get(&release, checksum).await,
            None => None,
        };
        let source = Arc::clone(&self.source);
        let looking = spawn_blocking(move || (docs(&*source, &releases), releases));
        let (docs, releases) = looking.await.map_err(io::Error::other)?;
        Ok(Some(FoundPackage { releases, description, updated_at: None, docs: docs? }))
    }

    /// A release, as it is signed now.
    ///
    /// # Errors
    /// As of [`find`](Self::find).
    pub async fn find_release(&self, name: &FileName) -> io::Result<Option<FoundRelease>> {
        let Some(package) = self.releases.package(&name.package).await? else { return Ok(None) };
        let mut releases = package.releases.into_iter();
        let Some(release) = releases.find(|release| release.version == name.version) else {
            return Ok(None);
        };
        let description = self.metadata.get(name, release.outer_checksum).await;
        let has_docs = source::stamp(&self.source, RepositoryPath::docs(name)).await?.is_some();
        Ok(Some(FoundRelease { name: name.clone(), release, description, has_docs }))
    }

    /// A release that was published a moment ago, with what its tarball says, which is kept. If it is unknown whether it
    /// has documentation, it is shown as having none: the publication must not be answered as failed.
    pub async fn published(
        &self,
        name: &FileName,
        release: Release,
        description: Description,
    ) -> FoundRelease {
        self.metadata.keep(release.outer_checksum, &description);
        let docs = source::stamp(&self.source, RepositoryPath::docs(name)).await;
        let (description, has_docs) = (Some(Arc::new(description)), matches!(docs, Ok(Some(_))));
        FoundRelease { name: name.clone(), release, description, has_docs }
    }
}

impl FoundPackage {
    /// Calls `view` with what was found.
    pub fn with_facts<T>(&self, owners: &[&str], view: impl FnOnce(&PackageFacts<'_>) -> T) -> T {
        view(&PackageFacts {
            releases: &self.releases,
            description: self.description.as_deref(),
            updated_at: self.updated_at,
            has_docs: &|version| self.docs.contains(version),
            owners,
        })
    }
}

impl FoundRelease {
    /// What was found. `publisher` has just published it.
    pub fn facts<'a>(&'a self, publisher: Option<&'a str>) -> ReleaseFacts<'a> {
        ReleaseFacts {
            package: &self.name.package,
            release: &self.release,
            description: self.description.as_deref(),
            has_docs: self.has_docs,
            publisher,
        }
    }
}

/// The release that describes a package, and its signed checksum.
fn recommended(releases: &Releases) -> Option<(FileName, OuterChecksum)> {
    let release = releases.recommended()?;
    let (package, version) = (releases.package.clone(), release.version.clone());
    Some((FileName { package, version }, release.outer_checksum))
}

/// The releases of a package that have documentation.
fn docs(source: &dyn FileSource, releases: &Releases) -> io::Result<HashSet<Version>> {
    let path = |release: &Release| {
        let (package, version) = (releases.package.clone(), release.version.clone());
        RepositoryPath::docs(&FileName { package, version })
    };
    source.prefetch(releases.releases.iter().map(path).collect());
    let mut found = HashSet::new();
    for release in &releases.releases {
        if source.stamp(&path(release))?.is_some() {
            found.insert(release.version.clone());
        }
    }
    Ok(found)
}

#[cfg(test)]
pub(super) mod tests;
