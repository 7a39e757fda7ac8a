//! What to serve, where, and to whom.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::tls::TlsFiles;
use crate::key::PrivateKey;
use crate::name::{PackageName, RepositoryName};
use crate::ops::batch::ReplaceRule;
use crate::store::Links;

/// What to serve, where, and to whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// The repositories, each under another name.
    pub mounts: Vec<Mount>,
    /// Whether links out of their directories are followed.
    pub follow_links: bool,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The URL under which clients reach the server, if it is not the address: behind a proxy, by a name.
    pub url: Option<String>,
    /// Whether everyone may read: other machines too, without credentials and without encryption.
    pub allow_anonymous: bool,
    /// The file that says who may read and publish; without one, everyone may read, and no client publish.
    pub auth_file: Option<PathBuf>,
    /// For how long releases may be replaced and reverted.
    pub replace: ReplaceRule,
    /// Packages of hex.pm that published releases may require, though a repository has others of their names.
    pub allow_public: BTreeSet<PackageName>,
    /// The certificate for HTTPS; without one, it is HTTP.
    pub tls: Option<TlsFiles>,
    /// The proxies that are believed about the address of a client, such as [`loopback`](super::loopback).
    pub trusted_proxies: Vec<IpNet>,
    /// The address for Prometheus.
    pub metrics: Option<SocketAddr>,
    /// Whether each request gets a line in the log.
    pub log_requests: bool,
    /// What one client may take.
    pub limits: ServerLimits,
}

/// One repository, and its place in the URLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The part after `/repos/`; without a name, the repository is at `/`.
    pub name: Option<RepositoryName>,
    /// The directory that `hexreg build` writes.
    pub directory: PathBuf,
}

/// The key of a repository that is published to.
#[derive(Debug)]
pub struct MountKey {
    /// The name of the [`Mount`].
    pub mount: Option<RepositoryName>,
    /// The key that signs the repository.
    pub key: PrivateKey,
}

/// What one client may take from the others.
#[derive(Clone, Copy, Debug)]
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

/// The path below which repositories with names are served.
pub(super) const NAMED_REPOSITORIES: &str = "/repos/";

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

impl Mount {
    /// The path of its URL: `/`, or `/repos/NAME`.
    #[must_use]
    pub fn path(&self) -> String {
        let named = |name: &RepositoryName| format!("{NAMED_REPOSITORIES}{name}");
        self.name.as_ref().map_or_else(|| "/".to_owned(), named)
    }
}

impl Options {
    /// Whether reading needs credentials.
    #[must_use]
    pub fn needs_credentials(&self) -> bool {
        self.auth_file.is_some() && !self.allow_anonymous
    }

    pub(super) fn links(&self) -> Links {
        if self.follow_links { Links::Anywhere } else { Links::Inside }
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}
