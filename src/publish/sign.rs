//! From a payload to a signed file, signed only if it is not published already.

use super::plan::FileState;
use crate::key::{KeyError, PrivateKey};
use crate::published;
use crate::registry::{Gzip, Payload, Resource, is_foreign_gzip};

/// Compares a payload with the published file. The file is kept if it holds the same payload under the same key: RSA
/// PKCS#1 v1.5 would give the same signature again, and verifying one costs a thirtieth of making it.
pub(crate) fn sign_if_changed(
    resource: &Resource,
    payload: &Payload,
    key: &PrivateKey,
    gzip: &mut Gzip,
    published: Option<&[u8]>,
) -> Result<FileState, KeyError> {
    let signed = published
        .and_then(|bytes| published::open(resource, bytes).ok())
        .filter(|signed| signed.holds(payload, key.public_key()));
    if let (Some(_), Some(bytes)) = (&signed, published) {
        if is_foreign_gzip(bytes) {
            return Ok(FileState::Unchanged);
        }
    }
    let signed = signed.map_or_else(|| payload.sign(key), |file| Ok(file.with_payload(payload)))?;
    Ok(FileState::of(published, signed.to_gzip(gzip)))
}
