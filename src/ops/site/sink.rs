//! What becomes of a page that was made.

use super::error::Error;

/// Takes the files of a site, on any thread: it writes them, or compares them with what is there.
pub(super) trait PageSink: Sync {
    /// Takes a file, by its path below the site.
    fn put(&self, path: String, bytes: Vec<u8>) -> Result<(), Error>;

    /// Takes note that a file is as it was made before, and need not be made again.
    fn keep(&self, path: &str);

    /// Returns once all files so far are in place. What names them comes after that.
    fn settle(&self) -> Result<(), Error>;
}
