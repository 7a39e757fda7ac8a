//! One object, as a server passes it on: its bytes as they arrive, and only if it is another one than is known.

use std::io;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetResult, ObjectMeta, ObjectStoreExt};
use tokio::runtime::Handle;

use super::bucket_store::BucketStore;
use super::checked_client::Server;
use super::failure::{is_missing, kind_of};
use super::unexpected_response::UnexpectedResponse;
use super::version::Version;
use crate::repository::{Asset, RepositoryPath};
use crate::store::error::{Operation, StoreError, StoreErrorKind};
use crate::web_page::is_web_page;

/// In bytes: the longest name of an object, in S3 and most other storage.
const MAX_KEY: usize = 1024;

/// What a store says of an object.
pub enum ObjectAnswer {
    /// It still is the one with the known tag.
    NotModified,
    /// There is no such object.
    Missing,
    /// The object.
    Found(Object),
}

/// What is known of an object without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// In bytes.
    pub size: u64,
    /// Its entity tag, without quotes; `None` if the store gives none.
    pub tag: Option<String>,
    /// When it was written last.
    pub modified: SystemTime,
}

/// An object whose bytes are arriving.
pub struct Object {
    /// What is known without them.
    pub head: ObjectHead,
    first: Option<Bytes>,
    rest: ObjectBody,
}

type ObjectBody = std::pin::Pin<Box<dyn Stream<Item = object_store::Result<Bytes>> + Send>>;

impl ObjectHead {
    fn of(meta: &ObjectMeta) -> Self {
        let tag = Version::of(meta).into_tag();
        Self { size: meta.size, tag, modified: meta.last_modified.into() }
    }
}

impl Object {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn next(&mut self) -> Option<Result<Bytes, StoreErrorKind>> {
        if let Some(first) = self.first.take() {
            return Some(Ok(first));
        }
        self.rest.next().await.map(|part| part.map_err(kind_of))
    }
}

impl BucketStore {
    /// Asks for an object, unless it has this tag.
    ///
    /// # Errors
    /// [`StoreError`] if the store refuses it, cannot be reached, or answers with what is no object.
    pub async fn object(
        &self,
        path: &RepositoryPath,
        known: Option<&str>,
    ) -> Result<ObjectAnswer, StoreError> {
        self.ask_for(path, known).await.map_err(self.error(Operation::Read, path))
    }

    /// What is known of an object without its bytes; `None` if there is no such object.
    ///
    /// # Errors
    /// [`StoreError`] if the store refuses it, or cannot be reached.
    pub async fn object_head(
        &self,
        path: &RepositoryPath,
    ) -> Result<Option<ObjectHead>, StoreError> {
        let Some(key) = self.possible_key(path) else { return Ok(None) };
        let asked = async {
            match self.client.head(&key).await {
                Ok(meta) => Ok(Some(ObjectHead::of(&meta))),
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(kind_of(error)),
            }
        };
        asked.await.map_err(self.error(Operation::Inspect, path))
    }

    /// What requests to the store have to run on.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// The name of an object; `None` if no object can have it, whatever a client asks for.
    fn possible_key(&self, path: &RepositoryPath) -> Option<Path> {
        self.key(path).ok().filter(|key| key.as_ref().len() <= MAX_KEY)
    }

    async fn ask_for(
        &self,
        path: &RepositoryPath,
        known: Option<&str>,
    ) -> Result<ObjectAnswer, StoreErrorKind> {
        let Some(key) = self.possible_key(path) else { return Ok(ObjectAnswer::Missing) };
        let if_none_match = known.map(|tag| self.tag_form().write(tag));
        let options = GetOptions { if_none_match, ..GetOptions::default() };
        let got = match self.client.get_opts(&key, options).await {
            Ok(got) => got,
            Err(object_store::Error::NotModified { .. }) => return Ok(ObjectAnswer::NotModified),
            Err(error) if is_missing(&error) => return Ok(ObjectAnswer::Missing),
            Err(error) => return Err(kind_of(error)),
        };
        found(path, got).await.map(ObjectAnswer::Found)
    }
}

async fn found(path: &RepositoryPath, got: GetResult) -> Result<Object, StoreErrorKind> {
    let head = ObjectHead::of(&got.meta);
    let server = got.extensions.get::<Server>().map(|Server(host)| host.clone());
    let mut rest: ObjectBody = Box::pin(got.into_stream());
    let first = rest.next().await.transpose().map_err(kind_of)?;
    // No file that clients ask for is a web page.
    let is_page = first.as_ref().is_some_and(|first| is_web_page(first));
    if is_page && Asset::at(path.as_str()).is_some() {
        return Err(StoreErrorKind::Io(io::Error::other(UnexpectedResponse::page(server))));
    }
    Ok(Object { head, first, rest })
}
