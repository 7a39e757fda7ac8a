//! The page that says that there is none.

use askama::Template;

use super::frame::Frame;
use crate::name::PackageName;

/// The page that says that there is none.
#[derive(Clone, Copy)]
pub struct MissingPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The name of the repository.
    pub repository: &'a str,
    /// The package that was asked for.
    pub name: Option<&'a PackageName>,
}

#[derive(Template)]
#[template(path = "browse/missing.html")]
struct MissingTemplate<'a> {
    frame: &'a Frame<'a>,
    repository: &'a str,
    name: Option<&'a str>,
}

impl MissingPage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let MissingPage { frame, repository, name } = *self;
        let name = name.map(PackageName::as_str);
        // Writing into memory cannot fail.
        MissingTemplate { frame, repository, name }.render().unwrap_or_default()
    }
}
