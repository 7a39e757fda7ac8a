//! Why the server does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::tls::TlsError;
use crate::auth::NoRandomness;
use crate::key::KeyError;
use crate::ops::auth::AuthError;
#[cfg(feature = "mirror")]
use crate::ops::mirror;
#[cfg(feature = "buckets")]
use crate::store::OpenError;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each variant and field is")]
pub enum Error {
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    #[error("{} is a link that leads out of the directory", .0.display())]
    LeadsOut(PathBuf),
    #[error("two repositories would be served at {0}")]
    Twice(String),
    /// A bucket cannot be served: a setting of it is missing, or invalid.
    #[cfg(feature = "buckets")]
    #[error("could not open {location}")]
    Bucket { location: String, source: Box<OpenError> },
    /// Buckets need a cache on disk.
    #[cfg(feature = "buckets")]
    #[error("could not make a cache in {}", .directory.display())]
    Cache { directory: PathBuf, source: io::Error },
    /// A mirror that keeps itself up to date cannot begin.
    #[cfg(feature = "mirror")]
    #[error("could not begin to mirror into {}", .directory.display())]
    Mirror { directory: PathBuf, source: io::Error },
    /// A repository cannot pull from its upstream.
    #[cfg(feature = "mirror")]
    #[error("could not begin to fetch files into {location}")]
    Pull { location: String, source: mirror::Error },
    /// Its name is what its signed files say, so there must be some.
    #[error("{location} has no registry to publish to")]
    NotBuilt { location: String },
    #[error("{location} cannot be published to: {reason}")]
    Unsound { location: String, reason: String },
    /// What is published there is not known.
    #[error("{reason}")]
    Unreadable {
        reason: String,
        /// The permissions, or the credentials of a bucket, do not allow it.
        is_denied: bool,
        /// Storage did not answer: it may do so later.
        is_away: bool,
    },
    #[error("the private key does not belong to {location}/public_key ({fingerprint})")]
    OtherKey { location: String, fingerprint: String },
    #[error(
        "{0} can be reached from other machines, and there is neither an auth file nor a certificate"
    )]
    Exposed(SocketAddr),
    #[error("documentation at {docs} would have the origin of the registry at {registry}")]
    SharedOrigin { docs: String, registry: String },
    #[error("documentation is at {0}, and the URL of the registry is not known")]
    UnknownOrigin(String),
    #[error("could not listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error("{} lies in a directory that is served", .0.display())]
    SecretServed(PathBuf),
    /// A private key makes no key of bearer tokens.
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The system refuses threads, sockets or signals.
    #[error("could not run")]
    Run(#[source] io::Error),
}
