//! Finds private keys in the first 64 MiB of a file.
//!
//! - Anywhere in the file: PEM and similar formats, such as those of OpenSSH, `GnuPG` and SSH Communications, in ASCII, in
//!   an encoding that extends it, or in UTF-16.
//! - At its first byte: DER of PKCS#1, PKCS#8, encrypted or not, SEC1 and PKCS#12, and the format of `PuTTY`.
//! - Any of them gzipped, in the first MiB of the inflated data.
//!
//! Keys in other compressed, encrypted or encoded data are not found, nor DER at another position.

mod der;
mod pem;

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;
use memchr::memmem;

use crate::key::is_private_key_in_der;
use crate::repository::RepositoryPath;
use crate::store::{Store, StoreError};

/// How much of a file is searched, in bytes.
const MAX_SEARCHED: usize = 64 << 20;

/// How much of the inflated data is searched, in bytes. Keys are at the beginning, and a gzip bomb must not take long.
const MAX_INFLATED: u64 = 1 << 20;

/// Whether a file of a store holds a private key, also a gzipped one if `is_inflated`. A file that does not exist holds
/// none.
pub(crate) fn holds_key(
    store: &dyn Store,
    path: &RepositoryPath,
    is_inflated: bool,
    bytes: &mut Vec<u8>,
) -> Result<bool, StoreError> {
    let read = store.read(path, MAX_SEARCHED, bytes)?;
    Ok(read.is_some() && hold_key(bytes, is_inflated))
}

/// Whether a whole file holds a private key. No more than [`WINDOW`] and [`OVERLAP`] is in memory at once.
pub(crate) fn stream_holds_key(mut file: impl Read, is_inflated: bool) -> io::Result<bool> {
    let mut window = Vec::new();
    let mut is_first = true;
    loop {
        let room = WINDOW.saturating_add(OVERLAP).saturating_sub(window.len());
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        file.by_ref().take(room).read_to_end(&mut window)?;
        let is_last = window.len() < WINDOW.saturating_add(OVERLAP);
        // A key that begins after the limit is found in the next window, together with what follows it.
        let limit = if is_last { usize::MAX } else { WINDOW };
        let is_found = is_in_before(&window, limit)
            || (is_first && (is_key(&window) || (is_inflated && inflates_to_key(&window))));
        if is_found || is_last {
            return Ok(is_found);
        }
        window.drain(..WINDOW.saturating_sub(LEAD));
        is_first = false;
    }
}

/// Whether the beginning of a file holds a private key that is not gzipped.
pub(crate) fn begins_with_key(bytes: &[u8]) -> bool {
    is_in(bytes)
}

/// The part of a file that is searched at once, in bytes.
const WINDOW: usize = 4 << 20;

/// The part of a window that is kept for the next one, in bytes: more than the dashes before a key, also in UTF-16.
const LEAD: usize = 16;

/// The part after a window in which a key may continue, in bytes: more than the lines that are examined take in UTF-16.
const OVERLAP: usize = 256 << 10;

/// Whether bytes hold a private key.
fn hold_key(bytes: &[u8], is_inflated: bool) -> bool {
    is_in(bytes) || (is_inflated && inflates_to_key(bytes))
}

fn inflates_to_key(bytes: &[u8]) -> bool {
    inflate(bytes).is_some_and(|bytes| is_in(&bytes))
}

fn is_in(bytes: &[u8]) -> bool {
    is_key(bytes) || is_in_before(bytes, usize::MAX)
}

/// Whether a key begins before `limit`, in a format that may be anywhere in a file.
fn is_in_before(bytes: &[u8], limit: usize) -> bool {
    pem::is_in_before(bytes, limit) || is_in_utf16_before(bytes, limit)
}

/// Whether bytes are a key in a format that takes a whole file.
fn is_key(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PuTTY-User-Key-File-")
        || is_private_key_in_der(bytes)
        || der::is_sec1(bytes)
        || der::is_pkcs12(bytes)
}

/// The same in UTF-16 of either byte order, with or without a byte order mark.
fn is_in_utf16_before(bytes: &[u8], limit: usize) -> bool {
    let has_header = memmem::find(bytes, b"B\0E\0G\0I\0N\0 ").is_some();
    let half = |from| bytes.iter().copied().skip(from).step_by(2).collect::<Vec<u8>>();
    let limit = limit.div_ceil(2);
    has_header && [0, 1].into_iter().any(|from| pem::is_in_before(&half(from), limit))
}

/// The beginning of the inflated data of a gzipped file, up to the first damage.
fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    bytes.starts_with(&[0x1F, 0x8B]).then(|| {
        let mut inflated = Vec::new();
        // The data before an error is searched as well.
        let _ = MultiGzDecoder::new(bytes).take(MAX_INFLATED).read_to_end(&mut inflated);
        inflated
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
                       MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n";

    /// A file of `size` bytes with a key at a position.
    fn with_key(size: usize, at: usize, key: &[u8]) -> Vec<u8> {
        let mut file = vec![b'\n'; size];
        file[at..][..key.len()].copy_from_slice(key);
        file
    }

    #[test]
    fn a_key_is_found_at_any_position_of_a_large_file() {
        let utf16: Vec<u8> = KEY.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for key in [KEY.as_bytes(), &utf16] {
            let size = 3 * WINDOW;
            let ends = [WINDOW, WINDOW + OVERLAP, 2 * WINDOW, 2 * WINDOW + OVERLAP, size];
            let around =
                ends.iter().flat_map(|end| [end - key.len(), end - key.len() / 2, end - 1]);
            let places = around.filter(|at| at + key.len() <= size).chain([0, 1, WINDOW]);
            for at in places {
                let file = with_key(size, at, key);
                assert!(stream_holds_key(&file[..], true).unwrap(), "{at}");
            }
        }
        assert!(!stream_holds_key(&vec![b'\n'; 3 * WINDOW][..], true).unwrap());
    }

    #[test]
    fn the_end_of_a_window_within_a_line_does_not_make_it_a_key() {
        // Cut at the end of the window, this symbol would look like a line of base64.
        let line = KEY.trim_end();
        let other = format!("{line}.of.a.program\n");
        for end in [WINDOW, WINDOW + OVERLAP] {
            let at = end - line.len();
            let file = with_key(2 * WINDOW, at, other.as_bytes());
            assert!(!hold_key(&file, true));
            assert!(!stream_holds_key(&file[..], true).unwrap(), "{end}");
        }
    }

    #[test]
    fn a_key_that_takes_a_whole_file_is_found_only_at_its_beginning() {
        let putty = b"PuTTY-User-Key-File-3: ssh-rsa\n";
        assert!(stream_holds_key(&with_key(2 * WINDOW, 0, putty)[..], true).unwrap());
        assert!(!stream_holds_key(&with_key(2 * WINDOW, WINDOW, putty)[..], true).unwrap());
    }
}
