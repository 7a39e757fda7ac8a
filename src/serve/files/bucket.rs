//! The files of a repository in a bucket, with a cache in memory and on disk in front.
//!
//! ```text
//! source         what the server asks; cached_store: the same for what reads whole files, or writes
//!  → shared_bucket   a file that was checked a moment ago, or one request for all who wait
//!  → cache       which objects are known, and how long ago they were checked
//!  → requests    the requests that run: of each object one
//!  → download    an object on its way into the cache: clients read it while it arrives
//!  → folder      the part of the cache on disk
//! cached_object  an object with its bytes, and an open one
//! listed_packages  names of packages that take no request, as there are none
//! outage         whether the store can be asked at this moment; request_failure: why not
//! counters       what the metrics show
//! ```

mod cache;
mod cached_object;
pub(crate) mod cached_store;
pub(crate) mod counters;
mod download;
pub(crate) mod folder;
mod listed_packages;
mod outage;
mod request_failure;
mod requests;
pub(crate) mod shared_bucket;
pub(crate) mod source;

#[cfg(test)]
mod outage_tests;
#[cfg(test)]
mod tests;
