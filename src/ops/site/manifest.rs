//! Which files are the site's, and what each was made from. It lies in the site itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::options::DocsChoice;
use crate::repository::RepositoryPath;
use crate::store::Store;

/// In bytes: the largest manifest that is read. That of 20,000 packages and 200,000 pages of documentation has 25 MB.
const MAX_MANIFEST: usize = 512 << 20;

/// The version of the format, and of what pages are made from.
const FORMAT: u32 = 1;

/// What is known of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SiteManifest {
    pub format: u32,
    /// The version of hexreg that made it. Another one may make other pages of the same packages.
    pub hexreg: String,
    pub repository: String,
    /// Of the key that signed what the pages show.
    pub fingerprint: String,
    /// The SHA-256 of `versions`.
    pub versions: String,
    pub url: Option<String>,
    pub docs: Option<DocsChoice>,
    /// Releases whose documentation is there besides, as `NAME-VERSION`.
    pub pinned: Vec<String>,
    /// By name.
    pub packages: BTreeMap<String, ManifestPackage>,
    /// By `NAME-VERSION`.
    pub documentation: BTreeMap<String, ManifestDocs>,
    /// The digest of what the list of what came lately was made from.
    pub recent: String,
    /// The digest of what the index of the search was made from.
    #[serde(default)]
    pub searched: String,
    /// The digest of each file, by its path.
    pub files: BTreeMap<String, String>,
    /// Where a run that has not ended may have written files. A path that ends in a slash is a folder.
    #[serde(skip_serializing_if = "Claims::is_empty", default)]
    pub unfinished: Claims,
}

/// What the page of a package was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ManifestPackage {
    /// The SHA-256 of the signed file.
    pub signed: String,
    /// The digest of all that it was made from; empty if it is to be made again.
    pub inputs: String,
    /// What lists say of it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub description: String,
}

/// What documentation was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ManifestDocs {
    /// The SHA-256 of the archive.
    pub archive: String,
    /// The digest of what tells that the archive is still the same without reading it; empty if nothing does.
    pub stamp: String,
    /// The digest of what its pages say of other packages and versions.
    pub links: String,
    /// Which packages and versions its pages ask for, as [`links`](Self::links) has them.
    pub asked: Vec<String>,
    /// Whether clients could not read the archive, so that there is none of its pages.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_unusable: bool,
}

impl SiteManifest {
    /// One of this version of hexreg.
    pub fn of_this_version() -> Self {
        Self { format: FORMAT, hexreg: env!("CARGO_PKG_VERSION").to_owned(), ..Self::default() }
    }

    /// Whether the same version of hexreg made it.
    pub fn is_of_this_version(&self) -> bool {
        self.format == FORMAT && self.hexreg == env!("CARGO_PKG_VERSION")
    }

    /// Reads the manifest of a site; `None` if there is none.
    pub fn read(store: &dyn Store) -> Result<Option<Self>, Error> {
        let (path, mut bytes) = (RepositoryPath::site_manifest(), Vec::new());
        if store.read(&path, MAX_MANIFEST, &mut bytes)?.is_none() {
            return Ok(None);
        }
        let is_whole = bytes.len() <= MAX_MANIFEST;
        let manifest = is_whole.then(|| serde_json::from_slice(&bytes).ok()).flatten();
        let manifest =
            manifest.ok_or_else(|| Error::NotAManifest { location: store.locate(&path) });
        manifest.map(Some)
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        // Encoding into memory does not fail.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// Whether a file is the site's, or may have been written by a run that has not ended.
    pub fn owns(&self, path: &str) -> bool {
        self.files.contains_key(path) || self.unfinished.has(path)
    }
}

/// Places at which a run writes: files, and folders of which it may write every file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Claims(BTreeSet<String>);

impl Claims {
    /// Adds a file, or a folder, whose path ends in a slash.
    pub fn add(&mut self, path: String) {
        self.0.insert(path);
    }

    /// Adds all of these.
    pub fn extend(&mut self, more: &Self) {
        self.0.extend(more.0.iter().cloned());
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a file is one of these, or is in one of these folders.
    pub fn has(&self, path: &str) -> bool {
        let mut folders = path.match_indices('/').filter_map(|(at, _)| path.get(..=at));
        self.0.contains(path) || folders.any(|folder| self.0.contains(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_claimed_with_all_that_is_in_it() {
        let mut claims = Claims::default();
        claims.add("browse/plug.html".to_owned());
        claims.add("docs/plug/1.0.0/".to_owned());
        for path in ["browse/plug.html", "docs/plug/1.0.0/a.html", "docs/plug/1.0.0/dist/a.js"] {
            assert!(claims.has(path), "{path}");
        }
        for path in ["", "browse/plug.html/a", "docs/plug/1.0.0", "docs/plug/1.0.0-rc.1/a", "names"]
        {
            assert!(!claims.has(path), "{path}");
        }
    }
}
