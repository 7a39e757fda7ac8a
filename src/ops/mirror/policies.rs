//! Mirrors policies by name, as no index lists them.

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::batch_writer::WriterStopped;
use super::conditional_fetch::{FetchedFile, HeldFile};
use super::error::Error;
use super::fetch::Fetcher;
use super::file_error::{FileError, NotMirrored};
use super::file_validator::FileValidator;
use super::finish;
use super::options::Options;
use super::report::Report;
use crate::name::PolicyName;
use crate::publish::observer::Observer;
use crate::registry::Resource;
use crate::repository::RepositoryPath;

/// Fetches the selected policies, and writes those that have changed. A policy that upstream no longer has, or that its
/// key did not sign, stays as it was.
///
/// # Errors
/// [`Error`] if the disk cannot be written.
pub(super) async fn mirror(
    fetcher: &Arc<Fetcher>,
    options: &Options,
    report: &mut Report,
    validators: &mut Vec<(String, FileValidator)>,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let written = fetch_all(fetcher, options, &mut report.failures, validators, observer).await;
    finish::check_writer(fetcher, &written)
}

async fn fetch_all(
    fetcher: &Arc<Fetcher>,
    options: &Options,
    failures: &mut Vec<NotMirrored>,
    validators: &mut Vec<(String, FileValidator)>,
    observer: &dyn Observer,
) -> Result<(), WriterStopped> {
    let mut running = JoinSet::new();
    for name in &options.policies {
        let (fetcher, name) = (Arc::clone(fetcher), name.clone());
        running.spawn(async move {
            let _permit = fetcher.permit().await;
            fetch(&fetcher, &name).await.map_err(|error| {
                let path = RepositoryPath::policy(&name).as_str().to_owned();
                NotMirrored { path, error }
            })
        });
    }
    while let Some(fetched) = running.join_next().await {
        match fetched.map_err(|_| WriterStopped)? {
            Ok(FetchedFile { path, bytes, changed, validator }) => {
                if let Some(changed) = changed {
                    fetcher.write_signed(path.clone(), changed, bytes).await?;
                    observer.changed(&path, changed);
                }
                validators.extend(validator.map(|validator| (path.as_str().to_owned(), validator)));
            }
            Err(failure) => failures.push(failure),
        }
    }
    Ok(())
}

async fn fetch(fetcher: &Fetcher, name: &PolicyName) -> Result<FetchedFile, FileError> {
    let resource = Resource::Policy(name.clone());
    let path = RepositoryPath::resource(&resource);
    let read = {
        let (checker, name) = (Arc::clone(&fetcher.checker), name.clone());
        move |bytes: &Bytes| checker.policy(&name, bytes).map(drop)
    };
    let (store, limit) = (&fetcher.mirror_dir.registry, resource.max_size());
    // A file that cannot be read is replaced.
    let held = HeldFile::read(fetcher, store, path.clone(), limit, read.clone()).await;
    let held = held.unwrap_or_else(|_| HeldFile::missing(path, limit));
    let compared = held.fetch(fetcher, read).await?;
    Ok(compared.ok_or(FileError::Missing)?.file)
}
