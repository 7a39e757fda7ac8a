//! URLs of hex.pm and its sites, as documentation has them.

use crate::name::PackageName;
use crate::version::Version;

/// Labels below hexdocs.pm that are not the documentation of a package.
const RESERVED_HOSTS: [&str; 9] =
    ["api", "assets", "docs", "preview", "search", "staging", "stats", "static", "www"];

/// In bytes: the longest URL that is read. Longer ones lead where they led.
const MAX_URL: usize = 8 << 10;

/// Where a URL of hex.pm or one of its sites leads. Texts are as in the URL: percent-encoded, and as written in HTML.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HexLink<'a> {
    /// Documentation on hexdocs.pm or hexorgs.pm.
    Docs(DocsUrl<'a>),
    /// The page of a package.
    Package { segments: [&'a str; 2], version: Option<Version> },
    /// The files of a release, or one of them.
    Files { package: &'a str, version: Version, path: Option<&'a str>, fragment: &'a str },
    /// A search in documentation.
    Search { packages: Vec<&'a str>, query: &'a str },
}

/// A URL of documentation, whose host or path names the package.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DocsUrl<'a> {
    /// The label before the domain, with `_` in place of `-`: a package, or an organisation.
    label: Option<String>,
    path: &'a str,
    /// Query and fragment.
    tail: &'a str,
}

/// What the URL of documentation may mean.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DocsTarget<'a> {
    pub package: String,
    /// None if the URL names none: the latest is meant.
    pub version: Option<Version>,
    /// In the documentation.
    pub path: &'a str,
    /// Query and fragment.
    pub tail: &'a str,
}

impl<'a> HexLink<'a> {
    /// Reads the value of an attribute. None for all that leads to something else.
    pub fn parse(url: &'a str) -> Option<Self> {
        if url.len() > MAX_URL {
            return None;
        }
        let (host, rest) = split_host(url)?;
        let path_length = rest.find(['?', '#']).unwrap_or(rest.len());
        let (path, tail) = rest.split_at_checked(path_length)?;
        let path = path.strip_prefix('/').unwrap_or(path);
        match host.as_str() {
            "hexdocs.pm" | "www.hexdocs.pm" if path.is_empty() => search(tail),
            "hexdocs.pm" | "www.hexdocs.pm" => {
                Some(Self::Docs(DocsUrl { label: None, path, tail }))
            }
            "hex.pm" | "www.hex.pm" => package(path.strip_prefix("packages/")?, tail),
            "preview.hex.pm" => files(path.strip_prefix("preview/")?, "show/", tail),
            _ => {
                let domains = [".hexdocs.pm", ".hexorgs.pm"];
                let label = domains.iter().find_map(|domain| host.strip_suffix(domain))?;
                if RESERVED_HOSTS.contains(&label) {
                    return None;
                }
                Some(Self::Docs(DocsUrl { label: Some(label.replace('-', "_")), path, tail }))
            }
        }
    }
}

impl<'a> DocsUrl<'a> {
    /// The documentation that this URL may mean, the likeliest first.
    ///
    /// `LABEL.hexdocs.pm/NAME/…` was documentation of an organisation until 2026, and `LABEL.hexdocs.pm/…` is of a
    /// package since.
    pub fn targets(&self) -> impl Iterator<Item = DocsTarget<'a>> + use<'a> {
        let of_host = self.label.as_ref().and_then(|label| self.target(label, self.path));
        let (first, rest) = self.path.split_once('/').unwrap_or((self.path, ""));
        let of_path = self.target(first, rest);
        of_host.into_iter().chain(of_path)
    }

    fn target(&self, package: &str, path: &'a str) -> Option<DocsTarget<'a>> {
        if !PackageName::is_valid(package) {
            return None;
        }
        let (first, rest) = path.split_once('/').unwrap_or((path, ""));
        let (version, path) = match version(first) {
            Some(version) => (Some(version), rest),
            None if first == "main" => (None, rest),
            None => (None, path),
        };
        Some(DocsTarget { package: package.to_owned(), version, path, tail: self.tail })
    }
}

/// The host of a URL, in lowercase, and what is after it. Also of `//HOST/…`.
fn split_host(url: &str) -> Option<(String, &str)> {
    let after = ["https://", "http://", "//"].iter().find_map(|scheme| {
        let start = url.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| url.get(scheme.len()..))?
    })?;
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (host, rest) = after.split_at_checked(end)?;
    // `.pm` is what all of them end with: other links are left at once.
    let is_candidate = host.len() <= 80 && host.to_ascii_lowercase().ends_with(".pm");
    is_candidate.then(|| (host.to_ascii_lowercase(), rest))
}

/// A version, also `MAJOR.MINOR`, as Elixir's documentation has had it.
fn version(text: &str) -> Option<Version> {
    let is_short = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().or_else(|| {
        let is_short = is_short && text.bytes().filter(|byte| *byte == b'.').count() == 1;
        is_short.then(|| format!("{text}.0").parse().ok())?
    })
}

/// `?packages=a-1.0.0,b&q=text`, in any order.
fn search<'a>(tail: &'a str) -> Option<HexLink<'a>> {
    let query = tail.strip_prefix('?')?;
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let query = query.strip_prefix("amp;").unwrap_or(query);
    let parameters = query.split('&').map(|pair| pair.strip_prefix("amp;").unwrap_or(pair));
    let value = |name: &str| {
        let mut found = parameters.clone().filter_map(|pair| pair.split_once('='));
        found.find_map(|(given, value)| (given == name).then_some(value))
    };
    let packages: Vec<&'a str> = match value("packages") {
        Some(packages) => packages.split(',').filter(|package| is_release(package)).collect(),
        None => Vec::new(),
    };
    let searches = !packages.is_empty() || value("q").is_some();
    searches.then(|| HexLink::Search { packages, query: value("q").unwrap_or_default() })
}

/// Whether a text is `NAME` or `NAME-VERSION`.
fn is_release(text: &str) -> bool {
    match text.split_once('-') {
        Some((name, version)) => PackageName::is_valid(name) && version.parse::<Version>().is_ok(),
        None => PackageName::is_valid(text),
    }
}

/// What is after `hex.pm/packages/`: `NAME`, `NAME/VERSION`, `NAME/VERSION/files/PATH`; with an organisation before it.
fn package<'a>(path: &'a str, tail: &'a str) -> Option<HexLink<'a>> {
    let mut segments = path.split('/');
    let first = segments.next().filter(|first| PackageName::is_valid(first))?;
    let second = segments.next().unwrap_or_default();
    if let Some(given) = version(second) {
        if segments.next() == Some("files") {
            return files(path, "files/", tail);
        }
        return Some(HexLink::Package { segments: [first, ""], version: Some(given) });
    }
    let version = segments.next().and_then(version);
    Some(HexLink::Package { segments: [first, second], version })
}

/// `NAME/VERSION` or `NAME/VERSION/MIDDLE/PATH`.
fn files<'a>(path: &'a str, middle: &str, tail: &'a str) -> Option<HexLink<'a>> {
    let (package, rest) = path.split_once('/')?;
    let (text, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let version = version(text)?;
    let path = rest.strip_prefix(middle).filter(|path| !path.is_empty());
    let fragment = tail.find('#').and_then(|at| tail.get(at..)).unwrap_or_default();
    PackageName::is_valid(package).then_some(HexLink::Files { package, version, path, fragment })
}
