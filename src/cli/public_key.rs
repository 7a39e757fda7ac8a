//! The public key of `--public-key`.

use std::path::Path;

use hexreg::key::PublicKey;

use super::failure::Failure;
use super::private_key::KeySource;

/// The key that `--public-key` names. A key that cannot be used is a failure of usage, not of the file that the command
/// checks.
pub fn from_argument(argument: Option<&Path>) -> Result<Option<PublicKey>, Failure> {
    let Some(path) = argument else { return Ok(None) };
    let source = KeySource::from_argument(Some(path))?;
    let key = source
        .read()
        .and_then(|pem| PublicKey::from_pem(&pem).map_err(|error| source.broken(&error)));
    key.map(Some).map_err(Failure::of_usage)
}
