//! `hexreg build`: from a folder of tarballs to a signed registry. START HERE.

use std::iter;

pub use super::alarm::Alarm;
pub use super::error::Error;
pub use super::options::Options;
pub use super::read::{Cause, Rejection};
pub use super::report::Report;

use super::listing::Listing;
use super::memory::Memory;
use super::observer::Observer;
use super::{alarm, lock, read, seal};
use crate::registry::Registry;
use crate::repository::{Change, Plan};
use crate::store::Store;

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
    alarm::raise(store, options, &plan, observer)?;

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
