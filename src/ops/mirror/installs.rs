//! Mirrors what `mix local.hex` and `mix local.rebar` fetch: signed lists, and the files that they name.
//!
//! Beside each list is its signature, `.signed`, in base64. It is made with a key that clients have and hexreg does not:
//! Elixir's, or one that was given to `mix local.public_keys`. List and signature are mirrored unchanged, if they have
//! the form of a list and a signature.

pub(super) mod check;
pub(super) mod list;
mod signature;

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::batch_writer::WriterStopped;
use super::conditional_fetch::{Compared, FetchedFile, HeldFile};
use super::fetch::{Executed, Fetcher, created_or_updated, off_workers};
use super::file_error::{FileError, NotMirrored};
use super::file_validator::FileValidator;
use super::task::Outcome;
use crate::publish::observer::Observer;
use crate::repository::{Folder, RepositoryPath};
use crate::store::Store;
use check::{MAX_INSTALL, MAX_LIST, MAX_SIGNATURE_FILE};
use list::{InstallList, Installs, LISTS, SIGNED};

/// Mirrors the lists that upstream has. Each is written once all files that it names are there.
///
/// # Errors
/// [`WriterStopped`], after which nothing more is written.
pub(super) async fn mirror(
    fetcher: &Arc<Fetcher>,
    failures: &mut Vec<NotMirrored>,
    validators: &mut Vec<(String, FileValidator)>,
    observer: &dyn Observer,
) -> Result<(), WriterStopped> {
    for list in &LISTS {
        match mirror_list(fetcher, list, observer).await? {
            Ok(new) => validators.extend(new),
            Err(failed) => failures.extend(failed),
        }
    }
    Ok(())
}

async fn mirror_list(
    fetcher: &Arc<Fetcher>,
    list: &'static InstallList,
    observer: &dyn Observer,
) -> Result<Result<Vec<(String, FileValidator)>, Vec<NotMirrored>>, WriterStopped> {
    let path = Folder::Installs.file(list.name);
    let signature_path = Folder::Installs.file(&format!("{}{SIGNED}", list.name));
    let failed = |path: &RepositoryPath, error| {
        Ok(Err(vec![NotMirrored { path: path.as_str().to_owned(), error }]))
    };
    let file = match fetch(fetcher, &path, MAX_LIST, check::list).await {
        Ok(Some(file)) => file,
        // An upstream need not have each list.
        Ok(None) => return Ok(Ok(Vec::new())),
        Err(error) => return failed(&path, error),
    };
    let installs = match list.read(&file.bytes) {
        Ok(installs) => installs,
        Err(error) => return failed(&path, error),
    };
    // The files of a list that the mirror has were checked before the list was written.
    let is_new = file.changed.is_some();
    let failures = mirror_installs(fetcher, list, installs, is_new, observer).await?;
    if !failures.is_empty() {
        return Ok(Err(failures));
    }
    // Upstream may publish the signature after the list.
    let signature =
        match fetch(fetcher, &signature_path, MAX_SIGNATURE_FILE, check::signature).await {
            Ok(Some(signature)) => signature,
            Ok(None) => return failed(&signature_path, FileError::Missing),
            Err(error) => return failed(&signature_path, error),
        };
    let mut validators = Vec::new();
    // A list beside another list's signature is worse than an old pair. They are written back to back to keep that
    // time short.
    for FetchedFile { path, bytes, changed, validator } in [signature, file] {
        validators.extend(validator.map(|validator| (path.as_str().to_owned(), validator)));
        if let Some(changed) = changed {
            fetcher.write_file(path.clone(), changed, bytes).await?;
            observer.changed(&path, changed);
        }
    }
    Ok(Ok(validators))
}

async fn fetch(
    fetcher: &Fetcher,
    path: &RepositoryPath,
    limit: usize,
    check: fn(&Bytes) -> Result<(), FileError>,
) -> Result<Option<FetchedFile>, FileError> {
    let store = &fetcher.mirror_dir.files;
    // A file that cannot be read is replaced.
    let held = HeldFile::read(fetcher, store, path.clone(), limit, check).await;
    let held = held.unwrap_or_else(|_| HeldFile::missing(path.clone(), limit));
    let compared = held.fetch(fetcher, check).await?;
    Ok(compared.map(|Compared { file, .. }| file))
}

/// Mirrors the files of a list.
async fn mirror_installs(
    fetcher: &Arc<Fetcher>,
    list: &'static InstallList,
    installs: Installs,
    is_new: bool,
    observer: &dyn Observer,
) -> Result<Vec<NotMirrored>, WriterStopped> {
    let mut running: JoinSet<(RepositoryPath, Result<Executed, WriterStopped>)> = JoinSet::new();
    let mut installs = installs.into_iter();
    let mut failures = Vec::new();
    loop {
        // Each task may hold a whole file in memory.
        let free = fetcher.max_tasks().saturating_sub(running.len());
        for (path, sha512) in installs.by_ref().take(free) {
            let fetcher = Arc::clone(fetcher);
            running.spawn(async move {
                let executed = mirror_install(&fetcher, list, path.clone(), sha512, is_new).await;
                (path, executed)
            });
        }
        let Some(joined) = running.join_next().await else { break };
        let (path, executed) = joined.map_err(|_| WriterStopped)?;
        match executed? {
            (Outcome::Failed(error), _) => {
                failures.push(NotMirrored { path: path.as_str().to_owned(), error });
            }
            (_, changed) => {
                if let Some((path, changed)) = changed {
                    observer.changed(&path, changed);
                }
            }
        }
    }
    failures.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(failures)
}

async fn mirror_install(
    fetcher: &Fetcher,
    list: &'static InstallList,
    path: RepositoryPath,
    sha512: Vec<u8>,
    is_new: bool,
) -> Result<Executed, WriterStopped> {
    let files = fetcher.mirror_dir.files.clone();
    let (file_path, expected) = (path.clone(), sha512.clone());
    // A file that is read here is as large as one that is fetched, so it needs a permit too.
    let permit = fetcher.permit().await;
    let on_disk = off_workers(move || {
        let limit = if is_new { MAX_INSTALL } else { 0 };
        let mut bytes = Vec::new();
        let found = files.read(&file_path, limit, &mut bytes).ok().flatten();
        found.map(|_| !is_new || check::has_sha512(&bytes, &expected))
    });
    let on_disk = on_disk.await;
    if on_disk == Some(true) {
        return Ok((Outcome::Done, None));
    }
    let changed = created_or_updated(on_disk.is_some());
    if fetcher.dry_run {
        return Ok((Outcome::Done, Some((path, changed))));
    }
    let read = move |bytes: Bytes| check::install(list, &sha512, &bytes).map(|()| bytes);
    fetcher.fetch_and_write(permit, path, MAX_INSTALL, changed, read).await
}
