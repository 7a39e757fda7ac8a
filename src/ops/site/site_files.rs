//! The files of a site that lies in the tree of its registry, for commands that look at the registry.

use super::digest::excerpt;
use super::error::Error;
use super::manifest::SiteManifest;
use crate::store::Store;

/// The files of a site.
pub(crate) struct SiteFiles(SiteManifest);

impl SiteFiles {
    /// The files of the site in a store; `None` if there is none.
    ///
    /// # Errors
    /// [`Error`] if what should name them cannot be read.
    pub fn read(store: &dyn Store) -> Result<Option<Self>, Error> {
        Ok(SiteManifest::read(store)?.map(Self))
    }

    /// Whether a file is the site's, or may have been written by a run that has not ended.
    pub fn has(&self, path: &str) -> bool {
        self.0.owns(path)
    }

    /// The paths of all files that there have to be.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.files.keys().map(String::as_str)
    }

    /// Whether these are the bytes of a file, as they were made. What a run that has not ended wrote is not known.
    pub fn is_as_made(&self, path: &str, bytes: &[u8]) -> bool {
        self.0.unfinished.has(path) || self.0.files.get(path) == Some(&excerpt(bytes))
    }
}
