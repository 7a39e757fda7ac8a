//! The files of a repository in a bucket, with a cache in memory and on disk in front.
//!
//! ```text
//! source         what the server asks; cached_store: the same for what reads whole files, or writes
//!  → shared_bucket   a file that was checked a moment ago, or one request for all who wait
//!  → cache       which objects are known, and how long ago they were checked
//!  → download    an object on its way into the cache: clients read it while it arrives
//!  → folder      the part of the cache on disk
//! cached_object  an object with its bytes, and an open one
//! counters       what the metrics show
//! ```

mod cache;
mod cached_object;
pub(crate) mod cached_store;
pub(crate) mod counters;
mod download;
pub(crate) mod folder;
pub(crate) mod shared_bucket;
pub(crate) mod source;
