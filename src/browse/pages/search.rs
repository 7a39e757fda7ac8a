//! The page of the search in documentation.

use askama::Template;

use super::frame::Frame;
use super::paging::Paging;

/// A module, a function, a page, or a part of one, that a search has found.
#[derive(Clone, Debug)]
pub struct DocsItem {
    /// Its documentation, at the place of it.
    pub url: String,
    /// Its name, as in `Enum.map/2`, or the heading.
    pub title: String,
    /// What it is: `function`, `module`, …
    pub kind: String,
    /// The module that it is of, if that is not the title.
    pub module: Option<String>,
    /// The beginning of its text.
    pub snippet: String,
    /// The package, and the version that the documentation is of.
    pub package: String,
    /// The version.
    pub version: String,
    /// The page of the package.
    pub package_url: String,
    /// The name of its repository, if the list has packages of several.
    pub repository: Option<String>,
}

/// The page of the search in documentation.
#[derive(Template)]
#[template(path = "browse/search.html")]
pub struct SearchPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// What was searched for.
    pub query: &'a str,
    /// The packages that are searched: `ecto-3.12.0,plug`; empty for all.
    pub packages: &'a str,
    /// The same search in all packages.
    pub all_url: String,
    /// How many they are.
    pub chosen: usize,
    /// Lock files that can be chosen: the URL of the search in what each pins, and its name.
    pub locks: Vec<(String, String)>,
    /// How many results there are, in words.
    pub caption: String,
    /// Whether nothing has all words, and the results have some of them.
    pub has_some_words: bool,
    /// Some of the results.
    pub items: Vec<DocsItem>,
    /// Which of them.
    pub paging: Option<Paging>,
    /// How many documentations have been read, and of how many, while that goes on.
    pub reading_all: Option<String>,
    /// Chosen versions that are being read.
    pub reading: Vec<String>,
    /// Chosen versions whose documentation is not here.
    pub missing: Vec<String>,
    /// Why a lock file was not taken.
    pub error: Option<String>,
}

impl SearchPage<'_> {
    /// The page.
    #[must_use]
    pub fn html(&self) -> String {
        // Writing into memory cannot fail.
        self.render().unwrap_or_default()
    }
}
