//! Executes single tasks: fetches a file, checks it and writes it.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::batch_writer::{self, BatchWriter, WriterStopped};
use super::check::{self, Checker};
use super::client::{Client, Fetched};
use super::file_error::FileError;
use super::file_validator::FileValidator;
use super::mirror_directory::{self, MirrorDirectory};
use super::options::Options;
use super::state::PackageRecord;
use super::task::{Outcome, PackageFile, TarballToFetch, Task};
use super::trust;
use crate::name::PackageName;
use crate::package::UnixSeconds;
use crate::publish::observer::Warning;
use crate::registry::Resource;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Action, Change, Changed, DirStore, StoreError};
use crate::tarball::FileName;

/// Executes tasks.
pub(super) struct Fetcher {
    pub client: Client,
    pub checker: Arc<Checker>,
    pub mirror_dir: Arc<MirrorDirectory>,
    /// The time of the run.
    pub now: UnixSeconds,
    /// Whether files are requested without a condition.
    refresh: bool,
    writer: BatchWriter,
    /// Limits concurrent requests. A task that waits for the disk holds no permit.
    requests: Arc<Semaphore>,
    jobs: usize,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// The permission to make a request.
pub(super) struct RequestPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

/// The outcome of a task, and the path that it changed.
pub(super) type Executed = (Outcome, Option<(RepositoryPath, Changed)>);

/// In bytes: the most that gzipped documentation may have. Clients unpack no more than a quarter of it, and each
/// job may hold one in memory.
pub(super) const MAX_DOCS: usize = 64 << 20;

impl Fetcher {
    pub fn new(
        client: Client,
        checker: Checker,
        mirror_dir: MirrorDirectory,
        options: &Options,
    ) -> Self {
        let Options { jobs, dry_run, now, refresh, .. } = *options;
        let (writer, requests) = (BatchWriter::new(), Arc::new(Semaphore::new(jobs)));
        let (checker, mirror_dir) = (Arc::new(checker), Arc::new(mirror_dir));
        Self { client, checker, mirror_dir, now, refresh, writer, requests, jobs, dry_run }
    }

    /// The largest number of concurrent tasks. It is above that of requests: files that arrive during a flush are
    /// flushed together afterwards.
    pub fn max_tasks(&self) -> usize {
        self.jobs.saturating_mul(1 + batch_writer::WAITING)
    }

    /// Waits until a request may be made, which counts as long as the permit lives.
    pub async fn permit(&self) -> RequestPermit {
        RequestPermit { _permit: Arc::clone(&self.requests).acquire_owned().await.ok() }
    }

    /// Executes a task. A written package is recorded with the digest of its `listing`.
    pub async fn execute(
        &self,
        permit: RequestPermit,
        task: &Task,
        listing: Option<String>,
    ) -> Result<Executed, WriterStopped> {
        let outcome = match task {
            Task::Read(name) => {
                let held = self.held_package(name).await.map(|file| file.releases);
                Ok(Outcome::Read(held))
            }
            Task::Fetch(name) => self.package(name).await,
            Task::Tarball(expected) => return self.tarball(permit, expected).await,
            Task::Docs { file, on_disk } => return self.docs(permit, file, *on_disk).await,
            Task::Write(name, file) => {
                drop(permit);
                return self.write_package(name, file, listing).await;
            }
        };
        Ok((outcome.unwrap_or_else(Outcome::Failed), None))
    }

    /// Whether upstream may remove the package: all releases in the mirror are young. Blocks on the disk, so it is
    /// called only while no task runs.
    pub fn may_be_removed(&self, name: &PackageName) -> bool {
        let held = self.mirror_dir.package(name, &self.checker);
        held.is_some_and(|held| trust::may_be_removed(&held.releases, self.now))
    }

    /// The mirror's file of a package.
    async fn held_package(&self, name: &PackageName) -> Option<PackageFile> {
        let (mirror_dir, checker, name) =
            (Arc::clone(&self.mirror_dir), Arc::clone(&self.checker), name.clone());
        off_workers(move || mirror_dir.package(&name, &checker)).await
    }

    async fn package(&self, name: &PackageName) -> Result<Outcome, FileError> {
        let held = self.held_package(name).await;
        let resource = Resource::Package(name.clone());
        let path = RepositoryPath::resource(&resource);
        let (checker, of) = (Arc::clone(&self.checker), name.clone());
        let read = move |bytes: Bytes| checker.package(&of, &bytes);
        let validator =
            held.as_ref().and_then(|file| file.validator.as_ref()).filter(|_| !self.refresh);
        let condition = validator.map(|validator| &validator.condition);
        let fetched = self.client.get(path.as_str(), resource.max_size(), condition, read).await?;
        match (fetched, held) {
            (Fetched::File(file, headers), held) => {
                let validator = headers.condition.map(|one| FileValidator::of(one, &file.bytes));
                let held = held.map(|file| file.releases);
                Ok(Outcome::Fetched { held, file: PackageFile { validator, ..file } })
            }
            (Fetched::NotModified(_), Some(file)) => {
                Ok(Outcome::Fetched { held: Some(file.releases.clone()), file })
            }
            (Fetched::NotModified(_) | Fetched::NotFound, _) => Err(FileError::NoSuchPackage),
        }
    }

    async fn tarball(
        &self,
        permit: RequestPermit,
        expected: &TarballToFetch,
    ) -> Result<Executed, WriterStopped> {
        let path = RepositoryPath::tarball(&expected.file);
        let limit = self.checker.limits.tarball;
        if expected.on_disk {
            let (mirror_dir, checker) = (Arc::clone(&self.mirror_dir), Arc::clone(&self.checker));
            let (path, expected) = (path.clone(), expected.clone());
            let outcome = off_workers(move || {
                let bytes = mirror_directory::read(&mirror_dir.files, &path, limit).ok()??;
                checker.tarball_on_disk(&expected, &bytes)
            });
            if let Some(outcome) = outcome.await {
                return Ok((outcome, None));
            }
        }
        let changed = created_or_updated(expected.on_disk);
        // A dry run fetches what a lock file pins, to compare its checksums.
        if self.dry_run && expected.pin.is_none() {
            return Ok((Outcome::Done, Some((path, changed))));
        }
        let (checker, expected) = (Arc::clone(&self.checker), expected.clone());
        let read = move |bytes: Bytes| checker.tarball(&expected, &bytes).map(|()| bytes);
        self.fetch_and_write(permit, path, limit, changed, read).await
    }

    /// Whether the mirror has a file of documentation, damaged or not.
    pub async fn has_docs(&self, file: &FileName) -> bool {
        let (mirror_dir, path) = (Arc::clone(&self.mirror_dir), RepositoryPath::docs(file));
        let has = move || match mirror_directory::read(&mirror_dir.files, &path, MAX_DOCS) {
            Ok(None) => None,
            // One that cannot be read is there too.
            Ok(Some(_)) | Err(_) => Some(()),
        };
        off_workers(has).await.is_some()
    }

    /// Fetches documentation, unless it is on the disk and not damaged.
    pub async fn docs(
        &self,
        permit: RequestPermit,
        file: &FileName,
        on_disk: bool,
    ) -> Result<Executed, WriterStopped> {
        let path = RepositoryPath::docs(file);
        if on_disk {
            let (mirror_dir, path) = (Arc::clone(&self.mirror_dir), path.clone());
            let is_intact = off_workers(move || {
                let bytes = mirror_directory::read(&mirror_dir.files, &path, MAX_DOCS).ok()??;
                check::docs(&bytes).ok()
            });
            if is_intact.await.is_some() {
                return Ok((Outcome::Done, None));
            }
        }
        let changed = created_or_updated(on_disk);
        if self.dry_run {
            return Ok((Outcome::Done, Some((path, changed))));
        }
        let read = |bytes: Bytes| check::docs(&bytes).map(|()| bytes);
        self.fetch_and_write(permit, path, MAX_DOCS, changed, read).await
    }

    /// Fetches a file, and writes it if `read` takes it.
    pub async fn fetch_and_write<R>(
        &self,
        permit: RequestPermit,
        path: RepositoryPath,
        limit: usize,
        changed: Changed,
        read: R,
    ) -> Result<Executed, WriterStopped>
    where
        R: Fn(Bytes) -> Result<Bytes, FileError> + Clone + Send + 'static,
    {
        match self.client.get_file(path.as_str(), limit, None, read).await {
            Ok(Fetched::File(bytes, _)) => {
                let _space = self.writer.space(bytes.len()).await;
                // Held until there is space: where the disk is slower than upstream, requests wait for it.
                drop(permit);
                self.write_file(path.clone(), changed, bytes).await?;
                Ok((Outcome::Done, Some((path, changed))))
            }
            Ok(Fetched::NotModified(_) | Fetched::NotFound) if path.folder() == Folder::Docs => {
                Ok((Outcome::Missing, None))
            }
            Ok(Fetched::NotModified(_) | Fetched::NotFound) => {
                Ok((Outcome::Failed(FileError::Missing), None))
            }
            // Object storage that forbids listing answers 403 for a missing file.
            Err(error) if path.folder() == Folder::Docs && error.is_forbidden() => {
                Ok((Outcome::Missing, None))
            }
            Err(error) => Ok((Outcome::Failed(error), None)),
        }
    }

    async fn write_package(
        &self,
        name: &PackageName,
        file: &PackageFile,
        listing: Option<String>,
    ) -> Result<Executed, WriterStopped> {
        let path = RepositoryPath::package(name);
        let changed = if file.is_held {
            None
        } else {
            let (mirror_dir, resource) =
                (Arc::clone(&self.mirror_dir), Resource::Package(name.clone()));
            let held = off_workers(move || mirror_dir.resource(&resource).ok().flatten()).await;
            change_to(held.as_ref(), &file.bytes)
        };
        if self.dry_run {
            return Ok((Outcome::Done, changed.map(|changed| (path, changed))));
        }
        if let Some(changed) = changed {
            self.write_signed(path.clone(), changed, file.bytes.clone()).await?;
        }
        if let Some(listing) = listing {
            let record = PackageRecord {
                listing,
                asked: self.now.0,
                failed: None,
                validator: file.validator.clone(),
            };
            let (mirror_dir, name) = (Arc::clone(&self.mirror_dir), name.clone());
            // If this fails, the next run fetches the file once more.
            off_workers(move || mirror_dir.record(&name, &record).ok()).await;
        }
        Ok((Outcome::Done, changed.map(|changed| (path, changed))))
    }

    /// Writes a file that is no signed resource, except in a dry run.
    pub async fn write_file(
        &self,
        path: RepositoryPath,
        changed: Changed,
        bytes: Bytes,
    ) -> Result<(), WriterStopped> {
        self.write(&self.mirror_dir.files, path, changed, bytes).await
    }

    /// Writes a signed resource of upstream, except in a dry run.
    pub async fn write_signed(
        &self,
        path: RepositoryPath,
        changed: Changed,
        bytes: Bytes,
    ) -> Result<(), WriterStopped> {
        self.write(&self.mirror_dir.registry, path, changed, bytes).await
    }

    async fn write(
        &self,
        store: &DirStore,
        path: RepositoryPath,
        changed: Changed,
        bytes: Bytes,
    ) -> Result<(), WriterStopped> {
        if self.dry_run {
            return Ok(());
        }
        let bytes = Vec::from(bytes);
        let action = match changed {
            Changed::Created => Action::Create(bytes.into()),
            _ => Action::Update(bytes.into()),
        };
        self.writer.write(store, Change::new(path, action)).await
    }

    /// Waits until all files are written.
    ///
    /// # Errors
    /// The first error of the disk.
    pub fn close(&self) -> Result<(), StoreError> {
        self.writer.close()
    }

    /// The warnings of written files.
    pub fn warnings(&self) -> Vec<Warning> {
        self.writer.warnings()
    }
}

/// Runs work that reads the disk, inflates or verifies on a thread where no request waits for it. Work that
/// panics returns `None`.
pub(super) async fn off_workers<T: Send + 'static>(
    work: impl FnOnce() -> Option<T> + Send + 'static,
) -> Option<T> {
    spawn_blocking(work).await.ok().flatten()
}

/// What changes when a file gets these bytes.
pub(super) fn change_to(held: Option<&Bytes>, bytes: &Bytes) -> Option<Changed> {
    (held != Some(bytes)).then(|| created_or_updated(held.is_some()))
}

/// How a file changes that is written.
pub(super) fn created_or_updated(exists: bool) -> Changed {
    if exists { Changed::Updated } else { Changed::Created }
}
