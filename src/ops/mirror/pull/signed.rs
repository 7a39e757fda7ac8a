//! Pulls what upstream's key has signed. It signs replayed files too, so each is compared with the one that the store has.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::context::{Held, NewFile, PullContext};
use super::error::PullError;
use super::pulled::{Pulled, PulledFile};
use super::tarballs;
use crate::name::{PackageName, PolicyName};
use crate::ops::mirror::client::Fetched;
use crate::ops::mirror::file_error::FileError;
use crate::ops::mirror::file_validator::FileValidator;
use crate::ops::mirror::indexes;
use crate::ops::mirror::trust;
use crate::package::{Release, UnixSeconds};
use crate::registry::{Releases, Resource};
use crate::repository::RepositoryPath;
use crate::tarball::FileName;
use crate::version::Version;

/// Pulls `names`.
pub(super) async fn index(
    context: &Arc<PullContext>,
    resource: &Resource,
    validator: Option<&FileValidator>,
    now: UnixSeconds,
) -> Result<Pulled, PullError> {
    let path = RepositoryPath::resource(resource);
    let held = context.held(&path, resource.max_size()).await?;
    let read = {
        let (context, resource, held) = (Arc::clone(context), resource.clone(), held.clone());
        move |bytes: Bytes| {
            let new = context.checker.index(&resource, &bytes)?;
            let held = held.as_ref();
            let held = held.and_then(|held| context.checker.index(&resource, &held.bytes).ok());
            let may_be_removed = |name: &PackageName| context.may_be_removed(name, now);
            let rollback = indexes::rollback(held.as_ref(), &new, &context.accept, may_be_removed);
            rollback.map_or(Ok(bytes), Err)
        }
    };
    fetch(context, path, resource.max_size(), held, validator, read).await
}

/// Pulls a policy.
pub(super) async fn policy(
    context: &Arc<PullContext>,
    name: &PolicyName,
    validator: Option<&FileValidator>,
) -> Result<Pulled, PullError> {
    let resource = Resource::Policy(name.clone());
    let path = RepositoryPath::resource(&resource);
    let held = context.held(&path, resource.max_size()).await?;
    let read = {
        let (context, name) = (Arc::clone(context), name.clone());
        move |bytes: Bytes| context.checker.policy(&name, &bytes).map(|_| bytes)
    };
    fetch(context, path, resource.max_size(), held, validator, read).await
}

/// Fetches a file that nothing else is written with. One that upstream no longer has stays as it was.
async fn fetch<R>(
    context: &Arc<PullContext>,
    path: RepositoryPath,
    limit: usize,
    held: Option<Held>,
    validator: Option<&FileValidator>,
    read: R,
) -> Result<Pulled, PullError>
where
    R: Fn(Bytes) -> Result<Bytes, FileError> + Clone + Send + 'static,
{
    let condition = Held::condition(held.as_ref(), validator);
    match (context.client.get(path.as_str(), limit, condition, read).await?, held) {
        (Fetched::File(bytes, headers), over) => {
            let written = NewFile { path, bytes: bytes.clone(), over };
            let pulled = context.write(vec![vec![written]], Vec::new()).await?;
            Ok(pulled.with_headers(headers, &bytes))
        }
        (Fetched::NotModified(headers), Some(held)) => {
            Ok(Pulled::new(PulledFile::Kept).with_headers(headers, &held.bytes))
        }
        (Fetched::NotFound, Some(_)) => Err(FileError::Missing.into()),
        (Fetched::NotFound | Fetched::NotModified(_), None) => Ok(Pulled::new(PulledFile::Missing)),
    }
}

/// Pulls a package. The tarballs that upstream has replaced are pulled before it, where the store has the former ones.
pub(super) async fn package(
    context: &Arc<PullContext>,
    name: &PackageName,
    validator: Option<&FileValidator>,
    now: UnixSeconds,
) -> Result<Pulled, PullError> {
    let resource = Resource::Package(name.clone());
    let path = RepositoryPath::resource(&resource);
    let held = context.held(&path, resource.max_size()).await?;
    let read = {
        let (context, name, held) = (Arc::clone(context), name.clone(), held.clone());
        move |bytes: Bytes| {
            let file = context.checker.package(&name, &bytes)?;
            let held = held.as_ref().and_then(|held| context.releases(&name, held));
            context.object(&name, held.as_ref(), &file.releases, now)?;
            Ok((file, held))
        }
    };
    let condition = Held::condition(held.as_ref(), validator);
    let fetched = context.client.get(path.as_str(), resource.max_size(), condition, read).await?;
    let ((file, former), headers) = match (fetched, held.as_ref()) {
        (Fetched::File(read, headers), _) => (read, headers),
        (Fetched::NotModified(headers), Some(held)) => {
            return Ok(Pulled::new(PulledFile::Kept).with_headers(headers, &held.bytes));
        }
        (Fetched::NotFound, Some(held)) => return removed(context, name, held, now).await,
        (Fetched::NotFound | Fetched::NotModified(_), None) => {
            return Ok(Pulled::new(PulledFile::Missing));
        }
    };
    let withdrawn = trust::withdrawn(former.as_ref(), &file.releases);
    let former = former.map(|former| former.releases).unwrap_or_default();
    // No tarball of a release that is replaced here is written meanwhile.
    let _replacing = context.replacing.write().await;
    let Outdated { replaced, lost } = outdated(context, name, &former, &file.releases).await?;
    let mut tarballs = Vec::new();
    for release in replaced {
        tarballs.push(tarballs::replacement(context, name, release).await?);
    }
    let written = NewFile { path, bytes: file.bytes.clone(), over: held };
    let pulled = context.write(vec![tarballs, vec![written]], lost).await?;
    Ok(Pulled { withdrawn, ..pulled.with_headers(headers, &file.bytes) })
}

/// The releases that upstream has of a package, of which the store has `held`; `None` if upstream has none of this name.
pub(super) async fn releases(
    context: &Arc<PullContext>,
    name: &PackageName,
    held: Option<Releases>,
    now: UnixSeconds,
) -> Result<Option<Releases>, PullError> {
    let resource = Resource::Package(name.clone());
    let path = RepositoryPath::resource(&resource);
    let read = {
        let (context, name) = (Arc::clone(context), name.clone());
        move |bytes: Bytes| {
            let file = context.checker.package(&name, &bytes)?;
            context.object(&name, held.as_ref(), &file.releases, now)?;
            Ok(file)
        }
    };
    Ok(match context.client.get(path.as_str(), resource.max_size(), None, read).await? {
        Fetched::File(file, _) => Some(file.releases),
        Fetched::NotModified(_) | Fetched::NotFound => None,
    })
}

/// What the store has of releases that upstream has replaced or removed.
struct Outdated<'a> {
    replaced: Vec<&'a Release>,
    /// The tarballs and documentation of removed releases.
    lost: Vec<RepositoryPath>,
}

async fn outdated<'a>(
    context: &Arc<PullContext>,
    name: &PackageName,
    former: &[Release],
    new: &'a Releases,
) -> Result<Outdated<'a>, PullError> {
    let new: BTreeMap<&Version, &Release> =
        new.releases.iter().map(|release| (&release.version, release)).collect();
    let file = |version: &Version| FileName { package: name.clone(), version: version.clone() };
    let (mut changed, mut lost) = (Vec::new(), Vec::new());
    for held in former {
        match new.get(&held.version) {
            Some(now) if now.outer_checksum == held.outer_checksum => {}
            Some(now) => changed.push(*now),
            None => {
                let file = file(&held.version);
                lost.extend([RepositoryPath::tarball(&file), RepositoryPath::docs(&file)]);
            }
        }
    }
    let tarball = |release: &Release| RepositoryPath::tarball(&file(&release.version));
    let asked = changed.iter().map(|release| tarball(release)).chain(lost).collect::<Vec<_>>();
    let present = if asked.is_empty() { asked } else { context.present(asked).await? };
    let replaced: Vec<_> =
        changed.into_iter().filter(|release| present.contains(&tarball(release))).collect();
    let is_replaced = |path: &RepositoryPath| replaced.iter().any(|one| tarball(one) == *path);
    let lost = present.iter().filter(|path| !is_replaced(path)).cloned().collect();
    Ok(Outdated { replaced, lost })
}

/// Upstream no longer has a package. Where it may remove it, the store's file goes too.
async fn removed(
    context: &Arc<PullContext>,
    name: &PackageName,
    held: &Held,
    now: UnixSeconds,
) -> Result<Pulled, PullError> {
    let is_accepted = context.accept.contains(name);
    let held = context.releases(name, held);
    if !is_accepted && !held.is_some_and(|held| trust::may_be_removed(&held, now)) {
        return Err(FileError::LostPackage.into());
    }
    let pulled = context.write(Vec::new(), vec![RepositoryPath::package(name)]).await?;
    Ok(Pulled { file: PulledFile::Missing, ..pulled })
}
