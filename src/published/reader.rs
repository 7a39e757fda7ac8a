//! Reads the documents of a repository from its store.

use std::collections::{HashMap, HashSet};

use super::document::{Document, DocumentError, UncheckedDocument};
use super::file::{open, open_unknown};
use super::key::TrustedKeys;
use crate::key::PublicKey;
use crate::name::{PackageName, PolicyName, RepositoryName};
use crate::policy::Policy;
use crate::registry::{MAX_FILE, Names, Releases, Resource, Versions};
use crate::repository::RepositoryPath;
use crate::store::{self, Stamp, Store, StoreError};
use crate::version::Version;

/// What is published at the path of a document. A stamp is `None` where the store has none.
#[derive(Default)]
pub(crate) enum Published<D> {
    #[default]
    Missing,
    /// A tombstone: another writer is removing the file, or was interrupted while it did.
    BeingRemoved {
        stamp: Option<Stamp>,
    },
    /// A file that clients do not accept as this document.
    Unsound {
        stamp: Option<Stamp>,
        error: DocumentError,
    },
    Present {
        stamp: Option<Stamp>,
        document: D,
    },
}

impl<D> Published<D> {
    /// The document, if there is one that clients accept.
    pub fn document(self) -> Option<D> {
        match self {
            Self::Present { document, .. } => Some(document),
            Self::Missing | Self::BeingRemoved { .. } | Self::Unsound { .. } => None,
        }
    }

    /// The stamp of the file, if there is one.
    pub fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::Missing => None,
            Self::BeingRemoved { stamp }
            | Self::Unsound { stamp, .. }
            | Self::Present { stamp, .. } => *stamp,
        }
    }
}

/// Reads documents that one of some keys signed.
pub(crate) struct Reader<'a> {
    store: &'a dyn Store,
    keys: TrustedKeys,
    repository: Option<&'a RepositoryName>,
}

impl<'a> Reader<'a> {
    /// A reader of documents of any repository.
    pub fn new(store: &'a dyn Store, keys: impl Into<TrustedKeys>) -> Self {
        Self { store, keys: keys.into(), repository: None }
    }

    /// A reader that accepts documents of this repository alone.
    pub fn of_repository(self, repository: &'a RepositoryName) -> Self {
        Self { repository: Some(repository), ..self }
    }

    /// Reads `names`. Here and in the methods below, `buffer` holds the bytes of the file afterwards.
    pub fn names(&self, buffer: &mut Vec<u8>) -> Result<Published<Names>, StoreError> {
        self.document(&(), buffer)
    }

    /// Reads `versions`.
    pub fn versions(&self, buffer: &mut Vec<u8>) -> Result<Published<Versions>, StoreError> {
        self.document(&(), buffer)
    }

    /// Reads `packages/NAME`.
    pub fn package(
        &self,
        name: &PackageName,
        buffer: &mut Vec<u8>,
    ) -> Result<Published<Releases>, StoreError> {
        self.document(name, buffer)
    }

    /// Reads `policies/NAME`.
    pub fn policy(
        &self,
        name: &PolicyName,
        buffer: &mut Vec<u8>,
    ) -> Result<Published<Policy>, StoreError> {
        self.document(name, buffer)
    }

    /// Reads a document of any kind.
    pub fn document<D: Document>(
        &self,
        name: &D::Name,
        buffer: &mut Vec<u8>,
    ) -> Result<Published<D>, StoreError> {
        self.document_at(&RepositoryPath::resource(&D::resource(name)), name, buffer)
    }

    /// Reads a document that lies at another path than the one at which it is served.
    pub fn document_at<D: Document>(
        &self,
        path: &RepositoryPath,
        name: &D::Name,
        buffer: &mut Vec<u8>,
    ) -> Result<Published<D>, StoreError> {
        let limit = D::resource(name).max_size();
        let Some(content) = self.store.read(path, limit, buffer)? else {
            return Ok(Published::Missing);
        };
        let stamp = content.stamp;
        if self.store.has_tombstones() && store::is_tombstone(buffer) {
            return Ok(Published::BeingRemoved { stamp });
        }
        let checked = UncheckedDocument::new(buffer, name)
            .and_then(|file| file.check(&self.keys, self.repository));
        Ok(match checked {
            Ok(document) => Published::Present { stamp, document },
            Err(error) => Published::Unsound { stamp, error },
        })
    }

    /// The index that does not name all of these, if there is one.
    pub fn index_without(
        &self,
        releases: &HashMap<&PackageName, HashSet<&Version>>,
    ) -> Result<Option<RepositoryPath>, StoreError> {
        let mut buffer = Vec::new();
        let path = RepositoryPath::resource(&Resource::Names);
        let Some(names) = self.names(&mut buffer)?.document() else {
            return Ok(Some(path));
        };
        let listed: HashSet<_> = names.packages.iter().map(|(name, _)| name).collect();
        if !releases.keys().all(|name| listed.contains(name)) {
            return Ok(Some(path));
        }
        let path = RepositoryPath::resource(&Resource::Versions);
        let Some(versions) = self.versions(&mut buffer)?.document() else {
            return Ok(Some(path));
        };
        let listed = versions
            .packages
            .iter()
            .map(|(name, all)| (name, all.iter().map(|one| &one.version).collect::<HashSet<_>>()));
        let listed: HashMap<_, _> = listed.collect();
        let is_whole = releases.iter().all(|(name, versions)| {
            listed.get(*name).is_some_and(|listed| versions.is_subset(listed))
        });
        Ok((!is_whole).then_some(path))
    }
}

/// Whether `key` signed a file, whatever it says; `None` if there is no signed file at this path.
pub(crate) fn is_signed_by(
    store: &dyn Store,
    path: &RepositoryPath,
    key: &PublicKey,
    buffer: &mut Vec<u8>,
) -> Result<Option<bool>, StoreError> {
    let resource = RepositoryPath::resource_at(path.as_str().as_ref());
    store.read(path, resource.as_ref().map_or(MAX_FILE, Resource::max_size), buffer)?;
    let file = match &resource {
        Some(resource) => open(resource, buffer),
        None => open_unknown(buffer),
    };
    Ok(file.ok().map(|file| file.is_signed_by(key)))
}
