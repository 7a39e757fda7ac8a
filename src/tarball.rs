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
//! Hex specification, "Package tarball". A tarball that clients read in two ways is refused, also if Hex accepts it: the
//! signature of its checksum must vouch for one reading.

mod archive;
mod contents;
mod create;
mod description;
mod docs;
mod file_name;
mod limits;
mod metadata;
mod new_release;
mod outer;
mod package_files;
mod path_set;
mod reserved;
#[cfg(test)]
pub(crate) mod samples;

pub use archive::{ArchiveEntry, ArchiveError, entries};
pub use contents::ContentsError;
pub use create::create;
pub use description::Description;
pub use docs::{CheckedDocs, DocsError, DocsLimits, check_docs, read_docs};
pub use file_name::{FileName, InvalidFileName};
pub use limits::Limits;
pub use metadata::{Metadata, MetadataError};
pub use new_release::{MetadataFault, MetadataFaults, ReleaseNotice, is_web_url};
pub use outer::OuterError;
pub use package_files::{PackageFile, PackageFileKind, PackageFiles};
pub use reserved::ReservedFor;
pub use tar::EntryType;

pub(crate) use new_release::notices;

use crate::checksum::{InnerChecksum, OuterChecksum};
use crate::name::RepositoryName;
use crate::package::{Dependency, Release, Remarks};
use contents::ContentsChecker;
use outer::OuterFiles;

/// Why bytes are not a package tarball.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tarball is larger than clients read.
    #[error("it has more than {limit} bytes, the most that clients accept")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The outer archive is not valid.
    #[error(transparent)]
    Outer(#[from] OuterError),
    /// VERSION names a format that clients do not read.
    #[error("VERSION says {found:?}: expected \"3\", without a newline")]
    Version {
        /// The text of the file.
        found: String,
    },
    /// CHECKSUM is not a checksum.
    #[error("CHECKSUM says {found:?}: expected 64 hex digits")]
    ChecksumSyntax {
        /// The text of the file.
        found: String,
    },
    /// CHECKSUM is not the checksum of the other files.
    #[error("inner checksum mismatch: CHECKSUM says {}…, the files hash to {}…", .stated.excerpt(), .actual.excerpt())]
    ChecksumMismatch {
        /// The checksum in CHECKSUM.
        stated: InnerChecksum,
        /// The checksum of the files.
        actual: InnerChecksum,
    },
    /// The metadata is not valid.
    #[error("metadata.config")]
    Metadata(#[from] MetadataError),
    /// The contents are not valid.
    #[error("contents.tar.gz")]
    Contents(#[from] ContentsError),
}

/// A valid tarball.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tarball {
    /// The metadata of the package.
    pub metadata: Metadata,
    /// The checksum of the three parts, equal to CHECKSUM.
    pub inner_checksum: InnerChecksum,
    /// The checksum of the whole tarball.
    pub outer_checksum: OuterChecksum,
}

impl Tarball {
    /// The release that `mix hex.registry build` lists for it in a registry of `repository`.
    #[must_use]
    pub(crate) fn into_release(self, repository: &RepositoryName) -> Release {
        self.into_release_with(|requirement| requirement.seen_from(repository))
    }

    /// The release, with a dependency for each requirement.
    #[must_use]
    pub(crate) fn into_release_with(
        self,
        dependency: impl FnMut(Dependency) -> Dependency,
    ) -> Release {
        let requirements = self.metadata.requirements.into_iter();
        Release {
            version: self.metadata.version,
            inner_checksum: self.inner_checksum,
            outer_checksum: self.outer_checksum,
            dependencies: requirements.map(dependency).collect(),
            remarks: Remarks::default(),
        }
    }
}

/// Unpacks tarballs one after another and reuses memory: use one per thread.
pub struct Unpacker {
    limits: Limits,
    contents: Option<ContentsChecker>,
}

impl Unpacker {
    /// An unpacker that also inflates the contents and checks each entry.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, contents: Some(ContentsChecker::new()) }
    }

    /// As [`new`](Self::new); without `check_contents` it does not inflate the contents. Their checksum is still
    /// compared.
    #[must_use]
    pub(crate) fn of(limits: Limits, check_contents: bool) -> Self {
        Self { limits, contents: check_contents.then(ContentsChecker::new) }
    }

    /// Checks a tarball and returns what a registry needs of it.
    ///
    /// # Errors
    /// [`Error`] says what was found and what was expected.
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

/// The files of a tarball, after the checks of [`Unpacker`]: what clients refuse is not read.
///
/// # Errors
/// As of [`Unpacker::unpack`].
pub fn unpack_files(tarball: &[u8], limits: &Limits) -> Result<PackageFiles, Error> {
    if tarball.len() > limits.tarball {
        return Err(Error::TooLarge { limit: limits.tarball });
    }
    let files = OuterFiles::read(tarball, limits)?;
    check_inner_checksum(&files)?;
    Metadata::parse(files.metadata)?;
    Ok(PackageFiles::read(files.contents, files.metadata, limits.contents)?)
}

/// The inner checksum of a tarball, without a check of its metadata and contents.
///
/// # Errors
/// [`Error`] if the tarball is too large, does not consist of the four files, or has a wrong CHECKSUM.
pub fn inner_checksum(tarball: &[u8], limits: &Limits) -> Result<InnerChecksum, Error> {
    if tarball.len() > limits.tarball {
        return Err(Error::TooLarge { limit: limits.tarball });
    }
    check_inner_checksum(&OuterFiles::read(tarball, limits)?)
}

/// What the metadata of a tarball says for people, without a check of its contents.
///
/// # Errors
/// As of [`inner_checksum`], or the metadata is not a sequence of Erlang terms.
pub fn describe(tarball: &[u8], limits: &Limits) -> Result<Description, Error> {
    if tarball.len() > limits.tarball {
        return Err(Error::TooLarge { limit: limits.tarball });
    }
    let files = OuterFiles::read(tarball, limits)?;
    check_inner_checksum(&files)?;
    Ok(Description::parse(files.metadata)?)
}

/// What hex.pm would refuse in the metadata of a sound tarball, if it were new. Older releases of hex.pm have such
/// faults, and clients use them all the same.
///
/// # Errors
/// As of [`describe`].
pub fn metadata_faults(tarball: &[u8], limits: &Limits) -> Result<Option<MetadataFaults>, Error> {
    if tarball.len() > limits.tarball {
        return Err(Error::TooLarge { limit: limits.tarball });
    }
    let files = OuterFiles::read(tarball, limits)?;
    Ok(new_release::faults(files.metadata)?)
}

/// CHECKSUM without one byte of white space at its end, which some tools write. `hex_core` reads digits in pairs and
/// ignores one byte at the end; it crashes on two.
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
