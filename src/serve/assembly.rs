//! Makes a service of options: at the start, and again whenever they change.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::access_log::AccessLog;
use super::api::service::Api;
use super::authorize::Authorizer;
#[cfg(feature = "buckets")]
use super::cache_folder::SharedCacheFolder;
use super::connections::proxies::ProxiedRequests;
#[cfg(feature = "web")]
use super::docs::origin::ListeningAddresses;
#[cfg(feature = "web")]
use super::docs::service::Docs;
use super::error::Error;
use super::files::Files;
use super::health::Health;
use super::hosts::AllowedHosts;
use super::metrics::Metrics;
#[cfg(feature = "mirror")]
use super::mirrors::turns::MirrorTurns;
use super::options::Options;
use super::own_names;
use super::publishing;
use super::repository::{Repository, ServerParts};
use super::route::Routes;
use super::service::RegistryService;
#[cfg(feature = "web")]
use super::web::Web;
#[cfg(feature = "mirror")]
use crate::ops::mirror::Cancellation;

/// What all services of a server have in common.
pub(super) struct Assembly {
    pub runtime: Handle,
    pub metrics: Arc<Metrics>,
    pub proxied: ProxiedRequests,
    #[cfg(feature = "buckets")]
    pub cache_folder: Arc<SharedCacheFolder>,
    #[cfg(feature = "mirror")]
    pub turns: MirrorTurns,
    /// The addresses that the server listens on, once it does.
    #[cfg(feature = "web")]
    pub addresses: ListeningAddresses,
    /// The end of the server: what is being fetched from upstreams is given up.
    #[cfg(feature = "mirror")]
    pub end: Cancellation,
}

impl Assembly {
    /// Makes a service. Of the former one, it takes over what the options leave as it is: repositories with what is kept of
    /// them, and passwords that were verified. It may wait for a disk or a store. Mirrors begin later: an error must not
    /// leave any behind that the options in force do not have.
    ///
    /// # Errors
    /// [`Error`] if something cannot be served, or published to.
    pub fn service(
        &self,
        options: &Options,
        former: Option<&RegistryService>,
    ) -> Result<RegistryService, Error> {
        let former_repositories = former.map(|former| &*former.routes.repositories);
        let parts = ServerParts {
            options,
            runtime: &self.runtime,
            metrics: &self.metrics,
            #[cfg(feature = "buckets")]
            cache_folder: &self.cache_folder,
            #[cfg(feature = "mirror")]
            turns: &self.turns,
            #[cfg(feature = "mirror")]
            end: &self.end,
            former: former_repositories.unwrap_or_default(),
        };
        let open = |one| Repository::open(one, &parts);
        let repositories: Vec<_> =
            options.repositories.iter().map(open).collect::<Result<_, _>>()?;
        own_names::learn(&repositories);
        let checked = repositories.iter().map(|one| one.to_check()).collect();
        let authorizer = authorizer(options, former)?;
        let same_files = former.filter(|former| former.routes.files.is_of(options));
        let routes = Routes {
            files: same_files.map_or_else(
                || Arc::new(Files::new(options)),
                |former| Arc::clone(&former.routes.files),
            ),
            health: Health::of(checked).map_err(Error::Run)?,
            #[cfg(feature = "web")]
            web: Web::new(options, Arc::clone(&self.metrics.refusals)),
            #[cfg(feature = "web")]
            docs: Docs::new(
                options,
                &self.addresses,
                &authorizer,
                Arc::clone(&self.metrics.refusals),
                former.map(|former| &former.routes.docs),
            ),
            repositories,
        };
        Ok(RegistryService {
            routes,
            api: Api::new(options, self.metrics.changes.clone()),
            authorizer,
            access_log: AccessLog {
                metrics: Arc::clone(&self.metrics),
                is_on: options.log_requests,
            },
            hosts: AllowedHosts::of(options),
            #[cfg(feature = "web")]
            docs_hosts: AllowedHosts::of_docs(options),
            proxied: self.proxied.clone(),
            options: options.clone(),
        })
    }
}

/// The former authorizer, if it is of the same file and the same keys.
fn authorizer(
    options: &Options,
    former: Option<&RegistryService>,
) -> Result<Arc<Authorizer>, Error> {
    let keys = |options: &Options| {
        let keys = options.repositories.iter().filter_map(|one| one.key.clone());
        keys.collect::<Vec<_>>()
    };
    let is_same = |former: &&RegistryService| {
        former.options.auth_file == options.auth_file && keys(&former.options) == keys(options)
    };
    if let Some(former) = former.filter(is_same) {
        return Ok(Arc::clone(&former.authorizer));
    }
    let (keys, secret) = (publishing::bearer_keys(options)?, publishing::docs_secret(options)?);
    Ok(Arc::new(Authorizer::open(options, keys, secret)?))
}
