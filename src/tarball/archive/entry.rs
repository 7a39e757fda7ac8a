//! Entries of an archive.

use std::borrow::Cow;

use tar::EntryType;

/// One entry of a tar archive, with extended headers applied.
#[derive(Debug)]
pub struct ArchiveEntry<'a> {
    /// The path as written in the archive.
    pub path: Cow<'a, str>,
    /// Whether an extended header gives another path than the entry's own header.
    pub renamed: bool,
    /// The type of the entry.
    pub kind: EntryType,
    /// Whether its mode lets anyone execute it.
    pub executable: bool,
    /// The target of a symbolic or hard link.
    pub link: Cow<'a, str>,
    /// The contents of a file; empty for other types.
    pub data: &'a [u8],
}

/// Whether an entry of this type may have contents.
pub(crate) fn is_file(kind: EntryType) -> bool {
    // Today's readers treat a contiguous file ('7') as an ordinary one.
    kind.is_file() || kind.is_contiguous()
}
