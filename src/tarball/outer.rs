//! The outer archive: exactly four files.

use tar::EntryType;

use super::Limits;
use super::archive::{self, ArchiveError};

/// The four files of a package tarball, as they lie in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OuterFiles<'a> {
    pub version: &'a [u8],
    pub checksum: &'a [u8],
    pub metadata: &'a [u8],
    pub contents: &'a [u8],
}

/// Why an archive is not made of the four files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OuterError {
    /// It is not an archive with one reading.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Hex in memory refuses it, Hex on disk accepts it: clients would disagree.
    #[error(
        "unexpected entry {0:?}: a package tarball holds VERSION, CHECKSUM, metadata.config and contents.tar.gz only"
    )]
    Unexpected(String),
    /// Hex would let the last one win.
    #[error("{0} is in it twice")]
    Twice(&'static str),
    /// It is a link, a directory or a device.
    #[error("{0} is not a regular file")]
    NotRegular(&'static str),
    /// The name comes from an extended header alone; a reader without them sees another one.
    #[error("{0} has that name only in an extended header")]
    Renamed(&'static str),
    /// One or more are absent.
    #[error("{} missing", .0.join(", "))]
    Missing(Vec<&'static str>),
    /// Larger than clients read.
    #[error("{name} has {size} bytes; clients refuse more than {limit}")]
    TooLarge {
        /// Which file.
        name: &'static str,
        /// In bytes.
        size: usize,
        /// In bytes.
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
            // '\0' is how tar said "regular file" before POSIX; both arrive as Regular.
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
