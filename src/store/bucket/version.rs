//! An object's tag, and the condition that is made of it.

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use object_store::{ObjectMeta, PutResult, UpdateVersion};

use crate::store::stamp::Stamp;

/// Identifies one of the objects that had the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    size: u64,
    tag: Option<String>,
    /// Conditions of Google Cloud Storage name a generation, not a tag. Its listings leave the generation out.
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

    /// The version of an object with these bytes, in a store whose tags are made of the content.
    pub fn of_content(bytes: &[u8]) -> Self {
        let tag = HEXLOWER.encode(&Md5::digest(bytes));
        let size = bytes.len().try_into().unwrap_or(u64::MAX);
        Self { size, tag: Some(tag), generation: None }
    }

    /// The tag without its quotes.
    pub fn into_tag(self) -> Option<String> {
        self.tag
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn stamp(&self) -> Option<Stamp> {
        let tag = *blake3::hash(self.tag.as_ref()?.as_bytes()).as_bytes();
        Some(Stamp::Object { size: self.size, tag })
    }

    /// Whether a condition can be made of it: of its generation, or else of its tag.
    pub fn takes_condition(&self, is_on_generations: bool) -> bool {
        if is_on_generations { self.generation.is_some() } else { self.tag.is_some() }
    }

    /// Whether both have the same tag.
    pub fn has_tag_of(&self, other: &Self) -> bool {
        self.tag.is_some() && self.tag == other.tag
    }

    /// Whether it has a tag that is no MD5.
    pub fn has_other_tag(&self) -> bool {
        let is_md5 =
            |tag: &String| tag.len() == 32 && tag.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.tag.as_ref().is_some_and(|tag| !is_md5(tag))
    }

    /// The condition that the object still is this version.
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
    /// In double quotes, as HTTP requires: RFC 9110, section 8.8.3.
    #[default]
    Quoted,
    /// Without quotes. Ceph's gateway, and `DigitalOcean` Spaces, which is built on it, compare the header with a tag
    /// that has no quotes.
    Bare,
}

impl TagForm {
    /// The tag in the form of the header.
    pub fn write(self, tag: &str) -> String {
        match self {
            Self::Quoted => format!("\"{tag}\""),
            Self::Bare => tag.to_owned(),
        }
    }
}

/// The tag without quotes, and without the mark of a weak one. Listings may leave the quotes out, and an intermediary may
/// weaken a tag: RFC 9110, section 8.8.3. A weak tag never meets a condition.
fn bare(tag: &str) -> String {
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"').to_owned()
}
