//! The page of all versions of a package.

use askama::Template;

use super::badges::badges;
use super::frame::Frame;
use super::text::{counted, date, size};
use super::verdicts::{PolicyVerdicts, UnreadPolicy};
use crate::registry::Releases;
use crate::version::Version;

/// The page of all versions of a package.
#[derive(Clone, Copy)]
pub struct VersionsPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// What is signed of the package.
    pub releases: &'a Releases,
    /// The size of the tarball of a version in bytes, if it is here.
    pub size: &'a dyn Fn(&Version) -> Option<u64>,
    /// What policies say of its releases.
    pub verdicts: &'a PolicyVerdicts<'a>,
}

#[derive(Template)]
#[template(path = "browse/versions.html")]
struct VersionsTemplate<'a> {
    frame: &'a Frame<'a>,
    repository: &'a str,
    name: &'a str,
    package_url: String,
    diff_url: String,
    count: String,
    versions: Vec<VersionRow>,
    /// Policies of which it is not known what they hide.
    unread: &'a [UnreadPolicy],
}

struct VersionRow {
    version: String,
    url: String,
    badges: Vec<String>,
    published: Option<String>,
    size: Option<String>,
    /// The version before it, and what has changed since.
    former: String,
    diff_url: Option<String>,
    /// Why policies hide it.
    hidden: Vec<String>,
}

impl VersionsPage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let (urls, name) = (&self.frame.urls, self.releases.package.as_str());
        let page = VersionsTemplate {
            frame: self.frame,
            repository: self.releases.repository.as_str(),
            name,
            package_url: urls.package(name),
            diff_url: urls.diff_form(name),
            count: counted(self.releases.releases.len(), "version"),
            versions: self.rows(),
            unread: &self.verdicts.unread,
        };
        // Writing into memory cannot fail.
        page.render().unwrap_or_default()
    }

    fn rows(&self) -> Vec<VersionRow> {
        let (urls, name) = (&self.frame.urls, self.releases.package.as_str());
        let newest_first = self.releases.releases.iter().rev();
        let former = newest_first.clone().skip(1).map(|one| Some(&one.version)).chain([None]);
        let row = |(release, former): (&crate::package::Release, Option<&Version>)| VersionRow {
            version: release.version.to_string(),
            url: urls.release(name, &release.version),
            badges: badges(release),
            published: release.remarks.published_at.as_ref().and_then(|time| date(time.seconds)),
            size: (self.size)(&release.version).map(size),
            former: former.map(ToString::to_string).unwrap_or_default(),
            diff_url: former.map(|former| urls.diff(name, former, &release.version)),
            hidden: self.verdicts.lines(release),
        };
        newest_first.zip(former).map(row).collect()
    }
}
