//! What installs, their lists and the signatures of the lists have to be.

use aws_lc_rs::digest::{self, SHA512};
use bytes::Bytes;

use super::list::InstallList;
use super::signature;
use crate::ops::mirror::client::is_page;
use crate::ops::mirror::file_error::FileError;

/// In bytes: the most that a list may have. Each line has some 150.
pub const MAX_LIST: usize = 4 << 20;

/// In bytes: the most that a signature file may have. That of the largest key has some 1,400.
pub const MAX_SIGNATURE_FILE: usize = 16 << 10;

/// In bytes: the most that a file of a list may have. An archive of Hex has less than one million.
pub const MAX_INSTALL: usize = 64 << 20;

/// A list, which is read later: no web page.
pub fn list(bytes: &Bytes) -> Result<(), FileError> {
    if is_page("", bytes) { Err(FileError::InstallLine(1)) } else { Ok(()) }
}

/// The signature of a list.
pub fn signature(bytes: &Bytes) -> Result<(), FileError> {
    if signature::is_signature(bytes) { Ok(()) } else { Err(FileError::InstallSignature) }
}

/// A file of a list, which says its SHA-512.
pub fn install(list: &InstallList, sha512: &[u8], bytes: &[u8]) -> Result<(), FileError> {
    if !has_sha512(bytes, sha512) {
        return Err(FileError::InstallChecksum { list: list.name });
    }
    if !bytes.starts_with(list.magic) {
        return Err(FileError::InstallKind { kind: list.kind });
    }
    Ok(())
}

pub fn has_sha512(bytes: &[u8], sha512: &[u8]) -> bool {
    digest::digest(&SHA512, bytes).as_ref() == sha512
}
