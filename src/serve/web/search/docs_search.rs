//! The search in the documentation of one repository.

use std::path::PathBuf;
use std::sync::Arc;

use super::latest_docs::LatestDocs;
use super::pinned_docs::PinnedDocs;
use crate::serve::files::source::FileSource;
use crate::serve::overview_cache::OverviewCache;

/// The search in the documentation of one repository.
pub(crate) struct DocsSearch {
    pub latest: LatestDocs,
    pub pinned: Arc<PinnedDocs>,
}

impl DocsSearch {
    /// Nothing is read yet. The index is kept in `folder`, or in memory.
    pub fn new(
        overview: Arc<OverviewCache>,
        source: Arc<dyn FileSource>,
        folder: Option<PathBuf>,
    ) -> Self {
        let pinned = Arc::new(PinnedDocs::new(Arc::clone(&source)));
        Self { latest: LatestDocs::new(overview, source, folder), pinned }
    }
}
