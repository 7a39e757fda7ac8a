//! `hexreg serve`: a registry over HTTP. Start here.
//!
//! ```text
//! listener       accepts connections; each gets a slot, or one of the reserve for one request (connections/)
//!  → connection  TLS, then HTTP/1.1; the client has to take its response at a least rate
//!  → service     one request:
//!     → route       the table of every path; which repository it is of
//!     → hosts       is the request for this server?
//!     → authorize   who asks, and may they read?
//!     → api         the HTTP API of Hex: what clients publish with, and look packages up with
//!     → files       a file of a repository: does its release exist (releases), is the client's copy current
//!                   (tags, preconditions), its bytes (source, directory, body; recent, if they are kept)
//!       pull        before that, a file of an upstream is fetched, if it is not here or too old
//!       web         a page for people, made of an overview
//!       docs        documentation as pages, in an origin of its own if reading needs credentials
//!       health      whether the repositories can be reached
//!     → access_log  a line in the log, numbers in the metrics
//! shutdown       after SIGTERM or SIGINT no connection is accepted, and running requests are answered
//! assembly       makes the service of options; current_service: the one that holds now
//! reload         options, certificates and the auth file are read again when they change, and after SIGHUP
//! ```

mod access_log;
mod api;
mod assembly;
pub mod audit;
mod authorize;
mod base_url;
#[cfg(feature = "buckets")]
mod bucket_location;
#[cfg(feature = "buckets")]
mod cache_folder;
mod call;
mod check;
mod clock;
mod connection;
mod connections;
mod current_service;
#[cfg(feature = "web")]
mod docs;
mod error;
mod error_chain;
mod files;
mod fixed_options;
mod health;
mod hosts;
mod known_registry;
mod listener;
mod metrics;
mod metrics_endpoint;
#[cfg(feature = "mirror")]
mod mirror;
pub mod mirror_note;
#[cfg(feature = "mirror")]
pub mod mirrors;
mod mount;
mod options;
mod options_source;
pub mod overview;
pub mod overview_cache;
mod own_names;
mod publishing;
#[cfg(feature = "mirror")]
pub mod pull;
mod refusal;
mod registry_identity;
mod reload;
mod repository;
mod repository_settings;
mod request_body;
mod request_path;
mod responses;
mod route;
#[cfg(feature = "web")]
mod running_indexes;
#[cfg(feature = "mirror")]
mod running_mirrors;
#[cfg(feature = "mirror")]
mod running_pulls;
mod service;
mod shutdown;
mod tls;
mod upload;
pub mod upstream_note;
mod url_origin;
mod watched_files;
#[cfg(test)]
mod watched_store;
#[cfg(feature = "web")]
pub mod web;
mod wrong_tokens;

#[cfg(feature = "buckets")]
pub use bucket_location::BucketLocation;
pub use check::check;
pub use connections::proxies::loopback;
pub use error::Error;
pub use mount::Mount;
pub use options::{
    CacheOptions, DocsOptions, Options, RepositoryLocation, RepositoryOptions, ServerLimits,
};
pub use options_source::{OptionsSource, ReadAgain, ReadOptions};
pub use tls::{TlsError, TlsFiles};
pub use watched_files::WatchedFile;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::key::PublicKey;
use crate::name::RepositoryName;
#[cfg(feature = "mirror")]
use crate::ops::mirror::Cancellation;
use assembly::Assembly;
#[cfg(feature = "buckets")]
use cache_folder::SharedCacheFolder;
use connections::admission::{Admission, ConnectionLimits};
use connections::open_files;
use connections::proxies::{ProxiedRequests, TrustedProxies};
use current_service::CurrentService;
#[cfg(feature = "web")]
use current_service::DocsService;
#[cfg(feature = "web")]
use docs::origin::ListeningAddresses;
use hosts::AllowedHosts;
use metrics::Metrics;
use metrics_endpoint::MetricsEndpoint;
#[cfg(feature = "mirror")]
use mirrors::turns::MirrorTurns;
use overview::RepositoryState;
use reload::{Reload, WatchedSources};
use repository::Repository;
use route::METRICS;
#[cfg(feature = "web")]
use shutdown::Shutdown;
use shutdown::Signals;
use tls::Certificates;

/// A server that has started.
#[derive(Debug)]
pub struct Started {
    /// The URL of the server: the given one, or that of the address.
    pub url: String,
    /// The URL of the address that it listens on.
    pub address: String,
    /// The URL of the metrics.
    pub metrics: Option<String>,
    /// The URL of documentation, if it has an origin of its own.
    pub docs: Option<String>,
    /// The repositories.
    pub repositories: Vec<StartedRepository>,
}

/// A repository of a server that has started.
#[derive(Debug)]
pub struct StartedRepository {
    /// Its place in the URLs.
    pub mount: Mount,
    /// Where its files are.
    pub location: RepositoryLocation,
    /// Its state.
    pub state: Arc<RepositoryState>,
    /// Whether reading it needs credentials.
    pub needs_token: bool,
    /// Whether clients can publish to it.
    pub is_published: bool,
    /// Where it is pulled through from, if it is.
    pub upstream: Option<StartedUpstream>,
}

/// The repository that another one is pulled through from.
#[derive(Debug)]
pub struct StartedUpstream {
    /// Its URL.
    pub url: String,
    /// The name in its signed files.
    pub repository: RepositoryName,
    /// The key that signs it.
    pub key: PublicKey,
    /// Whether clients have this key without being told: it is hex.pm's.
    pub is_known_to_clients: bool,
}

/// The limits of the listener for Prometheus.
const METRICS_LIMITS: ConnectionLimits = ConnectionLimits {
    connections: 16,
    head: 16 * 1024,
    idle: Duration::from_secs(10),
    stall: Duration::from_secs(10),
};

/// Serves until SIGTERM or SIGINT. Calls `started` once connections are accepted. If the options have a source, they are
/// read again from it when it changes, and after SIGHUP, while requests are answered.
///
/// # Errors
/// [`Error`], before anything is served.
pub fn serve(
    options: &Options,
    source: Option<OptionsSource>,
    started: impl FnOnce(&Started),
) -> Result<(), Error> {
    check(options)?;
    let sources = WatchedSources::note(options, source.as_ref());
    let metrics = Arc::new(Metrics::new());
    let ServerLimits { connections, head, idle, stall, shutdown: grace } = options.limits;
    let connections = open_files::raise_limit(connections, METRICS_LIMITS.connections);
    let limits = ConnectionLimits { connections, head, idle, stall };
    let proxies = TrustedProxies::new(&options.trusted_proxies);
    let admission = Arc::new(Admission::new(limits, proxies, Arc::clone(&metrics)));
    let runtime = Runtime::new().map_err(Error::Run)?;
    #[cfg(feature = "buckets")]
    let cache_folder = Arc::new(SharedCacheFolder::default());
    let assembly = Assembly {
        runtime: runtime.handle().clone(),
        metrics: Arc::clone(&metrics),
        proxied: ProxiedRequests::new(admission.limit_of_peer()),
        #[cfg(feature = "buckets")]
        cache_folder: Arc::clone(&cache_folder),
        #[cfg(feature = "web")]
        addresses: ListeningAddresses::default(),
        #[cfg(feature = "mirror")]
        turns: MirrorTurns::default(),
        #[cfg(feature = "mirror")]
        end: Cancellation::default(),
    };
    let service = assembly.service(options, None)?;
    #[cfg(feature = "mirror")]
    running_mirrors::prepare(&service)?;
    #[cfg(feature = "mirror")]
    running_pulls::prepare(&service)?;
    if options.repositories.iter().any(|one| one.key.is_some()) {
        publishing::remove_abandoned_uploads();
    }
    let certificates = options.tls.as_ref().map(Certificates::load).transpose()?;
    // Before clients can connect: a signal must not kill the process once it serves.
    let signals = runtime.block_on(async { Ok((Signals::listen()?, shutdown::hangups()?)) });
    let (signals, hangups) = signals.map_err(Error::Run)?;
    let listener = bind(options.listen)?;
    let metrics_listener = options.metrics.map(bind).transpose()?;
    let address = format!("{}://{}", options.scheme(), local_address(&listener)?);
    let url = options.url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
    let docs_listener = bind_docs(options, &listener, &assembly)?;
    let metrics_url =
        |listener| Ok::<_, Error>(format!("http://{}{METRICS}", local_address(listener)?));
    let repositories = service.routes.repositories.iter().zip(&options.repositories);
    let started_as = Started {
        url: url.unwrap_or_else(|| address.clone()),
        address,
        metrics: metrics_listener.as_ref().map(metrics_url).transpose()?,
        docs: docs_url(options, docs_listener.as_ref())?,
        repositories: repositories.map(started_repository).collect(),
    };

    // The last step that can fail.
    #[cfg(feature = "mirror")]
    running_mirrors::start(&service)?;
    #[cfg(feature = "mirror")]
    running_pulls::start(&service)?;
    let service = Arc::new(CurrentService::new(service));
    #[cfg(feature = "mirror")]
    let current = Arc::clone(&service);

    let ended = runtime.block_on(async {
        #[cfg(feature = "mirror")]
        let end = assembly.end.clone();
        let reload = Reload {
            sources,
            source,
            assembly,
            service: Arc::clone(&service),
            certificates: certificates.clone(),
        };
        let reload = tokio::spawn(reload.run(hangups));
        tokio::spawn(Arc::clone(&metrics.refusals).log());
        #[cfg(feature = "web")]
        tokio::spawn(running_indexes::run(Arc::clone(&service)));
        let shutdown = signals.shut_down(grace);
        #[cfg(feature = "mirror")]
        tokio::spawn(running_mirrors::end_with(shutdown.clone(), Arc::clone(&service)));
        #[cfg(feature = "mirror")]
        tokio::spawn(running_pulls::end_with(shutdown.clone(), end));
        if let Some((listener, address)) = metrics_listener.zip(options.metrics) {
            let limits = METRICS_LIMITS;
            let admission = Arc::new(Admission::for_metrics(limits, Arc::clone(&metrics)));
            let hosts = AllowedHosts::of_metrics(address.ip());
            let endpoint = Arc::new(MetricsEndpoint { metrics, hosts });
            tokio::spawn(listener::run(listener, None, admission, endpoint, shutdown.clone()));
        }
        #[cfg(feature = "web")]
        serve_docs(docs_listener, certificates.as_ref(), &admission, &service, &shutdown);
        started(&started_as);
        let ended = listener::run(listener, certificates, admission, service, shutdown).await;
        reload.abort();
        ended
    });
    #[cfg(feature = "mirror")]
    running_mirrors::end(&current.get());
    #[cfg(feature = "mirror")]
    running_pulls::end(&current.get());
    #[cfg(feature = "buckets")]
    cache_folder.remove();
    // A thread that reads from a disk that hangs is not waited for.
    runtime.shutdown_background();
    ended.map_err(Error::Run)
}

fn started_repository((one, of): (&Arc<Repository>, &RepositoryOptions)) -> StartedRepository {
    StartedRepository {
        mount: one.mount.clone(),
        location: one.location.clone(),
        state: one.overview.current(),
        needs_token: one.needs_credentials,
        is_published: one.publisher.is_some(),
        upstream: started_upstream(of),
    }
}

#[cfg(feature = "mirror")]
fn started_upstream(options: &RepositoryOptions) -> Option<StartedUpstream> {
    let upstream = &options.pull.as_ref()?.upstream;
    Some(StartedUpstream {
        url: upstream.url.as_str().trim_end_matches('/').to_owned(),
        repository: upstream.name.clone(),
        key: upstream.key.clone(),
        is_known_to_clients: upstream.is_known_to_clients(),
    })
}

#[cfg(not(feature = "mirror"))]
fn started_upstream(_: &RepositoryOptions) -> Option<StartedUpstream> {
    None
}

/// Listens on the address of documentation, if it has one.
fn bind_docs(
    options: &Options,
    #[cfg_attr(not(feature = "web"), expect(unused_variables, reason = "for pages"))]
    registry: &TcpListener,
    #[cfg_attr(not(feature = "web"), expect(unused_variables, reason = "for pages"))]
    assembly: &Assembly,
) -> Result<Option<TcpListener>, Error> {
    let listener = options.docs.listen.map(bind).transpose()?;
    #[cfg(feature = "web")]
    let docs = listener.as_ref().map(local_address).transpose()?;
    // They are set once, before anything is served.
    #[cfg(feature = "web")]
    let _ = assembly.addresses.set((local_address(registry)?, docs));
    Ok(listener)
}

/// Answers on the address of documentation until the server shuts down.
#[cfg(feature = "web")]
fn serve_docs(
    listener: Option<TcpListener>,
    certificates: Option<&Certificates>,
    admission: &Arc<Admission>,
    service: &Arc<CurrentService>,
    shutdown: &Shutdown,
) {
    let Some(listener) = listener else { return };
    let (tls, admission) = (certificates.cloned(), Arc::clone(admission));
    let docs = Arc::new(DocsService(Arc::clone(service)));
    tokio::spawn(listener::run(listener, tls, admission, docs, shutdown.clone()));
}

/// The URL of documentation, if it has an origin of its own.
fn docs_url(options: &Options, listener: Option<&TcpListener>) -> Result<Option<String>, Error> {
    if let Some(url) = &options.docs.url {
        return Ok(Some(url.trim_end_matches('/').to_owned()));
    }
    let address = listener.map(local_address).transpose()?;
    Ok(address.map(|address| format!("{}://{address}", options.scheme())))
}

fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    listener::bind(address).map_err(|error| Error::Listen(address, error))
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(Error::Run)
}
