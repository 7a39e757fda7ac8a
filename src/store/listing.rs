//! What a store lists and reads.

use super::stamp::Stamp;
use crate::package::UnixSeconds;

/// A file in the listing of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// The name in the folder; a name that is not UTF-8 contains U+FFFD.
    pub name: String,
    /// Its kind, or why the kind is unknown.
    pub kind: EntryKind,
    /// The time of the last change.
    pub modified: UnixSeconds,
    /// Tells that the file is still the same; `None` if the store has no stamps.
    pub stamp: Option<Stamp>,
}

/// What a listed name leads to, links followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A device, a pipe or a socket.
    Other,
    /// A link that leads out of the repository, in a store that does not follow such links.
    LeadsOut,
    /// A dangling link, or a name that is not UTF-8.
    Unreadable(String),
    /// The system refused to tell; with its reason.
    Unknown(String),
}

/// A file that was read, or looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// The stamp of the file that the bytes were read from, taken after reading. If it equals the listing's, the bytes
    /// are those of the file that was listed. `None` if the store has no stamps.
    pub stamp: Option<Stamp>,
}
