//! `hexreg serve`: a registry over HTTP, as its clients expect it. START HERE.
//!
//! ```text
//! door        a seat for each connection (seats: how many, and who gives way), or one request in the reserve
//! connection  (TLS) → hyper, over a stream that has to be taken at a least rate (pace) → answer
//!    refuse what no registry client sends
//!    hosts       whether it is this server that is asked
//!    forwarded   which client asks, through a proxy
//!    gate        who asks; fair_queue: passwords are checked a few at a time, of each peer in turn
//!    site        which directory, which file: repository::Asset knows every path there is
//!    releases    whether the signed packages name the release that it is of
//!    tags        the digest of its bytes, by which clients know the copy that they have; no secrets
//!    preconditions   whether they have it: then nothing is sent
//!    files       its bytes, through tower-http
//!    access      what is written down of it
//! ending      when there are no more
//! refusals    what was refused on the way, counted; one line of it now and then
//! health      whether the server is well, on a thread of its own
//! ```

mod access_log;
mod authorize;
mod connection;
mod connections;
mod files;
mod health;
mod hosts;
mod metrics;
pub mod overview;
mod reload;
mod service;
mod shutdown;
pub mod snippets;
mod tls;
pub mod web;

pub use connections::proxies::loopback;
pub use files::Mount;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use tokio::runtime::Runtime;

use crate::auth::NoRandomness;
use crate::ops::auth::AuthError;
use crate::repository::{Asset, Folder};
use crate::store::{DirStore, LeadsOut, Links};
use access_log::Access;
use authorize::Gate;
use connections::admission::{ConnectionLimits, Door};
use connections::open_files;
use connections::proxies::{ProxiedRequests, TrustedProxies};
use files::Site;
use health::Health;
use hosts::Hosts;
use metrics::{Metrics, Numbers};
use overview::State;
use reload::Watch;
use service::Service;
use shutdown::Signals;
use web::Pages;

/// What to serve, where, and to whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// The repositories, no two of one name.
    pub mounts: Vec<Mount>,
    /// Whether links in their directories are followed wherever they lead.
    pub follow_links: bool,
    /// Where to listen.
    pub listen: SocketAddr,
    /// The URL under which clients reach it, where that is not the address: behind a proxy, by a name.
    pub url: Option<String>,
    /// Whether it may be read by anybody who can reach it, with neither credentials nor encryption.
    pub allow_anonymous: bool,
    /// Who may read; everybody where it is missing.
    pub auth_file: Option<PathBuf>,
    /// The certificate chain and its key, both in PEM; without, it is HTTP.
    pub tls: Option<Tls>,
    /// The proxies that say from where they were asked; [`loopback`], where no others are named.
    pub trusted_proxies: Vec<IpNet>,
    /// Where Prometheus may ask for numbers.
    pub metrics: Option<SocketAddr>,
    /// Whether each request gets a line in the log.
    pub log_requests: bool,
    /// What one client may take from the others.
    pub limits: Limits,
}

/// Two files in PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The server's certificate, then those that lead to one that clients know.
    pub certificates: PathBuf,
    /// The key of the first.
    pub key: PathBuf,
}

/// What one client may take from the others.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many connections may be open at once, a quarter of them of one address.
    pub connections: usize,
    /// Bytes of a request's head.
    pub head: usize,
    /// How long a head may take to arrive, and a connection may be idle.
    pub idle: Duration,
    /// How long a client may take nothing of what is sent to it, or less than 1 KiB a second.
    pub stall: Duration,
    /// How long those that are being answered have when the server ends.
    pub goodbye: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            head: 16 * 1024,
            idle: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            goodbye: Duration::from_secs(20),
        }
    }
}

/// What those may take who ask for numbers.
const FOR_METRICS: ConnectionLimits = ConnectionLimits {
    connections: 16,
    head: 16 * 1024,
    idle: Duration::from_secs(10),
    stall: Duration::from_secs(10),
};

/// How many connections the system keeps that were not accepted yet; it may allow fewer.
const BACKLOG: i32 = 4_096;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A directory is not there, or is none.
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// What should lie in a directory lies elsewhere.
    #[error("{} is a link that leads out of the directory", .0.display())]
    LeadsOut(PathBuf),
    /// Two repositories would stand at one place.
    #[error("two repositories would be served at {0}")]
    Twice(String),
    /// Everybody on the network could read what is served, and what is asked for.
    #[error(
        "{0} can be reached from other machines, and there is neither --auth-file nor --tls-cert"
    )]
    Exposed(SocketAddr),
    /// The numbers are for this machine alone.
    #[error("{0} can be reached from other machines: metrics are for a loopback address")]
    ExposedMetrics(SocketAddr),
    /// Somebody else listens there, or nobody may.
    #[error("could not listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// A certificate or its key is no good.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The file that says who may read is no good.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// What would be served tells who may read it.
    #[error("{} lies in a directory that is served", .0.display())]
    AuthFileServed(PathBuf),
    /// The system has no random numbers.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The machine does not let it run.
    #[error("could not run")]
    Run(#[source] io::Error),
}

/// What is served, once it is.
#[derive(Debug)]
pub struct Started {
    /// The server's URL: what was given, or the address.
    pub url: String,
    /// The URL of the address that was got.
    pub address: String,
    /// The numbers' URL.
    pub metrics: Option<String>,
    /// Each repository and how it stands.
    pub repositories: Vec<(Mount, Arc<State>)>,
}

impl Options {
    /// What is read of a repository's directory.
    fn store(&self, mount: &Mount) -> DirStore {
        let links = if self.follow_links { Links::Anywhere } else { Links::Inside };
        DirStore::new(&mount.directory).with_links(links)
    }

    fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// Serves until the process is told to end by SIGTERM or SIGINT, and `started` is told when it does.
///
/// # Errors
/// [`Error`], before anything is served.
pub fn serve(options: &Options, started: impl FnOnce(&Started)) -> Result<(), Error> {
    check(options)?;
    let watch = Watch::begin(options);
    let metrics = Arc::new(Metrics::new());
    let Limits { connections, head, idle, stall, goodbye } = options.limits;
    let connections = open_files::make_room(connections, FOR_METRICS.connections);
    let limits = ConnectionLimits { connections, head, idle, stall };
    let proxies = TrustedProxies::new(&options.trusted_proxies);
    let door = Arc::new(Door::new(limits, proxies, Arc::clone(&metrics)));
    let site = Site::new(options);
    let directories = site.mounts().iter().map(|mount| mount.directory.clone()).collect();
    let service = Service {
        site,
        gate: Gate::open(options)?,
        pages: Pages::new(options),
        access: Access { metrics: Arc::clone(&metrics), log: options.log_requests },
        hosts: Hosts::of(options),
        health: Health::of(directories).map_err(Error::Run)?,
        proxied: ProxiedRequests::new(door.of_peer()),
    };
    let certificates = options.tls.as_ref().map(tls::Certificates::load).transpose()?;
    let listener = listen(options.listen)?;
    let for_metrics = options.metrics.map(listen).transpose()?;
    let address = format!("{}://{}", options.scheme(), local_address(&listener)?);
    let url = options.url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
    let started_as = Started {
        url: url.unwrap_or_else(|| address.clone()),
        address,
        metrics: for_metrics
            .as_ref()
            .map(|listener| Ok::<_, Error>(format!("http://{}/metrics", local_address(listener)?)))
            .transpose()?,
        repositories: service.pages.states().map(|(mount, state)| (mount.clone(), state)).collect(),
    };

    let runtime = Runtime::new().map_err(Error::Run)?;
    let ended = runtime.block_on(async {
        let service = Arc::new(service);
        watch.follow(Arc::clone(&service), certificates.clone());
        tokio::spawn(Arc::clone(&metrics.refusals).log());
        let ending = Signals::listen()?.end(goodbye);
        if let Some(listener) = for_metrics {
            let door = Arc::new(Door::for_this_machine(FOR_METRICS, Arc::clone(&metrics)));
            tokio::spawn(door.serve(listener, None, Arc::new(Numbers(metrics)), ending.clone()));
        }
        started(&started_as);
        door.serve(listener, certificates, service, ending).await
    });
    // Readers of files on a disk that hangs are not waited for.
    runtime.shutdown_background();
    ended.map_err(Error::Run)
}

fn check(options: &Options) -> Result<(), Error> {
    for (index, mount) in options.mounts.iter().enumerate() {
        if !mount.directory.is_dir() {
            return Err(Error::NotADirectory(mount.directory.clone()));
        }
        let store = options.store(mount);
        let leads_out = |folder: &&Folder| {
            store
                .root()
                .metadata(folder.as_str().as_ref())
                .is_err_and(|error| LeadsOut::is_in(&error))
        };
        if let Some(folder) = Asset::FOLDERS.iter().find(leads_out) {
            return Err(Error::LeadsOut(mount.directory.join(folder.as_str())));
        }
        if options.mounts.iter().skip(index).skip(1).any(|other| other.name == mount.name) {
            return Err(Error::Twice(mount.path()));
        }
    }
    if let Some(file) = &options.auth_file {
        let served = |mount: &Mount| lies_inside(file, &mount.directory);
        if options.mounts.iter().any(served) {
            return Err(Error::AuthFileServed(file.clone()));
        }
    }
    let is_guarded = options.auth_file.is_some() || options.tls.is_some();
    if !options.listen.ip().is_loopback() && !is_guarded && !options.allow_anonymous {
        return Err(Error::Exposed(options.listen));
    }
    match options.metrics {
        Some(address) if !address.ip().is_loopback() => Err(Error::ExposedMetrics(address)),
        _ => Ok(()),
    }
}

fn lies_inside(file: &Path, directory: &Path) -> bool {
    let [file, directory] = [file, directory].map(|path| path.canonicalize().ok());
    file.zip(directory).is_some_and(|(file, directory)| file.starts_with(directory))
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let listener = TcpListener::bind(address);
    let listener = listener.and_then(|one| {
        // As many as come at once have a place until they are let in; the standard library asks for 128.
        rustix::net::listen(&one, BACKLOG)?;
        one.set_nonblocking(true).map(|()| one)
    });
    listener.map_err(|error| Error::Listen(address, error))
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, Error> {
    listener.local_addr().map_err(Error::Run)
}
