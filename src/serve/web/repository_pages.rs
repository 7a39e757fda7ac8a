//! What the pages of one repository are made from.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::cache_file::CacheFile;
use super::indexing::Indexing;
use super::tarballs::Tarballs;
use crate::serve::files::releases::ReleaseIndex;
use crate::serve::files::source::FileSource;
use crate::serve::overview_cache::OverviewCache;

/// What the pages of one repository are made from. It is kept when the options of the repository change.
pub(crate) struct RepositoryPages {
    pub indexing: Arc<Indexing>,
    pub tarballs: Arc<Tarballs>,
    /// Whether each look at the repository is a request to another machine.
    is_remote: bool,
    looks: Mutex<Looks>,
}

/// When changes were looked for.
struct Looks {
    is_running: bool,
    /// When the last look has ended, or the repository was opened.
    last: Instant,
    has_looked: bool,
    /// Whether a page was made since then.
    was_visited: bool,
}

/// How long a repository is served before it is read without a visit. A server for one CI job reads nothing.
const UNVISITED: Duration = Duration::from_secs(10);

/// How often changes are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl RepositoryPages {
    pub fn new(
        overview: Arc<OverviewCache>,
        source: Arc<dyn FileSource>,
        releases: Arc<ReleaseIndex>,
        cache: Option<(CacheFile, CacheFile)>,
        is_remote: bool,
    ) -> Self {
        let tarballs = Arc::new(Tarballs::new(Arc::clone(&source)));
        let indexing = Indexing::new(overview, source, releases, Arc::clone(&tarballs), cache);
        Self { indexing: Arc::new(indexing), tarballs, is_remote, looks: Mutex::new(Looks::new()) }
    }

    /// A page is made.
    pub fn visit(&self) {
        self.looks(|looks| looks.was_visited = true);
    }

    /// Whether to look for changes now. Then [`look`](Self::look) has to follow. Where each look is a request to another
    /// machine, only visits are a reason.
    pub fn begin_look(&self) -> bool {
        let is_remote = self.is_remote;
        self.looks(|looks| {
            if looks.is_running || !looks.is_due(is_remote) {
                return false;
            }
            looks.is_running = true;
            looks.was_visited = false;
            true
        })
    }

    /// Looks for changes, and reads them. May take minutes. `goes_on` says whether the repository is still served.
    pub fn look(&self, goes_on: &dyn Fn() -> bool) {
        let _ended = EndedLook(self);
        self.indexing.pass(goes_on);
    }

    fn looks<T>(&self, change: impl FnOnce(&mut Looks) -> T) -> T {
        // Each value is valid by itself, after a panic too.
        change(&mut self.looks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Looks {
    fn new() -> Self {
        Self { is_running: false, last: Instant::now(), has_looked: false, was_visited: false }
    }

    fn is_due(&self, is_remote: bool) -> bool {
        let since = self.last.elapsed();
        match (self.was_visited, self.has_looked) {
            (true, false) => true,
            (false, _) if is_remote => false,
            (false, false) => since >= UNVISITED,
            (_, true) => since >= LOOK_EVERY,
        }
    }
}

/// A look that has ended, also by a panic.
struct EndedLook<'a>(&'a RepositoryPages);

impl Drop for EndedLook<'_> {
    fn drop(&mut self) {
        self.0.looks(|looks| {
            looks.is_running = false;
            looks.has_looked = true;
            looks.last = Instant::now();
        });
    }
}
