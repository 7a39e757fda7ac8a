//! A package tarball, from bytes in memory.
//!
//! ```text
//! NAME-VERSION.tar
//! ├── VERSION           "3"
//! ├── CHECKSUM          SHA-256 of VERSION, metadata.config and contents.tar.gz, in hex
//! ├── metadata.config   Erlang terms
//! └── contents.tar.gz   the package's files
//! ```
//!
//! Hex specification, "Package tarball". What Hex itself lets pass and clients read in two ways is
//! refused: whoever signs a tarball's checksum vouches for one reading of it.

mod archive;
mod contents;
mod create;
mod file_name;
mod limits;
mod metadata;
mod outer;

pub use archive::{ArchiveEntry, ArchiveError, entries};
pub use contents::ContentsError;
pub use create::create;
pub use file_name::{FileName, InvalidFileName};
pub use limits::Limits;
pub use metadata::{Metadata, MetadataError};
pub use outer::OuterError;
pub use tar::EntryType;

use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::name::RepositoryName;
use crate::package::{Dependency, Release, Remarks};
use contents::ContentsChecker;
use outer::OuterFiles;

/// Why bytes are no package tarball.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Larger than clients read.
    #[error("it has more than {limit} bytes, the most that clients accept")]
    TooLarge {
        /// In bytes.
        limit: usize,
    },
    /// The outer archive is at fault.
    #[error(transparent)]
    Outer(#[from] OuterError),
    /// A format that no client reads.
    #[error("VERSION says {found:?}: expected \"3\", without a newline")]
    Version {
        /// As it stands there.
        found: String,
    },
    /// CHECKSUM cannot be read.
    #[error("CHECKSUM says {found:?}: expected 64 hex digits")]
    ChecksumSyntax {
        /// As it stands there.
        found: String,
    },
    /// CHECKSUM belongs to other files.
    #[error("inner checksum mismatch: CHECKSUM says {}…, the files hash to {}…", .stated.excerpt(), .actual.excerpt())]
    ChecksumMismatch {
        /// What CHECKSUM says.
        stated: InnerChecksum,
        /// What the files are.
        actual: InnerChecksum,
    },
    /// The metadata is at fault.
    #[error("metadata.config")]
    Metadata(#[from] MetadataError),
    /// The contents are at fault.
    #[error("contents.tar.gz")]
    Contents(#[from] ContentsError),
}

/// A tarball that was found to be sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tarball {
    /// What it says of itself.
    pub metadata: Metadata,
    /// Of the three parts, and equal to CHECKSUM.
    pub inner_checksum: InnerChecksum,
    /// Of all its bytes.
    pub outer_checksum: OuterChecksum,
}

impl Tarball {
    /// The release that a registry of `repository` lists for it.
    #[must_use]
    pub fn into_release(self, repository: &RepositoryName) -> Release {
        let requirements = self.metadata.requirements.into_iter();
        Release {
            version: self.metadata.version,
            inner_checksum: self.inner_checksum,
            outer_checksum: self.outer_checksum,
            // Here a requirement of the metadata becomes a dependency of the registry.
            dependencies: requirements.map(|one: Dependency| one.seen_from(repository)).collect(),
            remarks: Remarks::default(),
        }
    }
}

/// Unpacks tarballs one after another, reusing memory: one a thread.
pub struct Unpacker {
    limits: Limits,
    contents: Option<ContentsChecker>,
}

impl Unpacker {
    /// An unpacker that also inflates and checks the contents.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, contents: Some(ContentsChecker::new()) }
    }

    /// An unpacker that takes the contents on trust: their checksum is still compared.
    #[must_use]
    pub fn without_contents(limits: Limits) -> Self {
        Self { limits, contents: None }
    }

    /// Checks all of a tarball and reads what a registry needs of it.
    ///
    /// # Errors
    /// [`Error`] says what is wrong and what was expected.
    pub fn unpack(&mut self, tarball: &[u8]) -> Result<Tarball, Error> {
        if tarball.len() > self.limits.tarball {
            return Err(Error::TooLarge { limit: self.limits.tarball });
        }
        let files = OuterFiles::read(tarball, &self.limits)?;
        let inner_checksum = check_inner_checksum(&files)?;
        let metadata = Metadata::parse(files.metadata)?;
        if let Some(checker) = &mut self.contents {
            checker.check(files.contents, self.limits.contents)?;
        }
        Ok(Tarball { metadata, inner_checksum, outer_checksum: OuterChecksum::of(tarball) })
    }
}

/// The inner checksum of a tarball, whatever its metadata and contents say.
///
/// # Errors
/// [`Error`] where it is too large, not made of the four files, or CHECKSUM is another's.
pub fn inner_checksum(tarball: &[u8], limits: &Limits) -> Result<InnerChecksum, Error> {
    if tarball.len() > limits.tarball {
        return Err(Error::TooLarge { limit: limits.tarball });
    }
    check_inner_checksum(&OuterFiles::read(tarball, limits)?)
}

/// `hex_core` reads digits in pairs and passes over one byte at the end, which some tools made a newline. Two
/// such bytes make it crash.
fn trimmed(checksum: &[u8]) -> &[u8] {
    match checksum {
        [digits @ .., last] if last.is_ascii_whitespace() => digits,
        _ => checksum,
    }
}

fn check_inner_checksum(files: &OuterFiles<'_>) -> Result<InnerChecksum, Error> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    if files.version != b"3" {
        return Err(Error::Version { found: text(files.version) });
    }
    let stated = InnerChecksum::from_hex(trimmed(files.checksum))
        .ok_or_else(|| Error::ChecksumSyntax { found: text(files.checksum) })?;
    let actual = InnerChecksum::of(files.version, files.metadata, files.contents);
    if stated != actual {
        return Err(Error::ChecksumMismatch { stated, actual });
    }
    Ok(actual)
}
