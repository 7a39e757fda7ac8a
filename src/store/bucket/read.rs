//! One read or listing of a bucket.

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStoreExt};

use super::bucket_store::BucketStore;
use super::checked_client::Server;
use super::failure::{is_missing, kind_of};
use super::unexpected_response::UnexpectedResponse;
use super::version::Version;
use crate::repository::{Asset, Folder, RepositoryPath};
use crate::store::error::StoreErrorKind;
use crate::store::tombstone::is_tombstone;
use crate::web_page::is_web_page;

impl BucketStore {
    /// All objects below the prefix.
    pub(super) async fn list_all(&self) -> Result<Vec<(RepositoryPath, Version)>, StoreErrorKind> {
        let key = self.key(&Folder::Root.path())?;
        let mut found = self.client.list(Some(&key));
        let (mut files, mut empty) = (Vec::new(), Vec::new());
        while let Some(found) = found.try_next().await.map_err(kind_of)? {
            let Some(path) = self.path(&found.location) else { continue };
            let version = Version::of(&found);
            if found.size > 0 {
                files.push((path, version));
            } else {
                empty.push((path, version, found.location));
            }
        }
        for (path, version, key) in empty {
            if !self.is_folder_marker(&key).await? {
                files.push((path, version));
            }
        }
        Ok(files)
    }

    /// The objects of one folder. Some stores leave the tags out of listings; their objects are asked for one by one.
    pub(super) async fn list_folder(
        &self,
        folder: &RepositoryPath,
    ) -> Result<Vec<ObjectMeta>, StoreErrorKind> {
        let key = self.key(folder)?;
        let found = self.client.list_with_delimiter(Some(&key)).await.map_err(kind_of)?;
        let is_file = |found: &ObjectMeta| {
            // An object may also be the folder itself, as consoles create them.
            self.path(&found.location)
                .is_some_and(|path| path.parent() == *folder && path != *folder)
        };
        self.with_tags(found.objects.into_iter().filter(is_file).collect()).await
    }

    /// Whether an empty object that was listed is a marker by which consoles show an empty folder: an object whose
    /// name ends in a slash. The client hides the slash, so it finds no object of the name that it lists.
    async fn is_folder_marker(&self, key: &Path) -> Result<bool, StoreErrorKind> {
        match self.client.head(key).await {
            Err(error) if is_missing(&error) => Ok(true),
            Err(error) => Err(kind_of(error)),
            Ok(_) => Ok(false),
        }
    }

    async fn with_tags(&self, found: Vec<ObjectMeta>) -> Result<Vec<ObjectMeta>, StoreErrorKind> {
        let Some(first) = found.iter().find(|found| found.e_tag.is_none()) else {
            return Ok(found);
        };
        let head = async |key: &Path| match self.client.head(key).await {
            Err(error) if is_missing(&error) => Ok(None),
            found => found.map(Some).map_err(kind_of),
        };
        if head(&first.location).await?.is_some_and(|found| found.e_tag.is_none()) {
            // The store gives no tags at all.
            return Ok(found);
        }
        let head = &head;
        let tagged = found.into_iter().map(|found| async move {
            if found.e_tag.is_some() { Ok(Some(found)) } else { head(&found.location).await }
        });
        let tagged = stream::iter(tagged).buffered(self.jobs);
        tagged.try_filter_map(async |found| Ok(found)).try_collect().await
    }

    /// Appends an object to `buffer`: at most `limit` bytes and one more. `None` if there is no such object.
    pub(super) async fn fetch(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Version>, StoreErrorKind> {
        let got = match self.client.get_opts(&self.key(path)?, GetOptions::default()).await {
            Err(error) if is_missing(&error) => return Ok(None),
            got => got.map_err(kind_of)?,
        };
        let version = Version::of(&got.meta);
        let server = got.extensions.get::<Server>().map(|Server(host)| host.clone());
        let mut rest = limit.saturating_add(1);
        let mut stream = got.into_stream();
        while rest > 0 {
            let Some(part) = stream.next().await else { break };
            let part = part.map_err(kind_of)?;
            let part = part.get(..rest).unwrap_or(&part);
            buffer.extend_from_slice(part);
            rest = rest.saturating_sub(part.len());
        }
        // No file that clients ask for is a web page. Any other object may be one.
        if is_web_page(buffer) && Asset::at(path.as_str()).is_some() {
            let page = UnexpectedResponse::page(server);
            return Err(StoreErrorKind::Io(std::io::Error::other(page)));
        }
        if let Some(stamp) = version.stamp().filter(|_| is_tombstone(buffer)) {
            self.tombstones.note(path, stamp);
        }
        Ok(Some(version))
    }
}
