//! Mirrors documentation by name: of Elixir itself, which no index lists, and of single releases.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::batch_writer::WriterStopped;
use super::error::Error;
use super::fetch::{Executed, Fetcher};
use super::file_error::{FileError, NotMirrored};
use super::finish;
use super::options::Options;
use super::report::Report;
use super::task::Outcome;
use crate::publish::observer::Observer;
use crate::repository::RepositoryPath;
use crate::tarball::FileName;

/// Fetches the documentation that the mirror does not have. What is damaged is fetched again.
///
/// # Errors
/// [`Error`] if the disk cannot be written.
pub(super) async fn mirror(
    fetcher: &Arc<Fetcher>,
    options: &Options,
    report: &mut Report,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let finished = fetch_all(fetcher, options, &mut report.failures, observer).await;
    finish::check_writer(fetcher, &finished)
}

async fn fetch_all(
    fetcher: &Arc<Fetcher>,
    options: &Options,
    failures: &mut Vec<NotMirrored>,
    observer: &dyn Observer,
) -> Result<(), WriterStopped> {
    let mut running = JoinSet::new();
    for file in &options.docs_of {
        let (fetcher, file) = (Arc::clone(fetcher), file.clone());
        running.spawn(async move {
            let permit = fetcher.permit().await;
            let on_disk = fetcher.has_docs(&file).await;
            let executed = fetcher.docs(permit, &file, on_disk).await;
            (file, executed)
        });
    }
    while let Some(joined) = running.join_next().await {
        let (file, executed): (FileName, Result<Executed, _>) =
            joined.map_err(|_| WriterStopped)?;
        let (outcome, written) = executed?;
        if let Some((path, changed)) = written {
            observer.changed(&path, changed);
        }
        let error = match outcome {
            Outcome::Failed(error) => error,
            Outcome::Missing => FileError::Missing,
            _ => continue,
        };
        let path = RepositoryPath::docs(&file).as_str().to_owned();
        failures.push(NotMirrored { path, error });
    }
    failures.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(())
}
