//! A tarball that was read and is sound. What a registry says of its release depends on that registry.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::rejection::RejectionCause;
use crate::checksum::OuterChecksum;
use crate::name::RepositoryName;
use crate::package::Release;
use crate::publish::dependencies::DependencyRules;
use crate::regular_file;
use crate::repository::ByteSource;
use crate::tarball::{self, FileName, Limits, Metadata, ReleaseNotice, Tarball, Unpacker};

/// A sound tarball in a file of this machine. The file is read again when the tarball is stored, and has to be the same
/// then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedTarball {
    file: FileName,
    path: PathBuf,
    tarball: Tarball,
}

impl CheckedTarball {
    /// Checks the bytes of the file at `path`. `named` is the release that the name of the file says, if it says one.
    pub(in crate::ops) fn check(
        unpacker: &mut Unpacker,
        bytes: &[u8],
        path: &Path,
        named: Option<&FileName>,
    ) -> Result<Self, RejectionCause> {
        let tarball = unpacker.unpack(bytes)?;
        let file = match named {
            // A file whose name is not that of a release, such as `package.tar`, cannot have a wrong one.
            Some(named) if tarball.metadata.name.is_some() => {
                named.check(&tarball.metadata)?;
                named.clone()
            }
            named => FileName::of(&tarball.metadata, named).map_err(tarball::Error::from)?,
        };
        Ok(Self { file, path: path.to_owned(), tarball })
    }

    /// The release, by the name under which clients ask for it.
    #[must_use]
    pub fn file(&self) -> &FileName {
        &self.file
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the tarball says of its release.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.tarball.metadata
    }

    /// The checksum of the whole tarball.
    #[must_use]
    pub fn outer_checksum(&self) -> OuterChecksum {
        self.tarball.outer_checksum
    }

    /// What the release should not have. It may be published all the same.
    #[must_use]
    pub fn notices(&self) -> Vec<ReleaseNotice> {
        tarball::notices(&self.file.package, &self.tarball.metadata)
    }

    /// The release in a registry: a requirement without a repository is one of that registry if it has the package, and
    /// of hex.pm otherwise.
    pub(in crate::ops) fn release(&self, rules: &DependencyRules<'_>) -> Release {
        self.tarball.clone().into_release_with(|requirement| rules.resolve(requirement))
    }

    /// The release as `mix hex.registry build` reads it: a requirement without a repository is one of `repository`.
    pub(in crate::ops) fn release_as_mix(&self, repository: &RepositoryName) -> Release {
        self.tarball.clone().into_release(repository)
    }

    /// The bytes, to be stored.
    pub(in crate::ops) fn source(&self) -> ByteSource {
        ByteSource::file(self.path.clone(), Some(self.outer_checksum()))
    }
}

/// Reads a tarball, and of one that is too large no more than shows that.
pub(in crate::ops) fn read_bytes(
    path: &Path,
    limits: &Limits,
    bytes: &mut Vec<u8>,
) -> Result<(), RejectionCause> {
    let found = fs::metadata(path)?;
    if found.is_dir() {
        return Err(RejectionCause::Directory);
    }
    if !found.is_file() {
        return Err(RejectionCause::NotAFile);
    }
    let limit = u64::try_from(limits.tarball).unwrap_or(u64::MAX);
    regular_file::open(path)?.take(limit.saturating_add(1)).read_to_end(bytes)?;
    Ok(())
}
