//! Pulls what no key has signed itself: tarballs by the checksums in the signed file of their package, installs by those in
//! a list, and documentation, which has none.

use std::sync::Arc;

use bytes::Bytes;

use super::context::{Held, NewFile, PullContext};
use super::error::PullError;
use super::pulled::{Pulled, PulledFile};
use super::signed;
use super::tarballs;
use crate::ops::mirror::check;
use crate::ops::mirror::client::Fetched;
use crate::ops::mirror::fetch::MAX_DOCS;
use crate::ops::mirror::file_error::FileError;
use crate::ops::mirror::file_validator::FileValidator;
use crate::ops::mirror::installs::check::{
    self as installs, MAX_INSTALL, MAX_LIST, MAX_SIGNATURE_FILE,
};
use crate::ops::mirror::installs::list::{InstallList, LISTS, SIGNED};
use crate::package::{Release, UnixSeconds};
use crate::registry::Releases;
use crate::repository::{Folder, RepositoryPath};
use crate::tarball::FileName;

/// Pulls a tarball that the store does not have, or has damaged.
pub(super) async fn tarball(
    context: &Arc<PullContext>,
    file: &FileName,
    now: UnixSeconds,
) -> Result<Pulled, PullError> {
    let Some((release, is_kept)) = release(context, file, now).await? else {
        return Ok(Pulled::new(PulledFile::Missing));
    };
    let Some(bytes) = tarballs::fetch(context, file, &release).await? else {
        return Ok(Pulled::new(PulledFile::Missing));
    };
    let path = RepositoryPath::tarball(file);
    // Meanwhile upstream may have replaced the release, and its package may have been pulled.
    let _unreplaced = context.replacing.read().await;
    if is_kept && !is_current(context, file, &release).await? {
        return Err(FileError::Missing.into());
    }
    let pulled = context.write_fixed(&path, &bytes).await?;
    if is_kept && !is_current(context, file, &release).await? {
        // Another server has.
        context.write(Vec::new(), vec![path]).await?;
        return Err(FileError::Missing.into());
    }
    Ok(pulled)
}

/// A release, and whether the store's file of its package has it. On a full disk, it has not.
async fn release(
    context: &Arc<PullContext>,
    file: &FileName,
    now: UnixSeconds,
) -> Result<Option<(Release, bool)>, PullError> {
    let held = context.held_releases(&file.package).await?;
    let of = |releases: &Releases| {
        releases.releases.iter().find(|release| release.version == file.version).cloned()
    };
    if let Some(release) = held.as_ref().and_then(of) {
        return Ok(Some((release, true)));
    }
    let upstream = signed::releases(context, &file.package, held, now).await?;
    Ok(upstream.as_ref().and_then(of).map(|release| (release, false)))
}

/// Whether the store's file of the package has this very release.
async fn is_current(
    context: &Arc<PullContext>,
    file: &FileName,
    release: &Release,
) -> Result<bool, PullError> {
    let held = context.held_releases(&file.package).await?;
    let mut held = held.into_iter().flat_map(|held| held.releases);
    let held = held.find(|held| held.version == file.version);
    Ok(held.is_some_and(|held| held.outer_checksum == release.outer_checksum))
}

/// Pulls documentation. Nothing signs it, so the check is only that all of it came.
pub(super) async fn docs(
    context: &Arc<PullContext>,
    file: &FileName,
    validator: Option<&FileValidator>,
) -> Result<Pulled, PullError> {
    let path = RepositoryPath::docs(file);
    let held = context.held(&path, MAX_DOCS).await?;
    let read = |bytes: Bytes| check::docs(&bytes).map(|()| bytes);
    let condition = Held::condition(held.as_ref(), validator);
    match context.client.get_file(path.as_str(), MAX_DOCS, condition, read).await {
        Ok(Fetched::File(bytes, headers)) => {
            let written = NewFile { path, bytes: bytes.clone(), over: held };
            let pulled = context.write(vec![vec![written]], Vec::new()).await?;
            Ok(pulled.with_headers(headers, &bytes))
        }
        Ok(Fetched::NotModified(headers)) => {
            let bytes = held.map(|held| held.bytes).unwrap_or_default();
            Ok(Pulled::new(PulledFile::Kept).with_headers(headers, &bytes))
        }
        // What projects could read stays.
        Ok(Fetched::NotFound) if held.is_some() => Err(FileError::Missing.into()),
        Ok(Fetched::NotFound) => Ok(Pulled::new(PulledFile::Missing)),
        Err(error) => Err(error.into()),
    }
}

/// Pulls a list of installs, and its signature with it: one beside another list's signature is worse than an old pair.
pub(super) async fn install_list(
    context: &Arc<PullContext>,
    name: &str,
    validator: Option<&FileValidator>,
) -> Result<Pulled, PullError> {
    let Some(list) = LISTS.iter().find(|list| list.name == name) else {
        return Ok(Pulled::new(PulledFile::Missing));
    };
    let path = Folder::Installs.file(name);
    let signature_path = Folder::Installs.file(&format!("{name}{SIGNED}"));
    let held = context.held(&path, MAX_LIST).await?;
    let held_signature = context.held(&signature_path, MAX_SIGNATURE_FILE).await?;
    let condition = Held::condition(held.as_ref().filter(|_| held_signature.is_some()), validator);
    let read = |bytes: Bytes| {
        installs::list(&bytes)?;
        list.read(&bytes).map(|_| bytes)
    };
    let (bytes, headers) =
        match context.client.get(path.as_str(), MAX_LIST, condition, read).await? {
            Fetched::File(bytes, headers) => (bytes, headers),
            Fetched::NotModified(headers) => {
                let bytes = held.map(|held| held.bytes).unwrap_or_default();
                return Ok(Pulled::new(PulledFile::Kept).with_headers(headers, &bytes));
            }
            Fetched::NotFound if held.is_some() => return Err(FileError::Missing.into()),
            Fetched::NotFound => return Ok(Pulled::new(PulledFile::Missing)),
        };
    let read = |bytes: Bytes| installs::signature(&bytes).map(|()| bytes);
    let fetched =
        context.client.get(signature_path.as_str(), MAX_SIGNATURE_FILE, None, read).await?;
    let Fetched::File(signature, _) = fetched else { return Err(FileError::Missing.into()) };
    // Files that the new list names with other checksums are fetched anew.
    let former = held.as_ref().and_then(|held| list.read(&held.bytes).ok()).unwrap_or_default();
    let named = list.read(&bytes)?;
    let replaced = former
        .into_iter()
        .filter(|(path, sha512)| named.get(path).is_some_and(|named| named != sha512));
    let replaced: Vec<_> = replaced.map(|(path, _)| path).collect();
    let replaced = if replaced.is_empty() { replaced } else { context.present(replaced).await? };
    let signature = NewFile { path: signature_path, bytes: signature, over: held_signature };
    let list = NewFile { path, bytes: bytes.clone(), over: held };
    let pulled = context.write(vec![vec![signature], vec![list]], replaced).await?;
    Ok(pulled.with_headers(headers, &bytes))
}

/// Pulls a file that a list of installs names.
pub(super) async fn install(
    context: &Arc<PullContext>,
    path: &RepositoryPath,
) -> Result<Pulled, PullError> {
    let Some((list, sha512)) = named_install(context, path).await? else {
        return Ok(Pulled::new(PulledFile::Missing));
    };
    let read = move |bytes: Bytes| installs::install(list, &sha512, &bytes).map(|()| bytes);
    match context.client.get_file(path.as_str(), MAX_INSTALL, None, read).await? {
        Fetched::File(bytes, _) => context.write_fixed(path, &bytes).await,
        Fetched::NotModified(_) | Fetched::NotFound => Ok(Pulled::new(PulledFile::Missing)),
    }
}

/// The list that names a file, and its SHA-512 there. Clients ask for a list before they ask for a file of it; else it is
/// pulled first.
async fn named_install(
    context: &Arc<PullContext>,
    path: &RepositoryPath,
) -> Result<Option<(&'static InstallList, Vec<u8>)>, PullError> {
    for list in LISTS.iter().filter(|list| list.may_name(path.file_name())) {
        let list_path = Folder::Installs.file(list.name);
        let mut held = context.held(&list_path, MAX_LIST).await?;
        if held.is_none() {
            let pulled = install_list(context, list.name, None).await?;
            held = match pulled.file {
                PulledFile::Kept => context.held(&list_path, MAX_LIST).await?,
                PulledFile::NotKept(..) | PulledFile::Missing => None,
            };
        }
        let named = held.and_then(|held| list.read(&held.bytes).ok()?.remove(path));
        if let Some(sha512) = named {
            return Ok(Some((list, sha512)));
        }
    }
    Ok(None)
}
