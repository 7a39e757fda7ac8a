//! `hexreg build`: from a folder of tarballs to a signed registry. START HERE.

mod alarm;
mod dependencies;
mod error;
mod indexes;
mod listing;
mod lock;
mod memory;
mod options;
mod policies;
mod published;
mod read;
mod remarks;
mod report;
mod seal;

pub use alarm::Alarm;
pub use error::Error;
pub use options::Options;
pub use read::{Cause, Rejection};
pub use report::Report;

use std::iter;

use crate::publish::Plan;
use crate::publish::observer::{Observer, Warning};
use crate::publish::retry::until_undisturbed;
use crate::registry::Registry;
use crate::repository::Folder;
use crate::store::{AppliedChange, Change, Store};
use listing::Listing;
use memory::Memory;
use published::Published;

/// Builds the registry of the tarballs in `store`, on the threads of the current rayon pool; again from the
/// start, where somebody else changed it meanwhile.
///
/// # Errors
/// [`Error`]; unless it is [`Error::Write`], nothing was written.
pub fn build(
    store: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    // Taking the lock would create a directory that is mistyped.
    if !store.is_conditional() && store.list(Folder::Root)?.is_none() {
        return Err(Error::nowhere(store));
    }
    until_undisturbed(options.lock_timeout, observer, |_| build_once(store, options, observer))
}

fn build_once(
    store: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    let turn = lock::wait(store, options, observer)?;
    let listing = Listing::take(store, turn.is_alone, observer)?;
    if listing.is_nothing(store) {
        return Err(Error::nowhere(store));
    }
    let memory = Memory::new(options);
    if let Some(report) = memory.unchanged(&listing) {
        return Ok(report);
    }

    let remembered = memory.read();
    let recalled = memory.recall(&remembered);
    let found = read::packages(store, &listing, options, &recalled, observer)?;
    let carried =
        remarks::carry_over(store, options, &listing, &recalled, found.packages, observer)?;
    let registry = Registry::assemble(options.repository.clone(), carried.packages);
    let registry = indexes::carry_over(store, options, &listing, &recalled, registry)?;
    dependencies::check(store, options, &listing, &registry, observer)?;

    let public_key = seal::public_key(store, options, &listing)?;
    let payloads = registry.payloads();
    let resources = seal::resources(store, &options.key, &payloads, &listing, &recalled, observer)?;

    let policies = policies::sign_anew(store, options, &public_key, observer)?;
    let wanted = iter::once(&public_key).chain(&resources).chain(&policies);
    let mut plan = Plan::between(&listing.leftovers, listing.missing, &listing.resources, wanted);
    let published = Published::read(store, options.key.public_key(), &plan)?;
    alarm::raise(&published, &registry, options, observer)?;
    plan.bridge(published.bridges(&registry, &options.key)?);

    let heard = |change: &Change| {
        let changed = change.changed().into_iter();
        changed.for_each(|changed| observer.changed(&change.path, changed));
    };
    let report = Report::of(&registry, found.read, &plan);
    if options.dry_run {
        plan.changes.iter().for_each(heard);
    } else {
        let made = |made: AppliedChange<'_>| {
            heard(made.change);
            if let Some(warning) = Warning::of_lost_readers(store, made) {
                observer.warn(warning);
            }
        };
        plan.apply(store, &made).map_err(Error::Write)?;
        if store.is_conditional() && !plan.changes.is_empty() {
            listing.confirm(store, options, &registry, &plan).map_err(Error::Write)?;
        }
        carried.base.save(store, &registry).map_err(Error::Write)?;
        memory.remember(&recalled, &listing, &registry, &resources, &report);
    }
    Ok(report)
}
