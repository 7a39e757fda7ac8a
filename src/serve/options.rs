//! What to serve, where, and to whom.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

#[cfg(feature = "buckets")]
use super::bucket_location::BucketLocation;
#[cfg(feature = "mirror")]
use super::mirrors::schedule::MirrorSchedule;
use super::mount::Mount;
#[cfg(feature = "mirror")]
use super::pull::options::PullOptions;
use super::registry_identity::RegistryIdentity;
use super::tls::TlsFiles;
use crate::key::PrivateKey;
use crate::name::PackageName;
use crate::ops::batch::ReplaceRule;
use crate::store::Links;

/// What to serve, where, and to whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// The repositories, each at another place of the URLs.
    pub repositories: Vec<RepositoryOptions>,
    /// Whether links out of their directories are followed.
    pub follow_links: bool,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The URL under which clients reach the server, if it is not the address: behind a proxy, by a name.
    pub url: Option<String>,
    /// Where documentation is, if it has an origin of its own.
    pub docs: DocsOptions,
    /// Whether everyone may read all repositories: other machines too, without credentials and without encryption.
    pub allow_anonymous: bool,
    /// The file that says who may read and publish; without one, everyone may read, and no client publish.
    pub auth_file: Option<PathBuf>,
    /// The certificate for HTTPS; without one, it is HTTP.
    pub tls: Option<TlsFiles>,
    /// The proxies that are believed about the address of a client, such as [`loopback`](super::loopback).
    pub trusted_proxies: Vec<IpNet>,
    /// The address for Prometheus.
    pub metrics: Option<SocketAddr>,
    /// Whether each request gets a line in the log.
    pub log_requests: bool,
    /// More files that no client may have, such as the configuration.
    pub secret_files: Vec<PathBuf>,
    /// What one client may take.
    pub limits: ServerLimits,
    /// Where files of buckets are kept, and how many.
    pub cache: CacheOptions,
}

/// Where documentation is, as pages. Without either of these it is in the origin of the registry, for repositories that
/// need no credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DocsOptions {
    /// The address to listen on for documentation alone.
    pub listen: Option<SocketAddr>,
    /// The URL under which clients reach documentation, if it is not the address: requests for its host get documentation
    /// alone.
    pub url: Option<String>,
}

/// The cache in front of buckets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The directory for what is kept on disk of buckets and for pages. It is created when it is needed. Several servers
    /// may have the same.
    pub directory: PathBuf,
    /// In bytes: how much is kept of each repository. A quarter of it, and no more than 64 MiB, is in memory.
    pub size: u64,
}

impl Default for CacheOptions {
    fn default() -> Self {
        Self { directory: std::env::temp_dir().join("hexreg"), size: 1 << 30 }
    }
}

/// One repository that is served.
#[derive(Clone, Debug, PartialEq)]
pub struct RepositoryOptions {
    /// Its place in the URLs.
    pub mount: Mount,
    /// Where its files are.
    pub location: RepositoryLocation,
    /// Whether everyone may read it, though others need credentials.
    pub allow_anonymous: bool,
    /// The key that signs it, if clients can publish to it.
    pub key: Option<PrivateKey>,
    /// For how long its releases may be replaced and reverted.
    pub replace: ReplaceRule,
    /// Packages of hex.pm that published releases may require, though the repository has others of their names.
    pub allow_public: BTreeSet<PackageName>,
    /// Lock files that the search in documentation offers: one searches what a lock file pins.
    pub search_locks: Vec<PathBuf>,
    /// How it is mirrored, if it is a mirror that keeps itself up to date.
    #[cfg(feature = "mirror")]
    pub mirror: Option<MirrorSchedule>,
    /// What of upstream is fetched when a client asks for it, if anything.
    #[cfg(feature = "mirror")]
    pub pull: Option<PullOptions>,
}

/// Where the files of a repository are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryLocation {
    /// The directory that `hexreg build` writes.
    Directory(PathBuf),
    /// A bucket.
    #[cfg(feature = "buckets")]
    Bucket(BucketLocation),
}

/// What one client may take from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// How many connections may be open at once. One address may have a quarter of them.
    pub connections: usize,
    /// In bytes: the head of a request.
    pub head: usize,
    /// How long a head may take to arrive, and a connection may be idle.
    pub idle: Duration,
    /// How long a client may take nothing of a response, or less than 1 KiB a second.
    pub stall: Duration,
    /// How long running requests may take after shutdown began.
    pub shutdown: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            head: 16 * 1024,
            idle: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            shutdown: Duration::from_secs(20),
        }
    }
}

impl RepositoryOptions {
    /// A repository that is read, and not published to.
    #[must_use]
    pub fn new(mount: Mount, location: RepositoryLocation) -> Self {
        Self {
            mount,
            location,
            allow_anonymous: false,
            key: None,
            replace: ReplaceRule::default(),
            allow_public: BTreeSet::new(),
            search_locks: Vec::new(),
            #[cfg(feature = "mirror")]
            mirror: None,
            #[cfg(feature = "mirror")]
            pull: None,
        }
    }

    /// Who signs its files, if an upstream does from which they are fetched when clients ask for them.
    #[cfg(feature = "mirror")]
    pub(super) fn signer(&self) -> Option<RegistryIdentity> {
        let upstream = &self.pull.as_ref()?.upstream;
        Some(RegistryIdentity { name: upstream.name.clone(), key: upstream.key.clone() })
    }

    #[cfg(not(feature = "mirror"))]
    #[expect(clippy::unused_self, reason = "a server with mirrors may have an upstream")]
    pub(super) fn signer(&self) -> Option<RegistryIdentity> {
        None
    }
}

impl RepositoryLocation {
    /// The directory, if it is one.
    #[must_use]
    pub fn as_directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(directory) => Some(directory),
            #[cfg(feature = "buckets")]
            Self::Bucket(_) => None,
        }
    }
}

impl fmt::Display for RepositoryLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => directory.display().fmt(f),
            #[cfg(feature = "buckets")]
            Self::Bucket(bucket) => bucket.url.fmt(f),
        }
    }
}

impl Options {
    /// Whether reading a repository needs credentials.
    #[must_use]
    pub fn needs_credentials(&self, repository: &RepositoryOptions) -> bool {
        self.auth_file.is_some() && !self.allow_anonymous && !repository.allow_anonymous
    }

    /// Whether other machines can reach it, though nothing keeps them out and no option allows it.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        let is_guarded = self.auth_file.is_some() || self.tls.is_some();
        let is_for_everyone =
            self.allow_anonymous || self.repositories.iter().all(|one| one.allow_anonymous);
        self.exposed_address().is_some() && !is_guarded && !is_for_everyone
    }

    /// The address that other machines can reach.
    pub(super) fn exposed_address(&self) -> Option<SocketAddr> {
        let mut all = std::iter::once(self.listen).chain(self.docs.listen);
        all.find(|address| !address.ip().is_loopback())
    }

    pub(super) fn links(&self) -> Links {
        if self.follow_links { Links::Anywhere } else { Links::Inside }
    }

    /// The URL of the registry as far as it is known before a client asks: the given one, or that of its address.
    pub(super) fn known_url(&self) -> Option<String> {
        let of_address = || {
            let is_known = !self.listen.ip().is_unspecified() && self.listen.port() != 0;
            is_known.then(|| format!("{}://{}", self.scheme(), self.listen))
        };
        self.url.clone().or_else(of_address)
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}
