//! The page that leads to the latest documentation of a package, among files.

use askama::Template;

use super::frame::Frame;
use super::urls::Urls;
use crate::name::PackageName;
use crate::version::Version;

/// The page that leads to the latest documentation of a package. A browser goes on at once; the page names the others too.
#[derive(Clone, Copy, Debug)]
pub struct DocsVersionsPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The package.
    pub name: &'a PackageName,
    /// The page of the package, if there is one.
    pub has_page: bool,
    /// The version to go on to.
    pub latest: &'a Version,
    /// All versions of which documentation is here, the newest first.
    pub versions: &'a [&'a Version],
}

#[derive(Template)]
#[template(path = "browse/docs_versions.html")]
struct DocsVersionsTemplate<'a> {
    frame: &'a Frame<'a>,
    name: &'a str,
    package_url: Option<String>,
    next: String,
    versions: Vec<(String, String)>,
}

impl DocsVersionsPage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let (urls, name) = (&self.frame.urls, self.name.as_str());
        let page = |urls: &Urls, version: &Version| urls.docs(name, version);
        let template = DocsVersionsTemplate {
            frame: self.frame,
            name,
            package_url: self.has_page.then(|| urls.package(name)),
            next: page(urls, self.latest),
            versions: self.versions.iter().map(|one| (one.to_string(), page(urls, one))).collect(),
        };
        // Writing into memory cannot fail.
        template.render().unwrap_or_default()
    }
}
