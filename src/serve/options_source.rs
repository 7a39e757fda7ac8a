//! Where options come from that are read again.

use super::options::Options;
use super::watched_files::WatchedFile;

/// Where the options come from, such as a configuration file.
pub struct OptionsSource {
    /// The files that they were read from. When one of them changes, the options are read again.
    pub files: Vec<WatchedFile>,
    /// Reads the options again, on a thread that may block.
    pub read: Box<ReadAgain>,
}

/// Reads options again.
pub type ReadAgain = dyn Fn() -> ReadOptions + Send + Sync;

/// Options that were read again.
pub struct ReadOptions {
    /// The options, or what is wrong with them.
    pub options: Result<Options, String>,
    /// The files that they were read from: in case of an error, those that had to be read.
    pub files: Vec<WatchedFile>,
    /// The names of settings that have changed, though they hold from the next start only, beside those that the server
    /// finds itself.
    pub need_restart: Vec<&'static str>,
}
