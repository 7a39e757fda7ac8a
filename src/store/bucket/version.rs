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

    /// Whether it has what such a condition takes: a tag, or a generation.
    pub fn takes_condition(&self, is_on_generations: bool) -> bool {
        if is_on_generations { self.generation.is_some() } else { self.tag.is_some() }
    }

    /// Whether both have the same tag.
    pub fn has_tag_of(&self, other: &Self) -> bool {
        self.tag.is_some() && self.tag == other.tag
    }

    /// That it is still there.
    pub fn condition(&self, form: TagForm) -> UpdateVersion {
        UpdateVersion {
            e_tag: self.tag.as_ref().map(|tag| form.write(tag)),
            version: self.generation.clone(),
        }
    }
}

/// How a store takes an entity tag in a condition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TagForm {
    /// In double quotes, as HTTP has it: RFC 9110, section 8.8.3.
    #[default]
    Quoted,
    /// Without them. Ceph's gateway, and `DigitalOcean` Spaces, which is made of it, compare the header with a
    /// tag that has no quotes.
    Bare,
}

impl TagForm {
    /// The tag as a header has it.
    pub fn write(self, tag: &str) -> String {
        match self {
            Self::Quoted => format!("\"{tag}\""),
            Self::Bare => tag.to_owned(),
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

    /// What was last heard of an object.
    pub fn latest(&self, path: &RepositoryPath) -> Option<Version> {
        self.all().get(path).cloned()
    }

    /// Whether some object has a tag that is no MD5, as on Azure: then none is made of the content.
    pub fn has_other_tags(&self) -> bool {
        let is_digest =
            |tag: &String| tag.len() == 32 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.all().values().any(|version| version.tag.as_ref().is_some_and(|tag| !is_digest(tag)))
    }

    /// The version that has this stamp, if it is the one that was last heard of.
    pub fn get(&self, path: &RepositoryPath, stamp: Stamp) -> Option<Version> {
        self.all().get(path).filter(|version| version.stamp() == Some(stamp)).cloned()
    }
}
