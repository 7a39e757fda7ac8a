//! Why an archive is refused.

/// Why bytes are no tar archive, or one with more than one reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// There are no bytes.
    #[error("it is empty (0 bytes)")]
    Empty,
    /// It does not begin with a tar header.
    #[error("it is not a tar archive")]
    NotTar,
    /// It ends in the middle of an entry.
    #[error("it is truncated: it ends within {0}")]
    TruncatedEntry(String),
    /// It ends without the two empty blocks that end an archive.
    #[error("it is truncated: the end-of-archive marker is missing")]
    TruncatedEnd,
    /// A header does not match its own checksum.
    #[error("it is damaged: no tar header at byte {offset}, where one was expected")]
    DamagedHeader {
        /// Where the header begins.
        offset: usize,
    },
    /// A header that some readers refuse, or read in another way.
    #[error("the header at byte {offset} {problem}")]
    BadHeader {
        /// Where the header begins.
        offset: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// There are bytes between an entry's end and the next header.
    #[error("bytes other than zero fill up the last block of {0:?}")]
    DirtyPadding(String),
    /// There are bytes after the end-of-archive marker.
    #[error("{0} bytes follow the end of the archive")]
    TrailingBytes(usize),
    /// PAX and the header disagree, so that readers would see different entries.
    #[error("the size of {entry:?} is {pax:?} in its PAX header and {header} in its tar header")]
    SizesDisagree {
        /// The entry's path.
        entry: String,
        /// As the PAX header has it.
        pax: String,
        /// As the tar header has it, in bytes.
        header: usize,
    },
    /// A link, directory or device claims to have contents.
    #[error("{0:?} is not a file, yet it has a size")]
    SizeWithoutFile(String),
    /// A file that some readers take for a directory.
    #[error("{0:?} is a file, yet it is named like a directory")]
    FileWithSlash(String),
}
