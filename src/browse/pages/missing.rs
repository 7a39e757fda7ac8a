//! The page that says that there is none.

use askama::Template;

use super::frame::Frame;

/// The page that says that there is none.
#[derive(Clone, Copy)]
pub struct MissingPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The name of the repository.
    pub repository: &'a str,
}

#[derive(Template)]
#[template(path = "browse/missing.html")]
struct MissingTemplate<'a> {
    frame: &'a Frame<'a>,
    repository: &'a str,
}

impl MissingPage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let MissingPage { frame, repository } = *self;
        // Writing into memory cannot fail.
        MissingTemplate { frame, repository }.render().unwrap_or_default()
    }
}
