//! The page of a package, in one version.

use askama::Template;

use super::badges::{Banner, badges};
use super::facts::{Fact, FactValue};
use super::frame::Frame;
use super::text::{counted, date, grouped, size};
use super::verdicts::{PolicyBanner, PolicyVerdicts, UnreadPolicy};
use crate::browse::package_links::{self, PackageLinks};
use crate::browse::readme::plain_line;
use crate::browse::release_contents::{PackageText, ReleaseContents};
use crate::key::PublicKey;
use crate::name::PackageName;
use crate::package::{Dependency, Release};
use crate::printable::Printable;
use crate::registry::{PUBLIC_REPOSITORY, Releases};
use crate::snippets::DependencyLines;
use crate::tarball::Description;
use crate::version::Version;

/// How many versions, and how many packages that use it, the page has. Others have pages of their own.
const MAX_VERSIONS: usize = 20;
const MAX_DEPENDENTS: usize = 40;

/// How many dependencies, links and licences the page shows: more are in the tarball.
const MAX_DEPENDENCIES: usize = 100;
const MAX_FACTS: usize = 20;

/// The page of a package, in one version.
#[derive(Clone, Copy)]
pub struct PackagePage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The key that signed what it shows.
    pub key: &'a PublicKey,
    /// The SHA-256 of the package's signed file, if the page is a file that is to be compared with it.
    pub signed_digest: Option<&'a str>,
    /// What is signed of the package.
    pub releases: &'a Releases,
    /// The version.
    pub release: &'a Release,
    /// What its tarball holds.
    pub contents: ContentsState<'a>,
    /// The packages that use it.
    pub dependents: Dependents<'a>,
    /// Whether this version has documentation here.
    pub has_docs: bool,
    /// The page at which the documentation of a version begins, if there is one.
    pub docs_url: &'a dyn Fn(&Version) -> Option<String>,
    /// The size of the tarball of a version in bytes, if it is here.
    pub size: &'a dyn Fn(&Version) -> Option<u64>,
    /// The page of a package in another repository, if this server has it: of its repository and name.
    pub elsewhere: &'a dyn Fn(&str, &str) -> Option<String>,
    /// What policies say of its releases.
    pub verdicts: &'a PolicyVerdicts<'a>,
}

/// What is known of the contents of a tarball.
#[derive(Clone, Copy, Debug)]
pub enum ContentsState<'a> {
    /// They are those that are signed.
    Read(&'a ReleaseContents),
    /// The tarball is not here.
    Missing,
    /// The tarball cannot be read, or is not the one that is signed.
    Unusable,
}

/// The packages whose recommended versions need a package.
#[derive(Clone, Copy, Debug)]
pub struct Dependents<'a> {
    /// Some of them, those that are used most first.
    pub first: &'a [PackageName],
    /// How many there are.
    pub count: usize,
    /// Whether more may be found, as packages are still being read.
    pub is_partial: bool,
}

#[derive(Template)]
#[template(path = "browse/package.html")]
struct PackageTemplate<'a> {
    frame: &'a Frame<'a>,
    repository: &'a str,
    name: &'a str,
    version: String,
    description: Option<&'a str>,
    newer: Option<Link>,
    hidden: Vec<PolicyBanner>,
    banners: Vec<Banner>,
    readme: Option<Prose>,
    no_readme: &'static str,
    changelog: Option<Prose>,
    dependencies: Vec<DependencyRow<'a>>,
    requirements_url: Option<String>,
    dependents_count: String,
    dependents: Vec<Link>,
    is_partial: bool,
    all_dependents: Option<String>,
    more_dependents: Option<String>,
    docs_url: Option<String>,
    lines: Vec<Line>,
    facts: Vec<Fact>,
    versions_count: String,
    versions: Vec<VersionRow>,
    /// Policies of which it is not known what they hide.
    unread: &'a [UnreadPolicy],
    versions_url: Option<String>,
    /// Older versions that are not listed, if no other page does.
    more_versions: Option<String>,
    outer_checksum: String,
    inner_checksum: String,
    signed_url: Option<String>,
    signed_digest: Option<&'a str>,
    fingerprint: &'a str,
}

/// A text with a link.
struct Link {
    text: String,
    url: String,
}

/// A text of a package as HTML.
struct Prose {
    path: String,
    /// Of the whole file.
    url: Option<String>,
    html: String,
}

struct DependencyRow<'a> {
    name: &'a str,
    url: Option<String>,
    requirement: String,
    repository: &'a str,
    is_optional: bool,
}

struct Line {
    file: &'static str,
    text: String,
}

struct VersionRow {
    version: String,
    url: Option<String>,
    docs_url: Option<String>,
    is_current: bool,
    badges: Vec<String>,
    published: Option<String>,
    size: Option<String>,
    /// Why policies hide it.
    hidden: Vec<String>,
}

impl PackagePage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let (urls, name) = (&self.frame.urls, self.releases.package.as_str());
        let (release, version) = (self.release, &self.release.version);
        let description = self.description();
        let app = description.and_then(|found| found.app.as_deref()).unwrap_or(name);
        let repository = &self.releases.repository;
        let lines = DependencyLines::new(repository, &self.releases.package, app, Some(version));
        let gleam = lines.gleam.map(|text| Line { file: "Gleam, in a shell", text });
        let lines = [
            Line { file: "mix.exs", text: lines.mix },
            Line { file: "rebar.config", text: lines.rebar3 },
            Line { file: "Makefile of erlang.mk", text: lines.erlang_mk },
        ];
        let dependents = self.dependents.first.iter().take(MAX_DEPENDENTS);
        let dependents =
            dependents.map(|one| Link { text: one.to_string(), url: urls.package(one.as_str()) });
        let dependents: Vec<_> = dependents.collect();
        let more_dependents = self.dependents.count.saturating_sub(dependents.len());
        let (has_more, is_server) = (more_dependents > 0, urls.has_all_pages());
        let more_versions = self.releases.releases.len().saturating_sub(MAX_VERSIONS);
        let page = PackageTemplate {
            frame: self.frame,
            repository: repository.as_str(),
            name,
            version: version.to_string(),
            description: description.and_then(|found| found.description.as_deref()),
            newer: self.newer(),
            hidden: self.verdicts.banners(self.releases, release, urls),
            banners: Banner::all(release),
            readme: self.contents().and_then(|found| self.readme(found)),
            no_readme: self.no_readme(),
            changelog: self.contents().and_then(|found| self.changelog(found)),
            dependencies: self.dependencies(),
            requirements_url: is_server.then(|| urls.requirements(name, version)),
            dependents_count: counted(self.dependents.count, "package"),
            dependents,
            is_partial: self.dependents.is_partial,
            all_dependents: (has_more && is_server).then(|| urls.dependents(name)),
            more_dependents: (has_more && !is_server)
                .then(|| format!("and {} more", grouped(more_dependents))),
            docs_url: (self.docs_url)(version),
            lines: lines.into_iter().chain(gleam).collect(),
            facts: self.facts(),
            versions_count: counted(self.releases.releases.len(), "version"),
            versions: self.versions(),
            unread: &self.verdicts.unread,
            versions_url: is_server.then(|| urls.versions(name)),
            more_versions: (more_versions > 0 && !is_server)
                .then(|| format!("and {} older", grouped(more_versions))),
            // As `sha256sum` and `hexreg inspect` print them.
            outer_checksum: release.outer_checksum.to_string().to_ascii_lowercase(),
            inner_checksum: release.inner_checksum.to_string().to_ascii_lowercase(),
            signed_url: urls.asset(&format!("packages/{name}")),
            signed_digest: self.signed_digest,
            fingerprint: self.key.fingerprint(),
        };
        // Writing into memory cannot fail.
        page.render().unwrap_or_default()
    }

    fn contents(&self) -> Option<&ReleaseContents> {
        match self.contents {
            ContentsState::Read(contents) => Some(contents),
            ContentsState::Missing | ContentsState::Unusable => None,
        }
    }

    fn description(&self) -> Option<&Description> {
        self.contents().map(|contents| &contents.description)
    }

    fn no_readme(&self) -> &'static str {
        match self.contents {
            ContentsState::Read(_) => "The package has none.",
            ContentsState::Missing => {
                "The tarball of this version is not here, so what it holds is not shown."
            }
            ContentsState::Unusable if self.frame.urls.has_all_pages() => {
                "The tarball that is here cannot be read, or is not the one that is signed. The \
                 server’s log says more."
            }
            ContentsState::Unusable => {
                "The tarball cannot be read, or is not the one that is signed."
            }
        }
    }

    /// The version that a new project would take, if it is newer.
    fn newer(&self) -> Option<Link> {
        let recommended = &self.releases.recommended()?.version;
        let name = self.releases.package.as_str();
        let url = self.frame.urls.release(name, recommended);
        (*recommended > self.release.version).then(|| Link { text: recommended.to_string(), url })
    }

    fn prose(&self, file: &PackageText, html: String) -> Prose {
        let (name, version) = (self.releases.package.as_str(), &self.release.version);
        let urls = &self.frame.urls;
        let url = urls.has_all_pages().then(|| urls.file(name, version, &file.path));
        Prose { path: Printable(&file.path).to_string(), url, html }
    }

    fn links<'b>(&'b self, contents: &'b ReleaseContents, path: &'b str) -> PackageLinks<'b> {
        PackageLinks {
            urls: &self.frame.urls,
            name: &self.releases.package,
            version: &self.release.version,
            contents,
            path,
        }
    }

    fn readme(&self, contents: &ReleaseContents) -> Option<Prose> {
        let readme = contents.readme.as_ref()?;
        let html = package_links::html(readme, &self.links(contents, &readme.path));
        Some(self.prose(readme, html))
    }

    fn changelog(&self, contents: &ReleaseContents) -> Option<Prose> {
        let changelog = contents.changelog.as_ref()?;
        let (name, version) = (&self.releases.package, &self.release.version);
        let html = package_links::changelog(contents, &self.frame.urls, name, version)?;
        Some(self.prose(changelog, html))
    }

    fn dependencies(&self) -> Vec<DependencyRow<'_>> {
        let dependencies = self.release.dependencies.iter().take(MAX_DEPENDENCIES);
        dependencies.map(|one| self.dependency(one)).collect()
    }

    fn dependency<'a>(&'a self, dependency: &'a Dependency) -> DependencyRow<'a> {
        let own = self.releases.repository.as_str();
        let repository = dependency.repository.as_deref().unwrap_or(own);
        let name = dependency.package.as_str();
        let url = if repository == own {
            Some(self.frame.urls.package(name))
        } else {
            (self.elsewhere)(repository, name)
        };
        let repository = if repository == PUBLIC_REPOSITORY { "hex.pm" } else { repository };
        let requirement = plain_line(dependency.requirement.0.as_str());
        DependencyRow { name, url, requirement, repository, is_optional: dependency.optional }
    }

    fn facts(&self) -> Vec<Fact> {
        let (urls, name) = (&self.frame.urls, self.releases.package.as_str());
        let version = &self.release.version;
        let mut facts = Vec::new();
        let mut add = |label: &'static str, values: Vec<FactValue>| {
            if !values.is_empty() {
                facts.push(Fact { label, values });
            }
        };
        let texts = |all: &[String]| -> Vec<FactValue> {
            all.iter().take(MAX_FACTS).map(|text| FactValue::text(text.clone())).collect()
        };
        let published = self.release.remarks.published_at.as_ref();
        add(
            "Published",
            published
                .and_then(|time| date(time.seconds))
                .map(FactValue::text)
                .into_iter()
                .collect(),
        );
        if let Some(contents) = self.contents() {
            let description = &contents.description;
            add("Licence", texts(&description.licenses));
            add(
                "Links",
                description
                    .links
                    .iter()
                    .take(MAX_FACTS)
                    .map(|(label, url)| FactValue::link(label, url))
                    .collect(),
            );
            add(
                "Elixir",
                description.elixir.iter().map(|text| FactValue::text(text.clone())).collect(),
            );
            add("Built with", texts(&description.build_tools));
            add(
                "OTP application",
                description
                    .app
                    .iter()
                    .filter(|app| *app != name)
                    .map(|text| FactValue::text(text.clone()))
                    .collect(),
            );
            let native = contents.native_code.iter().take(MAX_FACTS);
            add("Native code", native.map(|one| FactValue::text(one.to_string())).collect());
            let unpacked = size(contents.unpacked_size());
            let count = counted(contents.files.len(), "file");
            let files = urls.has_all_pages().then(|| urls.files(name, version));
            add("Files", vec![FactValue::to(format!("{count}, {unpacked}"), files)]);
        }
        if let Some(bytes) = (self.size)(version) {
            let path = format!("tarballs/{name}-{version}.tar");
            add("Tarball", vec![FactValue::to(size(bytes), urls.asset(&path))]);
        }
        let archive = urls.asset(&format!("docs/{name}-{version}.tar.gz"));
        let archive =
            archive.filter(|_| self.has_docs).map(|url| FactValue::to("archive", Some(url)));
        let pages = (self.docs_url)(version).map(|url| FactValue::to("pages", Some(url)));
        let search = urls.docs_search_of(name).filter(|_| self.has_docs);
        let search = search.map(|url| FactValue::to("search in it", Some(url)));
        add("Documentation", pages.into_iter().chain(search).chain(archive).collect());
        let verdicts = self.verdicts.facts(self.release).into_iter();
        add("Policies", verdicts.map(|one| FactValue::to(one.text, Some(one.url))).collect());
        facts
    }

    fn versions(&self) -> Vec<VersionRow> {
        let (urls, name) = (&self.frame.urls, self.releases.package.as_str());
        let newest_first = self.releases.releases.iter().rev().take(MAX_VERSIONS);
        let row = |release: &Release| {
            let published = release.remarks.published_at.as_ref();
            VersionRow {
                version: release.version.to_string(),
                url: urls.has_all_pages().then(|| urls.release(name, &release.version)),
                docs_url: (self.docs_url)(&release.version),
                is_current: release.version == self.release.version,
                badges: badges(release),
                published: published.and_then(|time| date(time.seconds)),
                size: (self.size)(&release.version).map(size),
                hidden: self.verdicts.lines(release),
            }
        };
        newest_first.map(row).collect()
    }
}
