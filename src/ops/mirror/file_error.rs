//! Why one file, package or git repository was not mirrored.

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

/// A file, package or git repository that was not mirrored.
#[derive(Debug)]
pub struct NotMirrored {
    /// Its path below the repository's URL, or `git: APPLICATION`.
    pub path: String,
    /// Why.
    pub error: FileError,
}

/// Why something was not mirrored.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum FileError {
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Upstream's key did not sign it, or it is damaged.
    #[error(transparent)]
    Signed(#[from] SignedError),
    /// The signature is right and the payload is not.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("it belongs to the repository `{found}`, not `{expected}`")]
    OtherRepository { found: RepositoryName, expected: RepositoryName },
    #[error("it is the file of the package {0}")]
    OtherPackage(PackageName),
    #[error("it is the policy {0}")]
    OtherPolicy(PolicyName),
    /// Upstream names the file and does not have it.
    #[error("upstream does not have it")]
    Missing,
    #[error("upstream has no such package")]
    NoSuchPackage,
    #[error("{lock} pins {version}, which upstream does not have")]
    NoSuchRelease { lock: String, version: Version },
    /// No release matches the requirement.
    #[error("no release of it is one that was asked for")]
    NothingMatches,
    /// The package's file is older than the index. A cache between the two may lag.
    #[error("upstream's `versions` names {0}, and its own file does not yet: try again later")]
    Behind(Version),
    /// The index is older than the mirror's: an attacker may replay one. `held` are the packages that changed
    /// later in the mirror's index, the newest first.
    #[error(
        "upstream sent an older `names` than this mirror has: its newest change is of {}, here {}",
        .newest.map_or_else(|| "no time".to_owned(), time), newer(.held)
    )]
    RolledBack { newest: Option<UnixSeconds>, held: Vec<(PackageName, UnixSeconds)> },
    /// `versions` lacks a release that it had, and that the file of its package has.
    #[error(
        "upstream sent an older `versions` than the one here: it lacks {package} {version}, which upstream has"
    )]
    OlderVersions { package: PackageName, version: Version },
    /// Releases of the mirror's file are missing in upstream's.
    #[error(
        "upstream no longer has {}: left as it was until it is accepted",
        list(.0)
    )]
    Lost(Vec<Version>),
    /// The whole package is missing upstream.
    #[error("upstream no longer has it: left as it was until it is accepted")]
    LostPackage,
    /// A release has another tarball than in the mirror. `held` is the mirror's outer checksum, `said` the one in
    /// upstream's registry.
    #[error(
        "{version} was {}… here before and is {}… upstream: left as it was until it is accepted",
        .held.excerpt(), .said.excerpt()
    )]
    Changed { version: Version, held: OuterChecksum, said: OuterChecksum },
    /// The mirror's file has times of publication that upstream's lacks.
    #[error(
        "upstream no longer says when {} was published, so this file is older than the one here: left as it was \
         until it is accepted",
        list(.0)
    )]
    Undated(Vec<Version>),
    #[error("{0}")]
    ChecksumMismatch(Box<ChecksumMismatch>),
    /// The checksums are right and the file is no package tarball.
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
    #[error("it is not a gzipped archive: {0}")]
    Docs(String),
    #[error("line {0} is not VERSION,SHA-512,ELIXIR, or contradicts a line before it")]
    InstallLine(usize),
    #[error("it names more than {0} files, the most that such a list has")]
    TooManyInstalls(usize),
    #[error("its SHA-512 is not what {list} says")]
    InstallChecksum { list: &'static str },
    #[error("it is not a signature: expected one of RSA, in base64")]
    InstallSignature,
    /// The checksum is right and the file is not of the kind that the list names.
    #[error("it is not {kind}")]
    InstallKind { kind: &'static str },
    #[error("{0}")]
    Git(String),
}

impl FileError {
    /// Whether upstream answered `403 Forbidden`.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Request(RequestError::Status { status: StatusCode::FORBIDDEN, .. }))
    }

    /// Whether the package is held back: upstream lost or changed what the mirror has, which stays as it was
    /// until `--accept` names it. No other file waits for it.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::LostPackage | Self::Changed { .. } | Self::Undated(_))
    }

    /// Whether the file may have been damaged on the way, so that a second request may help.
    pub(super) fn may_be_damage(&self) -> bool {
        match self {
            Self::Signed(_)
            | Self::Docs(_)
            | Self::InstallChecksum { .. }
            | Self::InstallSignature => true,
            // If the registry and the file agree, the lock file is the one that differs.
            Self::ChecksumMismatch(mismatch) => mismatch.registry.1 != mismatch.file.1,
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

/// The checksums of lock file, registry and file, which should be the same.
#[derive(Debug)]
pub struct ChecksumMismatch {
    /// The name of the lock file and what it pins, if a lock file pins the release.
    pub lock: Option<(String, Option<InnerChecksum>, Option<OuterChecksum>)>,
    /// The checksums in upstream's registry.
    pub registry: (InnerChecksum, OuterChecksum),
    /// The checksums of the file. A file that is no tarball has no inner one.
    pub file: (Option<InnerChecksum>, OuterChecksum),
}

impl fmt::Display for ChecksumMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lock, registry, file } = self;
        f.write_str("checksums disagree")?;
        let mut write = |name: &str, inner: Option<InnerChecksum>, outer: Option<OuterChecksum>| {
            write!(f, "; {name}: inner {}, outer {}", or_none(inner), or_none(outer))
        };
        if let Some((name, inner, outer)) = lock {
            write(name, *inner, *outer)?;
        }
        write("the registry", Some(registry.0), Some(registry.1))?;
        write("the file", file.0, Some(file.1))
    }
}

fn or_none(checksum: Option<impl fmt::Display>) -> String {
    checksum.map_or_else(|| "none".to_owned(), |checksum| checksum.to_string())
}

/// How many packages a message names.
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

/// The time in UTC, or in seconds since 1970 where it is outside of the calendar.
fn time(UnixSeconds(seconds): UnixSeconds) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

fn list(versions: &[Version]) -> String {
    versions.iter().map(Version::to_string).collect::<Vec<_>>().join(", ")
}
