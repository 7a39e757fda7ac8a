//! Signed files as bytes in memory, before anything is known of who signed them.

use crate::registry::{Gzip, MAX_FILE, Payload, Resource, Signed, SignedError, SignedFile};
use crate::store;

/// Opens the file of a resource. Its signature has not been checked.
///
/// # Errors
/// [`SignedError`] if it is larger than the resource may be, or is not a signed file.
pub(crate) fn open<'a>(
    resource: &Resource,
    bytes: &'a [u8],
) -> Result<SignedFile<'a>, SignedError> {
    Signed::from_gzip_up_to(resource.max_size(), bytes)
}

/// Opens a file of which it is not known which resource it is, up to the size of the largest.
///
/// # Errors
/// As of [`open`].
pub(crate) fn open_unknown(bytes: &[u8]) -> Result<SignedFile<'_>, SignedError> {
    Signed::from_gzip_up_to(MAX_FILE, bytes)
}

/// The payload of a file that was checked before.
///
/// # Errors
/// As of [`open`].
pub(crate) fn payload(resource: &Resource, bytes: &[u8]) -> Result<Payload, SignedError> {
    open(resource, bytes)?.unverified()
}

/// The bytes of a file as they were before its removal from a bucket began; `None` if no removal did. Used where a
/// file was copied out of a bucket: in another bucket the mark would stop all writers of the package.
///
/// # Errors
/// As of [`open`].
pub(crate) fn without_removal_mark(
    resource: &Resource,
    bytes: &[u8],
) -> Result<Option<Vec<u8>>, SignedError> {
    if !store::is_tombstone(bytes) {
        return Ok(None);
    }
    let file = open(resource, bytes)?;
    Ok(Some(file.with_payload(&file.unverified()?).to_gzip(&mut Gzip::new())))
}
