//! Fetches tarballs, which are checked by the checksums in the signed file of their package.

use std::sync::Arc;

use bytes::Bytes;

use super::context::{NewFile, PullContext};
use super::error::PullError;
use crate::name::PackageName;
use crate::ops::mirror::client::Fetched;
use crate::ops::mirror::file_error::FileError;
use crate::ops::mirror::task::TarballToFetch;
use crate::package::Release;
use crate::repository::RepositoryPath;
use crate::tarball::FileName;

/// The tarball that has replaced the one that the store has.
pub(super) async fn replacement(
    context: &Arc<PullContext>,
    package: &PackageName,
    release: &Release,
) -> Result<NewFile, PullError> {
    let file = FileName { package: package.clone(), version: release.version.clone() };
    let path = RepositoryPath::tarball(&file);
    let over = context.held(&path, context.checker.limits.tarball).await?;
    let bytes = fetch(context, &file, release).await?.ok_or(FileError::Missing)?;
    Ok(NewFile { path, bytes, over })
}

/// What the tarball of a release has to be.
pub(super) fn expected(file: &FileName, release: &Release) -> TarballToFetch {
    TarballToFetch {
        file: file.clone(),
        inner_checksum: release.inner_checksum,
        outer_checksum: release.outer_checksum,
        pin: None,
        on_disk: false,
        is_accepted: false,
    }
}

/// Fetches the tarball of a release; `None` if upstream does not have it.
pub(super) async fn fetch(
    context: &Arc<PullContext>,
    file: &FileName,
    release: &Release,
) -> Result<Option<Bytes>, PullError> {
    let expected = expected(file, release);
    let checker = context.checker.clone();
    let limit = checker.limits.tarball;
    let read = move |bytes: Bytes| checker.tarball(&expected, &bytes).map(|()| bytes);
    let path = RepositoryPath::tarball(file);
    Ok(match context.client.get_file(path.as_str(), limit, None, read).await? {
        Fetched::File(bytes, _) => Some(bytes),
        Fetched::NotModified(_) | Fetched::NotFound => None,
    })
}
