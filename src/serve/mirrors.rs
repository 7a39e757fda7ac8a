//! Mirrors that keep themselves up to date: each on a thread of its own, again and again.
//!
//! ```text
//! schedule      how often, and what
//! runner        the thread: one run at a time; of several servers with one bucket, the one that holds the lease
//! run           one run; turns: it begins once the one of the former configuration has ended
//! leased_store  the bucket, which is written only while the lease is held
//! directory_lock  the directory in which a bucket is mirrored, by one server at a time
//! status        how it went, for the page and the health check; metrics: the same for Prometheus
//! last_run      the same for the next start of the server, where a directory is mirrored
//! mirror_log    the same for the log, and each thing once
//! ```
//!
//! A run writes as `hexreg mirror` does, so that a server that is killed leaves every file whole, and the next run
//! resumes. A repository in a bucket is mirrored into a directory of the cache, and pushed from there; before that, the
//! directory adopts what the bucket has.

mod directory_lock;
mod last_run;
mod leased_store;
pub(crate) mod metrics;
mod mirror_log;
mod run;
pub(crate) mod runner;
pub mod schedule;
pub mod status;
pub(crate) mod turns;
