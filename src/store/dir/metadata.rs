//! What the system says of a file, in the words of a store.

use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, UNIX_EPOCH};

use crate::beneath::LeadsOut;
use crate::package::UnixSeconds;
use crate::store::listing::EntryKind;
use crate::store::stamp::Stamp;

/// The stamp of a file.
pub(crate) fn stamp(metadata: &Metadata) -> Stamp {
    let nanoseconds =
        |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    Stamp::File {
        size: metadata.size(),
        modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        inode: metadata.ino(),
        device: metadata.dev(),
    }
}

/// The time of modification, rounded down as `stat` gives it to Hex, before 1970 too.
pub(crate) fn modified(metadata: &Metadata) -> UnixSeconds {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    let time = metadata.modified().unwrap_or(UNIX_EPOCH);
    UnixSeconds(match time.duration_since(UNIX_EPOCH) {
        Ok(since) => seconds(since),
        Err(error) => {
            let before = error.duration();
            0_i64.saturating_sub(seconds(before)).saturating_sub((before.subsec_nanos() > 0).into())
        }
    })
}

/// What an entry leads to.
pub(super) fn kind(file_type: FileType) -> EntryKind {
    match file_type {
        kind if kind.is_file() => EntryKind::File,
        kind if kind.is_dir() => EntryKind::Folder,
        _ => EntryKind::Other,
    }
}

/// The kind of an entry whose metadata the system did not give. An entry that was listed and is not found is a
/// dangling link; every other error leaves the kind unknown.
pub(super) fn kind_after(error: &io::Error) -> EntryKind {
    match error.kind() {
        _ if LeadsOut::is_in(error) => EntryKind::LeadsOut,
        io::ErrorKind::NotFound => EntryKind::Unreadable(error.to_string()),
        _ => EntryKind::Unknown(error.to_string()),
    }
}

/// The kind of an entry whose name is no text.
pub(super) fn not_utf8() -> EntryKind {
    EntryKind::Unreadable("its name is not UTF-8".to_owned())
}
