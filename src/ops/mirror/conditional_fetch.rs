//! Files that are requested in each run: indexes, policies, and lists of installs. The request has the condition that
//! came with the mirror's file, so that upstream sends only what has changed.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::client::Fetched;
use super::error::Error;
use super::fetch::{Fetcher, change_to};
use super::file_error::FileError;
use super::file_validator::FileValidator;
use super::mirror_directory;
use crate::repository::RepositoryPath;
use crate::store::{Changed, DirStore, StoreError};

/// A file as the mirror has it.
pub(super) struct HeldFile<T> {
    path: RepositoryPath,
    limit: usize,
    pub bytes: Option<Bytes>,
    /// What the file says. A damaged one says nothing and is requested without a condition.
    value: Option<T>,
    /// The validator that came with these bytes.
    validator: Option<FileValidator>,
}

/// A file as upstream has it now.
pub(super) struct FetchedFile {
    pub path: RepositoryPath,
    pub bytes: Bytes,
    /// What changes in the mirror; `None` if it has these bytes.
    pub changed: Option<Changed>,
    pub validator: Option<FileValidator>,
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
        Self { path, limit, bytes: None, value: None, validator: None }
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
            let validator = mirror_dir.state.validators.get(path.as_str());
            let validator = validator
                .filter(|validator| bytes.as_ref().is_some_and(|bytes| validator.is_of(bytes)));
            let validator = validator.cloned();
            Ok(Self { path, limit, bytes, value, validator })
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
        let Self { path, limit, bytes: former, value: held, validator } = self;
        let held_validator = validator.filter(|_| held.is_some());
        let condition = held_validator.as_ref().map(|validator| &validator.condition);
        let read = move |bytes: Bytes| Ok((read(&bytes)?, bytes));
        let response = fetcher.client.get(path.as_str(), limit, condition, read).await?;
        Ok(match (response, held, former) {
            (Fetched::File((value, bytes), headers), held, former) => {
                let changed = change_to(former.as_ref(), &bytes);
                let validator = headers.condition.map(|one| FileValidator::of(one, &bytes));
                let file = FetchedFile { path, bytes, changed, validator };
                Some(Compared { file, value, held })
            }
            (Fetched::NotModified(_), Some(value), Some(bytes)) => {
                let file = FetchedFile { path, bytes, changed: None, validator: held_validator };
                Some(Compared { file, value, held: None })
            }
            _ => None,
        })
    }
}
