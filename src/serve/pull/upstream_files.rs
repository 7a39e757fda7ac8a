//! Makes sure that a file of upstream is here before it is sent.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::file_checks::FileChecks;
use super::flights::Landed;
use super::readiness::{Freshness, Readiness};
use super::requests::UpstreamRequests;
use super::unkept_file;
use super::used_files::UsedFiles;
use crate::ops::mirror::pull::Target;
use crate::registry::Resource;
use crate::repository::RepositoryPath;
use crate::serve::clock;
use crate::serve::files::releases::ReleaseIndex;
use crate::serve::files::source::{self, FileSource};
use crate::tarball::FileName;

/// Makes sure that the files of one upstream are here.
pub(super) struct UpstreamFiles {
    requests: Arc<UpstreamRequests>,
    checks: Arc<FileChecks>,
    source: Arc<dyn FileSource>,
    releases: Arc<ReleaseIndex>,
    /// `None` where all is kept.
    used: Option<Arc<UsedFiles>>,
    started: Instant,
}

/// How long a package that is fresh is not requested again if it lacks a release.
const RELEASES_FOR: Duration = Duration::from_secs(60);

/// How long a client waits for upstream before it gets a file as it is here.
const STALE_AFTER: Duration = Duration::from_secs(3);

impl UpstreamFiles {
    pub fn new(
        (requests, checks): (Arc<UpstreamRequests>, Arc<FileChecks>),
        (source, releases): (Arc<dyn FileSource>, Arc<ReleaseIndex>),
        used: Option<Arc<UsedFiles>>,
    ) -> Self {
        Self { requests, checks, source, releases, used, started: Instant::now() }
    }

    /// Makes sure that a file is here, and not older than upstream says that it may be. The path is that of the target or
    /// of its signature.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn ensure(&self, target: &Target, path: &RepositoryPath) -> io::Result<Readiness> {
        let readiness = self.ensure_target(target, path, Instant::now()).await?;
        let is_refused = matches!(readiness, Readiness::Failed | Readiness::Pending);
        if let Some(bytes) = self.requests.unkept.any(path).filter(|_| is_refused) {
            return Ok(Readiness::Unkept(unkept_file::open(bytes)));
        }
        Ok(readiness)
    }

    async fn ensure_target(
        &self,
        target: &Target,
        path: &RepositoryPath,
        began: Instant,
    ) -> io::Result<Readiness> {
        if let Some(bytes) = self.requests.unkept.fresh(path) {
            return Ok(Readiness::Unkept(unkept_file::open(bytes)));
        }
        let mut is_in_store = true;
        if let Target::Tarball(file) | Target::Docs(file) = target {
            let is_docs = matches!(target, Target::Docs(_));
            match self.ensure_release(file, is_docs, began).await? {
                Readiness::Here(_) => {}
                // The file of the package could not be kept, so that of the release cannot be kept either.
                Readiness::Unkept(_) => is_in_store = false,
                refused => return Ok(refused),
            }
            if let Some(used) = &self.used {
                // It must not be removed while upstream is asked for it.
                used.renew(path, clock::now());
            }
        }
        for list in target.lists() {
            self.ensure_file(&list, &list.path(), began).await?;
        }
        if is_in_store {
            return self.ensure_file(target, path, began).await;
        }
        let flight = self.requests.ask(target, Instant::now());
        let landed = self.requests.wait(target, flight, began).await;
        Ok(Self::without_store(landed, path, Freshness::Fetched))
    }

    /// Makes sure that the package of a release is here, and names it.
    async fn ensure_release(
        &self,
        release: &FileName,
        is_docs: bool,
        began: Instant,
    ) -> io::Result<Readiness> {
        let fresh = Readiness::Here(Freshness::Fresh);
        if self.releases.has(release, is_docs).await? {
            return Ok(fresh);
        }
        let package = Target::Signed(Resource::Package(release.package.clone()));
        match self.ensure_file(&package, &package.path(), began).await? {
            Readiness::Here(_) if self.releases.has(release, is_docs).await? => return Ok(fresh),
            Readiness::Here(_) => {}
            other => return Ok(other),
        }
        // A lock file may pin a release that is newer than the fresh file.
        let known = self.requests.memory.get(package.path().as_str());
        let now = Instant::now();
        let is_old = known.confirmed.is_some_and(|at| now.duration_since(at) >= RELEASES_FOR);
        if !is_old || known.has_failed(now) || self.requests.is_paused(now) {
            return Ok(Readiness::Missing);
        }
        let asked = self.requests.wait(&package, self.requests.ask(&package, now), began).await;
        let asked = Self::without_store(asked, &package.path(), Freshness::Revalidated);
        match asked {
            Readiness::Here(_) if self.releases.has(release, is_docs).await? => Ok(fresh),
            Readiness::Here(_) | Readiness::Failed => Ok(Readiness::Missing),
            other => Ok(other),
        }
    }

    /// Makes sure that a file is here. The path is that of its signature where it is a list of installs. The client has
    /// waited since it `began`.
    async fn ensure_file(
        &self,
        target: &Target,
        path: &RepositoryPath,
        began: Instant,
    ) -> io::Result<Readiness> {
        if let Some(bytes) = self.requests.unkept.fresh(path) {
            return Ok(Readiness::Unkept(unkept_file::open(bytes)));
        }
        let now = Instant::now();
        let is_here = self.is_here(target, path).await?;
        let known = self.requests.known(target, is_here).await;
        if is_here && (target.is_immutable() || known.is_fresh(now)) {
            return Ok(Readiness::Here(Freshness::Fresh));
        }
        if !is_here && known.is_missing(now) {
            return Ok(Readiness::Missing);
        }
        let stale = || {
            let age = known.stale_for(Instant::now()).unwrap_or_else(|| self.started.elapsed());
            Freshness::Stale(age)
        };
        let is_paused = self.requests.is_paused(now) || (is_here && self.requests.is_slow(now));
        if known.has_failed(now) || is_paused {
            let stale = || Readiness::Here(stale());
            return Ok(if is_here { stale() } else { Readiness::Failed });
        }
        let flight = self.requests.ask(target, now);
        let landed = self.requests.wait(target, flight, began);
        if !is_here {
            return Ok(Self::without_store(landed.await, path, Freshness::Fetched));
        }
        Ok(match timeout(STALE_AFTER, landed).await {
            Ok(Some(Landed::Failed) | None) => Readiness::Here(stale()),
            Ok(landed) => Self::without_store(landed, path, Freshness::Revalidated),
            Err(_) => {
                self.requests.was_slow();
                Readiness::Here(stale())
            }
        })
    }

    /// Whether the store has upstream's file. One that is damaged, or of another key, is fetched as if it were missing.
    async fn is_here(&self, target: &Target, path: &RepositoryPath) -> io::Result<bool> {
        use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
        match source::open(&self.source, path.as_str()).await {
            Ok(opened) => self.checks.is_sound(target, path, &opened).await,
            Err(error) if matches!(error.kind(), NotFound | NotADirectory | IsADirectory) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// What came of a request, if the store has no file but one that this request has written.
    fn without_store(
        landed: Option<Landed>,
        path: &RepositoryPath,
        freshness: Freshness,
    ) -> Readiness {
        let Some(landed) = landed else { return Readiness::Pending };
        match landed {
            Landed::Kept => Readiness::Here(freshness),
            Landed::NotKept(files) => {
                let file = files.iter().find(|(written, _)| written == path);
                file.map_or(Readiness::Missing, |(_, bytes)| {
                    Readiness::Unkept(unkept_file::open(bytes.clone()))
                })
            }
            Landed::Missing => Readiness::Missing,
            Landed::Failed => Readiness::Failed,
        }
    }
}
