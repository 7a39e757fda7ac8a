//! Single files of a registry that is in a store or at a URL, as clients with its key read them.

use crate::checksum::OuterChecksum;
use crate::key::PublicKey;
use crate::name::{PackageName, PolicyName};
use crate::policy::Policy;
use crate::published::{Document, DocumentError, Published, PublishedKey, Reader, TrustedKeys};
use crate::registry::{Names, Releases};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Store, StoreError};
use crate::tarball::{self, Description, FileName, Limits};

#[cfg(feature = "mirror")]
use super::mirror::{self, FileError, RemoteRegistry};

/// A registry to read from.
pub struct RegistrySource {
    place: SourcePlace,
    key: PublicKey,
}

enum SourcePlace {
    Stored(Box<dyn Store>, TrustedKeys),
    #[cfg(feature = "mirror")]
    Remote(Box<RemoteRegistry>, url::Url),
}

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no registry.
    #[error("{location} does not exist, or is empty")]
    NoRegistry {
        /// Where it would be.
        location: String,
    },
    /// There is no key to verify signatures with.
    #[error("{location} has no public key that can be used")]
    NoKey {
        /// Where the key would be.
        location: String,
    },
    /// A file is not the document that it should be.
    #[error("{location}")]
    Document {
        /// The file.
        location: String,
        /// What is wrong with it.
        source: DocumentError,
    },
    /// A tarball is not the one of its release.
    #[error("{location}")]
    Tarball {
        /// The file.
        location: String,
        /// What is wrong with it.
        source: tarball::Error,
    },
    /// A tarball is another one than the registry says.
    #[error(
        "{location}: its checksum is {}…, and that of its release {}…", .found.excerpt(), .signed.excerpt()
    )]
    AnotherTarball {
        /// The file.
        location: String,
        /// The checksum of the file.
        found: OuterChecksum,
        /// The checksum that is signed.
        signed: OuterChecksum,
    },
    /// A file cannot be fetched, or is not the document that it should be.
    #[cfg(feature = "mirror")]
    #[error("{location}")]
    Remote {
        /// The URL of the file.
        location: String,
        /// What is wrong.
        source: Box<FileError>,
    },
    /// No request can be made.
    #[cfg(feature = "mirror")]
    #[error(transparent)]
    Client(#[from] Box<mirror::Error>),
}

impl RegistrySource {
    /// The registry in a store, signed by one of these keys; without any, by the one that it publishes.
    ///
    /// # Errors
    /// [`SourceError`] if there is no key.
    pub fn stored(store: Box<dyn Store>, keys: &[PublicKey]) -> Result<Self, SourceError> {
        let published = match keys.first() {
            Some(_) => None,
            None => PublishedKey::read(store.as_ref())?.and_then(|published| published.key.ok()),
        };
        let Some(key) = keys.first().cloned().or(published) else {
            let is_empty = store.list(Folder::Root)?.is_none_or(|files| files.is_empty());
            return Err(if is_empty {
                SourceError::NoRegistry { location: store.locate(&Folder::Root.path()) }
            } else {
                SourceError::NoKey { location: store.locate(&RepositoryPath::public_key()) }
            });
        };
        let trusted = TrustedKeys::any_of(keys).unwrap_or_else(|| key.clone().into());
        Ok(Self { place: SourcePlace::Stored(store, trusted), key })
    }

    /// The registry at a URL, signed by `key` or one of the others. `authorization` goes to the host of the URL alone.
    ///
    /// # Errors
    /// [`SourceError`] if no request can be made.
    #[cfg(feature = "mirror")]
    pub fn at_url(
        url: &url::Url,
        authorization: Option<reqwest::header::HeaderValue>,
        key: PublicKey,
        others: &[PublicKey],
    ) -> Result<Self, SourceError> {
        let keys: Vec<_> = [key.clone()].into_iter().chain(others.iter().cloned()).collect();
        let trusted = TrustedKeys::any_of(&keys).unwrap_or_else(|| key.clone().into());
        let remote = RemoteRegistry::new(url, authorization, trusted).map_err(Box::new)?;
        Ok(Self { place: SourcePlace::Remote(Box::new(remote), url.clone()), key })
    }

    /// The first of the keys that are trusted.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The releases of a package; `None` if the registry does not have it.
    ///
    /// # Errors
    /// [`SourceError`] if they cannot be read, or no trusted key signed them.
    pub fn package(&self, name: &PackageName) -> Result<Option<Releases>, SourceError> {
        self.document(name)
    }

    /// A policy; `None` if the registry does not have it.
    ///
    /// # Errors
    /// [`SourceError`] if it cannot be read, or no trusted key signed it.
    pub fn policy(&self, name: &PolicyName) -> Result<Option<Policy>, SourceError> {
        self.document(name)
    }

    /// The index of packages; `None` if the registry has none.
    ///
    /// # Errors
    /// [`SourceError`] if it cannot be read, or no trusted key signed it.
    pub fn names(&self) -> Result<Option<Names>, SourceError> {
        self.document(&())
    }

    /// What the metadata of a release says for people, from its tarball, which has to have the signed checksum; `None`
    /// if the registry does not have the tarball.
    ///
    /// # Errors
    /// [`SourceError`] if it cannot be read, or is another one.
    pub fn description(
        &self,
        release: &FileName,
        signed: OuterChecksum,
    ) -> Result<Option<Description>, SourceError> {
        let path = RepositoryPath::tarball(release);
        let (location, bytes) = match &self.place {
            SourcePlace::Stored(store, _) => {
                let (location, mut bytes) = (store.locate(&path), Vec::new());
                let content = store.read(&path, Limits::HEX.tarball, &mut bytes)?;
                let is_there = content.is_some()
                    && !(store.has_tombstones() && crate::store::is_tombstone(&bytes));
                (location, is_there.then(|| bytes.into()))
            }
            #[cfg(feature = "mirror")]
            SourcePlace::Remote(remote, url) => {
                let location = remote_location(url, &path);
                match remote.file(&path, Limits::HEX.tarball) {
                    Ok(bytes) => (location, bytes),
                    Err(source) => {
                        return Err(SourceError::Remote { location, source: Box::new(source) });
                    }
                }
            }
        };
        let Some(bytes): Option<bytes::Bytes> = bytes else { return Ok(None) };
        let found = OuterChecksum::of(&bytes);
        if found != signed {
            return Err(SourceError::AnotherTarball { location, found, signed });
        }
        let described = tarball::describe(&bytes, &Limits::HEX);
        described.map(Some).map_err(|source| SourceError::Tarball { location, source })
    }

    fn document<D>(&self, name: &D::Name) -> Result<Option<D>, SourceError>
    where
        D: Document + Send + 'static,
        D::Name: Clone + Send + Sync + 'static,
    {
        match &self.place {
            SourcePlace::Stored(store, keys) => {
                let reader = Reader::new(store.as_ref(), keys.clone());
                match reader.document::<D>(name, &mut Vec::new())? {
                    Published::Missing | Published::BeingRemoved { .. } => Ok(None),
                    Published::Present { document, .. } => Ok(Some(document)),
                    Published::Unsound { error, .. } => {
                        let path = RepositoryPath::resource(&D::resource(name));
                        Err(SourceError::Document { location: store.locate(&path), source: error })
                    }
                }
            }
            #[cfg(feature = "mirror")]
            SourcePlace::Remote(remote, url) => remote.document::<D>(name).map_err(|source| {
                let location = remote_location(url, &RepositoryPath::resource(&D::resource(name)));
                SourceError::Remote { location, source: Box::new(source) }
            }),
        }
    }
}

/// The URL of a file, for messages.
#[cfg(feature = "mirror")]
fn remote_location(url: &url::Url, path: &RepositoryPath) -> String {
    format!("{}/{path}", url.as_str().trim_end_matches('/'))
}
