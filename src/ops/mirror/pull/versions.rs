//! Pulls `versions`. It has no times: an older file lacks releases, and so does a newer one of an upstream that has removed
//! some. The file of a package tells which: it is fetched if `versions` lacks a release that the store's file has. If that
//! file lacks the release too, all files may be older ones: then `names` is, which has times.

use std::sync::Arc;

use bytes::Bytes;

use super::context::{Held, NewFile, PullContext};
use super::error::PullError;
use super::pulled::{Pulled, PulledFile};
use super::signed;
use crate::ops::mirror::client::Fetched;
use crate::ops::mirror::file_error::FileError;
use crate::ops::mirror::file_validator::FileValidator;
use crate::ops::mirror::indexes;
use crate::package::UnixSeconds;
use crate::registry::Resource;
use crate::repository::RepositoryPath;

/// Of how many packages the file is fetched. One is enough if the whole index is an older one.
const PACKAGES: usize = 4;

/// Pulls `versions`.
pub(super) async fn pull(
    context: &Arc<PullContext>,
    validator: Option<&FileValidator>,
    now: UnixSeconds,
) -> Result<Pulled, PullError> {
    let resource = Resource::Versions;
    let path = RepositoryPath::resource(&resource);
    let held = context.held(&path, resource.max_size()).await?;
    let read = {
        let (context, held, resource) = (Arc::clone(context), held.clone(), resource.clone());
        move |bytes: Bytes| {
            let new = context.checker.index(&resource, &bytes)?;
            let held = held.as_ref();
            let held = held.and_then(|held| context.checker.index(&resource, &held.bytes).ok());
            Ok((bytes, indexes::lost(held.as_ref(), &new, PACKAGES)))
        }
    };
    let condition = Held::condition(held.as_ref(), validator);
    let fetched = context.client.get(path.as_str(), resource.max_size(), condition, read).await?;
    let ((bytes, lost), headers) = match (fetched, held.as_ref()) {
        (Fetched::File(read, headers), _) => (read, headers),
        (Fetched::NotModified(headers), Some(held)) => {
            return Ok(Pulled::new(PulledFile::Kept).with_headers(headers, &held.bytes));
        }
        (Fetched::NotFound, Some(_)) => return Err(FileError::Missing.into()),
        (Fetched::NotFound | Fetched::NotModified(_), None) => {
            return Ok(Pulled::new(PulledFile::Missing));
        }
    };
    let has_lost = !lost.is_empty();
    for (package, version) in lost {
        let releases = signed::releases(context, &package, None, now).await?;
        let mut releases = releases.into_iter().flat_map(|releases| releases.releases);
        if releases.any(|release| release.version == version) {
            return Err(FileError::OlderVersions { package, version }.into());
        }
    }
    if has_lost {
        signed::index(context, &Resource::Names, None, now).await?;
    }
    let written = NewFile { path, bytes: bytes.clone(), over: held };
    let pulled = context.write(vec![vec![written]], Vec::new()).await?;
    Ok(pulled.with_headers(headers, &bytes))
}
