//! The page of the search in documentation on a site of static files, and its script.

use std::sync::LazyLock;

use askama::Template;

use super::frame::Frame;

/// The script of [`DocsSearchPage`], without its comments. It reads the files of [`crate::docs::search`].
pub static DOCS_SEARCH_SCRIPT: LazyLock<String> = LazyLock::new(|| {
    let source = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/docs-search.js"));
    let lines = source.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
});

/// The page of the search in documentation on a site of static files. All of it is done by its script.
#[derive(Template)]
#[template(path = "browse/docs_search.html")]
pub struct DocsSearchPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The URL of the file with [`DOCS_SEARCH_SCRIPT`], as seen from the page.
    pub script: &'a str,
    /// The folder with the files of the index, with a slash at its end.
    pub index: &'a str,
    /// The folder with all documentation, which has a folder `NAME/VERSION` for each, with a slash at its end.
    pub docs: &'a str,
    /// The folder of the site, with a slash at its end or empty. Records of the kind `package` have their places below it.
    pub root: &'a str,
}

impl DocsSearchPage<'_> {
    /// The page.
    #[must_use]
    pub fn html(&self) -> String {
        // Writing into memory cannot fail.
        self.render().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_small_and_has_no_comments() {
        let script = DOCS_SEARCH_SCRIPT.as_str();
        assert!(script.len() < 14_000, "{}", script.len());
        assert!(script.starts_with("(function () {\n") && !script.contains("\n//"));
        // Every element that the script looks for is in the page.
        let urls = super::super::Urls::from_path("docs.html");
        let frame = Frame { site: "acme", query: "", urls, has_search: false };
        let page = DocsSearchPage {
            frame: &frame,
            script: "s.js",
            index: "search/",
            docs: "docs/",
            root: "",
        };
        let html = page.html();
        for id in ["search", "status", "results", "more"] {
            assert!(html.contains(&format!("id=\"docs-{id}\"")), "{id}");
        }
        assert!(html.contains(
            "<script src=\"s.js\" data-index=\"search/\" data-docs=\"docs/\" data-root=\"\">"
        ));
    }
}
