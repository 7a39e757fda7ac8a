//! Lists of packages, as a search and the page of a package's dependents have them.

use askama::Template;

use super::frame::Frame;
use super::paging::Paging;

/// A package in a list.
#[derive(Clone, Debug)]
pub struct PackageItem {
    /// The name of the package.
    pub name: String,
    /// Its page.
    pub url: String,
    /// The name of its repository, if the list has packages of several.
    pub repository: Option<String>,
    /// What it is; empty if that is not known.
    pub description: String,
    /// The version that a new project would take.
    pub latest: String,
    /// The day on which it was published, or else on which the package was changed.
    pub updated: Option<String>,
    /// How many packages use it.
    pub dependents: String,
    /// Remarks on that version: retired, advised against.
    pub badges: Vec<String>,
}

/// The page of the packages that use a package.
#[derive(Template)]
#[template(path = "browse/dependents.html")]
pub struct DependentsPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The name of the repository.
    pub repository: &'a str,
    /// The package that is used.
    pub name: &'a str,
    /// The page of that package.
    pub package_url: String,
    /// What the list is.
    pub caption: String,
    /// Some of the packages.
    pub rows: Vec<PackageItem>,
    /// Which of them.
    pub paging: Option<Paging>,
}

impl DependentsPage<'_> {
    /// The page.
    #[must_use]
    pub fn html(&self) -> String {
        // Writing into memory cannot fail.
        self.render().unwrap_or_default()
    }
}
