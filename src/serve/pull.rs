//! Pull-through: what a repository does not have is fetched from its upstream when a client asks for it.
//!
//! ```text
//! opening        the repository is there, and has upstream's key
//! pull_through   what pulls a repository through, and what it says of a file that is to be sent
//!  → upstream_files   makes sure that a file is here, and no older than upstream says that it may be (readiness)
//!  → requests    the requests to upstream, and what is learned from them
//!  → memory      what is known of each file: until when it is fresh, that upstream does not have it, that it failed
//!  → confirmed_files   the same for a server that starts again (saver)
//!  → flights     one request to upstream at a time for each file, which goes on without the clients that wait for it
//!  → ops::mirror::pull   the request, the checks, and the write
//!  → upstream_log        what the log says, and each thing once (refusals)
//! file_checks    files that are here are checked before they are sent for the first time
//! unkept_files   files that could not be written, in memory for a while
//! eviction       removes what was asked for the longest time ago, where the size is limited
//!  → kept_files  how much there is, and what is removed
//!  → used_files  when each file was asked for
//! metrics        what Prometheus is shown
//! ```
//!
//! Once a file is in the store, it is served from there, as any other file. If the store cannot be written, as on a full
//! disk, it is served from memory. If upstream does not answer, or sends a file that is refused, the file in the store is
//! served as it is.

mod confirmed_files;
mod eviction;
mod file_checks;
mod flights;
mod kept_files;
mod memory;
pub(crate) mod metrics;
mod opening;
pub mod options;
pub(crate) mod pull_through;
pub(crate) mod readiness;
mod refusals;
mod requests;
mod saver;
mod unkept_file;
mod unkept_files;
mod upstream_files;
pub(crate) mod upstream_log;
mod used_files;

pub(crate) use opening::{open, prepare};
