//! `hexreg build`: from a folder of tarballs to a signed registry. START HERE.

use std::iter;
use std::num::NonZeroUsize;
use std::time::Duration;

pub use super::alarm::Alarm;
pub use super::read::{Cause, Rejection};
pub use super::report::Report;

use super::listing::Listing;
use super::memory::Memory;
use super::observer::{Observer, Warning};
use super::{alarm, lock, read, seal};
use crate::cache::CacheFile;
use crate::key::{KeyError, PrivateKey};
use crate::name::RepositoryName;
use crate::package::UnixSeconds;
use crate::registry::Registry;
use crate::repository::{Change, Plan};
use crate::store::{Store, StoreError};
use crate::tarball::Limits;

/// What to build, and how.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that is done or not")]
pub struct Options {
    /// The name under which clients know the repository.
    pub repository: RepositoryName,
    /// What signs it.
    pub key: PrivateKey,
    /// What clients accept.
    pub limits: Limits,
    /// Whether to inflate and check what is in the packages.
    pub check_contents: bool,
    /// `SOURCE_DATE_EPOCH`: no `updated_at` is later than this.
    pub latest: Option<UnixSeconds>,
    /// Whether what was published must stay as it is.
    pub immutable: bool,
    /// Whether another key's `public_key` may be replaced.
    pub rotate_key: bool,
    /// How long to wait for another build to end.
    pub lock_timeout: Duration,
    /// Plan, and write nothing.
    pub dry_run: bool,
    /// What was true the last time is kept there, if anywhere.
    pub cache: Option<CacheFile>,
}

/// Why there is no registry. Nothing was written, unless it is [`Error::Write`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Tarballs that clients could not use, or not all in the same way.
    #[error("{} of {total} tarballs rejected", .rejections.len())]
    Rejected {
        /// Each of them, by path.
        rejections: Vec<Rejection>,
        /// How many tarballs there are.
        total: NonZeroUsize,
    },
    /// Another build did not end in time.
    #[error("another build holds {location}, and did not end within {} s", .timeout.as_secs())]
    Busy {
        /// The directory.
        location: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// Somebody else changes what is served.
    #[error("{location} changed while the registry was built")]
    Changed {
        /// Where it stands.
        location: String,
    },
    /// Clients hold another key than the one that would sign.
    #[error(
        "{location} is the key {standing}, and this build would sign with {signing}: every client would have to be told"
    )]
    OtherKey {
        /// Where it stands.
        location: String,
        /// The fingerprint clients know.
        standing: String,
        /// The fingerprint of the key in hand.
        signing: String,
    },
    /// Published releases would change, which [`Options::immutable`] forbids.
    #[error("{} that were published would not stay as they are", .0.len())]
    Immutable(
        /// Each of them.
        Vec<Alarm>,
    ),
    /// What stands at `public_key` is none.
    #[error("{location} is not a public key")]
    NotAKey {
        /// Where it stands.
        location: String,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The key in hand does not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The tree cannot be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// A change failed. Those that the observer heard of were made, and every file is whole.
    #[error(transparent)]
    Write(StoreError),
}

/// Builds the registry of the tarballs in `store`, on the threads of the current rayon pool.
///
/// # Errors
/// [`Error`]; unless it is [`Error::Write`], nothing was written.
pub fn build(
    store: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    // Whoever writes nothing need not keep anybody else from it.
    let lock = || lock::wait(store, options.lock_timeout, observer);
    let _lock = (!options.dry_run).then(lock).transpose()?;

    let listing = Listing::take(store, observer)?;
    let memory = Memory::new(options);
    if let Some(report) = memory.unchanged(&listing) {
        return Ok(report);
    }

    let remembered = memory.read();
    let recalled = memory.recall(&remembered);
    let found = read::packages(store, &listing, options, &recalled, observer)?;
    let registry = Registry::assemble(options.repository.clone(), found.packages);

    let public_key = seal::public_key(store, &options.key, options.rotate_key)?;
    let payloads = registry.payloads();
    let resources = seal::resources(store, &options.key, &payloads, &listing, &recalled, observer)?;

    let wanted = iter::once(&public_key).chain(&resources);
    let plan = Plan::between(&listing.leftovers, listing.missing, &listing.resources, wanted);
    let alarms = alarm::raise(store, options.key.public_key(), &plan)?;
    if options.immutable && !alarms.is_empty() {
        return Err(Error::Immutable(alarms));
    }
    for alarm in alarms {
        observer.warn(Warning::Alarm(alarm));
    }

    let heard = |change: &Change| observer.changed(&change.path, change.changed());
    let report = Report::of(&registry, found.read, &plan);
    if options.dry_run {
        plan.changes.iter().for_each(heard);
    } else {
        plan.apply(store, &heard).map_err(Error::Write)?;
        memory.remember(&recalled, &listing, &payloads, &resources, &report);
    }
    Ok(report)
}
