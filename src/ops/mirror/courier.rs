//! Where tasks are carried out: requests on one side, the disk on the other.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinSet, spawn_blocking};

use super::check::{self, Checker};
use super::client::{Answer, Client};
use super::holdings::{self, Holdings, Tag};
use super::indexes::{Index, Listing};
use super::planner::Planner;
use super::shelf::{self, Full, Shelf};
use super::task::{Outcome, PackageFile, Task, Wanted};
use super::wrong::Wrong;
use crate::name::PackageName;
use crate::ops::dependencies;
use crate::ops::observer::{Observer, Warning};
use crate::registry::{Releases, Resource};
use crate::repository::{Action, Change, Changed, Folder, RepositoryPath};
use crate::store::{DirStore, StoreError};
use crate::tarball::FileName;

/// Carries tasks out.
pub(super) struct Courier {
    pub client: Client,
    pub checker: Arc<Checker>,
    pub holdings: Holdings,
    shelf: Shelf,
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
pub(super) struct IndexFile {
    pub resource: Resource,
    pub index: Index,
    pub bytes: Bytes,
    /// What has to become of the mirror's, if anything.
    pub changed: Option<Changed>,
    pub tag: Option<Tag>,
}

/// What came of a task, and what it changed.
pub(super) type Carried = (Outcome, Option<(RepositoryPath, Changed)>);

/// In bytes: the most that documentation may have, gzipped. Clients unpack no more than a quarter of it, and
/// as many as there are jobs are in memory at once.
const MAX_DOCS: usize = 64 << 20;

impl Courier {
    pub fn new(
        client: Client,
        checker: Checker,
        holdings: Holdings,
        jobs: usize,
        dry_run: bool,
    ) -> Self {
        let (shelf, room) = (Shelf::new(), Arc::new(Semaphore::new(jobs)));
        Self { client, checker: Arc::new(checker), holdings, shelf, room, jobs, dry_run }
    }

    /// Fetches one of the two indexes, unless the mirror has it as it is.
    pub async fn index(&self, resource: Resource) -> Result<IndexFile, Wrong> {
        let path = RepositoryPath::resource(&resource);
        let standing = self.holdings.resource(&resource).ok().flatten();
        let known = self.holdings.state.tags.get(path.as_str());
        // One that is damaged, or whose like upstream would not sign, is fetched anew.
        let sound = standing.clone().zip(known.cloned()).and_then(|(bytes, tag)| {
            tag.good_for(&bytes)?;
            Some((self.checker.index(&resource, &bytes).ok()?, bytes, tag))
        });
        let checker = Arc::clone(&self.checker);
        let of = resource.clone();
        let read = move |bytes: Bytes| Ok((checker.index(&of, &bytes)?, bytes));
        let tag = sound.as_ref().map(|(_, _, tag)| tag.tag.as_str());
        match (self.client.get(path.as_str(), resource.max_size(), tag, read).await?, sound) {
            (Answer::Found((index, bytes), tag), _) => {
                let changed = match standing {
                    Some(standing) if standing == bytes => None,
                    Some(_) => Some(Changed::Updated),
                    None => Some(Changed::Created),
                };
                let tag = tag.map(|tag| Tag::of(tag, &bytes));
                Ok(IndexFile { resource, index, bytes, changed, tag })
            }
            (_, Some((index, bytes, tag))) => {
                Ok(IndexFile { resource, index, bytes, changed: None, tag: Some(tag) })
            }
            (_, None) => Err(Wrong::NotThere),
        }
    }

    /// Carries out what the planner says, many at a time, until it has nothing more to say.
    ///
    /// # Errors
    /// [`Full`], after which nothing more is put in place.
    pub async fn carry_out(
        self: &Arc<Self>,
        planner: &mut Planner,
        observer: &dyn Observer,
    ) -> Result<(), Full> {
        let mut running = JoinSet::new();
        // What is being fetched, the oldest first: it is what is waited for.
        let mut fetching: Vec<FileName> = Vec::new();
        loop {
            // More than there are requests: to flush many files takes as long as to flush a few, so what
            // comes while others are flushed is flushed together.
            let most = self.jobs.saturating_mul(1 + shelf::WAITING);
            let is_more = planner.has_more() && running.len() < most;
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
            let (task, carried) = joined.map_err(|_| Full)?;
            let (outcome, changed) = carried?;
            if let Some((path, changed)) = changed {
                observer.changed(&path, changed);
            }
            if let Outcome::Fetched { file, .. } = &outcome {
                dependencies::warn_of_requirements(observer, &file.releases);
            }
            fetching.retain(|file| Some(file) != task.file());
            planner.done(task, outcome);
            if let Some(file) = fetching.first() {
                observer.fetching(&file.to_string());
            }
            let (done, all) = planner.progress();
            observer.mirrored(done, all, self.client.counters.bytes());
        }
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
    ) -> Result<Carried, Full> {
        let outcome = match task {
            Task::Read(name) => Ok((Outcome::Read(self.held(name)), None)),
            Task::Fetch(name) => self.fetch(name).await.map(|outcome| (outcome, None)),
            Task::Tarball(wanted) => return self.tarball(room, wanted).await,
            Task::Docs(file) => return self.docs(room, file).await,
            Task::Put(name, file) => {
                drop(room);
                return self.put_package(name, file, listing).await;
            }
        };
        Ok(outcome.unwrap_or_else(|wrong| (Outcome::Failed(wrong), None)))
    }

    fn held(&self, name: &PackageName) -> Option<Releases> {
        self.holdings.package(name, &self.checker)
    }

    async fn fetch(&self, name: &PackageName) -> Result<Outcome, Wrong> {
        let resource = Resource::Package(name.clone());
        let path = RepositoryPath::resource(&resource);
        let (checker, of) = (Arc::clone(&self.checker), name.clone());
        let read = move |bytes: Bytes| checker.package(&of, &bytes);
        match self.client.get(path.as_str(), resource.max_size(), None, read).await? {
            Answer::Found(file, _) => Ok(Outcome::Fetched { held: self.held(name), file }),
            Answer::Unchanged | Answer::Missing => Err(Wrong::NoSuchPackage),
        }
    }

    async fn tarball(&self, room: Room, wanted: &Wanted) -> Result<Carried, Full> {
        let path = Folder::Tarballs.file(&format!("{}.tar", wanted.file));
        let limit = self.checker.limits.tarball;
        if wanted.stands {
            let standing = holdings::read(&self.holdings.files, &path, limit).ok().flatten();
            let (checker, wanted) = (Arc::clone(&self.checker), wanted.clone());
            let outcome = spawn_blocking(move || checker.standing(&wanted, &standing?));
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

    async fn docs(&self, room: Room, file: &FileName) -> Result<Carried, Full> {
        let path = Folder::Docs.file(&format!("{file}.tar.gz"));
        if self.dry_run {
            return Ok((Outcome::Done, Some((path, Changed::Created))));
        }
        let read = |bytes: Bytes| check::docs(&bytes).map(|()| bytes);
        self.take(room, path, MAX_DOCS, Changed::Created, read).await
    }

    /// Fetches a file, and puts it in place where it is what it should be.
    pub async fn take<R>(
        &self,
        room: Room,
        path: RepositoryPath,
        limit: usize,
        changed: Changed,
        read: R,
    ) -> Result<Carried, Full>
    where
        R: Fn(Bytes) -> Result<Bytes, Wrong> + Clone + Send + 'static,
    {
        match self.client.get(path.as_str(), limit, None, read).await {
            Ok(Answer::Found(bytes, _)) => {
                let _space = self.shelf.space(bytes.len()).await;
                // Others may ask only now: where the disk is slower than upstream, they wait for it.
                drop(room);
                self.put_file(path.clone(), changed, bytes).await?;
                Ok((Outcome::Done, Some((path, changed))))
            }
            Ok(Answer::Unchanged | Answer::Missing) if path.folder() == Folder::Docs => {
                Ok((Outcome::Missing, None))
            }
            Ok(Answer::Unchanged | Answer::Missing) => Ok((Outcome::Failed(Wrong::NotThere), None)),
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
    ) -> Result<Carried, Full> {
        let path = RepositoryPath::package(name);
        let resource = Resource::Package(name.clone());
        let standing = self.holdings.resource(&resource).ok().flatten();
        let changed = match standing {
            Some(standing) if standing == file.bytes => None,
            Some(_) => Some(Changed::Updated),
            None => Some(Changed::Created),
        };
        if self.dry_run {
            return Ok((Outcome::Done, changed.map(|changed| (path, changed))));
        }
        if let Some(changed) = changed {
            let bytes = file.bytes.clone();
            self.put(&self.holdings.registry, path.clone(), changed, bytes).await?;
        }
        if let Some(listing) = listing {
            // Without it, the file is fetched once more the next time.
            let _ = self.holdings.note(name, &listing);
        }
        Ok((Outcome::Done, changed.map(|changed| (path, changed))))
    }

    /// Puts a file in place that is none of the registry's, unless nothing is to be written.
    pub async fn put_file(
        &self,
        path: RepositoryPath,
        changed: Changed,
        bytes: Bytes,
    ) -> Result<(), Full> {
        if self.dry_run {
            return Ok(());
        }
        self.put(&self.holdings.files, path, changed, bytes).await
    }

    async fn put(
        &self,
        store: &DirStore,
        path: RepositoryPath,
        changed: Changed,
        bytes: Bytes,
    ) -> Result<(), Full> {
        let bytes = Vec::from(bytes);
        let action = match changed {
            Changed::Created => Action::Create(bytes.into()),
            _ => Action::Update(bytes.into()),
        };
        self.shelf.put(store, Change::new(path, action)).await
    }

    /// Waits until all is in place.
    ///
    /// # Errors
    /// What the disk did not take.
    pub fn close(&self) -> Result<(), StoreError> {
        self.shelf.close()
    }

    /// What came up while files were put in place.
    pub fn warnings(&self) -> Vec<Warning> {
        self.shelf.warnings()
    }
}
