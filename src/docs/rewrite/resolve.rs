//! Where a link of documentation leads, of what is here.

use super::hex_link::{DocsTarget, DocsUrl, HexLink};
use crate::docs::links::DocsLinks;
use crate::version::Version;

/// Where a link leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolution {
    /// To what is here: a URL, written for an attribute with quotes.
    Here(String),
    /// To what could be here and is not: the name of it.
    Missing(String),
}

/// Finds what links lead to, seen from one folder.
pub(super) struct Resolver<'a> {
    links: &'a dyn DocsLinks,
    /// The way from the folder up to the root of all documentation: `../../`.
    pub up: String,
}

impl<'a> Resolver<'a> {
    /// From a folder that is so many folders below the root of all documentation.
    pub fn new(links: &'a dyn DocsLinks, depth: usize) -> Self {
        Self { links, up: "../".repeat(depth) }
    }

    /// Where the value of an attribute leads. None if that is no link of hex.pm or one of its sites.
    pub fn resolve(&self, url: &str) -> Option<Resolution> {
        Some(match HexLink::parse(url.trim_ascii())? {
            HexLink::Docs(docs) => self.docs(&docs)?,
            HexLink::Package { segments, version } => self.package(segments, version.as_ref()),
            HexLink::Files { package, version, path, fragment } => {
                self.file(package, &version, path, fragment)
            }
            HexLink::Search { packages, query } => {
                let url = self.links.search_url(&packages)?;
                Resolution::Here(self.seen_from_page(&url) + &written(query))
            }
        })
    }

    /// The URL of a page of hexreg.
    pub fn package_url(&self, package: &str, version: &Version) -> Option<String> {
        let url = self.links.package_url(package, Some(version))?;
        Some(self.seen_from_page(&url))
    }

    fn docs(&self, url: &DocsUrl<'_>) -> Option<Resolution> {
        let here = |target: DocsTarget<'_>| {
            let version = self.links.nearest(&target.package, target.version.as_ref())?;
            let is_folder = target.path.is_empty() || target.path.ends_with('/');
            let index = if is_folder { "index.html" } else { "" };
            let (up, package) = (&self.up, &target.package);
            let (path, tail) = (written(target.path), written(target.tail));
            Some(Resolution::Here(format!("{up}{package}/{version}/{path}{index}{tail}")))
        };
        url.targets().find_map(here).or_else(|| {
            let missing = url.targets().next()?;
            let version = missing.version.map(|version| format!(" {version}")).unwrap_or_default();
            Some(Resolution::Missing(format!("The documentation of {}{version}", missing.package)))
        })
    }

    fn package(&self, segments: [&str; 2], version: Option<&Version>) -> Resolution {
        // `packages/ORGANISATION/NAME` has the name in the second place.
        let url = segments.iter().find_map(|name| {
            let links = self.links;
            links.package_url(name, version).or_else(|| links.package_url(name, None))
        });
        match url {
            Some(url) => Resolution::Here(self.seen_from_page(&url)),
            None => Resolution::Missing(format!("Package {}", segments[0])),
        }
    }

    fn file(
        &self,
        package: &str,
        version: &Version,
        path: Option<&str>,
        fragment: &str,
    ) -> Resolution {
        let decode = |path| percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        let path = path.map(decode);
        match self.links.file_url(package, version, path.as_deref()) {
            Some(url) => Resolution::Here(self.seen_from_page(&url) + &written(fragment)),
            None => Resolution::Missing(format!("Package {package} {version}")),
        }
    }

    /// A URL that is seen from the root of all documentation, as an attribute of the page.
    fn seen_from_page(&self, url: &str) -> String {
        let is_absolute = url.starts_with('/') || url.contains("://");
        let up = if is_absolute { "" } else { &self.up };
        format!("{up}{}", written(&url.replace('&', "&amp;")))
    }
}

/// Text of an attribute, so that it may stand in any quotes.
fn written(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => all.push_str("&quot;"),
            '\'' => all.push_str("&#39;"),
            '<' => all.push_str("&lt;"),
            '>' => all.push_str("&gt;"),
            _ => all.push(character),
        }
    }
    all
}
