//! One entry of an archive.

use std::borrow::Cow;

use tar::EntryType;

/// One entry of a tar archive, with extended headers applied.
#[derive(Debug)]
pub struct ArchiveEntry<'a> {
    /// Its path, as it is written.
    pub path: Cow<'a, str>,
    /// Whether an extended header gave it another path than its own header does.
    pub renamed: bool,
    /// What it is.
    pub kind: EntryType,
    /// Where it points, for both kinds of link.
    pub link: Cow<'a, str>,
    /// Its bytes; none unless it is a file.
    pub data: &'a [u8],
}

/// Whether an entry of this kind may have bytes of its own.
pub(crate) fn is_file(kind: EntryType) -> bool {
    // A contiguous file ('7') is an ordinary file to everybody today.
    kind.is_file() || kind.is_contiguous()
}
