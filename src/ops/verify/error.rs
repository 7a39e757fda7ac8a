//! Why a repository cannot be checked.

use crate::publish::lock::Busy;
use crate::store::StoreError;

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tree cannot be listed or locked.
    #[error(transparent)]
    List(#[from] StoreError),
    /// There is nothing to list.
    #[error("there is no such directory")]
    Missing,
    /// A build did not end in time.
    #[error(transparent)]
    Busy(#[from] Busy),
}
