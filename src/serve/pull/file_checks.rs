//! Checks the files that are here before they are sent: those that were here before anything was pulled, and those that
//! another program has written since.
//!
//! A file is read for this once and recognized later by its [`Stamp`]. Of a tarball the checksum is kept, and compared with
//! the signed one at each request: its package may have changed.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::bounded_cache::BoundedCache;
use crate::checksum::{OuterChecksum, OuterHasher};
use crate::ops::mirror::pull::{PullError, Puller, Target};
use crate::registry::Resource;
use crate::repository::RepositoryPath;
use crate::serve::clock::unix_nanoseconds;
use crate::serve::error_chain::chain;
use crate::serve::files::releases::{NOT_OF_UPSTREAM, ReleaseIndex};
use crate::serve::files::source::{CHUNK, OpenFile};
use crate::store::Stamp;

/// Checks the files of one repository that is pulled into.
pub(super) struct FileChecks {
    /// For the log.
    repository: String,
    puller: Puller,
    releases: Arc<ReleaseIndex>,
    checked: Mutex<BoundedCache<String, CheckedFile>>,
    readers: Arc<Semaphore>,
}

/// What a file was found to be.
#[derive(Clone, Copy)]
struct CheckedFile {
    stamp: Stamp,
    /// Until when it holds, if the stamp might not tell of a change.
    until: Option<Instant>,
    finding: Finding,
    /// Whether the log has said that it is not the file of upstream.
    is_logged: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Finding {
    /// A file with this checksum, at the path of a tarball.
    Checksum(OuterChecksum),
    Sound,
    Unsound,
}

/// How many files are checked at once: documentation may take 64 MiB of memory.
const READERS: usize = 2;

/// How many files are known at least, of those that were asked for last.
const FILES: usize = 1 << 16;

/// How long a finding holds for a file that was changed a moment ago.
const UNSETTLED: Duration = Duration::from_millis(500);

impl FileChecks {
    pub fn new(repository: &str, puller: Puller, releases: Arc<ReleaseIndex>) -> Arc<Self> {
        Arc::new(Self {
            repository: repository.to_owned(),
            puller,
            releases,
            checked: Mutex::new(BoundedCache::new(FILES)),
            readers: Arc::new(Semaphore::new(READERS)),
        })
    }

    /// Whether a file is signed by upstream, or is the one that a signed file or a list names.
    ///
    /// # Errors
    /// The file cannot be read, or the one that has its checksum.
    pub async fn is_sound(
        self: &Arc<Self>,
        target: &Target,
        path: &RepositoryPath,
        opened: &OpenFile,
    ) -> io::Result<bool> {
        match target {
            // It remembers the files that it has checked.
            Target::Signed(Resource::Package(name)) => self.releases.is_package(name, opened).await,
            Target::Tarball(file) => match self.releases.checksum(file).await? {
                Some(signed) => self.is_tarball(path, opened, signed).await,
                None => Ok(false),
            },
            _ => Ok(self.finding(target, path, opened).await? == Finding::Sound),
        }
    }

    /// Whether a file is the tarball with this signed checksum.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn is_tarball(
        self: &Arc<Self>,
        path: &RepositoryPath,
        opened: &OpenFile,
        signed: OuterChecksum,
    ) -> io::Result<bool> {
        let finding = match self.cached(path.as_str(), &opened.stamp()) {
            Some(finding) => finding,
            None => self.read_later(None, path, opened).await?,
        };
        let is_sound = finding == Finding::Checksum(signed);
        if !is_sound && self.is_to_be_logged(path) {
            self.log(path, "its checksum is not the signed one");
        }
        Ok(is_sound)
    }

    /// Whether a file that was sent before is known as the tarball with this signed checksum.
    pub fn is_known_tarball(&self, path: &str, stamp: &Stamp, signed: OuterChecksum) -> bool {
        self.cached(path, stamp) == Some(Finding::Checksum(signed))
    }

    async fn finding(
        self: &Arc<Self>,
        target: &Target,
        path: &RepositoryPath,
        opened: &OpenFile,
    ) -> io::Result<Finding> {
        match self.cached(path.as_str(), &opened.stamp()) {
            Some(finding) => Ok(finding),
            None => self.read_later(Some(target), path, opened).await,
        }
    }

    /// Reads a file on a thread that may block: a tarball if it has no target.
    async fn read_later(
        self: &Arc<Self>,
        target: Option<&Target>,
        path: &RepositoryPath,
        opened: &OpenFile,
    ) -> io::Result<Finding> {
        let permit = Arc::clone(&self.readers).acquire_owned().await;
        let permit = permit.map_err(io::Error::other)?;
        // Another request may have read it meanwhile.
        if let Some(finding) = self.cached(path.as_str(), &opened.stamp()) {
            return Ok(finding);
        }
        let (this, target) = (Arc::clone(self), target.cloned());
        let (path, opened) = (path.clone(), opened.clone());
        let reading = spawn_blocking(move || {
            let finding = this.read(target.as_ref(), &path, &opened);
            drop(permit);
            finding
        });
        reading.await.map_err(io::Error::other)?
    }

    fn read(
        &self,
        target: Option<&Target>,
        path: &RepositoryPath,
        opened: &OpenFile,
    ) -> io::Result<Finding> {
        let read_at = unix_nanoseconds();
        let (finding, error) = match target {
            None => (Finding::Checksum(checksum(opened)?), None),
            Some(target) => match self.check(target, path, opened)? {
                Ok(()) => (Finding::Sound, None),
                Err(error) => (Finding::Unsound, Some(error)),
            },
        };
        let (stamp, is_unchanged) = (opened.stamp(), opened.is_unchanged()?);
        let is_unsettled = !stamp.is_settled(read_at);
        let until = is_unsettled.then(|| Instant::now().checked_add(UNSETTLED)).flatten();
        let mut checked = self.lock();
        let former = checked.get(path.as_str()).filter(|former| former.stamp == stamp);
        let was_logged = former.is_some_and(|former| former.is_logged);
        if is_unchanged {
            let is_logged = was_logged || error.is_some();
            let file = CheckedFile { stamp, until, finding, is_logged };
            checked.insert(path.as_str().to_owned(), file, 1);
        }
        drop(checked);
        if let Some(error) = error.filter(|_| !was_logged) {
            self.log(path, &error);
        }
        Ok(finding)
    }

    fn check(
        &self,
        target: &Target,
        path: &RepositoryPath,
        opened: &OpenFile,
    ) -> io::Result<Result<(), String>> {
        let bytes = opened.read(target.max_size())?;
        match self.puller.check(target, path, &bytes.into()) {
            Err(PullError::Store(error)) => Err(error.kind.into()),
            checked => Ok(checked.map_err(|error| chain(&error))),
        }
    }

    fn cached(&self, path: &str, stamp: &Stamp) -> Option<Finding> {
        let file = self.lock().get(path).filter(|file| file.stamp == *stamp)?;
        file.until.is_none_or(|until| Instant::now() < until).then_some(file.finding)
    }

    fn is_to_be_logged(&self, path: &RepositoryPath) -> bool {
        let mut checked = self.lock();
        let file = checked.get_mut(&path.as_str().to_owned());
        file.is_none_or(|file| !mem::replace(&mut file.is_logged, true))
    }

    fn log(&self, path: &RepositoryPath, error: &str) {
        let (repository, path) = (self.repository.as_str(), path.as_str());
        tracing::error!(repository, path, error, "{NOT_OF_UPSTREAM}");
    }

    fn lock(&self) -> MutexGuard<'_, BoundedCache<String, CheckedFile>> {
        // Its maps are valid after a panic too.
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn checksum(opened: &OpenFile) -> io::Result<OuterChecksum> {
    let (mut hasher, mut position) = (OuterHasher::default(), 0_u64);
    loop {
        let bytes = opened.file().read(position, CHUNK)?;
        if bytes.is_empty() {
            return Ok(hasher.finish());
        }
        hasher.write_all(&bytes)?;
        position = position.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }
}
