//! Where a served tree lives.

mod bucket;
mod change;
mod dir;

pub use crate::beneath::{LeadsOut, Links};
pub(crate) use bucket::is_tombstone;
pub use bucket::{
    BucketStore, BucketUrl, BucketUrlError, Limits, OpenError, Origin, SettingError, Settings,
    Variables,
};
pub use change::{Action, Change, Changed};
pub use dir::{DirStore, flush_folder};
pub(crate) use dir::{FolderEntry, RealFolder, is_trusted_owner, keep_access, modified, stamp};

use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::package::UnixSeconds;
use crate::repository::{Changing, Folder, RepositoryPath, SourceError};

/// A place that keeps files by their path in the served tree.
///
/// Shared between threads, all of which may use it at once.
pub trait Store: Sync {
    /// The files in a folder, in any order; `None` where the folder is missing.
    ///
    /// # Errors
    /// [`StoreError`] where the folder cannot be listed.
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError>;

    /// Every file at any depth, links followed, in any order; `None` where there is no tree at all.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot be listed.
    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError>;

    /// Reads a file into `buffer`, whose former content is gone afterwards, up to `limit` bytes and
    /// one more, so that a file above the limit is not read whole and can be told. `None` where
    /// there is no such file.
    ///
    /// # Errors
    /// [`StoreError`] where the file is there and cannot be read.
    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError>;

    /// Makes changes, stage by stage: what a stage changes is there for good before the next one
    /// begins. Within a stage they are made in order, or where the store is far away, many at once,
    /// save for those of files beside the folders, which are made in order everywhere. Readers see a
    /// file as it was or as it is to be, whole. Of each change that was made `made` hears. A file that takes
    /// the place of another keeps who may read it, where the store has anything of the kind.
    ///
    /// A store that nobody can [lock](Self::lock) makes a change only where the file still is as
    /// [`Change::over`] says.
    ///
    /// # Errors
    /// [`StoreError`] for the first change that failed; none of a later stage was made.
    /// [`StoreError::is_conflict`] where somebody else was faster.
    fn apply(
        &self,
        stages: &[&[Change]],
        made: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError>;

    /// Keeps everybody else who asks for it from changing anything, until the lock is dropped or its
    /// process ends.
    ///
    /// # Errors
    /// [`StoreError`] where that cannot be told.
    fn lock(&self) -> Result<LockOutcome, StoreError>;

    /// Keeps whoever asks for [`lock`](Self::lock) waiting, and nobody who asks for this, until the lock
    /// is dropped or its process ends. Takes no right but to read, and leaves nothing behind.
    ///
    /// # Errors
    /// [`StoreError`] where that cannot be told, as where there is no tree.
    fn lock_shared(&self) -> Result<LockOutcome, StoreError>;

    /// Where its lock lies, by which those who need several take them in one order; `None` where there is none.
    fn lock_place(&self) -> Option<PathBuf> {
        None
    }

    /// The largest file, in bytes, that can be written at a path; `None` where the store itself has no limit.
    fn max_size(&self, _path: &RepositoryPath) -> Option<u64> {
        None
    }

    /// Whether it makes a change only where the file still is as [`Change::over`] says, and makes a new
    /// one only where there is none. Where it does not, a [lock](Self::lock) keeps others out, or nothing.
    fn is_conditional(&self) -> bool {
        false
    }

    /// Whether a file in it may be a tombstone, which stands for one that is being removed. Where one is copied to
    /// elsewhere, it is the file that clients read it as.
    fn has_tombstones(&self) -> bool {
        false
    }

    /// Whether a file's time of change is its own, and not that of its way into the store.
    fn keeps_times(&self) -> bool {
        true
    }

    /// The stamp that a file with these bytes has, where that can be told.
    fn stamp_of(&self, _bytes: &[u8]) -> Option<Stamp> {
        None
    }

    /// The path as a person would find it.
    fn locate(&self, path: &RepositoryPath) -> String;
}

/// A file in a folder's listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// Its name in the folder; a name that is not UTF-8 has U+FFFD in it.
    pub name: String,
    /// What it is, or why that cannot be told.
    pub kind: EntryKind,
    /// When it was last changed.
    pub modified: UnixSeconds,
    /// What tells that it is still the same; `None` where the store has nothing of the kind.
    pub stamp: Option<Stamp>,
}

/// A change that was made.
#[derive(Clone, Copy, Debug)]
pub struct AppliedChange<'a> {
    /// Which.
    pub change: &'a Change,
    /// Who may have lost the right to read the file by it.
    pub lost: Option<LostReaders>,
}

impl<'a> AppliedChange<'a> {
    /// A change by which no user lost the right to read the file.
    #[must_use]
    pub fn new(change: &'a Change) -> Self {
        Self { change, lost: None }
    }
}

/// Users who could read a file, and may not be able to read the one that took its place, because the system
/// did not let it have the same owner, group or mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostReaders {
    /// Its former owner.
    pub user: Option<u32>,
    /// The members of its former group.
    pub group: Option<u32>,
    /// All others.
    pub others: bool,
}

impl fmt::Display for LostReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.map(|id| format!("user {id}"));
        let group = self.group.map(|id| format!("group {id}"));
        let others = self.others.then(|| "other users".to_owned());
        let lost: Vec<_> = [user, group, others].into_iter().flatten().collect();
        f.write_str(&lost.join(" and "))
    }
}

/// What came of asking for a lock.
#[derive(Debug)]
pub enum LockOutcome {
    /// It is ours.
    Held(Lock),
    /// It is somebody else's.
    Busy,
    /// There is no such thing here, as on some network file systems; why not.
    Unsupported(io::Error),
}

/// A lock, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    /// The open file that the system ties the lock to.
    _held: Option<File>,
}

/// Whether a file of this name was being written when its writer was killed, or still is.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1)
}

/// How the name of a file begins and ends that is being written.
pub(crate) const TEMPORARY: (&str, &str) = (".hexreg-", ".tmp");

/// The name of the file that tells whether a bucket honours conditions.
pub(crate) const PROBE: &str = ".hexreg-probe";

impl Lock {
    /// The lock of a store that nobody shares.
    #[must_use]
    pub fn of_nothing() -> Self {
        Self { _held: None }
    }
}

/// A file that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Of the file that the bytes came from, once they had: where it is that of the listing, they are
    /// those of the file that was listed. `None` where the store has nothing of the kind.
    pub stamp: Option<Stamp>,
}

/// What a store knows of a file without reading it. A file that was written to, replaced or renamed
/// over since has another one, whatever its size and time of modification were set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stamp {
    /// Of a file system.
    File {
        /// In bytes.
        size: u64,
        /// Nanoseconds since 1970, as anybody may set it.
        modified: i64,
        /// Nanoseconds since 1970 of the last change of any kind, which nobody can set.
        changed: i64,
        /// Which file of its file system it is.
        inode: u64,
        /// Which file system it is in.
        device: u64,
    },
    /// Of object storage, where every change makes another entity tag.
    Object {
        /// In bytes.
        size: u64,
        /// The BLAKE3 hash of the tag, which may be of any length.
        tag: [u8; 32],
    },
}

/// How long a file must have been left alone before it is looked at, in nanoseconds: the coarsest
/// clock of a file system in use (FAT) ticks every two seconds.
const MOMENT: i64 = 2_000_000_000;

impl Stamp {
    /// How large the file is, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } | Self::Object { size, .. } => *size,
        }
    }

    /// Whether it is of the same file, as it was or as it is now, under whichever name.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::File { inode, device, .. },
                Self::File { inode: other, device: of_other, .. },
            ) => (inode, device) == (other, of_other),
            _ => false,
        }
    }

    /// Whether a file that was looked at at `seen`, in nanoseconds since 1970, would show by its stamp
    /// that it was changed after.
    #[must_use]
    pub fn is_settled(&self, seen: i64) -> bool {
        match self {
            Self::File { changed, .. } => changed.saturating_add(MOMENT) <= seen,
            Self::Object { .. } => true,
        }
    }

    /// Appends it as bytes, to be hashed with others.
    pub(crate) fn extend(&self, text: &mut Vec<u8>) {
        match self {
            Self::File { size, modified, changed, inode, device } => {
                for number in [size, inode, device] {
                    text.extend(number.to_le_bytes());
                }
                for time in [modified, changed] {
                    text.extend(time.to_le_bytes());
                }
            }
            Self::Object { size, tag } => {
                text.extend(size.to_le_bytes());
                text.extend(tag);
            }
        }
    }
}

/// What a listed name stands for, links followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file with bytes.
    File,
    /// A folder.
    Folder,
    /// A device, a pipe, a socket.
    Other,
    /// A link that leads out of the tree, where such are not followed.
    LeadsOut,
    /// A link to nothing, or what has a name that is no text.
    Unreadable(String),
    /// It cannot be looked at; why not.
    Unknown(String),
}

/// What could not be done, to what, and why.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} {location}")]
pub struct StoreError {
    /// A verb: `read`, `write`.
    pub action: &'static str,
    /// The path as a person would find it.
    pub location: String,
    /// What the system says.
    pub source: io::Error,
}

/// Somebody else changed a file since it was looked at: the source of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("somebody else changed it meanwhile")]
pub struct Conflict;

/// Somebody else is removing a file, or was cut short when they did: the source of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a removal of it is under way, or was cut short")]
pub struct Leaving;

/// Nothing can be made conditional here, so that of two writers at once one would lose what it wrote: the
/// source of a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionalWriteError {
    /// It writes over what is there, where it was asked to write only where nothing is.
    #[error(
        "the store ignores `If-None-Match`: of two writers at once, one would lose what it wrote"
    )]
    IfNoneMatchIgnored,
    /// It writes over whatever is there, where it was asked to write only over what was read.
    #[error("the store ignores `If-Match`: of two writers at once, one would lose what it wrote")]
    IfMatchIgnored,
    /// It refuses such a request, whether or not the condition is met.
    #[error(
        "the store refuses every write with `{0}`, as something that it does not have: without it, one \
         of two writers at once would lose what it wrote"
    )]
    Unsupported(
        /// The header of the condition.
        &'static str,
    ),
    /// It refuses to write over what has the very tag that it gave.
    #[error("the store refuses `If-Match` with the tag that it gave")]
    NeverMet,
    /// It gives files no tags, so nothing can be said of what was read.
    #[error(
        "the store gives it no entity tag: of two writers at once, one would lose what it wrote"
    )]
    NoTag,
}

impl StoreError {
    /// Of a file that was not written. Where the file that it was to be copied of is at fault, it is of that one.
    pub(crate) fn of_write(location: String, error: io::Error) -> Self {
        match error.downcast::<SourceError>() {
            Ok(SourceError { path, source }) => {
                Self { action: "read", location: path.display().to_string(), source }
            }
            Err(source) => Self { action: "write", location, source },
        }
    }

    /// Whether a tarball that was to be copied is no longer the one that was looked at.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.is_for::<Changing>()
    }

    /// Whether nothing is wrong, but that somebody else was faster: whoever looks again may succeed.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.is_for::<Conflict>() || self.is_leaving()
    }

    /// Whether somebody else is about to remove the file, or was: which of the two, time tells.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.is_for::<Leaving>()
    }

    /// What is wrong with the store's conditions, if that is what failed: it will do for a single writer alone.
    #[must_use]
    pub fn conditions(&self) -> Option<ConditionalWriteError> {
        self.source.get_ref()?.downcast_ref().copied()
    }

    fn is_for<T: std::error::Error + 'static>(&self) -> bool {
        self.source.get_ref().and_then(|source| source.downcast_ref::<T>()).is_some()
    }
}

impl From<ConditionalWriteError> for io::Error {
    fn from(error: ConditionalWriteError) -> Self {
        Self::other(error)
    }
}

impl From<Leaving> for io::Error {
    fn from(leaving: Leaving) -> Self {
        Self::other(leaving)
    }
}

impl From<Conflict> for io::Error {
    fn from(conflict: Conflict) -> Self {
        Self::other(conflict)
    }
}
