//! When the repositories of a service begin and end to pull from their upstreams.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::Error;
use super::error_chain::chain;
use super::pull;
use super::pull::metrics::PullMetrics;
use super::pull::pull_through::PullThrough;
use super::repository::Repository;
use super::service::RegistryService;
use super::shutdown::Shutdown;
use crate::ops::mirror::Cancellation;

fn pulls(service: &RegistryService) -> impl Iterator<Item = (&Arc<Repository>, &Arc<PullThrough>)> {
    let repositories = service.routes.repositories.iter();
    repositories.filter_map(|one| one.pull.as_ref().map(|pull| (one, pull)))
}

/// Makes the stores ready: directories that are missing are created, and upstream's key is written.
///
/// # Errors
/// [`Error::Mirror`] and [`Error::Pull`].
pub(super) fn prepare(service: &RegistryService) -> Result<(), Error> {
    pulls(service).try_for_each(|(one, pull)| pull::prepare(pull, &one.location))
}

/// Begins to pull.
///
/// # Errors
/// [`Error::Run`].
pub(super) fn start(service: &RegistryService) -> Result<(), Error> {
    pulls(service).try_for_each(|(_, pull)| pull.begin().map_err(Error::Run))
}

/// Ends what a former service does that the current one has not taken over, and then begins what is new: that reads when
/// files were used.
pub(super) fn replace(former: &RegistryService, current: &RegistryService) {
    for (_, pull) in pulls(former) {
        if !pulls(current).any(|(_, one)| Arc::ptr_eq(one, pull)) {
            pull.end();
        }
    }
    for (one, pull) in pulls(current) {
        if let Err(error) = pull.begin() {
            let repository = one.mount.label();
            tracing::error!(repository, error = chain(&error), "its size is not limited");
        }
    }
}

/// Shows the metrics of the current repositories only, and not those of one that is gone, or of options that were refused.
pub(super) fn show(current: &RegistryService, metrics: &PullMetrics) {
    let names: BTreeSet<_> = pulls(current).map(|(one, _)| one.mount.label()).collect();
    metrics.keep(&names);
}

/// Gives up what is being fetched once the server shuts down: clients that wait for it are told so at once.
pub(super) async fn end_with(mut shutdown: Shutdown, end: Cancellation) {
    shutdown.begun().await;
    end.cancel();
}

/// Ends all, once it is saved when files were used.
pub(super) fn end(service: &RegistryService) {
    pulls(service).for_each(|(_, pull)| pull.end());
}
