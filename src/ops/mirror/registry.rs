//! Mirrors the registry: its indexes, packages, tarballs and documentation.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::conditional_fetch::{Compared, HeldFile};
use super::error::Error;
use super::executor;
use super::fetch::Fetcher;
use super::file_error::{FileError, NotMirrored};
use super::finish::{self, Finished};
use super::indexes::{self, Index, Indexes};
use super::options::Options;
use super::planner::{Planner, Refresh, Setup};
use super::report::Report;
use super::selection::Want;
use super::{docs_of, git_pins, installs, policies};
use crate::name::PackageName;
use crate::publish::observer::Observer;
use crate::registry::Resource;
use crate::repository::RepositoryPath;

/// Mirrors what is selected of the registry, and after it what no index names.
pub(super) async fn mirror(
    directory: &Path,
    fetcher: &Arc<Fetcher>,
    options: &Options,
    wants: Option<BTreeMap<PackageName, Vec<Want>>>,
    report: &mut Report,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let (names, versions) =
        tokio::join!(index(fetcher, Resource::Names), index(fetcher, Resource::Versions));
    let Compared { file: names, value: names_index, held } = names?;
    // `held` is dropped at once: a decoded index of a large registry takes some hundred MB.
    let Compared { file: versions, value: versions_index, held: _ } = versions?;
    let may_be_removed = |name: &PackageName| fetcher.may_be_removed(name);
    let rollback = indexes::rollback(held.as_ref(), &names_index, &options.accept, may_be_removed);
    drop(held);
    if let Some(error) = rollback {
        return Err(Error::index(&Resource::Names, error));
    }
    let contents = fetcher.mirror_dir.contents()?;
    let mut planner = Planner::new(Setup {
        repository: options.upstream.name.clone(),
        wants,
        upstream: Indexes::of([names_index, versions_index]),
        contents: contents.clone(),
        docs: options.docs,
        accept: options.accept.clone(),
        refresh: Refresh {
            all: options.refresh,
            after: i64::try_from(options.refresh_after.as_secs()).unwrap_or(i64::MAX),
        },
        now: options.now,
    });
    let executed = executor::run(fetcher, &mut planner, observer).await;
    finish::check_writer(fetcher, &executed)?;
    report.failures.append(&mut planner.failures);
    report.withdrawn.append(&mut planner.withdrawn);
    let mut validators = Vec::new();
    if options.installs {
        let executed =
            installs::mirror(fetcher, &mut report.failures, &mut validators, observer).await;
        finish::check_writer(fetcher, &executed)?;
    }
    report.failures.sort_by(|a, b| a.path.cmp(&b.path));
    (report.packages, report.releases) = (planner.packages().count(), planner.wanted.len());
    let is_held_back = |failure: &NotMirrored| failure.error.holds_back();
    let is_complete = report.failures.iter().all(is_held_back);
    // No index names these. If one of them fails, nothing is removed.
    policies::mirror(fetcher, options, report, &mut validators, observer).await?;
    docs_of::mirror(fetcher, options, report, observer).await?;
    git_pins::mirror(directory, options, report).await;
    let prunes = options.prune && report.failures.iter().all(is_held_back);
    let planner = &planner;
    let finished = Finished { names, versions, validators, contents, planner, is_complete, prunes };
    finish::finish(fetcher, options, &finished, observer)
}

/// Fetches one of the two indexes, unless it has not changed.
///
/// # Errors
/// [`Error`]: without upstream's index nothing tells what has changed, and without the mirror's whether upstream's is
/// older.
async fn index(fetcher: &Fetcher, resource: Resource) -> Result<Compared<Index>, Error> {
    let path = RepositoryPath::resource(&resource);
    let read = {
        let (checker, resource) = (Arc::clone(&fetcher.checker), resource.clone());
        move |bytes: &Bytes| checker.index(&resource, bytes)
    };
    let (store, limit) = (&fetcher.mirror_dir.registry, resource.max_size());
    let held = HeldFile::read(fetcher, store, path, limit, read.clone()).await?;
    let compared = held.fetch(fetcher, read).await;
    let compared = compared.map_err(|error| Error::index(&resource, error))?;
    let compared = compared.ok_or_else(|| Error::index(&resource, FileError::Missing))?;
    // Only `names` has times to compare.
    let held = compared.held.filter(|held| matches!(held, Index::Names(_)));
    Ok(Compared { held, ..compared })
}
