//! A repository of the server: its place in the URLs, its files, its releases and its overview.

use std::sync::Arc;

use super::files::directory::Directory;
use super::files::releases::ReleaseIndex;
use super::files::source::FileSource;
use super::options::Mount;
use super::overview_cache::OverviewCache;
use crate::repository::Folder;
use crate::store::{DirStore, Links};

/// A repository that is served.
pub(super) struct Repository {
    pub mount: Mount,
    pub source: Arc<dyn FileSource>,
    pub releases: Arc<ReleaseIndex>,
    pub overview: Arc<OverviewCache>,
}

impl Repository {
    /// The repository in the directory of a mount. A store of another kind is chosen here.
    pub fn open(mount: &Mount, links: Links) -> Self {
        let store = DirStore::new(&mount.directory).with_links(links);
        let overview = Arc::new(OverviewCache::new(Arc::new(store.clone())));
        let source: Arc<dyn FileSource> = Arc::new(Directory::new(store));
        let releases = Arc::new(ReleaseIndex::new(Arc::clone(&source)));
        Self { mount: mount.clone(), source, releases, overview }
    }

    /// A file as a person would find it.
    pub fn locate(&self, path: &str) -> String {
        self.source.store().locate(&Folder::Root.file(path))
    }
}
