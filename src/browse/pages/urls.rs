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
//! policies                               the policies of the repository
//! recent, recent.atom                    what came lately
//! docs/NAME/VERSION/                     documentation
//! search                                 the search in documentation: ?q=, ?package=, ?packages=
//! ```
//!
//! A static site has fewer, and each is a file:
//!
//! ```text
//! index.html, list/2.html …              the packages
//! search.html                            the search: ?q=
//! browse/NAME.html                       a package
//! docs/NAME/VERSION/…                    documentation
//! recent.html, recent.atom               what came lately
//! ```
//!
//! No client of a registry asks for such a path, and no version is called `versions`, `dependents` or `diff`.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is escaped in one segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How a page is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlForm {
    /// As a server answers it: without an ending.
    Server,
    /// As a file, which its name tells how to show. Links name files, so that they lead somewhere without a server too.
    File {
        /// Whether the files of the registry lie in the same tree.
        has_registry: bool,
    },
}

/// Links from one page to others of the same repository: relative ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Urls {
    /// The way up to the repository, with a slash at its end: `./`, or `../` as often as needed.
    root: String,
    /// The page that all others are below.
    home: String,
    form: UrlForm,
}

impl Urls {
    /// Links from the page at this path below the repository, as in `browse/NAME`.
    #[must_use]
    pub fn from_path(path: &str) -> Self {
        Self::below(way_up(path))
    }

    /// Links with another way to the repository, which ends in a slash.
    #[must_use]
    pub fn below(root: String) -> Self {
        Self { home: root.clone(), root, form: UrlForm::Server }
    }

    /// Links from the file at this path to other files of a static site.
    #[must_use]
    pub fn of_file(path: &str, has_registry: bool) -> Self {
        Self::of_files_below(way_up(path), has_registry)
    }

    /// Links to the files of a static site, with another way to it, which ends in a slash.
    #[must_use]
    pub fn of_files_below(root: String, has_registry: bool) -> Self {
        Self { home: format!("{root}index.html"), root, form: UrlForm::File { has_registry } }
    }

    /// The same links from the repository itself, without a way up.
    #[must_use]
    pub(super) fn at_root(&self) -> Self {
        match self.form {
            UrlForm::Server => Self::below(String::new()),
            UrlForm::File { has_registry } => Self::of_files_below(String::new(), has_registry),
        }
    }

    /// Whether pages are made when they are asked for. A static site has fewer: none of a single version, none of the
    /// files of a package, no comparison.
    #[must_use]
    pub fn has_all_pages(&self) -> bool {
        self.form == UrlForm::Server
    }

    /// The way up to the repository, with a slash at its end.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The page of the repository.
    #[must_use]
    pub fn home(&self) -> &str {
        &self.home
    }

    /// A page, which is called so without an ending.
    fn page(&self, path: &str) -> String {
        let ending = if self.has_all_pages() { "" } else { ".html" };
        format!("{}{path}{ending}", self.root)
    }

    /// What the form of the search leads to.
    #[must_use]
    pub fn search_form(&self) -> String {
        if self.has_all_pages() { self.root.clone() } else { self.page("search") }
    }

    /// The packages that a search finds.
    #[must_use]
    pub fn search(&self, query: &str) -> String {
        format!("{}?q={}", self.search_form(), utf8_percent_encode(query, NON_ALPHANUMERIC))
    }

    /// A package.
    #[must_use]
    pub fn package(&self, name: &str) -> String {
        self.page(&format!("browse/{}", segment(name)))
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

    /// One version of a package; among files, the package.
    #[must_use]
    pub fn release(&self, name: &str, version: impl Display) -> String {
        let package = self.package(name);
        if self.has_all_pages() {
            format!("{package}/{}", segment(&version.to_string()))
        } else {
            package
        }
    }

    /// A part of the list of all packages, counted from 1, among files.
    #[must_use]
    pub fn list(&self, number: usize) -> String {
        if number <= 1 { self.home.clone() } else { self.page(&format!("list/{number}")) }
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

    /// Where the documentation of a version begins.
    #[must_use]
    pub fn docs(&self, name: &str, version: impl Display) -> String {
        let (name, version) = (segment(name), version.to_string());
        let index = if self.has_all_pages() { "" } else { "index.html" };
        format!("{}docs/{name}/{}/{index}", self.root, segment(&version))
    }

    /// What came lately.
    #[must_use]
    pub fn recent(&self) -> String {
        self.page("recent")
    }

    /// What came lately, as a feed.
    #[must_use]
    pub fn feed(&self) -> String {
        format!("{}recent.atom", self.root)
    }

    /// The policies of the repository.
    #[must_use]
    pub fn policies(&self) -> String {
        self.page("policies")
    }

    /// A policy among them.
    #[must_use]
    pub fn policy(&self, name: &str) -> String {
        format!("{}#policy-{}", self.policies(), segment(name))
    }

    /// The search in documentation, if there is one.
    #[must_use]
    pub fn docs_search(&self) -> Option<String> {
        self.has_all_pages().then(|| format!("{}search", self.root))
    }

    /// The search in the documentation of a package, if there is one.
    #[must_use]
    pub fn docs_search_of(&self, name: &str) -> Option<String> {
        Some(format!("{}?package={}", self.docs_search()?, segment(name)))
    }

    /// A place in the documentation of a version, which is a relative URL there.
    #[must_use]
    pub fn docs_place(&self, name: &str, version: impl Display, place: &str) -> String {
        format!("{}docs/{}/{}/{place}", self.root, segment(name), segment(&version.to_string()))
    }

    /// A file of the registry, if it is there.
    #[must_use]
    pub fn asset(&self, path: &str) -> Option<String> {
        let is_there = matches!(self.form, UrlForm::Server | UrlForm::File { has_registry: true });
        is_there.then(|| format!("{}{}", self.root, segments(path)))
    }
}

/// The way from a path up to what it is below.
fn way_up(path: &str) -> String {
    let depth = path.matches('/').count();
    if depth == 0 { "./".to_owned() } else { "../".repeat(depth) }
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
    fn files_are_linked_by_their_names() {
        let urls = Urls::of_file("index.html", false);
        assert_eq!((urls.home(), urls.root()), ("./index.html", "./"));
        assert_eq!(urls.list(1), urls.home());
        assert_eq!(urls.list(2), "./list/2.html");
        let urls = Urls::of_file("browse/plug.html", true);
        assert_eq!(urls.package("cowboy"), "../browse/cowboy.html");
        assert_eq!(urls.release("cowboy", "1.0.0"), urls.package("cowboy"));
        assert_eq!(urls.search("a b"), "../search.html?q=a%20b");
        assert_eq!(urls.recent(), "../recent.html");
        assert_eq!(urls.asset("names").unwrap(), "../names");
        assert_eq!(Urls::of_file("recent.html", false).asset("names"), None);
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
