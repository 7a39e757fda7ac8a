//! When the mirrors of a service begin and end.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::current_service::CurrentService;
use super::error::Error;
use super::error_chain::chain;
use super::mirror::Mirror;
use super::mirrors::metrics::MirrorMetrics;
use super::service::RegistryService;
use super::shutdown::Shutdown;

/// How long the end of the server waits for runs: until their leases are given back.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// How often it looks whether they have ended.
const ASK_EVERY: Duration = Duration::from_millis(10);

fn mirrors(service: &RegistryService) -> impl Iterator<Item = &Arc<Mirror>> {
    service.routes.repositories.iter().filter_map(|one| one.mirror.as_ref())
}

/// Creates the directories that are missing.
///
/// # Errors
/// [`Error::Mirror`].
pub(super) fn prepare(service: &RegistryService) -> Result<(), Error> {
    mirrors(service).try_for_each(|mirror| mirror.prepare())
}

/// Begins to mirror.
///
/// # Errors
/// [`Error::Mirror`].
pub(super) fn start(service: &RegistryService) -> Result<(), Error> {
    mirrors(service).try_for_each(|mirror| mirror.start())
}

/// Ends the mirrors of a former service that the current one has not taken over, because a request may need the former
/// one for hours, and begins those that are new.
pub(super) fn replace(
    former: &RegistryService,
    current: &RegistryService,
    metrics: &MirrorMetrics,
) {
    for mirror in mirrors(former) {
        if !mirrors(current).any(|one| Arc::ptr_eq(one, mirror)) {
            mirror.runner.end();
        }
        if !mirrors(current).any(|one| one.name == mirror.name) {
            metrics.remove(&mirror.name);
        }
    }
    for mirror in mirrors(current) {
        if let Err(error) = mirror.start() {
            let repository = mirror.name.as_str();
            tracing::error!(repository, error = chain(&error), "it is not mirrored");
        }
    }
}

/// Ends the mirrors once the server shuts down, while requests are still answered.
pub(super) async fn end_with(mut shutdown: Shutdown, service: Arc<CurrentService>) {
    shutdown.begun().await;
    mirrors(&service.get()).for_each(|mirror| mirror.runner.end());
}

/// Ends the mirrors, and waits a moment for their current runs.
pub(super) fn end(service: &RegistryService) {
    mirrors(service).for_each(|mirror| mirror.runner.end());
    let began = Instant::now();
    while began.elapsed() < END_TIMEOUT && mirrors(service).any(|one| !one.runner.has_ended()) {
        thread::sleep(ASK_EVERY);
    }
}
