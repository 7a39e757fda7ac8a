//! What the pages of one repository are made from.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::cache_file::CacheFile;
use super::indexing::Indexing;
use super::known_policies::KnownPolicies;
use super::search::docs_search::DocsSearch;
use super::tarballs::Tarballs;
use crate::serve::docs::listing::DocsListings;
use crate::serve::files::releases::ReleaseIndex;
use crate::serve::files::source::FileSource;
use crate::serve::overview_cache::OverviewCache;
use crate::serve::registry_identity::RegistryIdentity;

/// What the pages of one repository are made from. It is kept when the options of the repository change.
pub(crate) struct RepositoryPages {
    pub indexing: Arc<Indexing>,
    pub tarballs: Arc<Tarballs>,
    pub policies: KnownPolicies,
    /// The search in documentation.
    pub docs_search: DocsSearch,
    /// Which documentation is here.
    pub docs: Arc<DocsListings>,
    /// Whether each look at the repository is a request to another machine.
    is_remote: bool,
    looks: Mutex<Looks>,
    docs_looks: Mutex<Looks>,
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

/// How often changes are looked for. Where nothing has changed, a look is one question about each of two files.
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// The same where each look is a request to another machine.
const LOOK_EVERY_REMOTE: Duration = Duration::from_secs(2);

impl RepositoryPages {
    pub fn new(
        overview: Arc<OverviewCache>,
        source: Arc<dyn FileSource>,
        releases: Arc<ReleaseIndex>,
        signer: Option<RegistryIdentity>,
        cache: Option<(CacheFile, CacheFile)>,
        docs_folder: Option<PathBuf>,
        is_remote: bool,
    ) -> Self {
        let tarballs = Arc::new(Tarballs::new(Arc::clone(&source)));
        let docs = DocsListings::new(
            Arc::clone(&overview),
            Arc::clone(&source),
            Arc::clone(&releases),
            is_remote,
        );
        let docs = Arc::new(docs);
        let policies =
            KnownPolicies::new(overview.store(), Arc::clone(&overview), signer, is_remote);
        let docs_search = DocsSearch::new(Arc::clone(&overview), Arc::clone(&source), docs_folder);
        let indexing = Indexing::new(overview, source, releases, Arc::clone(&tarballs), cache);
        let indexing = Arc::new(indexing);
        let [looks, docs_looks] = [Mutex::new(Looks::new()), Mutex::new(Looks::new())];
        Self { indexing, tarballs, policies, docs_search, docs, is_remote, looks, docs_looks }
    }

    /// A page is made.
    pub fn visit(&self) {
        for looks in [&self.looks, &self.docs_looks] {
            changed(looks, |looks| looks.was_visited = true);
        }
    }

    /// Whether to look for changes now. Then [`look`](Self::look) has to follow. Where each look is a request to another
    /// machine, only visits are a reason.
    pub fn begin_look(&self) -> bool {
        changed(&self.looks, |looks| looks.begin(self.is_remote))
    }

    /// The same for documentation. Then [`look_at_docs`](Self::look_at_docs) has to follow.
    pub fn begin_look_at_docs(&self) -> bool {
        changed(&self.docs_looks, |looks| looks.begin(self.is_remote))
    }

    /// Looks for changes, and reads them. May take minutes. `goes_on` says whether the repository is still served.
    pub fn look(&self, goes_on: &dyn Fn() -> bool) {
        let _ended = EndedLook(&self.looks);
        self.indexing.pass(goes_on);
    }

    /// How many looks are going on.
    pub fn running_looks(&self) -> usize {
        let looks = [&self.looks, &self.docs_looks];
        looks.into_iter().filter(|looks| changed(looks, |looks| looks.is_running)).count()
    }

    /// The same for documentation.
    pub fn look_at_docs(&self, goes_on: &dyn Fn() -> bool) {
        let _ended = EndedLook(&self.docs_looks);
        self.docs_search.latest.pass(&self.indexing.snapshot(), goes_on);
    }
}

fn changed<T>(looks: &Mutex<Looks>, change: impl FnOnce(&mut Looks) -> T) -> T {
    // Each value is valid by itself, after a panic too.
    change(&mut looks.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Looks {
    fn new() -> Self {
        Self { is_running: false, last: Instant::now(), has_looked: false, was_visited: false }
    }

    fn begin(&mut self, is_remote: bool) -> bool {
        if self.is_running || !self.is_due(is_remote) {
            return false;
        }
        self.is_running = true;
        self.was_visited = false;
        true
    }

    fn is_due(&self, is_remote: bool) -> bool {
        let since = self.last.elapsed();
        match (self.was_visited, self.has_looked) {
            (true, false) => true,
            (false, _) if is_remote => false,
            (false, false) => since >= UNVISITED,
            (true, true) if is_remote => since >= LOOK_EVERY_REMOTE,
            (_, true) => since >= LOOK_EVERY,
        }
    }
}

/// A look that has ended, also by a panic.
struct EndedLook<'a>(&'a Mutex<Looks>);

impl Drop for EndedLook<'_> {
    fn drop(&mut self) {
        changed(self.0, |looks| {
            looks.is_running = false;
            looks.has_looked = true;
            looks.last = Instant::now();
        });
    }
}
