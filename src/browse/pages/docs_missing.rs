//! The page in place of documentation that is not shown.

use askama::Template;

use super::frame::Frame;

/// The page in place of documentation that is not shown.
#[derive(Clone, Debug)]
pub struct DocsMissingPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The name of the package.
    pub name: &'a str,
    /// The page of the package, if there is one.
    pub package_url: Option<String>,
    /// Why it is not shown.
    pub reason: &'a str,
    /// The versions whose documentation is here, each with its URL, the latest first.
    pub versions: &'a [(String, String)],
}

#[derive(Template)]
#[template(path = "browse/docs_missing.html")]
struct DocsMissingTemplate<'a> {
    frame: &'a Frame<'a>,
    page: &'a DocsMissingPage<'a>,
}

impl DocsMissingPage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        // Writing into memory cannot fail.
        DocsMissingTemplate { frame: self.frame, page: self }.render().unwrap_or_default()
    }
}
