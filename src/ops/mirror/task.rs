//! What the planner and the fetcher say to each other.

use bytes::Bytes;

use super::selection::Pin;
use super::entity_tag::EntityTag;
use super::file_error::FileError;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::name::PackageName;
use crate::registry::Releases;
use crate::tarball::FileName;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Read a package's file from the mirror: it is as upstream has it.
    Read(PackageName),
    /// Fetch a package's file, and read what the mirror has of it.
    Fetch(PackageName),
    /// Have a tarball in the mirror that is what is said of it.
    Tarball(TarballToFetch),
    /// Have a release's documentation in the mirror; whether a file of its name stands, which is to be looked at.
    Docs { file: FileName, stands: bool },
    /// Put a package's file in place.
    Put(PackageName, PackageFile),
}

impl Task {
    /// The release whose file it fetches, if it does.
    pub fn file(&self) -> Option<&FileName> {
        match self {
            Self::Tarball(TarballToFetch { file, .. }) | Self::Docs { file, .. } => Some(file),
            Self::Read(_) | Self::Fetch(_) | Self::Put(..) => None,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// What the mirror has of a package; nothing where its file is no good.
    Read(Option<Releases>),
    /// What upstream says of a package, and what the mirror has of it.
    Fetched {
        held: Option<Releases>,
        file: PackageFile,
    },
    /// It stands.
    Done,
    /// Upstream has no such thing, which is no fault.
    Missing,
    Failed(FileError),
}

/// A tarball, and what it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TarballToFetch {
    pub file: FileName,
    pub inner_checksum: InnerChecksum,
    pub outer_checksum: OuterChecksum,
    /// What a lock file says of it.
    pub pin: Option<Pin>,
    /// Whether a file of its name stands, of which nobody knows what it is.
    pub stands: bool,
    /// Whether it may take the place of another file that is whole.
    pub is_accepted: bool,
}

/// A package's file as upstream serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackageFile {
    pub releases: Releases,
    pub bytes: Bytes,
    /// By which upstream knows it again.
    pub tag: Option<EntityTag>,
    /// Whether it is the mirror's own, and upstream said that it has not changed.
    pub is_held: bool,
}
