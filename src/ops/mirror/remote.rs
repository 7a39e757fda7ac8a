//! Reads single files of a registry at a URL, with the client of the mirror. Nothing is kept.

use bytes::Bytes;
use reqwest::header::HeaderValue;
use tokio::runtime::{Builder, Runtime};
use url::Url;

use super::client::{Client, Fetched};
use super::error::Error;
use super::file_error::FileError;
use super::timeouts::Timeouts;
use crate::proxy::Proxies;
use crate::published::{Document, TrustedKeys, UncheckedDocument};
use crate::repository::RepositoryPath;

/// A registry at a URL.
pub(in crate::ops) struct RemoteRegistry {
    client: Client,
    keys: TrustedKeys,
    runtime: Runtime,
}

/// How often a file is requested: a person waits for the answer.
const ATTEMPTS: u32 = 3;

impl RemoteRegistry {
    /// # Errors
    /// [`Error`] if no client can be made.
    pub fn new(
        url: &Url,
        authorization: Option<HeaderValue>,
        keys: TrustedKeys,
    ) -> Result<Self, Error> {
        let timeouts = Timeouts { attempts: ATTEMPTS, ..Timeouts::default() };
        let proxies = Proxies::from_env()?;
        let client = Client::new(url, authorization, proxies, timeouts).map_err(Error::Client)?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::Run)?;
        Ok(Self { client, keys, runtime })
    }

    /// A document that a trusted key signed; `None` if the registry does not have it.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be fetched, or is not that document.
    pub fn document<D>(&self, name: &D::Name) -> Result<Option<D>, FileError>
    where
        D: Document + Send + 'static,
        D::Name: Clone + Send + Sync + 'static,
    {
        let resource = D::resource(name);
        let path = RepositoryPath::resource(&resource);
        let (keys, name) = (self.keys.clone(), name.clone());
        let read = move |bytes: Bytes| -> Result<D, FileError> {
            Ok(UncheckedDocument::<D>::new(&bytes, &name)?.check(&keys, None)?)
        };
        let fetched = self.client.get(path.as_str(), resource.max_size(), None, read);
        match self.runtime.block_on(fetched)? {
            Fetched::File(document, _) => Ok(Some(document)),
            Fetched::NotFound | Fetched::NotModified(_) => Ok(None),
        }
    }

    /// The unchecked bytes of a file of at most `limit` bytes; `None` if the registry does not have it.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be fetched.
    pub fn file(&self, path: &RepositoryPath, limit: usize) -> Result<Option<Bytes>, FileError> {
        let fetched = self.client.get(path.as_str(), limit, None, Ok);
        match self.runtime.block_on(fetched)? {
            Fetched::File(bytes, _) => Ok(Some(bytes)),
            Fetched::NotFound | Fetched::NotModified(_) => Ok(None),
        }
    }
}
