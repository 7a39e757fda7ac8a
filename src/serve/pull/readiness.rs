//! Whether a file can be sent, and how new it is.

use std::time::Duration;

use crate::serve::files::source::OpenFile;

/// Whether a file can be sent.
pub(crate) enum Readiness {
    /// The store has it, if it has a file of this path.
    Here(Freshness),
    /// It was fetched, and the store could not be written.
    Unkept(OpenFile),
    /// Upstream does not have it.
    Missing,
    /// Upstream does not answer, or sent a file that is refused, and the store has none.
    Failed,
    /// It is still being fetched, and little of it comes.
    Pending,
}

/// How new a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Upstream lets caches send it.
    Fresh,
    /// It was not here, and was fetched for this request.
    Fetched,
    /// Upstream was asked for this request whether it has changed.
    Revalidated,
    /// Upstream would have to be asked, and does not answer, or sent a file that is refused. With the time since.
    Stale(Duration),
}

/// How long caches may keep a file, and how old it is (RFC 9111, section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CacheAge {
    pub lifetime: Duration,
    pub age: Duration,
}

impl Freshness {
    /// `Cache-Status` (RFC 9211), where a file is not as upstream lets caches send it; a negative `ttl` is the time since.
    pub fn cache_status(self) -> Option<String> {
        match self {
            Self::Fresh => None,
            Self::Fetched => Some("hexreg; fwd=miss".to_owned()),
            Self::Revalidated => Some("hexreg; fwd=stale".to_owned()),
            Self::Stale(since) => Some(format!("hexreg; hit; ttl=-{}", since.as_secs())),
        }
    }
}
