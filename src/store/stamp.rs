//! What tells that a file is still the same, without reading it.

use serde::{Deserialize, Serialize};

/// What a store knows of a file without reading it. A file that was written, replaced or renamed over has another
/// stamp, whatever its size and its time of modification were set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stamp {
    /// A file of a file system.
    File {
        /// In bytes.
        size: u64,
        /// The time of modification in nanoseconds since 1970, which any user may set.
        modified: i64,
        /// The time of the last change of any kind in nanoseconds since 1970, which no user can set.
        changed: i64,
        /// Identifies the file in its file system.
        inode: u64,
        /// Identifies the file system.
        device: u64,
    },
    /// An object in object storage, where every change makes another entity tag.
    Object {
        /// In bytes.
        size: u64,
        /// The BLAKE3 hash of the tag, which may be of any length.
        tag: [u8; 32],
    },
}

/// The coarsest clock of a file system in use (FAT), in nanoseconds: it ticks every two seconds.
const CLOCK_TICK: i64 = 2_000_000_000;

impl Stamp {
    /// The size of the file, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } | Self::Object { size, .. } => *size,
        }
    }

    /// Whether both are stamps of the same inode, whatever its name and content.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::File { inode, device, .. },
                Self::File { inode: other, device: of_other, .. },
            ) => (inode, device) == (other, of_other),
            _ => false,
        }
    }

    /// Whether a change after `seen`, in nanoseconds since 1970, would show in the stamp. A change within one tick of
    /// the clock would not.
    #[must_use]
    pub fn is_settled(&self, seen: i64) -> bool {
        match self {
            Self::File { changed, .. } => changed.saturating_add(CLOCK_TICK) <= seen,
            Self::Object { .. } => true,
        }
    }

    /// Appends the stamp as bytes, to be hashed with others.
    pub(crate) fn extend(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::File { size, modified, changed, inode, device } => {
                for number in [size, inode, device] {
                    bytes.extend(number.to_le_bytes());
                }
                for time in [modified, changed] {
                    bytes.extend(time.to_le_bytes());
                }
            }
            Self::Object { size, tag } => {
                bytes.extend(size.to_le_bytes());
                bytes.extend(tag);
            }
        }
    }
}
