//! From a payload to a signed file, signed only where it does not stand already.

use crate::key::{KeyError, PrivateKey};
use crate::publish::State;
use crate::published;
use crate::registry::{Gzip, Payload, Resource, is_foreign_gzip};

/// What stands is kept where it says the same under the same key; RSA PKCS#1 v1.5 would sign it the
/// same way again, and checking a signature costs a thirtieth of making one.
pub(crate) fn seal(
    resource: &Resource,
    payload: &Payload,
    key: &PrivateKey,
    gzip: &mut Gzip,
    standing: Option<&[u8]>,
) -> Result<State, KeyError> {
    let signed = standing
        .and_then(|bytes| published::open(resource, bytes).ok())
        .filter(|signed| signed.holds(payload, key.public_key()));
    if let (Some(_), Some(bytes)) = (&signed, standing) {
        if is_foreign_gzip(bytes) {
            return Ok(State::Stands);
        }
    }
    let signed = signed.map_or_else(|| payload.sign(key), |file| Ok(file.with_payload(payload)))?;
    Ok(State::of(standing, signed.to_gzip(gzip)))
}
