//! A mirror that keeps itself up to date: which repository it is of, and where it is made.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::error::Error;
use super::metrics::Metrics;
use super::mirrors::runner::{MirrorJob, MirrorRunner, MirrorTarget};
use super::mirrors::status::{MirrorState, MirrorStatus};
use super::mirrors::turns::MirrorTurns;
use super::options::{Options, RepositoryLocation, RepositoryOptions};
use crate::name::RepositoryName;
use crate::ops::mirror::Cancellation;
use crate::store::Store;

/// A mirror that keeps itself up to date.
pub(super) struct Mirror {
    /// The name in the metrics.
    pub name: String,
    pub status: Arc<MirrorStatus>,
    pub runner: MirrorRunner,
    location: RepositoryLocation,
    directory: PathBuf,
}

/// What the mirrors of a server share.
pub(super) struct MirrorParts<'a> {
    pub options: &'a Options,
    pub metrics: &'a Metrics,
    pub turns: &'a MirrorTurns,
    /// The mirrors of the options before.
    pub former: Vec<Arc<Mirror>>,
}

impl Mirror {
    /// The mirror of a repository; `None` if the options have none. Nothing is created and no run begins before it
    /// [is prepared](Self::prepare) and [started](Self::start).
    pub fn of(
        one: &RepositoryOptions,
        #[cfg_attr(
            not(feature = "buckets"),
            expect(unused, reason = "only buckets are written by it")
        )]
        store: &dyn Fn() -> Box<dyn Store + Send + Sync>,
        parts: &MirrorParts<'_>,
    ) -> Option<Arc<Self>> {
        let schedule = one.mirror.clone()?;
        let (directory, target) = match &one.location {
            RepositoryLocation::Directory(directory) => {
                (directory.clone(), MirrorTarget::Directory(directory.clone()))
            }
            #[cfg(feature = "buckets")]
            RepositoryLocation::Bucket(_) => {
                let place = one.mount.name().map_or("@root", RepositoryName::as_str);
                let directory = parts.options.cache.directory.join("mirrors").join(place);
                (directory.clone(), MirrorTarget::Bucket { directory, store: store() })
            }
        };
        let name = one.mount.label();
        let status = Arc::new(MirrorStatus::default());
        // Until its first run, it is as old as what it takes the place of.
        let mut former = parts.former.iter();
        if let Some(former) = former.find(|former| former.location == one.location) {
            status.set(MirrorState { is_running: false, ..former.status.current() });
        }
        let job = MirrorJob {
            name: name.clone(),
            schedule,
            target,
            turn: parts.turns.of(&directory),
            status: Arc::clone(&status),
            metrics: parts.metrics.mirrors.clone(),
            cancellation: Cancellation::default(),
        };
        let (runner, location) = (MirrorRunner::new(job), one.location.clone());
        Some(Arc::new(Self { name, status, runner, location, directory }))
    }

    /// Creates its directory if it is missing.
    ///
    /// # Errors
    /// [`Error::Mirror`].
    pub fn prepare(&self) -> Result<(), Error> {
        // What is made on the way to a bucket is for this server alone: the bucket may be private.
        let mode = match self.location.as_directory() {
            Some(_) => 0o777,
            None => 0o700,
        };
        let created = DirBuilder::new().recursive(true).mode(mode).create(&self.directory);
        created.map_err(|source| self.error(source))
    }

    /// Begins to mirror. Once it has begun, this does nothing.
    ///
    /// # Errors
    /// [`Error::Mirror`].
    pub fn start(&self) -> Result<(), Error> {
        self.runner.start().map_err(|source| self.error(source))
    }

    fn error(&self, source: std::io::Error) -> Error {
        Error::Mirror { directory: self.directory.clone(), source }
    }
}
