//! What changed from one version of a package to another: files line by line, and metadata.
//!
//! All is bounded: bytes and lines of a file that are compared, files that are named, lines that are shown, and time. What
//! is left out is counted.

mod files;
mod lines;
mod metadata;

pub use files::{
    DiffBody, DiffFile, DiffLimits, FileDiff, FileFacts, FileMode, FilesDiff, diff_files,
};
pub use lines::{DiffLine, Hunk, LineKind};
pub use metadata::{MetadataChange, MetadataField, MetadataSide, diff_metadata};
