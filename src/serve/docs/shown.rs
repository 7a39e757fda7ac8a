//! The files of documentation, as they are shown: from unpacked archives, with links that lead to what is here.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use tokio::task::spawn_blocking;

use super::links::LinkedRepositories;
use super::missing::{self, MissingReason};
use super::packs::{DocsPacks, KnownPack, OpenPack, PackKey};
use super::path::DocsTarget;
use super::response::redirect;
use super::rewritten::{Rewritten, RewrittenFiles, RewrittenKey, SentBytes};
use super::visit::DocsVisit;
use crate::docs::links::nearest;
use crate::docs::rewrite::{
    DocsFile, DocsVersion, RewriteForm, content_type, docs_config, rewrite,
};
use crate::repository::{Asset, AssetKind, RepositoryPath};
use crate::serve::connections::fair_queue::{FairQueue, QueueLimits};
use crate::serve::connections::refusals::{RefusalReason, Refusals};
use crate::serve::error_chain::chain;
use crate::serve::files::source::{self, OpenFile};
use crate::serve::own_names::{self, Ownership};
use crate::serve::repository::Repository;
use crate::serve::responses::{overloaded, plain, unavailable};
use crate::tarball::FileName;
use crate::version::Version;

/// The menu of versions, which is made here and not taken from the archive.
const DOCS_CONFIG: &str = "docs_config.js";

/// What an archive may have for pages that it does not have.
const NOT_FOUND: &str = "404.html";

/// How many files are read and changed at once, and how many requests wait. A page loads ten of them.
const LIMITS: QueueLimits =
    QueueLimits { permits: 4, permits_of_peer: 2, waiting_of_peer: 128, waiting: 1_024 };

/// Shows documentation.
pub(super) struct ShownDocs {
    packs: Arc<DocsPacks>,
    rewritten: Arc<RewrittenFiles>,
    queue: FairQueue,
    refusals: Arc<Refusals>,
}

/// A file of an archive that is shown.
struct ShownFile {
    pack: Arc<OpenPack>,
    path: String,
    status: StatusCode,
}

impl ShownDocs {
    pub fn new(
        packs: Arc<DocsPacks>,
        rewritten: Arc<RewrittenFiles>,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self { packs, rewritten, queue: FairQueue::new(LIMITS), refusals }
    }

    pub async fn respond(
        &self,
        visit: DocsVisit,
        repositories: &[Arc<Repository>],
    ) -> Response<Body> {
        let (repository, path) = (&visit.repository, &visit.path);
        match own_names::owner(repositories, repository, &path.package).await {
            Ownership::Upstream => {}
            Ownership::Own => return plain(StatusCode::NOT_FOUND),
            Ownership::Unknown => return unavailable(),
        }
        let linked = LinkedRepositories::of(repositories, repository, &visit.registry).await;
        let linked = Arc::new(linked);
        match path.target.clone() {
            DocsTarget::Latest(rest) => latest(&visit, &linked, rest.as_deref()).await,
            DocsTarget::Version(version) => redirect(&format!("{version}/{}", visit.query)),
            DocsTarget::File(version, file) => self.file(&visit, &linked, version, file).await,
        }
    }

    async fn file(
        &self,
        visit: &DocsVisit,
        linked: &Arc<LinkedRepositories>,
        version: Version,
        file: String,
    ) -> Response<Body> {
        if file == DOCS_CONFIG {
            return config(visit, linked, version).await;
        }
        let release = FileName { package: visit.path.package.clone(), version: version.clone() };
        let pack = match self.pack(&visit.repository, &release).await {
            Ok(Some(KnownPack::Read(pack))) => pack,
            Ok(Some(KnownPack::Unusable { is_passing })) => {
                return missing::page(visit, linked, MissingReason::Unusable { is_passing }).await;
            }
            Ok(None) => {
                let elsewhere = elsewhere(visit, linked, Some(version)).await;
                return match elsewhere {
                    Some(location) => redirect(&location),
                    None => missing::page(visit, linked, MissingReason::Version).await,
                };
            }
            Err(error) => {
                let path = visit.repository.locate(RepositoryPath::docs(&release).as_str());
                tracing::error!(path, error = chain(&error), "documentation is not shown");
                return unavailable();
            }
        };
        let shown = if pack.pack.contains(&file) {
            ShownFile { pack, path: file, status: StatusCode::OK }
        } else if pack.pack.contains(NOT_FOUND) && content_type(&file) == content_type(NOT_FOUND) {
            ShownFile { pack, path: NOT_FOUND.to_owned(), status: StatusCode::NOT_FOUND }
        } else {
            return missing::page(visit, linked, MissingReason::File).await;
        };
        self.shown(visit, linked, release, shown).await
    }

    /// The documentation of a release, unpacked; `None` if there is none that clients may have.
    async fn pack(
        &self,
        repository: &Arc<Repository>,
        release: &FileName,
    ) -> io::Result<Option<KnownPack>> {
        let path = RepositoryPath::docs(release);
        let Some(opened) = archive(repository, &path).await? else { return Ok(None) };
        if !repository.releases.has(release, true).await? {
            return Ok(None);
        }
        let key = PackKey { location: repository.locate(path.as_str()), stamp: opened.stamp() };
        Ok(Some(self.packs.get(key, opened).await))
    }

    async fn shown(
        &self,
        visit: &DocsVisit,
        linked: &Arc<LinkedRepositories>,
        release: FileName,
        shown: ShownFile,
    ) -> Response<Body> {
        let media_type = content_type(&shown.path);
        let has_links = matches!(media_type, "text/html" | "text/javascript");
        let key =
            RewrittenKey { pack: shown.pack.id, path: shown.path.clone(), context: linked.context };
        let known = if has_links { self.rewritten.get(&key) } else { Some(Rewritten::Unchanged) };
        if let Some(Rewritten::Changed(sent)) = known {
            return visit.sent().file(shown.status, media_type, sent);
        }
        let permit = match self.queue.acquire(visit.client.into()).await {
            Ok(permit) => permit,
            Err(overload) => {
                self.refusals.count(RefusalReason::Pages, Some(visit.client));
                return overloaded(overload);
            }
        };
        let (visit, linked) = (visit.clone(), Arc::clone(linked));
        let rewritten = Arc::clone(&self.rewritten);
        // If the client closes its connection, the work goes on, and keeps its permit until it ends.
        let made = spawn_blocking(move || {
            let is_known = known.is_some();
            let read = read(&shown, &release, &linked, is_known);
            let sent = match read {
                Ok((sent, outcome)) => {
                    if !is_known {
                        rewritten.keep(key, outcome);
                    }
                    sent
                }
                Err(error) => {
                    let path = &shown.path;
                    tracing::error!(%release, path, %error, "a file of documentation is not shown");
                    return plain(StatusCode::INTERNAL_SERVER_ERROR);
                }
            };
            let response = visit.sent().file(shown.status, media_type, sent);
            drop(permit);
            response
        });
        made.await.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

/// A file, with links that lead to what is here, unless it is known to have none.
fn read(
    shown: &ShownFile,
    release: &FileName,
    linked: &LinkedRepositories,
    is_unchanged: bool,
) -> io::Result<(SentBytes, Rewritten)> {
    let packed = shown.pack.pack.read(&shown.path)?.ok_or(io::ErrorKind::NotFound)?;
    if !is_unchanged {
        let file =
            DocsFile { package: &release.package, version: &release.version, path: &shown.path };
        let bytes = packed.inflated()?;
        let changed = rewrite(&file, &bytes, linked, RewriteForm::Server);
        if changed != bytes {
            let sent = SentBytes::of(changed.into_owned());
            return Ok((sent.clone(), Rewritten::Changed(sent)));
        }
    }
    let (is_gzip, size, tag) = (packed.as_gzip().is_some(), packed.size(), packed.tag());
    let sent = SentBytes { bytes: packed.into_stored().into(), is_gzip, size, tag };
    Ok((sent, Rewritten::Unchanged))
}

/// An archive that is here, or is fetched for this request; `None` if there is none.
async fn archive(
    repository: &Arc<Repository>,
    path: &RepositoryPath,
) -> io::Result<Option<OpenFile>> {
    #[cfg(feature = "mirror")]
    if let Some(pull) = &repository.pull {
        use crate::serve::pull::readiness::Readiness;

        let asset = Asset { kind: AssetKind::Docs, path: path.as_str().to_owned() };
        if pull.is_fresh(&asset) {
            // It may have been removed, where the size is limited.
            if let Some(opened) = open(repository, path).await? {
                return Ok(pull.is_sound(&asset, &opened, None).await?.then_some(opened));
            }
        }
        match pull.ensure(&asset).await? {
            Readiness::Here(_) => {}
            Readiness::Unkept(opened) => return Ok(Some(opened)),
            Readiness::Missing => return Ok(None),
            Readiness::Failed | Readiness::Pending => {
                return Err(io::Error::other("upstream does not answer"));
            }
        }
        let Some(opened) = open(repository, path).await? else { return Ok(None) };
        return Ok(pull.is_sound(&asset, &opened, None).await?.then_some(opened));
    }
    open(repository, path).await
}

async fn open(repository: &Arc<Repository>, path: &RepositoryPath) -> io::Result<Option<OpenFile>> {
    match source::open(&repository.source, path.as_str()).await {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The redirect to the latest documentation.
async fn latest(
    visit: &DocsVisit,
    linked: &Arc<LinkedRepositories>,
    rest: Option<&str>,
) -> Response<Body> {
    let path = &visit.path;
    #[cfg(feature = "mirror")]
    if let Some(pull) = &visit.repository.pull {
        // Which releases there are decides what is fetched.
        let package = RepositoryPath::package(&path.package);
        let asset = Asset { kind: AssetKind::Registry, path: package.as_str().to_owned() };
        let _ = pull.ensure(&asset).await;
    }
    let (of_package, package) = (Arc::clone(linked), path.package.clone());
    let versions = spawn_blocking(move || of_package.own_versions(&package)).await;
    let versions = versions.unwrap_or_default();
    let Some(version) = nearest(None, &versions) else {
        return match elsewhere(visit, linked, None).await {
            Some(location) => redirect(&location),
            None => missing::page(visit, linked, MissingReason::Package).await,
        };
    };
    let (up, package) = (path.way_up(), &path.package);
    redirect(&format!("{up}{package}/{version}/{}{}", rest.unwrap_or_default(), visit.query))
}

/// The same path in another repository, if that has documentation of the package.
async fn elsewhere(
    visit: &DocsVisit,
    linked: &Arc<LinkedRepositories>,
    version: Option<Version>,
) -> Option<String> {
    let (of_package, package) = (Arc::clone(linked), visit.path.package.clone());
    let found = spawn_blocking(move || of_package.elsewhere(&package, version.as_ref()).cloned());
    let found = found.await.ok()??;
    let mount = found.mount.path();
    let mount = mount.trim_start_matches('/');
    let slash = if mount.is_empty() { "" } else { "/" };
    let registry = if visit.registry.starts_with("..") {
        format!("{}{}", visit.path.way_up(), visit.registry)
    } else {
        visit.registry.clone()
    };
    Some(format!("{registry}{mount}{slash}docs/{}{}", visit.path.asked, visit.query))
}

/// The menu of versions.
async fn config(
    visit: &DocsVisit,
    linked: &Arc<LinkedRepositories>,
    version: Version,
) -> Response<Body> {
    let (linked, visit) = (Arc::clone(linked), visit.clone());
    let made = spawn_blocking(move || {
        let package = &visit.path.package;
        let mut versions = linked.own_versions(package);
        if !versions.contains(&version) {
            versions.push(version.clone());
        }
        // The log says why a package cannot be read. Elixir's own are in no index.
        let releases = visit.repository.releases.read_package(package).ok().flatten();
        let is_retired = |version: &Version| {
            let release = releases.as_ref().and_then(|releases| releases.release(version));
            release.is_some_and(|release| release.remarks.retired.is_some())
        };
        let versions = versions
            .into_iter()
            .map(|version| DocsVersion { is_retired: is_retired(&version), version });
        let versions: Vec<_> = versions.collect();
        let text = docs_config(package, &version, &versions, RewriteForm::Server);
        visit.sent().made(content_type(DOCS_CONFIG), text)
    });
    made.await.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
}
