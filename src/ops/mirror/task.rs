//! The tasks of the [planner](super::planner) and their outcomes.

use bytes::Bytes;

use super::file_error::FileError;
use super::file_validator::FileValidator;
use super::selection::Pin;
use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::name::PackageName;
use crate::registry::Releases;
use crate::tarball::FileName;

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Read a package's file from the mirror. It is the same as upstream's.
    Read(PackageName),
    /// Fetch a package's file, and read the mirror's.
    Fetch(PackageName),
    /// Make sure that the mirror has a tarball with these checksums.
    Tarball(TarballToFetch),
    /// Make sure that the mirror has a release's documentation. A file that is `on_disk` is checked first.
    Docs { file: FileName, on_disk: bool },
    /// Write a package's file.
    Write(PackageName, PackageFile),
}

impl Task {
    /// The release whose tarball or documentation is fetched.
    pub fn file(&self) -> Option<&FileName> {
        match self {
            Self::Tarball(TarballToFetch { file, .. }) | Self::Docs { file, .. } => Some(file),
            Self::Read(_) | Self::Fetch(_) | Self::Write(..) => None,
        }
    }
}

/// The outcome of a task.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The mirror's releases of a package; `None` where its file is missing or damaged.
    Read(Option<Releases>),
    /// Upstream's file of a package, and the mirror's releases.
    Fetched {
        held: Option<Releases>,
        file: PackageFile,
    },
    Done,
    /// Upstream does not have the file, which is no error.
    Missing,
    Failed(FileError),
}

/// A tarball and its checksums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TarballToFetch {
    pub file: FileName,
    pub inner_checksum: InnerChecksum,
    pub outer_checksum: OuterChecksum,
    /// What a lock file says of it.
    pub pin: Option<Pin>,
    /// Whether the mirror has a file of this name, whose checksums are not known.
    pub on_disk: bool,
    /// Whether it may replace another intact file.
    pub is_accepted: bool,
}

/// A package's file as upstream serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PackageFile {
    pub releases: Releases,
    pub bytes: Bytes,
    pub validator: Option<FileValidator>,
    /// Whether this is the mirror's own file, and upstream said that it has not changed.
    pub is_held: bool,
}
