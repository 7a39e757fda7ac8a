//! Errors of the archive reader.

/// Why bytes are not a tar archive, or one with more than one reading.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The input is empty.
    #[error("it is empty (0 bytes)")]
    Empty,
    /// The input does not begin with a tar header.
    #[error("it is not a tar archive")]
    NotTar,
    /// The input ends within an entry.
    #[error("it is truncated: it ends within {0}")]
    TruncatedEntry(String),
    /// The two empty blocks at the end are missing.
    #[error("it is truncated: the end-of-archive marker is missing")]
    TruncatedEnd,
    /// A header does not match its own checksum.
    #[error("it is damaged: no tar header at byte {offset}, where one was expected")]
    DamagedHeader {
        /// The position of the header.
        offset: usize,
    },
    /// Some readers refuse a header, or read it differently.
    #[error("the header at byte {offset} {problem}")]
    BadHeader {
        /// The position of the header.
        offset: usize,
        /// What is wrong, as the rest of a sentence.
        problem: &'static str,
    },
    /// Bytes other than zero are between an entry's end and the next header.
    #[error("bytes other than zero fill up the last block of {0:?}")]
    DirtyPadding(String),
    /// Bytes other than zero follow the end-of-archive marker.
    #[error("{0} bytes follow the end of the archive")]
    TrailingBytes(usize),
    /// The PAX header and the tar header give different sizes.
    #[error("the size of {entry:?} is {pax:?} in its PAX header and {header} in its tar header")]
    SizesDisagree {
        /// The entry's path.
        entry: String,
        /// The size in the PAX header.
        pax: String,
        /// The size in the tar header.
        header: usize,
    },
    /// A link, directory or device has a size.
    #[error("{0:?} is not a file, yet it has a size")]
    SizeWithoutFile(String),
    /// The path of a file ends in a slash. Some readers take it for a directory.
    #[error("{0:?} is a file, yet it is named like a directory")]
    FileWithSlash(String),
}
