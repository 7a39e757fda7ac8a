//! Where the links of a text in a package lead: to the pages of its other files.

use askama::Template;

use super::markdown::{self, Links};
use super::pages::Urls;
use super::readme;
use super::release_contents::{PackageText, ReleaseContents};
use crate::name::PackageName;
use crate::version::Version;

/// In bytes: how much of a text without Markdown is shown.
const MAX_PLAIN: usize = 512 << 10;

/// Links from a text of a release to its other files.
pub(super) struct PackageLinks<'a> {
    pub urls: &'a Urls,
    pub name: &'a PackageName,
    pub version: &'a Version,
    pub contents: &'a ReleaseContents,
    /// The path of the text.
    pub path: &'a str,
}

impl Links for PackageLinks<'_> {
    fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    fn file(&self, path: &str) -> Option<String> {
        if !self.urls.has_all_pages() {
            return None;
        }
        let (name, version) = (self.name.as_str(), self.version);
        if self.contents.file(path).is_some() {
            return Some(self.urls.file(name, version, path));
        }
        let folder = format!("{}/", path.trim_end_matches('/'));
        let is_folder = self.contents.files.iter().any(|file| file.path.starts_with(&folder));
        is_folder.then(|| self.urls.files(name, version))
    }

    fn raw(&self, path: &str) -> Option<String> {
        self.contents.file(path).filter(|_| self.urls.has_all_pages())?;
        Some(self.urls.raw(self.name.as_str(), self.version, path))
    }
}

/// A text of a package in HTML: Markdown, or as it is.
pub(super) fn html(text: &PackageText, links: &PackageLinks<'_>) -> String {
    if readme::is_markdown(&text.path) {
        return markdown::render(&text.text, links);
    }
    let text = readme::plain_text(beginning(&text.text, MAX_PLAIN));
    // Writing into memory cannot fail.
    PlainText { text: &text }.render().unwrap_or_default()
}

#[derive(Template)]
#[template(ext = "html", source = "<pre>{{ text }}</pre>")]
struct PlainText<'a> {
    text: &'a str,
}

/// At most so many bytes of a text.
fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or(text)
}

/// The section of the changelog about a version, in HTML.
pub(super) fn changelog(
    contents: &ReleaseContents,
    urls: &Urls,
    name: &PackageName,
    version: &Version,
) -> Option<String> {
    let changelog = contents.changelog.as_ref()?;
    let section = markdown::changelog_section(&changelog.text, &version.to_string())?;
    let links = PackageLinks { urls, name, version, contents, path: &changelog.path };
    Some(markdown::render(section, &links))
}
