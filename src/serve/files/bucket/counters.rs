//! What the metrics show of buckets.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};

/// The counters of all repositories in buckets.
#[derive(Clone)]
pub(crate) struct BucketCounters {
    cache: Family<ResultLabel, Counter>,
    /// One of `cache`: it is counted up with each request, and not looked up again.
    hits: Counter,
    requests: Family<ResultLabel, Counter>,
    /// The bytes of the objects that were received.
    pub received: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// How a file was found in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheResult {
    /// It was checked a moment ago.
    Hit,
    /// The store has to be asked.
    Miss,
    /// The store could not be asked, and what it said before is used.
    Stale,
}

/// What a store answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreResult {
    Found,
    NotModified,
    Missing,
    Failed,
}

impl Default for BucketCounters {
    fn default() -> Self {
        let cache = Family::<ResultLabel, Counter>::default();
        let requests = Family::<ResultLabel, Counter>::default();
        // All are shown from the start: an alarm sees the first that fails.
        for result in [CacheResult::Hit, CacheResult::Miss, CacheResult::Stale] {
            drop(cache.get_or_create(&ResultLabel { result: result.label() }));
        }
        for result in [
            StoreResult::Found,
            StoreResult::NotModified,
            StoreResult::Missing,
            StoreResult::Failed,
        ] {
            drop(requests.get_or_create(&ResultLabel { result: result.label() }));
        }
        let hits = cache.get_or_create(&ResultLabel { result: CacheResult::Hit.label() }).clone();
        Self { cache, hits, requests, received: Counter::default() }
    }
}

impl BucketCounters {
    /// Registers the counters.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Files of buckets that were asked for, by what the cache had";
        registry.register("cache_lookups", help, self.cache.clone());
        let help = "Requests to object storage, by its answer";
        registry.register("storage_requests", help, self.requests.clone());
        let help = "Bytes of objects received from object storage";
        let received = self.received.clone();
        registry.register_with_unit("storage_received", help, Unit::Bytes, received);
    }

    pub fn count_lookup(&self, result: CacheResult) {
        if result == CacheResult::Hit {
            self.hits.inc();
            return;
        }
        self.cache.get_or_create(&ResultLabel { result: result.label() }).inc();
    }

    pub fn count_request(&self, result: StoreResult) {
        self.requests.get_or_create(&ResultLabel { result: result.label() }).inc();
    }
}

impl CacheResult {
    fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
        }
    }
}

impl StoreResult {
    fn label(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::NotModified => "not_modified",
            Self::Missing => "missing",
            Self::Failed => "failed",
        }
    }
}
