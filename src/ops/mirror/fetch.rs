//! Where tasks are carried out: requests on one side, the disk on the other.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinSet, spawn_blocking};

use super::check::{self, Checker};
use super::client::{Fetched, Client};
use super::mirror_directory::{self, MirrorDirectory, PackageRecord};
use super::indexes::{Index, Listing};
use super::planner::{self, Planner};
use super::batch_writer::{self, WriterStopped, BatchWriter};
use super::entity_tag::EntityTag;
use super::task::{Outcome, PackageFile, Task, TarballToFetch};
use super::file_error::FileError;
use super::{Error, Options};
use crate::name::PackageName;
use crate::ops::dependencies;
use crate::package::UnixSeconds;
use crate::publish::observer::{Observer, Warning};
use crate::registry::Resource;
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Action, Change, Changed, DirStore, StoreError};
use crate::tarball::FileName;

/// Runs what reads the disk, inflates or verifies on a thread that no request waits for. A task that
/// panicked found nothing.
pub(super) async fn off_workers<T: Send + 'static>(
    work: impl FnOnce() -> Option<T> + Send + 'static,
) -> Option<T> {
    spawn_blocking(work).await.ok().flatten()
}

/// Carries tasks out.
pub(super) struct Fetcher {
    pub client: Client,
    pub checker: Arc<Checker>,
    pub mirror_dir: Arc<MirrorDirectory>,
    /// When upstream is asked.
    pub now: UnixSeconds,
    /// Whether files are fetched whole, whatever their tags are.
    refresh: bool,
    writer: BatchWriter,
    /// Room for requests: what waits for the disk is none.
    room: Arc<Semaphore>,
    jobs: usize,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// Room for a request.
pub(super) struct Room {
    _taken: Option<OwnedSemaphorePermit>,
}

/// `names` or `versions` as upstream has it now.
pub(super) struct FetchedIndex {
    pub file: IndexFile,
    pub index: Index,
    /// What the mirror has of it, if upstream signed that and has another one now.
    pub held: Option<Index>,
}

/// The file of an index, and what is to become of it.
pub(super) struct IndexFile {
    pub resource: Resource,
    pub bytes: Bytes,
    /// What has to become of the mirror's, if anything.
    pub changed: Option<Changed>,
    pub tag: Option<EntityTag>,
}

/// What came of a task, and what it changed.
pub(super) type Carried = (Outcome, Option<(RepositoryPath, Changed)>);

/// In bytes: the most that documentation may have, gzipped. Clients unpack no more than a quarter of it, and
/// as many as there are jobs are in memory at once.
const MAX_DOCS: usize = 64 << 20;

impl Fetcher {
    pub fn new(client: Client, checker: Checker, mirror_dir: MirrorDirectory, options: &Options) -> Self {
        let Options { jobs, dry_run, now, refresh, .. } = *options;
        let (writer, room) = (BatchWriter::new(), Arc::new(Semaphore::new(jobs)));
        let (checker, mirror_dir) = (Arc::new(checker), Arc::new(mirror_dir));
        Self { client, checker, mirror_dir, now, refresh, writer, room, jobs, dry_run }
    }

    /// Fetches one of the two indexes, unless the mirror has it as it is.
    ///
    /// # Errors
    /// [`Error`]: without upstream's there is no telling what has changed, and without the mirror's whether
    /// upstream's is older.
    pub async fn index(&self, resource: Resource) -> Result<FetchedIndex, Error> {
        let path = RepositoryPath::resource(&resource);
        let (mirror_dir, checker, of) =
            (Arc::clone(&self.mirror_dir), Arc::clone(&self.checker), resource.clone());
        let read = spawn_blocking(move || {
            let standing = mirror_dir.resource(&of)?;
            let held = standing.as_ref().and_then(|bytes| checker.index(&of, bytes).ok());
            let tag = mirror_dir.state.tags.get(RepositoryPath::resource(&of).as_str());
            let tag = tag
                .filter(|tag| standing.as_ref().is_some_and(|bytes| tag.good_for(bytes).is_some()));
            Ok((standing, held, tag.cloned()))
        });
        let read: Result<_, StoreError> =
            read.await.map_err(|error| Error::Run(io::Error::other(error)))?;
        let (standing, held, tag) = read?;
        // One that is damaged, or whose like upstream would not sign, is fetched anew.
        let known = tag.filter(|_| held.is_some());
        let checker = Arc::clone(&self.checker);
        let of = resource.clone();
        let read = move |bytes: Bytes| Ok((checker.index(&of, &bytes)?, bytes));
        let tag = known.as_ref().map(|tag| tag.tag.as_str());
        let answer = self.client.get(path.as_str(), resource.max_size(), tag, read).await;
        let answer = answer.map_err(|wrong| Error::index(&resource, wrong))?;
        match (answer, held, standing) {
            (Fetched::File((index, bytes), tag), held, standing) => {
                let changed = match standing {
                    Some(standing) if standing == bytes => None,
                    Some(_) => Some(Changed::Updated),
                    None => Some(Changed::Created),
                };
                let tag = tag.map(|tag| EntityTag::of(tag, &bytes));
                let file = IndexFile { resource, bytes, changed, tag };
                // Of the other index, nothing is compared.
                let held = held.filter(|held| matches!(held, Index::Names(_)));
                Ok(FetchedIndex { file, index, held })
            }
            (Fetched::NotModified, Some(index), Some(bytes)) => {
                let file = IndexFile { resource, bytes, changed: None, tag: known };
                Ok(FetchedIndex { file, index, held: None })
            }
            _ => Err(Error::index(&resource, FileError::NotThere)),
        }
    }

    /// Carries out what the planner says, many at a time, until it has nothing more to say.
    ///
    /// # Errors
    /// [`WriterStopped`], after which nothing more is put in place.
    pub async fn carry_out(
        self: &Arc<Self>,
        planner: &mut Planner,
        observer: &dyn Observer,
    ) -> Result<(), WriterStopped> {
        let mut running = JoinSet::new();
        // What is being fetched, the oldest first: it is what is waited for.
        let mut fetching: Vec<FileName> = Vec::new();
        loop {
            let is_more = planner.has_more() && running.len() < self.most();
            if !is_more && running.is_empty() {
                return Ok(());
            }
            let joined = tokio::select! {
                biased;
                Some(joined) = running.join_next() => joined,
                // Only then is it asked what to do: whatever came up last may have to go first.
                room = self.room(), if is_more => {
                    let Some(task) = planner.next() else { continue };
                    fetching.extend(task.file().cloned());
                    let this = Arc::clone(self);
                    let listing = match &task {
                        Task::Put(name, _) => planner.listing(name).map(Listing::digest),
                        _ => None,
                    };
                    running.spawn(async move {
                        let carried = this.carry(room, &task, listing).await;
                        (task, carried)
                    });
                    continue;
                }
            };
            // A task that panicked would never be told of; whoever reads of the disk reads of it too.
            let (task, carried) = joined.map_err(|_| WriterStopped)?;
            let (outcome, changed) = carried?;
            if let Some((path, changed)) = changed {
                observer.changed(&path, changed);
                if let Task::Put(_, file) = &task {
                    dependencies::warn_of_requirements(observer, &file.releases, &planner.wanted);
                }
            }
            fetching.retain(|file| Some(file) != task.file());
            let told = planner.withdrawn.len();
            planner.done(task, outcome);
            for withdrawn in planner.withdrawn.iter().skip(told) {
                observer.warn(Warning::Withdrawn { withdrawn: withdrawn.clone() });
            }
            if let Some(file) = fetching.first() {
                observer.fetching(&file.to_string());
            }
            let (done, all) = planner.progress();
            observer.mirrored(done, all, self.client.counters.bytes());
        }
    }

    /// How many tasks there may be at once. More than there are requests: to flush many files takes as long
    /// as to flush a few, so what comes while others are flushed is flushed together.
    pub fn most(&self) -> usize {
        self.jobs.saturating_mul(1 + batch_writer::WAITING)
    }

    /// Room for a request, which is taken for as long as what is returned is kept.
    pub async fn room(&self) -> Room {
        Room { _taken: Arc::clone(&self.room).acquire_owned().await.ok() }
    }

    async fn carry(
        &self,
        room: Room,
        task: &Task,
        listing: Option<String>,
    ) -> Result<Carried, WriterStopped> {
        let outcome = match task {
            Task::Read(name) => {
                let held = self.held(name).await.map(|file| file.releases);
                Ok((Outcome::Read(held), None))
            }
            Task::Fetch(name) => self.fetch(name).await.map(|outcome| (outcome, None)),
            Task::Tarball(wanted) => return self.tarball(room, wanted).await,
            Task::Docs { file, stands } => return self.docs(room, file, *stands).await,
            Task::Put(name, file) => {
                drop(room);
                return self.put_package(name, file, listing).await;
            }
        };
        Ok(outcome.unwrap_or_else(|wrong| (Outcome::Failed(wrong), None)))
    }

    /// Whether upstream may take back what the mirror has of a package. Reads the disk: for when nothing else runs.
    pub fn may_go(&self, name: &PackageName) -> bool {
        let held = self.mirror_dir.package(name, &self.checker);
        held.is_some_and(|held| planner::may_go(&held.releases, self.now))
    }

    /// What the mirror has of a package, read on a thread that may block.
    async fn held(&self, name: &PackageName) -> Option<PackageFile> {
        let (mirror_dir, checker, name) =
            (Arc::clone(&self.mirror_dir), Arc::clone(&self.checker), name.clone());
        spawn_blocking(move || mirror_dir.package(&name, &checker)).await.ok().flatten()
    }

    async fn fetch(&self, name: &PackageName) -> Result<Outcome, FileError> {
        let held = self.held(name).await;
        let resource = Resource::Package(name.clone());
        let path = RepositoryPath::resource(&resource);
        let (checker, of) = (Arc::clone(&self.checker), name.clone());
        let read = move |bytes: Bytes| checker.package(&of, &bytes);
        let tag = held.as_ref().and_then(|file| file.tag.as_ref()).filter(|_| !self.refresh);
        let tag = tag.map(|tag| tag.tag.as_str());
        let answer = self.client.get(path.as_str(), resource.max_size(), tag, read).await?;
        match (answer, held) {
            (Fetched::File(file, tag), held) => {
                let tag = tag.map(|tag| EntityTag::of(tag, &file.bytes));
                let held = held.map(|file| file.releases);
                Ok(Outcome::Fetched { held, file: PackageFile { tag, ..file } })
            }
            (Fetched::NotModified, Some(file)) => {
                Ok(Outcome::Fetched { held: Some(file.releases.clone()), file })
            }
            (Fetched::NotModified | Fetched::NotFound, _) => Err(FileError::NoSuchPackage),
        }
    }

    async fn tarball(&self, room: Room, wanted: &TarballToFetch) -> Result<Carried, WriterStopped> {
        let path = RepositoryPath::tarball(&wanted.file);
        let limit = self.checker.limits.tarball;
        if wanted.stands {
            let (mirror_dir, checker, path, wanted) = (
                Arc::clone(&self.mirror_dir),
                Arc::clone(&self.checker),
                path.clone(),
                wanted.clone(),
            );
            let outcome = spawn_blocking(move || {
                let standing = mirror_directory::read(&mirror_dir.files, &path, limit).ok()??;
                checker.standing(&wanted, &standing)
            });
            if let Some(outcome) = outcome.await.ok().flatten() {
                return Ok((outcome, None));
            }
        }
        let changed = if wanted.stands { Changed::Updated } else { Changed::Created };
        if self.dry_run && wanted.pin.is_none() {
            return Ok((Outcome::Done, Some((path, changed))));
        }
        let (checker, expected) = (Arc::clone(&self.checker), wanted.clone());
        let read = move |bytes: Bytes| checker.tarball(&expected, &bytes).map(|()| bytes);
        self.take(room, path, limit, changed, read).await
    }

    async fn docs(&self, room: Room, file: &FileName, stands: bool) -> Result<Carried, WriterStopped> {
        let path = RepositoryPath::docs(file);
        if stands {
            let (mirror_dir, path) = (Arc::clone(&self.mirror_dir), path.clone());
            let is_whole = spawn_blocking(move || {
                let standing = mirror_directory::read(&mirror_dir.files, &path, MAX_DOCS).ok()??;
                check::docs(&standing).ok()
            });
            if is_whole.await.ok().flatten().is_some() {
                return Ok((Outcome::Done, None));
            }
        }
        let changed = if stands { Changed::Updated } else { Changed::Created };
        if self.dry_run {
            return Ok((Outcome::Done, Some((path, changed))));
        }
        let read = |bytes: Bytes| check::docs(&bytes).map(|()| bytes);
        self.take(room, path, MAX_DOCS, changed, read).await
    }

    /// Fetches a file, and puts it in place where it is what it should be.
    pub async fn take<R>(
        &self,
        room: Room,
        path: RepositoryPath,
        limit: usize,
        changed: Changed,
        read: R,
    ) -> Result<Carried, WriterStopped>
    where
        R: Fn(Bytes) -> Result<Bytes, FileError> + Clone + Send + 'static,
    {
        match self.client.get_file(path.as_str(), limit, read).await {
            Ok(Fetched::File(bytes, _)) => {
                let _space = self.writer.space(bytes.len()).await;
                // Others may ask only now: where the disk is slower than upstream, they wait for it.
                drop(room);
                self.put_file(path.clone(), changed, bytes).await?;
                Ok((Outcome::Done, Some((path, changed))))
            }
            Ok(Fetched::NotModified | Fetched::NotFound) if path.folder() == Folder::Docs => {
                Ok((Outcome::Missing, None))
            }
            Ok(Fetched::NotModified | Fetched::NotFound) => Ok((Outcome::Failed(FileError::NotThere), None)),
            // Object storage that lets nobody list it says so of what is not there.
            Err(wrong) if path.folder() == Folder::Docs && wrong.is_forbidden() => {
                Ok((Outcome::Missing, None))
            }
            Err(wrong) => Ok((Outcome::Failed(wrong), None)),
        }
    }

    async fn put_package(
        &self,
        name: &PackageName,
        file: &PackageFile,
        listing: Option<String>,
    ) -> Result<Carried, WriterStopped> {
        let path = RepositoryPath::package(name);
        let changed = if file.is_held {
            None
        } else {
            let (mirror_dir, resource) =
                (Arc::clone(&self.mirror_dir), Resource::Package(name.clone()));
            let standing = spawn_blocking(move || mirror_dir.resource(&resource).ok().flatten());
            match standing.await.ok().flatten() {
                Some(standing) if standing == file.bytes => None,
                Some(_) => Some(Changed::Updated),
                None => Some(Changed::Created),
            }
        };
        if self.dry_run {
            return Ok((Outcome::Done, changed.map(|changed| (path, changed))));
        }
        if let Some(changed) = changed {
            let bytes = file.bytes.clone();
            self.put(&self.mirror_dir.registry, path.clone(), changed, bytes).await?;
        }
        if let Some(listing) = listing {
            let (asked, tag) = (self.now.0, file.tag.clone());
            let noted = PackageRecord { listing, asked, failed: None, tag };
            let (mirror_dir, name) = (Arc::clone(&self.mirror_dir), name.clone());
            // Without it, the file is fetched once more the next time.
            off_workers(move || mirror_dir.note(&name, &noted).ok()).await;
        }
        Ok((Outcome::Done, changed.map(|changed| (path, changed))))
    }

    /// Puts a file in place that is none of the registry's, unless nothing is to be written.
    pub async fn put_file(
        &self,
        path: RepositoryPath,
        changed: Changed,
        bytes: Bytes,
    ) -> Result<(), WriterStopped> {
        if self.dry_run {
            return Ok(());
        }
        self.put(&self.mirror_dir.files, path, changed, bytes).await
    }

    /// Puts a file of upstream's registry in place, unless nothing is to be written.
    pub async fn put_signed(
        &self,
        path: RepositoryPath,
        changed: Changed,
        bytes: Bytes,
    ) -> Result<(), WriterStopped> {
        if self.dry_run {
            return Ok(());
        }
        self.put(&self.mirror_dir.registry, path, changed, bytes).await
    }

    async fn put(
        &self,
        store: &DirStore,
        path: RepositoryPath,
        changed: Changed,
        bytes: Bytes,
    ) -> Result<(), WriterStopped> {
        let bytes = Vec::from(bytes);
        let action = match changed {
            Changed::Created => Action::Create(bytes.into()),
            _ => Action::Update(bytes.into()),
        };
        self.writer.put(store, Change::new(path, action)).await
    }

    /// Waits until all is in place.
    ///
    /// # Errors
    /// What the disk did not take.
    pub fn close(&self) -> Result<(), StoreError> {
        self.writer.close()
    }

    /// What came up while files were put in place.
    pub fn warnings(&self) -> Vec<Warning> {
        self.writer.warnings()
    }
}
