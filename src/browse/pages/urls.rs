//! The paths of the pages, and the links from one to another.
//!
//! ```text
//! ./                                     the packages, and the search: ?q=
//! browse/NAME                            a package, in the version that a new project would take
//! browse/NAME/VERSION                    one version of it
//! browse/NAME/VERSION/files/[PATH]       its files
//! browse/NAME/VERSION/raw/PATH           one of them as it is
//! browse/NAME/VERSION/requirements       all that it pulls in
//! browse/NAME/versions                   its versions
//! browse/NAME/dependents                 the packages that use it
//! browse/NAME/diff/A..B                  what changed between two versions
//! recent, recent.atom                    what came lately
//! ```
//!
//! No client of a registry asks for such a path, and no version is called `versions`, `dependents` or `diff`.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is escaped in one segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Links from one page to others of the same repository: relative ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    /// The way up to the repository, with a slash at its end: `./`, or `../` as often as needed.
    root: String,
}

impl Urls {
    /// Links from the page at this path below the repository, as in `browse/NAME`.
    #[must_use]
    pub fn from_path(path: &str) -> Self {
        let depth = path.matches('/').count();
        Self { root: if depth == 0 { "./".to_owned() } else { "../".repeat(depth) } }
    }

    /// Links with another way to the repository, which ends in a slash.
    #[must_use]
    pub fn below(root: String) -> Self {
        Self { root }
    }

    /// The page of the repository.
    #[must_use]
    pub fn home(&self) -> &str {
        &self.root
    }

    /// The packages that a search finds.
    #[must_use]
    pub fn search(&self, query: &str) -> String {
        format!("{}?q={}", self.root, utf8_percent_encode(query, NON_ALPHANUMERIC))
    }

    /// A package.
    #[must_use]
    pub fn package(&self, name: &str) -> String {
        format!("{}browse/{}", self.root, segment(name))
    }

    /// The versions of a package.
    #[must_use]
    pub fn versions(&self, name: &str) -> String {
        format!("{}/versions", self.package(name))
    }

    /// The packages that use a package.
    #[must_use]
    pub fn dependents(&self, name: &str) -> String {
        format!("{}/dependents", self.package(name))
    }

    /// The form that compares two versions, without these.
    #[must_use]
    pub fn diff_form(&self, name: &str) -> String {
        format!("{}/diff", self.package(name))
    }

    /// What changed between two versions.
    #[must_use]
    pub fn diff(&self, name: &str, from: impl Display, to: impl Display) -> String {
        let (from, to) = (from.to_string(), to.to_string());
        format!("{}/diff/{}..{}", self.package(name), segment(&from), segment(&to))
    }

    /// One version of a package.
    #[must_use]
    pub fn release(&self, name: &str, version: impl Display) -> String {
        format!("{}/{}", self.package(name), segment(&version.to_string()))
    }

    /// All that a version pulls in.
    #[must_use]
    pub fn requirements(&self, name: &str, version: impl Display) -> String {
        format!("{}/requirements", self.release(name, version))
    }

    /// The files of a version.
    #[must_use]
    pub fn files(&self, name: &str, version: impl Display) -> String {
        format!("{}/files/", self.release(name, version))
    }

    /// A file of a version.
    #[must_use]
    pub fn file(&self, name: &str, version: impl Display, path: &str) -> String {
        format!("{}/files/{}", self.release(name, version), segments(path))
    }

    /// A file of a version, as it is.
    #[must_use]
    pub fn raw(&self, name: &str, version: impl Display, path: &str) -> String {
        format!("{}/raw/{}", self.release(name, version), segments(path))
    }

    /// What came lately.
    #[must_use]
    pub fn recent(&self) -> String {
        format!("{}recent", self.root)
    }

    /// What came lately, as a feed.
    #[must_use]
    pub fn feed(&self) -> String {
        format!("{}recent.atom", self.root)
    }

    /// A file of the registry.
    #[must_use]
    pub fn asset(&self, path: &str) -> String {
        format!("{}{}", self.root, segments(path))
    }
}

fn segment(text: &str) -> impl Display {
    utf8_percent_encode(text, SEGMENT)
}

fn segments(path: &str) -> String {
    let all: Vec<String> = path.split('/').map(|part| segment(part).to_string()).collect();
    all.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_up_from_where_a_page_is() {
        assert_eq!(Urls::from_path("").home(), "./");
        assert_eq!(Urls::from_path("recent").feed(), "./recent.atom");
        assert_eq!(Urls::from_path("browse/plug").package("cowboy"), "../browse/cowboy");
        let deep = Urls::from_path("browse/plug/1.0.0/files/lib/plug/conn.ex");
        assert_eq!(deep.home(), "../../../../../../");
        assert_eq!(Urls::below("NAME/".to_owned()).recent(), "NAME/recent");
    }

    #[test]
    fn what_a_package_names_stays_one_segment() {
        let urls = Urls::from_path("");
        let version: crate::version::Version = "1.0.0-rc.1".parse().unwrap();
        assert_eq!(urls.release("foo", &version), "./browse/foo/1.0.0-rc.1");
        assert_eq!(
            urls.file("foo", "1.0.0", "lib/a b?#%\".ex"),
            "./browse/foo/1.0.0/files/lib/a%20b%3F%23%25%22.ex"
        );
        assert_eq!(urls.search("a&b=c d"), "./?q=a%26b%3Dc%20d");
        assert_eq!(urls.diff("foo", "1.0.0", "1.1.0"), "./browse/foo/diff/1.0.0..1.1.0");
    }
}
