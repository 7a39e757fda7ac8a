//! Mirrors that keep themselves up to date: each on a thread of its own, again and again.
//!
//! ```text
//! schedule  how often, and what
//! runner    the thread: one run at a time; of several servers with one bucket, the one that holds the lease
//! status    how it went, for the page and the health check; metrics: the same for Prometheus
//! ```
//!
//! A run writes as `hexreg mirror` does, so that a server that is killed leaves every file whole, and the next run
//! resumes. A repository in a bucket is mirrored into a directory of the cache, and pushed from there.

pub(crate) mod metrics;
pub(crate) mod runner;
pub mod schedule;
pub mod status;
