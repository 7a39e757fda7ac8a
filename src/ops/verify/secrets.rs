//! Private keys, in every form that programs keep them in.

mod armour;

use crate::key::is_private_key_in_der;
use crate::repository::RepositoryPath;
use crate::store::{Store, StoreError};

/// How much of a file is looked through, in bytes.
const ROOM: usize = 64 << 20;

/// Whether a file holds one; a file that is gone does not.
pub(super) fn holds_key(
    store: &dyn Store,
    path: &RepositoryPath,
    bytes: &mut Vec<u8>,
) -> Result<bool, StoreError> {
    let read = store.read(path, ROOM, bytes)?;
    Ok(read.is_some() && (is_key(bytes) || armour::is_in(bytes)))
}

/// In forms that are a key only where they are the whole file.
fn is_key(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PuTTY-User-Key-File-") || is_private_key_in_der(bytes)
}
