//! Where a repository lives: a directory, or a prefix of a bucket in object storage.
//!
//! ```text
//! store/interface   the trait that both have
//! store/change      what is changed, and what came of it
//! store/listing     what is listed and read
//! store/stamp       what tells that a file is still the same
//! store/lock        what keeps other writers away
//! store/error       why a file could not be read or changed
//! store/scheme      how the URL of a bucket begins
//! store/file_name   the names of hexreg's own files
//! store/tombstone   what a package's file in a bucket becomes for the moments before its removal
//! store/dir         a directory
//! store/bucket      object storage
//! ```

#[cfg(feature = "buckets")]
mod bucket;
mod change;
mod dir;
mod error;
mod file_name;
mod interface;
mod listing;
mod lock;
mod scheme;
mod stamp;
mod tombstone;

pub use crate::beneath::{LeadsOut, Links};
#[cfg(all(test, feature = "buckets"))]
pub(crate) use bucket::test_client;
#[cfg(feature = "buckets")]
pub use bucket::{
    BucketStore, BucketUrl, BucketUrlError, Object, ObjectAnswer, ObjectHead, OpenError, Origin,
    RequestLimits, SettingError, Settings, Variables,
};
pub use change::{Action, AppliedChange, Change, Changed, LostReaders};
pub use dir::{DirStore, flush_folder};
pub(crate) use dir::{FolderEntry, RealFolder, is_trusted_owner, keep_access, modified, stamp};
pub use error::{ConditionalWriteError, Operation, StoreError, StoreErrorKind};
pub(crate) use file_name::{PROBE, TEMPORARY, is_temporary};
pub use interface::Store;
pub use listing::{Content, EntryKind, ListedFile};
pub use lock::{Lock, LockOutcome};
pub use scheme::is_bucket_url;
pub use stamp::Stamp;
pub(crate) use tombstone::is_tombstone;
