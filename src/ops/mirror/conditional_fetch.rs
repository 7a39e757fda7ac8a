//! Files that are requested in each run: indexes, policies, and lists of installs. The request has the entity tag of
//! the mirror's file, so that upstream sends only what has changed.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::client::Fetched;
use super::entity_tag::EntityTag;
use super::error::Error;
use super::fetch::{Fetcher, change_to};
use super::file_error::FileError;
use super::mirror_directory;
use crate::repository::RepositoryPath;
use crate::store::{Changed, DirStore, StoreError};

/// A file as the mirror has it.
pub(super) struct HeldFile<T> {
    path: RepositoryPath,
    limit: usize,
    pub bytes: Option<Bytes>,
    /// What the file says. A damaged one says nothing and is requested without its tag.
    value: Option<T>,
    /// The tag that came with these bytes.
    tag: Option<EntityTag>,
}

/// A file as upstream has it now.
pub(super) struct FetchedFile {
    pub path: RepositoryPath,
    pub bytes: Bytes,
    /// What changes in the mirror; `None` if it has these bytes.
    pub changed: Option<Changed>,
    pub tag: Option<EntityTag>,
}

/// What the mirror and upstream have of a file.
pub(super) struct Compared<T> {
    pub file: FetchedFile,
    pub value: T,
    /// What the mirror's file says, if upstream sent another one.
    pub held: Option<T>,
}

impl<T: Send + 'static> HeldFile<T> {
    /// A file that the mirror does not have.
    pub fn missing(path: RepositoryPath, limit: usize) -> Self {
        Self { path, limit, bytes: None, value: None, tag: None }
    }

    /// Reads a file of at most `limit` bytes from the mirror, and checks it with `read`.
    ///
    /// # Errors
    /// [`Error`] if the disk cannot be read.
    pub async fn read(
        fetcher: &Fetcher,
        store: &DirStore,
        path: RepositoryPath,
        limit: usize,
        read: impl FnOnce(&Bytes) -> Result<T, FileError> + Send + 'static,
    ) -> Result<Self, Error> {
        let (mirror_dir, store) = (Arc::clone(&fetcher.mirror_dir), store.clone());
        let held = spawn_blocking(move || -> Result<Self, StoreError> {
            let bytes = mirror_directory::read(&store, &path, limit)?;
            let value = bytes.as_ref().and_then(|bytes| read(bytes).ok());
            let tag = mirror_dir.state.tags.get(path.as_str());
            let tag = tag.filter(|tag| bytes.as_ref().is_some_and(|bytes| tag.is_of(bytes)));
            let tag = tag.cloned();
            Ok(Self { path, limit, bytes, value, tag })
        });
        Ok(held.await.map_err(|error| Error::Run(io::Error::other(error)))??)
    }

    /// Requests the file, unless it has not changed; `None` if upstream does not have it.
    ///
    /// # Errors
    /// [`FileError`], also where `read` refuses what came.
    pub async fn fetch(
        self,
        fetcher: &Fetcher,
        read: impl Fn(&Bytes) -> Result<T, FileError> + Clone + Send + 'static,
    ) -> Result<Option<Compared<T>>, FileError> {
        let Self { path, limit, bytes: former, value: held, tag } = self;
        let held_tag = tag.filter(|_| held.is_some());
        let tag = held_tag.as_ref().map(|tag| tag.tag.as_str());
        let read = move |bytes: Bytes| Ok((read(&bytes)?, bytes));
        let response = fetcher.client.get(path.as_str(), limit, tag, read).await?;
        Ok(match (response, held, former) {
            (Fetched::File((value, bytes), headers), held, former) => {
                let changed = change_to(former.as_ref(), &bytes);
                let tag = headers.tag.map(|tag| EntityTag::of(tag, &bytes));
                let file = FetchedFile { path, bytes, changed, tag };
                Some(Compared { file, value, held })
            }
            (Fetched::NotModified(_), Some(value), Some(bytes)) => {
                let file = FetchedFile { path, bytes, changed: None, tag: held_tag };
                Some(Compared { file, value, held: None })
            }
            _ => None,
        })
    }
}
