//! A served tree in object storage.
//!
//! There are no folders, and nobody can lock anything: what keeps two writers apart are conditions. An
//! object is made only where there is none yet (`If-None-Match: *`) and replaced only where it still
//! is the one that was looked at (`If-Match`), so whoever is slower learns of it and begins again.
//! Some stores ignore such conditions, and some never find one met, which is found out before anything is
//! written.

mod address;
mod amazon;
mod answer;
mod azure;
mod connection;
mod container;
mod credential_file;
mod credentials;
mod federation;
mod google;
mod google_user;
mod http;
mod key_json;
mod keys;
mod listings;
mod open;
mod open_error;
mod parts;
mod probe;
mod process;
mod profile;
mod s3;
mod setting;
mod settings;
mod sso;
mod sts;
mod tombstone;
mod tries;
mod unexpected;
mod version;
mod write;
mod xml;

pub use address::{BucketUrl, BucketUrlError};
pub use connection::Limits;
pub use open_error::OpenError;
pub use setting::{Origin, SettingError, Variables};
pub use settings::Settings;
pub(crate) use tombstone::is_tombstone;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use super::{
    AppliedChange, Content, EntryKind, ListedFile, Lock, LockOutcome, Stamp, Store, StoreError,
};
use crate::package::UnixSeconds;
use crate::repository::{Asset, Folder, RepositoryPath};
use crate::store::Change;
use crate::web_page::is_web_page;
use answer::{is_missing, plain};
use http::Server;
use parts::room;
use tombstone::Met;
use unexpected::UnexpectedAnswer;
use version::{Seen, TagForm, Version};

/// How many requests are under way at once.
const JOBS: usize = 16;

/// How many threads see to connections: what is sent and received hardly keeps one busy.
const THREADS: usize = 2;

/// How many bytes of files that are written are held in memory at once, unless told.
const MEMORY: u64 = 256 << 20;

/// How long a removal that somebody began keeps others from writing in its place, unless told.
const PATIENCE: Duration = Duration::from_secs(10);

/// A tree below a prefix of a bucket.
///
/// Must not be used from asynchronous code: it waits for its answers.
#[derive(Debug)]
pub struct BucketStore {
    inner: Arc<dyn ObjectStore>,
    /// Without slashes at its ends.
    prefix: String,
    /// As a person would write it, without a slash at its end.
    url: String,
    runtime: Runtime,
    seen: Seen,
    jobs: usize,
    is_private: bool,
    has_generations: bool,
    has_one_writer: bool,
    /// How the store takes tags in conditions, once it is known to honour them.
    probed: Mutex<Option<TagForm>>,
    met: Met,
    patience: Duration,
    /// What is to be named where the store refuses it.
    asked_with: Option<String>,
    /// How many bytes of files are held in memory at once, but for one that is larger itself.
    memory: u64,
    /// The same, in pieces.
    room: Semaphore,
}

impl BucketStore {
    /// The tree below `prefix` in `inner`, which messages call `url`.
    ///
    /// # Errors
    /// The prefix cannot be one, or there are no threads.
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        prefix: &str,
        url: impl Into<String>,
    ) -> io::Result<Self> {
        let prefix = Path::parse(prefix).map_err(invalid)?.to_string();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("bucket")
            .enable_all()
            .build()?;
        Ok(Self {
            inner,
            prefix,
            url: url.into().trim_end_matches('/').to_owned(),
            runtime,
            seen: Seen::default(),
            jobs: JOBS,
            is_private: false,
            has_generations: false,
            has_one_writer: false,
            probed: Mutex::default(),
            met: Met::default(),
            patience: PATIENCE,
            asked_with: None,
            memory: MEMORY,
            room: room(MEMORY),
        })
    }

    /// How many changes are under way at once; 16 unless told.
    #[must_use]
    pub fn jobs(self, jobs: usize) -> Self {
        Self { jobs: jobs.max(1), ..self }
    }

    /// How long a removal that somebody else began is waited for, before it is taken for one that was cut short;
    /// 10 seconds unless told, half of which is the most that they spend on it themselves.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// About how many bytes of files that are written are held in memory at once; 256 MiB unless told. One that is
    /// larger is written alone.
    #[must_use]
    pub fn memory(self, memory: u64) -> Self {
        Self { memory, room: room(memory), ..self }
    }

    /// Whether caches are told that no one but the reader may keep a copy.
    #[must_use]
    pub fn private(self, is_private: bool) -> Self {
        Self { is_private, ..self }
    }

    /// Whether nobody else writes, so that nothing is made conditional; for a store that ignores
    /// conditions.
    #[must_use]
    pub fn assume_single_writer(self, has_one_writer: bool) -> Self {
        Self { has_one_writer, ..self }
    }

    /// Whether conditions are on generations, as those of Google Cloud Storage, and not on tags.
    #[must_use]
    pub fn generations(self, has_generations: bool) -> Self {
        Self { has_generations, ..self }
    }

    /// What a refusal names: that by which the store knows who asks.
    fn asked_with(self, asked_with: Option<String>) -> Self {
        Self { asked_with, ..self }
    }

    fn error(
        &self,
        action: &'static str,
        path: &RepositoryPath,
    ) -> impl Fn(io::Error) -> StoreError {
        let location = self.locate(path);
        move |source| StoreError {
            action,
            location: location.clone(),
            source: self.with_asked(source),
        }
    }

    /// An error that says by what the store knew who asked, where it refused that.
    fn with_asked(&self, source: io::Error) -> io::Error {
        match &self.asked_with {
            Some(with) if source.kind() == io::ErrorKind::PermissionDenied => {
                io::Error::new(source.kind(), format!("{source}; it was asked with {with}"))
            }
            _ => source,
        }
    }

    /// What an object is called. Nothing is encoded: the store's client does that.
    fn key(&self, path: &RepositoryPath) -> io::Result<Path> {
        let key = match (self.prefix.as_str(), path.as_str()) {
            ("", path) => path.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, path) => format!("{prefix}/{path}"),
        };
        let parsed = Path::parse(&key).map_err(invalid)?;
        if parsed.as_ref() == key { Ok(parsed) } else { Err(invalid("it is no name of a file")) }
    }

    /// The twin of [`key`](Self::key); `None` for what lies elsewhere.
    fn path(&self, key: &Path) -> Option<RepositoryPath> {
        let path = match self.prefix.as_str() {
            "" => key.as_ref(),
            prefix => key.as_ref().strip_prefix(prefix)?.strip_prefix('/')?,
        };
        (!path.is_empty()).then(|| Folder::Root.file(path))
    }

    async fn everything(&self) -> io::Result<Vec<(RepositoryPath, Version)>> {
        let key = self.key(&Folder::Root.path())?;
        let mut found = self.inner.list(Some(&key));
        let (mut files, mut empty) = (Vec::new(), Vec::new());
        while let Some(found) = found.try_next().await.map_err(plain)? {
            let Some(path) = self.path(&found.location) else { continue };
            let version = Version::of(&found);
            if found.size > 0 {
                files.push((path, version));
            } else {
                empty.push((path, version, found.location));
            }
        }
        for (path, version, key) in empty {
            if !self.is_marker(&key).await? {
                files.push((path, version));
            }
        }
        Ok(files)
    }

    /// Whether what was listed is no file, but what consoles show an empty folder by: an object whose
    /// name ends in a slash, which the client keeps from us.
    async fn is_marker(&self, key: &Path) -> io::Result<bool> {
        match self.inner.head(key).await {
            Err(error) if is_missing(&error) => Ok(true),
            Err(error) => Err(plain(error)),
            Ok(_) => Ok(false),
        }
    }

    /// The same, with the tags that listings of some stores leave out: each object is asked for its own.
    async fn with_tags(&self, found: Vec<ObjectMeta>) -> io::Result<Vec<ObjectMeta>> {
        let Some(first) = found.iter().find(|found| found.e_tag.is_none()) else {
            return Ok(found);
        };
        let head = async |key: &Path| match self.inner.head(key).await {
            Err(error) if is_missing(&error) => Ok(None),
            found => found.map(Some).map_err(plain),
        };
        if head(&first.location).await?.is_some_and(|found| found.e_tag.is_none()) {
            // It gives none at all.
            return Ok(found);
        }
        let head = &head;
        let tagged = found.into_iter().map(|found| async move {
            if found.e_tag.is_some() { Ok(Some(found)) } else { head(&found.location).await }
        });
        let tagged = stream::iter(tagged).buffered(self.jobs);
        tagged.try_filter_map(async |found| Ok(found)).try_collect().await
    }

    async fn fetch(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Option<Version>> {
        let got = match self.inner.get_opts(&self.key(path)?, GetOptions::default()).await {
            Err(error) if is_missing(&error) => return Ok(None),
            got => got.map_err(plain)?,
        };
        let version = Version::of(&got.meta);
        let server = got.extensions.get::<Server>().map(|Server(host)| host.clone());
        let mut rest = limit.saturating_add(1);
        let mut stream = got.into_stream();
        while rest > 0 {
            let Some(part) = stream.next().await else { break };
            let part = part.map_err(plain)?;
            let part = part.get(..rest).unwrap_or(&part);
            buffer.extend_from_slice(part);
            rest = rest.saturating_sub(part.len());
        }
        // No file of a registry is one; of what else lies there any may be.
        if is_web_page(buffer) && Asset::at(path.as_str()).is_some() {
            return Err(io::Error::other(UnexpectedAnswer::page(server)));
        }
        if let Some(stamp) = version.stamp().filter(|_| is_tombstone(buffer)) {
            self.met.note(path, stamp);
        }
        Ok(Some(version))
    }
}

impl Store for BucketStore {
    fn list(&self, folder: Folder) -> Result<Option<Vec<ListedFile>>, StoreError> {
        let folder = folder.path();
        let failed = self.error("list", &folder);
        let key = self.key(&folder).map_err(&failed)?;
        let found = self.runtime.block_on(async {
            let found = self.inner.list_with_delimiter(Some(&key)).await.map_err(plain)?;
            let is_file = |found: &ObjectMeta| {
                // Else it is the folder itself, as consoles make them.
                self.path(&found.location)
                    .is_some_and(|path| path.parent() == folder && path != folder)
            };
            self.with_tags(found.objects.into_iter().filter(is_file).collect()).await
        });
        let found = found.map_err(failed)?.into_iter();
        let files = found.filter_map(|found| Some((self.path(&found.location)?, found)));
        let mut listed = Vec::new();
        let mut seen = Vec::new();
        for (path, found) in files {
            let version = Version::of(&found);
            listed.push(ListedFile {
                name: path.file_name().to_owned(),
                kind: EntryKind::File,
                modified: UnixSeconds(found.last_modified.timestamp()),
                stamp: version.stamp(),
            });
            seen.push((path, version));
        }
        self.seen.extend(seen);
        // There are no folders, so none is missing.
        Ok(Some(listed))
    }

    fn walk(&self) -> Result<Option<Vec<(RepositoryPath, EntryKind)>>, StoreError> {
        let root = Folder::Root.path();
        let files = self.runtime.block_on(self.everything()).map_err(self.error("list", &root))?;
        if files.is_empty() {
            return Ok(None);
        }
        self.seen.extend(files.iter().cloned());
        Ok(Some(files.into_iter().map(|(path, _)| (path, EntryKind::File)).collect()))
    }

    fn read(
        &self,
        path: &RepositoryPath,
        limit: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<Content>, StoreError> {
        buffer.clear();
        let version = self.runtime.block_on(self.fetch(path, limit, buffer));
        let Some(version) = version.map_err(self.error("read", path))? else { return Ok(None) };
        let stamp = version.stamp();
        self.seen.insert(path, version);
        Ok(Some(Content { stamp }))
    }

    fn apply(
        &self,
        stages: &[&[Change]],
        made: &dyn Fn(AppliedChange<'_>),
    ) -> Result<(), StoreError> {
        self.make(stages, &|change| made(AppliedChange::new(change)))
    }

    /// Conditions take the place of a lock.
    fn lock(&self) -> Result<LockOutcome, StoreError> {
        Ok(LockOutcome::Held(Lock::of_nothing()))
    }

    /// Conditions take the place of a lock: what is read may be of two builds.
    fn lock_shared(&self) -> Result<LockOutcome, StoreError> {
        Ok(LockOutcome::Held(Lock::of_nothing()))
    }

    fn max_size(&self, path: &RepositoryPath) -> Option<u64> {
        parts::max_size(path)
    }

    fn is_conditional(&self) -> bool {
        !self.has_one_writer
    }

    fn has_tombstones(&self) -> bool {
        true
    }

    /// Whoever moves a registry into a bucket makes all of its files new.
    fn keeps_times(&self) -> bool {
        false
    }

    /// S3 takes the MD5 of what was uploaded in one part for its tag, unless a key of its own encrypts it.
    fn stamp_of(&self, bytes: &[u8]) -> Option<Stamp> {
        Version::of_content(bytes).stamp()
    }

    fn locate(&self, path: &RepositoryPath) -> String {
        match path.as_str() {
            "" => self.url.clone(),
            path => format!("{}/{path}", self.url),
        }
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error)
}
