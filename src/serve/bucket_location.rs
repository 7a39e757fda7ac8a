//! A bucket that is served, and how it is reached.

use crate::store::{BucketStore, BucketUrl, OpenError, Settings};

/// A bucket, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketLocation {
    /// The bucket, and the prefix of the repository.
    pub url: BucketUrl,
    /// The endpoint, and the variables with the keys.
    pub settings: Settings,
    /// Whether this server is the only writer, for a store that ignores conditions.
    pub assume_single_writer: bool,
    /// Whether `Cache-Control` of what is written forbids shared caches to keep copies.
    pub private: bool,
}

impl BucketLocation {
    /// The store. No request is sent yet.
    ///
    /// # Errors
    /// [`OpenError`] if a setting is missing or invalid.
    pub fn open(&self) -> Result<BucketStore, OpenError> {
        let store = BucketStore::open(&self.url, &self.settings)?;
        Ok(store.assume_single_writer(self.assume_single_writer).private(self.private))
    }
}
