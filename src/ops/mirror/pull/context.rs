//! What pulling each kind of file needs: the client, the checks, and the store.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::RwLock;
use tokio::task::spawn_blocking;

use super::access::Access;
use super::error::PullError;
use super::pulled::{Pulled, PulledFile, Validator};
use super::target::Target;
use crate::key::PublicKey;
use crate::name::PackageName;
use crate::ops::mirror::check::Checker;
use crate::ops::mirror::client::{Client, Fetched};
use crate::ops::mirror::error::Error;
use crate::ops::mirror::file_error::FileError;
use crate::ops::mirror::file_headers::FileHeaders;
use crate::ops::mirror::file_validator::{FileValidator, RequestCondition};
use crate::ops::mirror::indexes::Listing;
use crate::ops::mirror::timeouts::Timeouts;
use crate::ops::mirror::trust;
use crate::ops::mirror::upstream::Upstream;
use crate::package::UnixSeconds;
use crate::proxy::Proxies;
use crate::published::PublishedKey;
use crate::registry::{Releases, Resource};
use crate::repository::{Folder, RepositoryPath};
use crate::store::{Action, Change, Stamp, Store, StoreError, StoreErrorKind, is_temporary};
use crate::tarball::Limits;

/// What pulling each kind of file needs.
pub(super) struct PullContext {
    pub client: Client,
    pub checker: Checker,
    pub accept: BTreeSet<PackageName>,
    pub access: Access,
    /// Held to write a tarball, and alone to write the file of a package, which may replace some.
    pub replacing: RwLock<()>,
    key: PublicKey,
    store: Box<dyn Store + Send + Sync>,
}

/// A file as the store has it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub bytes: Bytes,
    stamp: Option<Stamp>,
}

/// A file that is written.
pub(super) struct NewFile {
    pub path: RepositoryPath,
    pub bytes: Bytes,
    /// The file that it replaces.
    pub over: Option<Held>,
}

/// In seconds: no file takes this long to be written, so that the writer of an older temporary file was killed.
const ABANDONED: i64 = 60 * 60;

/// How often it is looked whether a file is there that another server is writing, and how long is waited in between.
const APPEARANCES: u32 = 20;
const APPEARANCE_PAUSE: Duration = Duration::from_millis(100);

impl PullContext {
    pub fn new(
        upstream: Upstream,
        accept: BTreeSet<PackageName>,
        timeouts: Timeouts,
        store: Box<dyn Store + Send + Sync>,
    ) -> Result<Self, Error> {
        let Upstream { url, name, key, authorization, .. } = upstream;
        let client = Client::new(&url, authorization, Proxies::from_env()?, timeouts);
        let client = client.map_err(Error::Client)?;
        let checker = Checker::new(name, key.clone(), Limits::HEX);
        let (access, replacing) = (Access::default(), RwLock::new(()));
        Ok(Self { client, checker, accept, access, replacing, key, store })
    }

    pub fn prepare(&self, now: UnixSeconds) -> Result<(), Error> {
        let path = RepositoryPath::public_key();
        match PublishedKey::read(&*self.store)? {
            Some(held) if held.is(&self.key) => {}
            Some(_) => return Err(Error::OtherRegistry { location: self.store.locate(&path) }),
            None => {
                let pem = self.key.to_pem().as_bytes().to_vec();
                let written =
                    self.store.apply(&[&[Change::new(path, Action::Create(pem.into()))]], &|_| ());
                // Another server may have written it a moment ago.
                written.or_else(|error| if error.is_conflict() { Ok(()) } else { Err(error) })?;
            }
        }
        self.remove_abandoned(now)?;
        Ok(())
    }

    /// Removes the temporary files of servers that were killed.
    fn remove_abandoned(&self, now: UnixSeconds) -> Result<(), StoreError> {
        let folders = [Folder::Root, Folder::Packages, Folder::Policies, Folder::Tarballs];
        for folder in folders.into_iter().chain([Folder::Docs, Folder::Installs]) {
            let listed = self.store.list(folder)?.unwrap_or_default();
            let abandoned = listed.into_iter().filter(|one| {
                is_temporary(&one.name) && now.0.saturating_sub(one.modified.0) > ABANDONED
            });
            let removals: Vec<_> =
                abandoned.map(|one| Change::new(folder.file(&one.name), Action::Remove)).collect();
            self.store.apply(&[&removals], &|_| ())?;
        }
        Ok(())
    }

    /// A file that the store has; `None` if it has none, or one that is too large to be right.
    pub async fn held(
        self: &Arc<Self>,
        path: &RepositoryPath,
        limit: usize,
    ) -> Result<Option<Held>, PullError> {
        let (this, path) = (Arc::clone(self), path.clone());
        off_workers(move || this.read(&path, limit)).await
    }

    /// As [`held`](Self::held). May block.
    pub fn read(&self, path: &RepositoryPath, limit: usize) -> Result<Option<Held>, PullError> {
        let mut bytes = Vec::new();
        let found = self.store.read(path, limit, &mut bytes)?;
        let found = found.map(|content| Held { bytes: bytes.into(), stamp: content.stamp });
        // One that is too large is replaced, and has no validator.
        Ok(found.map(|held| if held.bytes.len() > limit { held.without_bytes() } else { held }))
    }

    /// The releases of a package that the store has, if upstream has signed them.
    pub fn releases(&self, name: &PackageName, held: &Held) -> Option<Releases> {
        self.checker.package(name, &held.bytes).ok().map(|file| file.releases)
    }

    /// Reads the releases of a package that the store has.
    pub async fn held_releases(
        self: &Arc<Self>,
        name: &PackageName,
    ) -> Result<Option<Releases>, PullError> {
        let (this, name) = (Arc::clone(self), name.clone());
        off_workers(move || this.read_releases(&name)).await
    }

    /// As [`held_releases`](Self::held_releases). May block.
    pub fn read_releases(&self, name: &PackageName) -> Result<Option<Releases>, PullError> {
        let resource = Resource::Package(name.clone());
        let held = self.read(&RepositoryPath::resource(&resource), resource.max_size())?;
        Ok(held.and_then(|held| self.releases(name, &held)))
    }

    /// Refuses a package that lost or changed releases that it may not.
    pub fn object(
        &self,
        name: &PackageName,
        held: Option<&Releases>,
        new: &Releases,
        now: UnixSeconds,
    ) -> Result<(), FileError> {
        let is_accepted = self.accept.contains(name);
        // The indexes may be older or newer.
        let objection = trust::objection(&Listing::default(), held, new, is_accepted, now);
        objection.map_or(Ok(()), Err)
    }

    /// Whether upstream may remove a package: the store has none that it may not. May block.
    pub fn may_be_removed(&self, name: &PackageName, now: UnixSeconds) -> bool {
        let held = self.read_releases(name);
        held.is_ok_and(|held| held.is_some_and(|held| trust::may_be_removed(&held, now)))
    }

    /// Which of these paths the store has.
    pub async fn present(
        self: &Arc<Self>,
        paths: Vec<RepositoryPath>,
    ) -> Result<Vec<RepositoryPath>, PullError> {
        let this = Arc::clone(self);
        off_workers(move || {
            let mut present = Vec::new();
            for path in paths {
                if this.store.inspect(&path)?.is_some() {
                    present.push(path);
                }
            }
            Ok(present)
        })
        .await
    }

    /// Whether 403 for a file says that upstream does not have it: it lets this server read, and the store has none, which
    /// clients were given before.
    pub async fn is_missing_upstream(self: &Arc<Self>, target: &Target) -> Result<bool, PullError> {
        let held = self.present(vec![target.path()]).await?;
        Ok(held.is_empty() && self.access.is_granted(self.has_index()).await)
    }

    /// Whether upstream gives its index of names.
    async fn has_index(&self) -> bool {
        let (index, checker) = (Resource::Names, self.checker.clone());
        let (path, limit) = (RepositoryPath::resource(&index), index.max_size());
        let read = move |bytes: Bytes| checker.index(&index, &bytes).map(|_| ());
        matches!(self.client.get(path.as_str(), limit, None, read).await, Ok(Fetched::File(..)))
    }

    /// Writes files, stage by stage, and then removes others. Files that have these bytes already are left as they are.
    pub async fn write(
        self: &Arc<Self>,
        stages: Vec<Vec<NewFile>>,
        removed: Vec<RepositoryPath>,
    ) -> Result<Pulled, PullError> {
        let this = Arc::clone(self);
        off_workers(move || Ok(this.write_now(&stages, removed))).await
    }

    /// Writes a file that can have no other bytes. One that is there and has others is damaged, and is replaced.
    pub async fn write_fixed(
        self: &Arc<Self>,
        path: &RepositoryPath,
        bytes: &Bytes,
    ) -> Result<Pulled, PullError> {
        let file = |over| NewFile { path: path.clone(), bytes: bytes.clone(), over };
        let pulled = self.write(vec![vec![file(None)]], Vec::new()).await?;
        if !matches!(pulled.file, PulledFile::Kept) || !pulled.changed.is_empty() {
            return Ok(pulled);
        }
        let held = self.held(path, bytes.len()).await?;
        self.write(vec![vec![file(held)]], Vec::new()).await
    }

    fn write_now(&self, stages: &[Vec<NewFile>], removed: Vec<RepositoryPath>) -> Pulled {
        let planned = |file: &NewFile| {
            let bytes = || file.bytes.to_vec().into();
            let action = match &file.over {
                Some(held) if held.bytes == file.bytes => return None,
                Some(_) => Action::Update(bytes()),
                None => Action::Create(bytes()),
            };
            let over = file.over.as_ref().and_then(|held| held.stamp);
            Some(Change { path: file.path.clone(), action, over })
        };
        let mut changes: Vec<Vec<Change>> =
            stages.iter().map(|stage| stage.iter().filter_map(planned).collect()).collect();
        changes.push(removed.into_iter().map(|path| Change::new(path, Action::Remove)).collect());
        let all: Vec<&[Change]> = changes.iter().map(Vec::as_slice).collect();
        let apply = || self.store.apply(&all, &|_| ());
        let written = apply().or_else(|error| match error.kind {
            // A run of `hexreg mirror` removes temporary files, also the one that is about to be renamed.
            StoreErrorKind::NotFound(_) => apply(),
            _ => Err(error),
        });
        match written {
            Ok(()) => {
                let paths = changes.into_iter().flatten().map(|change| change.path);
                Pulled { changed: paths.collect(), ..Pulled::new(PulledFile::Kept) }
            }
            // Another server has pulled it, and checked it too.
            Err(error) if error.is_conflict() && self.are_there(stages) => {
                Pulled::new(PulledFile::Kept)
            }
            Err(error) => {
                let files = stages.iter().flatten();
                let files = files.map(|file| (file.path.clone(), file.bytes.clone())).collect();
                Pulled::new(PulledFile::NotKept(files, error))
            }
        }
    }

    /// Waits for files that another server is writing. A store may refuse a second write before it shows the first.
    fn are_there(&self, stages: &[Vec<NewFile>]) -> bool {
        let is_there =
            |file: &NewFile| self.store.inspect(&file.path).is_ok_and(|found| found.is_some());
        (0..APPEARANCES).any(|number| {
            if number > 0 {
                thread::sleep(APPEARANCE_PAUSE);
            }
            stages.iter().flatten().all(is_there)
        })
    }
}

impl Held {
    fn without_bytes(self) -> Self {
        Self { bytes: Bytes::new(), ..self }
    }

    /// The condition, if it came with these bytes.
    pub fn condition<'a>(
        held: Option<&Self>,
        validator: Option<&'a FileValidator>,
    ) -> Option<&'a RequestCondition> {
        let held = held?;
        validator.filter(|one| one.is_of(&held.bytes)).map(|one| &one.condition)
    }
}

impl Pulled {
    /// With what the headers of the file with these bytes say.
    pub(super) fn with_headers(self, headers: FileHeaders, bytes: &[u8]) -> Self {
        let FileHeaders { condition, lifetime, age } = headers;
        let validator = condition.map(|one| Validator::new(FileValidator::of(one, bytes)));
        Self { validator, lifetime, age, ..self }
    }
}

/// Runs work that reads the disk or inflates on a thread where no request waits for it.
async fn off_workers<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PullError> + Send + 'static,
) -> Result<T, PullError> {
    spawn_blocking(work).await.map_err(|error| PullError::Run(io::Error::other(error)))?
}
