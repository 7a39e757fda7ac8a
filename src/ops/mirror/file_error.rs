//! What keeps a package, or a file, out of the mirror.

use std::fmt;

use jiff::Timestamp;
use reqwest::StatusCode;

use super::request_error::RequestError;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::name::{PackageName, PolicyName, RepositoryName};
use crate::package::UnixSeconds;
use crate::published::DocumentError;
use crate::registry::{DecodeError, SignedError};
use crate::tarball;
use crate::version::Version;

/// Why something was not mirrored.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be fetched.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Its signature is not upstream's, or it is damaged.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// It is signed and no such resource.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// It is signed, for clients that know the repository under another name.
    #[error("it is of the repository `{found}`, not `{expected}`")]
    OtherRepository {
        /// As it says.
        found: RepositoryName,
        /// As upstream should be called.
        expected: RepositoryName,
    },
    /// It is signed, and another package's.
    #[error("it is the file of the package {0}")]
    OtherPackage(PackageName),
    /// It is signed, and another policy.
    #[error("it is the policy {0}")]
    OtherPolicy(PolicyName),
    /// Upstream names it, and does not have it.
    #[error("upstream does not have it")]
    NotThere,
    /// Nobody upstream knows the package.
    #[error("upstream has no such package")]
    NoSuchPackage,
    /// A lock file pins what is not there.
    #[error("{lock} pins {version}, which upstream does not have")]
    NoSuchRelease {
        /// The lock file.
        lock: String,
        /// What it pins.
        version: Version,
    },
    /// No release will do.
    #[error("no release of it is one that was asked for")]
    NothingMatches,
    /// Its own file is older than the index that was read before.
    #[error("upstream's `versions` names {0}, and its own file does not yet: try again later")]
    Behind(Version),
    /// It is older than what the mirror has.
    #[error(
        "upstream sent an older `names` than this mirror has: its newest change is of {}, here {}",
        .newest.map_or_else(|| "no time".to_owned(), time), newer(.held)
    )]
    RolledBack {
        /// When a package changed last, as it says.
        newest: Option<UnixSeconds>,
        /// The packages that changed later, as the mirror has it, and when; the newest first.
        held: Vec<(PackageName, UnixSeconds)>,
    },
    /// What was there before is gone.
    #[error(
        "upstream no longer has {}: left as it was (--accept takes it)",
        list(.0)
    )]
    Lost(Vec<Version>),
    /// What was there before is gone, all of it.
    #[error("upstream no longer has it: left as it was (--accept takes it)")]
    LostPackage,
    /// What lock files pin has become something else.
    #[error(
        "{version} was {}… here before and is {}… upstream: left as it was (--accept takes it)",
        .held.excerpt(), .said.excerpt()
    )]
    Changed {
        /// Which release.
        version: Version,
        /// The outer checksum that the mirror has.
        held: OuterChecksum,
        /// What upstream's registry says now.
        said: OuterChecksum,
    },
    /// What was there before said when these were published.
    #[error(
        "upstream no longer says when {} was published, so this file is older than the one here: left as it was \
         (--accept takes it)",
        list(.0)
    )]
    Undated(Vec<Version>),
    /// Lock file, registry and file do not tell of the same bytes.
    #[error("{0}")]
    Disagreement(Box<Disagreement>),
    /// The file is what the registry says, and no package tarball.
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
    /// It is no archive of documentation.
    #[error("it is not a gzipped archive: {0}")]
    Docs(String),
    /// A list of what can be installed cannot be read.
    #[error("line {0} is not VERSION,SHA-512,ELIXIR, or says otherwise than one before it")]
    Install(usize),
    /// A list of what can be installed has no end.
    #[error("it names more than {0} files, the most that such a list has")]
    InstallsTooMany(usize),
    /// The list says that it is something else.
    #[error("its SHA-512 is not what {list} says")]
    InstallChecksum {
        /// Which list.
        list: &'static str,
    },
    /// What should be the signature of a list is something else.
    #[error("it is not a signature: expected one of RSA, in base64")]
    InstallSignature,
    /// What can be installed is no such file, though it is what the list says.
    #[error("it is not {kind}")]
    InstallKind {
        /// What it should be.
        kind: &'static str,
    },
    /// `git` could not do it.
    #[error("{0}")]
    Git(String),
}

impl FileError {
    /// Whether upstream gives it to nobody, or not to this client.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Request(RequestError::Status { status: StatusCode::FORBIDDEN, .. }))
    }

    /// Whether upstream lost or changed what the mirror has, which then stays as it was until `--accept` names it:
    /// nothing else waits for it.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::LostPackage | Self::Changed { .. } | Self::Undated(_))
    }

    /// Whether the same bytes may come better another time.
    pub(super) fn may_be_damage(&self) -> bool {
        match self {
            Self::Signed(_)
            | Self::Docs(_)
            | Self::InstallChecksum { .. }
            | Self::InstallSignature => true,
            // Where the two are the same, it is the lock file that says otherwise.
            Self::Disagreement(disagreement) => disagreement.registry.1 != disagreement.file.1,
            _ => false,
        }
    }
}

impl From<DocumentError> for FileError {
    fn from(error: DocumentError) -> Self {
        match error {
            DocumentError::Signed(error) => Self::Signed(error),
            DocumentError::Decode(error) => Self::Decode(error),
            DocumentError::OtherRepository { found, expected } => {
                Self::OtherRepository { found, expected }
            }
            DocumentError::OtherPackage(found) => Self::OtherPackage(found),
            DocumentError::OtherPolicy(found) => Self::OtherPolicy(found),
        }
    }
}

/// The checksums that all have to be the same, as each has them.
#[derive(Debug)]
pub struct Disagreement {
    /// The lock file and what it pins, if one does.
    pub lock: Option<(String, Option<InnerChecksum>, Option<OuterChecksum>)>,
    /// What upstream's registry says.
    pub registry: (InnerChecksum, OuterChecksum),
    /// What the file is; its inner checksum where there is one.
    pub file: (Option<InnerChecksum>, OuterChecksum),
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lock, registry, file } = self;
        let inner = |checksum: Option<InnerChecksum>| {
            checksum.map_or_else(|| "none".to_owned(), |checksum| format!("{checksum}"))
        };
        let outer = |checksum: Option<OuterChecksum>| {
            checksum.map_or_else(|| "none".to_owned(), |checksum| format!("{checksum}"))
        };
        f.write_str("checksums disagree")?;
        let mut who = |name: &str, first: Option<InnerChecksum>, second: Option<OuterChecksum>| {
            write!(f, "; {name}: inner {}, outer {}", inner(first), outer(second))
        };
        if let Some((name, first, second)) = lock {
            who(name, *first, *second)?;
        }
        who("the registry", Some(registry.0), Some(registry.1))?;
        who("the file", file.0, Some(file.1))
    }
}

/// How many packages are told by name.
const NAMED: usize = 5;

/// `foo of 2026-11-26T12:00:00Z, bar of 2026-11-26T11:00:00Z and 3 more`
fn newer(held: &[(PackageName, UnixSeconds)]) -> String {
    let named = held.iter().take(NAMED).map(|(name, at)| format!("{name} of {}", time(*at)));
    let named = named.collect::<Vec<_>>().join(", ");
    match held.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// In UTC, or in seconds since 1970 where no calendar reaches.
fn time(UnixSeconds(seconds): UnixSeconds) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

fn list(versions: &[Version]) -> String {
    versions.iter().map(Version::to_string).collect::<Vec<_>>().join(", ")
}
