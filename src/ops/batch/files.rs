//! What a group changes besides signed files: the last change to each file.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::ops::edit::{AddedTarball, FileChange};
use crate::repository::ByteSource;
use crate::tarball::FileName;

/// The last change to each tarball and each documentation.
#[derive(Default)]
pub(super) struct Files {
    added: BTreeMap<FileName, AddedTarball>,
    removed: BTreeSet<FileName>,
    /// `None` for documentation that is removed.
    docs: BTreeMap<FileName, Option<ByteSource>>,
}

impl Files {
    /// A tarball is added. It may replace what one that the group added before may replace.
    pub fn add(&mut self, tarball: AddedTarball) {
        match self.added.entry(tarball.file.clone()) {
            Entry::Vacant(vacant) => {
                vacant.insert(tarball);
            }
            Entry::Occupied(mut former) => {
                let replaces = former.get().replaces || tarball.replaces;
                let is_listed = former.get().is_listed && tarball.is_listed;
                former.insert(AddedTarball { is_listed, replaces, ..tarball });
            }
        }
    }

    /// A release is gone, and with it its tarball and its documentation.
    pub fn remove_release(&mut self, release: &FileName) {
        self.removed.insert(release.clone());
        self.remove_docs(release);
    }

    /// Whether the group has added the tarball of a release.
    pub fn adds(&self, release: &FileName) -> bool {
        self.added.contains_key(release)
    }

    /// Whether the group has removed a release.
    pub fn removes(&self, release: &FileName) -> bool {
        self.removed.contains(release)
    }

    pub fn store_docs(&mut self, release: &FileName, docs: ByteSource) {
        self.docs.insert(release.clone(), Some(docs));
    }

    pub fn remove_docs(&mut self, release: &FileName) {
        self.docs.insert(release.clone(), None);
    }

    /// Whether a release will have documentation; `None` if the group does not change it.
    pub fn has_docs(&self, release: &FileName) -> Option<bool> {
        self.docs.get(release).map(Option::is_some)
    }

    /// All changes, each to another file.
    pub fn into_changes(self) -> Vec<FileChange> {
        let added = self.added.into_values().map(FileChange::AddTarball);
        let removed = self.removed.into_iter().map(FileChange::RemoveTarball);
        let docs = self.docs.into_iter().map(|(release, docs)| match docs {
            Some(docs) => FileChange::StoreDocs(release, docs),
            None => FileChange::RemoveDocs(release),
        });
        added.chain(removed).chain(docs).collect()
    }
}
