//! What changes in an index, and what that changed.

use super::manifest::DocsId;
use crate::docs::records::DocsRecord;

/// A documentation that comes into an index.
#[derive(Clone, Debug)]
pub struct IndexedDocs {
    /// Which one.
    pub id: DocsId,
    /// Names what it was read from, such as a digest of its archive: [`DocsIndex::docs`](super::DocsIndex::docs)
    /// tells it.
    pub source: [u8; 32],
    /// Its records. Their order is that of results that match alike.
    pub records: Vec<DocsRecord>,
}

/// What changes in an index.
pub struct DocsChanges<'a> {
    /// Documentations that go. Those that are not there are ignored.
    pub removed: &'a [DocsId],
    /// Documentations that come, each once. One that is there already is replaced.
    pub added: &'a mut dyn Iterator<Item = IndexedDocs>,
    /// How early each package is found if others match alike, such as by how many depend on it: the greater, the earlier.
    pub rank: &'a dyn Fn(&str) -> u32,
}

/// The files that an update changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdatedFiles {
    /// The names of the files that were written.
    pub written: Vec<String>,
    /// The names of the files that no search needs any more. They are still there: an index from before the update needs
    /// them.
    pub removed: Vec<String>,
}
