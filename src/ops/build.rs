//! `hexreg build`: from a folder of tarballs to a signed registry. START HERE.

mod cached;
mod dependencies;
mod error;
mod indexes;
mod listing;
mod options;
mod planned;
mod policies;
mod read;
mod remarks;
mod report;
mod resources;

pub use super::rejection::{Rejection, RejectionCause};
pub use error::Error;
pub use options::Options;
pub use report::Report;

use std::iter;

use crate::publish::Plan;
use crate::publish::breakage::Before;
use crate::publish::observer::{Observer, Warning};
use crate::publish::transaction::{Attempt, Publication, Transaction, directory_is_missing};
use crate::registry::Registry;
use crate::store::Store;
use cached::BuildCache;
use listing::Listing;
use planned::{Built, Planned};
use policies::Rotation;

/// Builds the registry of the tarballs in `store`, on the threads of the current rayon pool; again from the start if
/// another writer changed it meanwhile.
///
/// # Errors
/// [`Error`]; unless it is [`Error::Write`], nothing was written.
pub fn build(
    store: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    if directory_is_missing(store)? {
        return Err(Error::no_registry(store));
    }
    let Options { lock_timeout, dry_run, .. } = *options;
    let transaction = Transaction::begin::<Error>(store, None, lock_timeout, dry_run, observer)?;
    let cache = BuildCache::new(options);
    let (planned, changes) =
        transaction.run(&Build { options, cache, rotation: Rotation::default() })?;
    Ok(planned.report.with_changes(changes))
}

struct Build<'a> {
    options: &'a Options,
    cache: BuildCache<'a>,
    rotation: Rotation,
}

impl Publication for Build<'_> {
    type Planned = Planned;
    type Error = Error;

    fn plan(&self, attempt: &Attempt<'_>) -> Result<(Plan, Planned), Error> {
        let (store, observer, options) = (attempt.store(), attempt.observer(), self.options);
        let listing = Listing::take(store, attempt.is_alone(), observer)?;
        if listing.is_nothing(attempt) {
            return Err(Error::no_registry(store));
        }
        if let Some(report) = self.cache.unchanged(&listing) {
            return Ok((Plan::default(), Planned { report, built: None }));
        }

        let bytes = self.cache.read();
        let cached = self.cache.parse(&bytes);
        let read = read::packages(store, &listing, options, &cached, observer)?;
        let carried =
            remarks::carry_over(store, options, &listing, &cached, read.packages, observer)?;
        let registry = Registry::assemble(options.repository.clone(), carried.packages);
        let registry = indexes::carry_over(store, options, &listing, &cached, registry)?;
        dependencies::check(store, options, &listing, &registry, observer)?;

        let public_key = resources::public_key(store, options, &listing)?;
        let payloads = registry.payloads();
        let resources =
            resources::sign_changed(attempt, &options.key, &payloads, &listing, &cached)?;
        self.rotation.note(store, options, &public_key)?;
        let policies = policies::sign_anew(store, options, &self.rotation, observer)?;
        let desired = iter::once(&public_key).chain(&resources).chain(&policies);
        let mut plan =
            Plan::between(&listing.leftovers, listing.missing, &listing.resources, desired);

        let before = Before::read(store, options.key.public_key(), &plan)?;
        let breakages = before.breakages(&registry);
        if options.immutable && !breakages.is_empty() {
            return Err(Error::Immutable(breakages));
        }
        for breakage in breakages {
            observer.warn(Warning::Breakage { breakage });
        }
        plan.bridge(before.bridges(&registry, &options.key)?);

        let report = Report::of(&registry, read.count, &plan);
        let (base, cached_tarballs) = (carried.base, cached.tarballs());
        let built = Some(Built { listing, registry, resources, base, cached_tarballs });
        Ok((plan, Planned { report, built }))
    }

    fn confirm(&self, attempt: &Attempt<'_>, plan: &Plan, planned: &Planned) -> Result<(), Error> {
        let Some(Built { listing, registry, .. }) = &planned.built else { return Ok(()) };
        listing.confirm(attempt, self.options, registry, plan)?;
        self.rotation.confirm(attempt, self.options)
    }

    fn finish(&self, store: &dyn Store, plan: &Plan, planned: &mut Planned) -> Result<(), Error> {
        if let Some(built) = &mut planned.built {
            built.base.save(store, &built.registry)?;
            self.cache.save(built, &planned.report, plan);
        }
        Ok(())
    }
}
