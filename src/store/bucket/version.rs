//! What is known of an object without reading it, and how a condition is made of it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use object_store::{ObjectMeta, PutResult, UpdateVersion};

use crate::repository::RepositoryPath;
use crate::store::Stamp;

/// Which of the objects that had one name it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    size: u64,
    tag: Option<String>,
    /// Google Cloud Storage has no conditions on tags, but on these, which its listings leave out.
    pub generation: Option<String>,
}

impl Version {
    pub fn of(found: &ObjectMeta) -> Self {
        let tag = found.e_tag.as_deref().map(bare);
        Self { size: found.size, tag, generation: found.version.clone() }
    }

    pub fn of_put(size: usize, put: PutResult) -> Self {
        let tag = put.e_tag.as_deref().map(bare);
        Self { size: size.try_into().unwrap_or(u64::MAX), tag, generation: put.version }
    }

    /// Of an object with these bytes, where tags are made of them.
    pub fn of_content(bytes: &[u8]) -> Self {
        let tag = HEXLOWER.encode(&Md5::digest(bytes));
        let size = bytes.len().try_into().unwrap_or(u64::MAX);
        Self { size, tag: Some(tag), generation: None }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn stamp(&self) -> Option<Stamp> {
        let tag = *blake3::hash(self.tag.as_ref()?.as_bytes()).as_bytes();
        Some(Stamp::Object { size: self.size, tag })
    }

    /// That it is still there.
    pub fn condition(&self) -> UpdateVersion {
        UpdateVersion {
            e_tag: self.tag.as_ref().map(|tag| format!("\"{tag}\"")),
            version: self.generation.clone(),
        }
    }
}

/// Listings may have a tag without its quotes, and what lies between a server and us may weaken it:
/// RFC 9110, section 8.8.3. No condition is ever met by a weak one.
fn bare(tag: &str) -> String {
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned()
}

/// What was last heard of each object, so that a stamp can be turned back into a condition.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<RepositoryPath, Version>>);

impl Seen {
    fn all(&self) -> MutexGuard<'_, HashMap<RepositoryPath, Version>> {
        // Each entry is whole, whoever panicked meanwhile.
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

    /// The version that has this stamp, if it is the one that was last heard of.
    pub fn get(&self, path: &RepositoryPath, stamp: Stamp) -> Option<Version> {
        self.all().get(path).filter(|version| version.stamp() == Some(stamp)).cloned()
    }
}
