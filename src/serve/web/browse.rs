//! The pages about packages: who may see one, and what it is made from.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::browse_path::{BrowsePage, BrowsePath};
use super::found::{PAGE_SIZE, Searched};
use super::required_facts::required_facts;
use super::response;
use super::server_packages::ServerPackages;
use super::server_policies::ServerPolicies;
use super::tarballs::KnownContents;
use super::visit::Visit;
use crate::browse::closure::{ClosureLimits, ClosurePackage, QualifiedName, closure};
use crate::browse::diff::{
    DiffFile, DiffLimits, FileMode, MetadataSide, diff_files, diff_metadata,
};
use crate::browse::pages::{
    ContentsState, Dependents, DependentsPage, DiffPage, FilePage, FilesPage, Frame, MissingPage,
    PackagePage, Paging, RequirementsPage, VersionsPage, counted, image_type,
};
use crate::name::PackageName;
use crate::package::Release;
use crate::registry::Releases;
#[cfg(feature = "mirror")]
use crate::repository::Asset;
use crate::repository::RepositoryPath;
use crate::serve::overview::{Overview, RepositoryState};
use crate::serve::own_names::{self, Ownership};
use crate::serve::repository::Repository;
use crate::serve::responses::{plain, unavailable};
use crate::tarball::{Description, FileName, PackageFileKind, PackageFiles};
use crate::version::Version;

/// How long it may take to find what a release pulls in, and then to read what the tarballs say.
const RESOLVING: Duration = Duration::from_secs(3);
const READING: Duration = Duration::from_secs(2);

/// A page that may be shown.
pub(super) struct AskedPage {
    path: BrowsePath,
    /// The repository of the page.
    searched: Searched,
    /// The others that the client may read.
    others: Vec<Searched>,
    /// Whether documentation is shown as pages.
    shows_docs: bool,
}

/// Whether there is such a page, and the client may see it.
pub(super) async fn ask(
    repositories: &[Arc<Repository>],
    repository: &Arc<Repository>,
    visit: &Visit,
    shows_docs: bool,
) -> Result<AskedPage, Response<Body>> {
    let path = visit.path.strip_prefix("browse/").and_then(BrowsePath::parse);
    let Some(path) = path else { return Err(plain(StatusCode::NOT_FOUND)) };
    match own_names::owner(repositories, repository, &path.name).await {
        Ownership::Upstream => {}
        Ownership::Own => return Err(plain(StatusCode::NOT_FOUND)),
        Ownership::Unknown => return Err(unavailable()),
    }
    #[cfg(feature = "mirror")]
    if let Some((pull, asset)) = repository.pull.as_ref().zip(Asset::at(&signed_path(&path.name))) {
        // What cannot be fetched is shown as it is here.
        let _ = pull.ensure(&asset).await;
    }
    let searched = Searched::new(repositories, repository, visit.urls.clone()).await;
    let mut others = Vec::new();
    for other in repositories.iter().filter(|one| !Arc::ptr_eq(one, repository)) {
        if visit.may_read(other) {
            let urls = visit.urls_of(&other.mount);
            others.push(Searched::new(repositories, other, urls).await);
        }
    }
    Ok(AskedPage { path, searched, others, shows_docs })
}

#[cfg(feature = "mirror")]
fn signed_path(name: &PackageName) -> String {
    RepositoryPath::package(name).as_str().to_owned()
}

/// The page. May block.
pub(super) fn respond(asked: &AskedPage, visit: &Visit) -> Response<Body> {
    let repository = &asked.searched.repository;
    let state = repository.overview.current();
    let RepositoryState::Built(overview) = &*state else { return unavailable() };
    // The log says why a package cannot be read.
    let releases = match repository.releases.read_package(&asked.path.name) {
        Ok(Some(releases)) if !releases.releases.is_empty() => releases,
        Ok(_) => return plain(StatusCode::NOT_FOUND),
        Err(_) => return unavailable(),
    };
    let site = overview.repository.to_string();
    let frame = Frame { site: &site, query: "", urls: visit.urls.clone(), has_search: true };
    let page = Page { asked, visit, overview, releases: &releases, frame: &frame };
    page.respond().unwrap_or_else(|| plain(StatusCode::NOT_FOUND))
}

/// A page that says that there is none. It is the same for a name that the client may not see. May block.
pub(super) fn missing(repository: &Repository, visit: &Visit) -> Response<Body> {
    let RepositoryState::Built(overview) = &*repository.overview.current() else {
        return plain(StatusCode::NOT_FOUND);
    };
    let site = overview.repository.to_string();
    let frame = Frame { site: &site, query: "", urls: visit.urls.clone(), has_search: true };
    let page = MissingPage { frame: &frame, repository: &site };
    response::html(StatusCode::NOT_FOUND, page.render())
}

/// A page that is made.
struct Page<'a> {
    asked: &'a AskedPage,
    visit: &'a Visit,
    overview: &'a Overview,
    releases: &'a Releases,
    frame: &'a Frame<'a>,
}

impl Page<'_> {
    /// The page; `None` if there is no such release or file.
    fn respond(&self) -> Option<Response<Body>> {
        let html = match &self.asked.path.page {
            BrowsePage::Package => self.release(self.releases.recommended()?),
            BrowsePage::Release(version) => self.release(self.releases.release(version)?),
            BrowsePage::Versions => {
                let size = |version: &Version| self.size(version);
                let policies = self.policies();
                let verdicts = &policies.verdicts(self.releases);
                let (frame, releases) = (self.frame, self.releases);
                VersionsPage { frame, releases, size: &size, verdicts }.render()
            }
            BrowsePage::Dependents => self.dependents(),
            BrowsePage::Files(version) => {
                self.files(self.releases.release(version)?, |list| Some(list.render()))?
            }
            BrowsePage::File(version, path) => self.file(version, path)?,
            BrowsePage::Raw(version, path) => return self.raw(version, path),
            BrowsePage::DiffForm => self.diff_form()?,
            BrowsePage::Diff(from, to) => self.diff(from, to)?,
            BrowsePage::Requirements(version) => self.requirements(version)?,
        };
        Some(response::html(StatusCode::OK, html))
    }

    fn release(&self, release: &Release) -> String {
        let contents = self.contents(release);
        let contents = match &contents {
            KnownContents::Read(contents) => ContentsState::Read(contents),
            KnownContents::Missing => ContentsState::Missing,
            KnownContents::Unusable => ContentsState::Unusable,
        };
        let searched = &self.asked.searched;
        let dependents: Vec<PackageName> = searched.dependents(&self.releases.package);
        let policies = self.policies();
        let page = PackagePage {
            frame: self.frame,
            key: &self.overview.key,
            signed_digest: None,
            releases: self.releases,
            release,
            contents,
            dependents: Dependents {
                first: &dependents,
                count: dependents.len(),
                is_partial: !searched.progress().is_whole,
            },
            has_docs: self.has_docs(&release.version),
            docs_url: &|version| self.docs_url(version),
            size: &|version| self.size(version),
            elsewhere: &|repository, name| self.elsewhere(repository, name),
            verdicts: &policies.verdicts(self.releases),
        };
        page.render()
    }

    fn dependents(&self) -> String {
        let (urls, name) = (&self.frame.urls, self.releases.package.as_str());
        let searched = &self.asked.searched;
        let all = searched.dependents(&self.releases.package);
        let (page, pages) = (self.visit.page(), all.len().div_ceil(PAGE_SIZE));
        let skipped = page.saturating_sub(1).saturating_mul(PAGE_SIZE);
        let shown = all.iter().skip(skipped).take(PAGE_SIZE);
        let page = DependentsPage {
            frame: self.frame,
            repository: self.releases.repository.as_str(),
            name,
            package_url: urls.package(name),
            caption: counted(all.len(), "package"),
            rows: searched.items(shown),
            paging: Paging::new(page, pages, |number| {
                format!("{}?page={number}", urls.dependents(name))
            }),
        };
        page.html()
    }

    /// A page about the files of a release, if they can be shown.
    fn files<T>(
        &self,
        release: &Release,
        page: impl FnOnce(FilesPage<'_>) -> Option<T>,
    ) -> Option<T> {
        let KnownContents::Read(contents) = self.contents(release) else { return None };
        page(FilesPage {
            frame: self.frame,
            repository: &self.releases.repository,
            name: &self.releases.package,
            version: &release.version,
            contents: &contents,
        })
    }

    fn file(&self, version: &Version, path: &str) -> Option<String> {
        let release = self.releases.release(version)?;
        self.files(release, |list| {
            let file = list.contents.file(path)?;
            let files = self.asked.searched.files(&self.name_of(version), release)?;
            Some(FilePage { list, file, bytes: files.get(path)? }.render())
        })
    }

    fn raw(&self, version: &Version, path: &str) -> Option<Response<Body>> {
        let release = self.releases.release(version)?;
        let files = self.asked.searched.files(&self.name_of(version), release)?;
        Some(response::raw(files.get(path)?.to_vec(), image_type(path)))
    }

    fn contents(&self, release: &Release) -> KnownContents {
        let tarballs = &self.asked.searched.repository.pages.tarballs;
        tarballs.contents(&self.name_of(&release.version), release.outer_checksum)
    }

    fn name_of(&self, version: &Version) -> FileName {
        FileName { package: self.releases.package.clone(), version: version.clone() }
    }

    /// Whether a page is the one of a version.
    fn is_of(&self, version: &Version) -> bool {
        match &self.asked.path.page {
            BrowsePage::Release(shown) => shown == version,
            BrowsePage::Package => {
                self.releases.recommended().is_some_and(|release| release.version == *version)
            }
            _ => false,
        }
    }

    /// Whether it is worth to look at a file of a version. Where each look is a request, only that of the version of the
    /// page is looked at.
    fn is_looked_at(&self, version: &Version) -> bool {
        self.asked.searched.repository.location.as_directory().is_some() || self.is_of(version)
    }

    /// Where the documentation of a version begins, if it can be read here.
    fn docs_url(&self, version: &Version) -> Option<String> {
        if !self.asked.shows_docs {
            return None;
        }
        // What is pulled through is fetched when it is read.
        let is_fetched = self.is_of(version) && self.asked.searched.repository.is_pulled();
        let is_readable = is_fetched || self.is_looked_at(version) && self.has_docs(version);
        let name = self.releases.package.as_str();
        is_readable.then(|| self.frame.urls.docs(name, version))
    }

    /// The size of a tarball that is here.
    fn size(&self, version: &Version) -> Option<u64> {
        if !self.is_looked_at(version) {
            return None;
        }
        let repository = &self.asked.searched.repository;
        let path = RepositoryPath::tarball(&self.name_of(version));
        Some(repository.source.stamp(&path).ok()??.size())
    }

    fn has_docs(&self, version: &Version) -> bool {
        let path = RepositoryPath::docs(&self.name_of(version));
        let stamp = self.asked.searched.repository.source.stamp(&path);
        stamp.is_ok_and(|stamp| stamp.is_some())
    }

    /// The page of a package in another repository of this server, by the name that signed files have of it.
    fn elsewhere(&self, repository: &str, name: &str) -> Option<String> {
        let name = QualifiedName { repository: repository.to_owned(), package: name.to_owned() };
        let packages = self.packages();
        let (other, package) = packages.find(&name)?;
        if other.hides(&package) {
            return None;
        }
        other.index.get(&package)?;
        Some(other.urls.package(package.as_str()))
    }

    fn packages(&self) -> ServerPackages<'_> {
        ServerPackages { own: &self.asked.searched, others: &self.asked.others }
    }

    fn policies(&self) -> ServerPolicies<'_> {
        ServerPolicies::of(&self.asked.searched, &self.asked.others)
    }

    /// Two versions that a form names.
    fn diff_form(&self) -> Option<String> {
        let field = |name| self.visit.field(name).parse::<Version>().ok();
        match (field("from"), field("to")) {
            (Some(from), Some(to)) => self.diff(&from, &to),
            _ => None,
        }
    }

    fn diff(&self, from: &Version, to: &Version) -> Option<String> {
        let old = DiffSide::of(self, self.releases.release(from)?);
        let new = DiffSide::of(self, self.releases.release(to)?);
        let metadata = diff_metadata(old.metadata(), new.metadata());
        let files = old.files().zip(new.files());
        let files = files.map(|(old, new)| diff_files(&old, &new, &DiffLimits::default()));
        let page = DiffPage {
            frame: self.frame,
            name: &self.releases.package,
            from,
            to,
            metadata: &metadata,
            files: files.as_ref(),
        };
        Some(page.render())
    }

    fn requirements(&self, version: &Version) -> Option<String> {
        self.releases.release(version)?;
        let (repository, name) = (&self.releases.repository, &self.releases.package);
        let (packages, policies) = (self.packages(), self.policies());
        let limits = ClosureLimits { time: RESOLVING, ..ClosureLimits::default() };
        let closure = closure(&packages, repository, name, version, &limits);
        let started = Instant::now();
        let facts = |package: &ClosurePackage| {
            let reads = started.elapsed() < READING;
            required_facts(&packages, &policies, package, reads)
        };
        let frame = self.frame;
        let page =
            RequirementsPage { frame, repository, name, version, closure: &closure, facts: &facts };
        Some(page.render())
    }
}

/// A version that is compared with another one.
struct DiffSide<'a> {
    release: &'a Release,
    description: Description,
    files: Option<PackageFiles>,
}

impl<'a> DiffSide<'a> {
    fn of(page: &Page<'_>, release: &'a Release) -> Self {
        let description = match page.contents(release) {
            KnownContents::Read(contents) => contents.description.clone(),
            KnownContents::Missing | KnownContents::Unusable => Description::default(),
        };
        let files = page.asked.searched.files(&page.name_of(&release.version), release);
        Self { release, description, files }
    }

    fn metadata(&self) -> MetadataSide<'_> {
        MetadataSide { description: &self.description, dependencies: &self.release.dependencies }
    }

    fn files(&self) -> Option<Vec<DiffFile<'_>>> {
        let files = self.files.as_ref()?;
        let compared = files.iter().map(|file| DiffFile {
            path: &file.path,
            mode: match file.kind {
                PackageFileKind::Plain => FileMode::Plain,
                PackageFileKind::Executable => FileMode::Executable,
                PackageFileKind::Link { .. } => FileMode::Symlink,
            },
            bytes: match &file.kind {
                PackageFileKind::Link { target } => target.as_bytes(),
                PackageFileKind::Plain | PackageFileKind::Executable => files.data(file),
            },
        });
        Some(compared.collect())
    }
}
