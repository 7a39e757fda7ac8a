//! The list of all packages, as files: one page for each part of it.

use askama::Template;

use super::frame::Frame;
use super::package_items::PackageItem;
use super::paging::Paging;

/// A part of the list of all packages.
#[derive(Clone, Debug)]
pub struct ListPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The name of the repository.
    pub repository: &'a str,
    /// The fingerprint of the key that signed it.
    pub fingerprint: &'a str,
    /// The SHA-256 of the signed index of all versions.
    pub signed_digest: &'a str,
    /// How many packages and releases there are, in words.
    pub contents: &'a str,
    /// The packages of this part.
    pub rows: Vec<PackageItem>,
    /// Which part of the list it is.
    pub paging: Option<Paging>,
    /// All parts, on the page that begins the list.
    pub parts: Vec<ListPart>,
}

/// A part of the list, as the first page names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPart {
    /// Its page.
    pub url: String,
    /// The name of its first package.
    pub first: String,
    /// The name of its last package.
    pub last: String,
}

#[derive(Template)]
#[template(path = "browse/list.html")]
struct ListTemplate<'a> {
    frame: &'a Frame<'a>,
    repository: &'a str,
    fingerprint: &'a str,
    signed_digest: &'a str,
    signed_url: Option<String>,
    caption: &'a str,
    rows: &'a [PackageItem],
    paging: Option<&'a Paging>,
    parts: &'a [ListPart],
}

impl ListPage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let page = ListTemplate {
            frame: self.frame,
            repository: self.repository,
            fingerprint: self.fingerprint,
            signed_digest: self.signed_digest,
            signed_url: self.frame.urls.asset("versions"),
            caption: self.contents,
            rows: &self.rows,
            paging: self.paging.as_ref(),
            parts: &self.parts,
        };
        // Writing into memory cannot fail.
        page.render().unwrap_or_default()
    }
}
