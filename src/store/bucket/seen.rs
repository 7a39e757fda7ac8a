//! The versions and tombstones that were seen so far.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::version::Version;
use crate::repository::RepositoryPath;
use crate::store::stamp::Stamp;

/// The last version of each object that was listed, read or written, so that a stamp can be turned back into a
/// condition.
#[derive(Debug, Default)]
pub(super) struct SeenVersions(Mutex<HashMap<RepositoryPath, Version>>);

impl SeenVersions {
    fn all(&self) -> MutexGuard<'_, HashMap<RepositoryPath, Version>> {
        // A panic leaves each entry whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn extend(&self, found: impl IntoIterator<Item = (RepositoryPath, Version)>) {
        self.all().extend(found);
    }

    pub fn insert(&self, path: &RepositoryPath, version: Version) {
        self.all().insert(path.clone(), version);
    }

    pub fn remove(&self, path: &RepositoryPath) {
        self.all().remove(path);
    }

    /// The last version of an object.
    pub fn latest(&self, path: &RepositoryPath) -> Option<Version> {
        self.all().get(path).cloned()
    }

    /// Whether the tag of some object is no MD5, as on Azure: then no tag is made of the content.
    pub fn has_other_tags(&self) -> bool {
        self.all().values().any(Version::has_other_tag)
    }

    /// The last version of an object, if it has this stamp.
    pub fn get(&self, path: &RepositoryPath, stamp: Stamp) -> Option<Version> {
        self.all().get(path).filter(|version| version.stamp() == Some(stamp)).cloned()
    }
}

/// The tombstones that were read, and when each was read first.
#[derive(Debug, Default)]
pub(super) struct SeenTombstones(Mutex<HashMap<RepositoryPath, (Stamp, Instant)>>);

impl SeenTombstones {
    /// Records a tombstone.
    pub fn note(&self, path: &RepositoryPath, stamp: Stamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = all.entry(path.clone()).or_insert((stamp, Instant::now()));
        if seen.0 != stamp {
            *seen = (stamp, Instant::now());
        }
    }

    /// For how long the object with this stamp is known to be a tombstone; `None` if it is not known to be one.
    pub fn age(&self, path: &RepositoryPath, stamp: Stamp) -> Option<Duration> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(path).filter(|seen| seen.0 == stamp).map(|seen| seen.1.elapsed())
    }
}
