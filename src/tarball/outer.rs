//! The outer archive, which has exactly four files.

use tar::EntryType;

use super::Limits;
use super::archive::{self, ArchiveError};

/// The bytes of the four files of a package tarball.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OuterFiles<'a> {
    pub version: &'a [u8],
    pub checksum: &'a [u8],
    pub metadata: &'a [u8],
    pub contents: &'a [u8],
}

/// Why an archive does not consist of the four files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OuterError {
    /// The bytes are not a tar archive with one reading.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// There is a further entry. Hex refuses it when it unpacks in memory, and accepts it on disk.
    #[error(
        "unexpected entry {0:?}: a package tarball holds VERSION, CHECKSUM, metadata.config and contents.tar.gz only"
    )]
    Unexpected(String),
    /// A file is in the archive twice. Hex would use the last one.
    #[error("{0} is in it twice")]
    Twice(&'static str),
    /// An entry is a link, a directory or a device.
    #[error("{0} is not a regular file")]
    NotRegular(&'static str),
    /// Only an extended header has the name. A reader that ignores such headers sees another one.
    #[error("{0} has that name only in an extended header")]
    Renamed(&'static str),
    /// One or more files are missing.
    #[error("{} missing", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// A file is larger than clients accept.
    #[error("{name} has {size} bytes; clients refuse more than {limit}")]
    TooLarge {
        /// The name of the file.
        name: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

const VERSION: &str = "VERSION";
const CHECKSUM: &str = "CHECKSUM";
const METADATA: &str = "metadata.config";
const CONTENTS: &str = "contents.tar.gz";

impl<'a> OuterFiles<'a> {
    /// Finds the four files, in any order.
    pub fn read(tarball: &'a [u8], limits: &Limits) -> Result<Self, OuterError> {
        let [mut version, mut checksum, mut metadata, mut contents] = [None; 4];
        for entry in archive::entries(tarball) {
            let entry = entry?;
            let (name, found) = match &*entry.path {
                "VERSION" => (VERSION, &mut version),
                "CHECKSUM" => (CHECKSUM, &mut checksum),
                "metadata.config" => (METADATA, &mut metadata),
                "contents.tar.gz" => (CONTENTS, &mut contents),
                other => return Err(OuterError::Unexpected(other.to_owned())),
            };
            // `Regular` includes '\0', the type of a regular file before POSIX.
            if entry.kind != EntryType::Regular {
                return Err(OuterError::NotRegular(name));
            }
            if entry.renamed {
                return Err(OuterError::Renamed(name));
            }
            if found.replace(entry.data).is_some() {
                return Err(OuterError::Twice(name));
            }
        }
        let (Some(version), Some(checksum), Some(metadata), Some(contents)) =
            (version, checksum, metadata, contents)
        else {
            let all = [
                (VERSION, version),
                (CHECKSUM, checksum),
                (METADATA, metadata),
                (CONTENTS, contents),
            ];
            let missing = all.iter().filter(|(_, found)| found.is_none());
            return Err(OuterError::Missing(missing.map(|(name, _)| *name).collect()));
        };
        within(VERSION, version, limits.version)?;
        within(CHECKSUM, checksum, limits.checksum)?;
        within(METADATA, metadata, limits.metadata)?;
        Ok(Self { version, checksum, metadata, contents })
    }
}

fn within(name: &'static str, data: &[u8], limit: usize) -> Result<(), OuterError> {
    let size = data.len();
    if size > limit {
        return Err(OuterError::TooLarge { name, size, limit });
    }
    Ok(())
}
