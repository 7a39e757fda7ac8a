//! Private keys, in every form that programs keep them in.

use memchr::memmem;

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
    Ok(read.is_some() && (is_key(bytes) || has_armour(bytes)))
}

/// In forms that are a key only where they are the whole file.
fn is_key(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PuTTY-User-Key-File-") || is_private_key_in_der(bytes)
}

/// In PEM or a form that looks like it, such as that of OpenSSH and `GnuPG`, anywhere in it.
fn has_armour(bytes: &[u8]) -> bool {
    // Four dashes and a space, not five, are SSH Communications' own (RFC 4716 has their public keys).
    let mut armours = memmem::find_iter(bytes, b"BEGIN ").filter(|at| {
        let before = bytes.get(..*at).unwrap_or_default();
        before.ends_with(b"-----") || before.ends_with(b"---- ")
    });
    armours.any(|at| {
        let from = bytes.get(at..).unwrap_or_default();
        let line = from.split(|byte| *byte == b'\n').next().unwrap_or_default();
        memmem::find(line, b"PRIVATE KEY").is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn armour_is_told_from_what_speaks_of_it() {
        for key in [
            "-----BEGIN PRIVATE KEY-----",
            "text\n  -----BEGIN RSA PRIVATE KEY-----\r\nMII",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----",
            "-----BEGIN EC PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----",
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----",
        ] {
            assert!(has_armour(key.as_bytes()), "{key}");
        }
        for other in [
            "",
            "-----BEGIN PUBLIC KEY-----",
            "-----BEGIN CERTIFICATE-----\nPRIVATE KEY",
            "BEGIN PRIVATE KEY",
            "---- BEGIN SSH2 PUBLIC KEY ----",
        ] {
            assert!(!has_armour(other.as_bytes()), "{other}");
        }
    }
}
