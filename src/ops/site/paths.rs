//! The files of a site. [`Urls`](crate::browse::pages::Urls) leads to them.

use std::fmt::Display;

use crate::store;

pub(super) const INDEX: &str = "index.html";
pub(super) const RECENT: &str = "recent.html";
pub(super) const FEED: &str = "recent.atom";
pub(super) const NOT_FOUND: &str = "404.html";
pub(super) const SEARCH: &str = "search.html";

/// The script of the search, beside the index that it reads.
pub(super) const SEARCH_SCRIPT: &str = "docs-search.js";

/// The folders, each with a slash at its end.
pub(super) const LISTS: &str = "list/";
const PACKAGES: &str = "browse/";
pub(super) const SEARCHED: &str = "search/";
const DOCS: &str = "docs/";

/// The page of a package.
pub(super) fn package(name: impl Display) -> String {
    format!("{PACKAGES}{name}.html")
}

/// A part of the list of packages, counted from 1.
pub(super) fn list(number: usize) -> String {
    if number <= 1 { INDEX.to_owned() } else { format!("{LISTS}{number}.html") }
}

/// The page that leads to the latest documentation of a package.
pub(super) fn docs_index(name: impl Display) -> String {
    format!("{DOCS}{name}/{INDEX}")
}

/// A file of the search.
pub(super) fn search_file(name: &str) -> String {
    format!("{SEARCHED}{name}")
}

/// A file beside the folders of documentation.
pub(super) fn docs_file(name: &str) -> String {
    format!("{DOCS}{name}")
}

/// The folder of the documentation of a release, with a slash at its end.
pub(super) fn docs_folder(name: impl Display, version: impl Display) -> String {
    format!("{DOCS}{name}/{version}/")
}

/// Whether a file lies in a folder that only sites have.
pub(super) fn is_in_folder(path: &str) -> bool {
    [LISTS, PACKAGES, SEARCHED].iter().any(|folder| path.starts_with(folder))
        || path.strip_prefix(DOCS).is_some_and(|rest| rest.contains('/'))
}

/// Whether a file is one that a killed run left in a folder that only sites have.
pub(super) fn is_leftover(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    is_in_folder(path) && store::is_temporary(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_known_by_its_folder() {
        let name = format!("{}x{}", store::TEMPORARY.0, store::TEMPORARY.1);
        for folder in ["browse", "list", "docs/plug", "docs/plug/1.0.0/dist"] {
            assert!(is_leftover(&format!("{folder}/{name}")), "{folder}");
            assert!(!is_leftover(&format!("{folder}/index.html")), "{folder}");
        }
        for folder in ["docs", "tarballs", "mine/browse"] {
            assert!(!is_leftover(&format!("{folder}/{name}")), "{folder}");
        }
        assert!(!is_leftover(&name));
    }
}
