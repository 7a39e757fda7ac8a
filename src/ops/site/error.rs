//! Why a site was not made.

use crate::ops::verify::Defect;
use crate::publish::lock::LockTimeout;
use crate::store::StoreError;

/// Why a site was not made. Unless it is [`Error::Write`], nothing was written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum Error {
    /// A signed file, or the key, is missing or cannot be trusted.
    #[error("{location} cannot be shown")]
    Unsound { location: String, source: Box<Defect> },
    /// A file of another origin is at the path of a page.
    #[error("{location} is there, and is not of this site: it would be overwritten")]
    Foreign { location: String },
    /// What should say which files are the site's says nothing.
    #[error("{location} is not the list of a site's files")]
    NotAManifest { location: String },
    /// Another process held a lock for too long.
    #[error(transparent)]
    LockTimeout(#[from] LockTimeout),
    /// The registry or the site cannot be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// A page could not be written. What was written before is whole, and the next run goes on with it.
    #[error(transparent)]
    Write(StoreError),
}
