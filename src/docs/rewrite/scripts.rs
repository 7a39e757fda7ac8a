//! ExDoc's own scripts: "Go to package docs" asks what is here, and links of the sidebar lead to what is here.

use memchr::memmem;
use serde::Serialize;

use super::content_type::content_type;
use super::docs_file::{DocsFile, RewriteForm};
use super::folder;
use super::resolve::{Resolution, Resolver};
use crate::docs::links::DocsLinks;

/// Below the root of all documentation: names of packages with documentation, as [`packages_json`] writes them. The
/// query is `search=name:TEXT*`.
pub const PACKAGES_JSON: &str = "packages.json";

/// Below the root of all documentation of a static site: what [`packages_script`] writes.
pub const PACKAGES_SCRIPT: &str = "packages.js";

/// The most packages that are suggested. ExDoc shows nine.
const MAX_SUGGESTIONS: usize = 50;

/// What ExDoc asks for names. `%%` is what a reader types. The same since 0.22.
const SEARCH: &[u8] = b"\"https://hex.pm/api/packages?search=name:%%*\"";

/// Where ExDoc leads. `%%` is the name: since 0.41 with `-` in place of `_`.
const DOCS: [&[u8]; 2] = [b"\"https://hexdocs.pm/%%\"", b"\"https://%%.hexdocs.pm/\""];

/// What stands for [`DOCS`]. ExDoc only calls `replace("%%", name)`.
const SERVER_DOCS: &str = "({replace:function(a,b){return\"../../\"+b.replace(/-/g,\"_\")+\"/\"}})";

/// What stands for [`DOCS`] where no server adds the name of the index.
const STATIC_DOCS: &str =
    "({replace:function(a,b){return\"../../\"+b.replace(/-/g,\"_\")+\"/index.html\"}})";

/// What stands for [`SEARCH`] where a script may be unable to request anything: a URL that is the answer itself.
const STATIC_SEARCH: &str = "({replace:function(a,b){return\"data:application/json,\"+\
    encodeURIComponent(JSON.stringify((window.hexregPackages||[]).filter(function(n){\
    return n.toLowerCase().includes(b.toLowerCase())}).slice(0,50).map(function(n){\
    return{name:n}})))}})";

/// A package as ExDoc reads it.
#[derive(Serialize)]
struct Suggestion<'a> {
    name: &'a str,
    /// ExDoc leaves out packages whose latest release has no documentation.
    releases: [HasDocs; 1],
}

#[derive(Serialize)]
struct HasDocs {
    has_docs: bool,
}

/// The answer to "Go to package docs": packages whose names have a text in them, as JSON.
///
/// `query` is the part of the URL after `?`, without percent-encoding: `search=name:TEXT*`. Names that begin with the
/// text come first.
#[must_use]
pub fn packages_json<'a>(query: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let text = query.split('&').find_map(|pair| pair.strip_prefix("search="));
    let text = text.unwrap_or_default();
    let text = text.strip_prefix("name:").unwrap_or(text).trim_matches('*').to_ascii_lowercase();
    let found = names.into_iter().filter_map(|name| {
        let at = name.to_ascii_lowercase().find(&text)?;
        Some((at > 0, name))
    });
    let mut found: Vec<(bool, &str)> = found.collect();
    found.sort_unstable();
    let suggestions = found
        .into_iter()
        .take(MAX_SUGGESTIONS)
        .map(|(_, name)| Suggestion { name, releases: [HasDocs { has_docs: true }] });
    serde_json::to_string(&suggestions.collect::<Vec<_>>()).unwrap_or_default()
}

/// The script of a static site that names the packages with documentation.
#[must_use]
pub fn packages_script<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names = serde_json::to_string(&names.into_iter().collect::<Vec<_>>()).unwrap_or_default();
    format!("var hexregPackages = {names};\n")
}

/// A script, rewritten. None if it stays as it is.
pub(super) fn rewrite(
    file: &DocsFile<'_>,
    bytes: &[u8],
    links: &dyn DocsLinks,
    form: RewriteForm,
) -> Option<Vec<u8>> {
    let name = file.path.strip_prefix("dist/")?;
    if content_type(name) != content_type("x.js") {
        return None;
    }
    // Pages, not the script, are what URLs of a script are seen from: they lie in the folder above.
    if name.starts_with("html-") || name.starts_with("app-") {
        return go_to_package(bytes, form);
    }
    let folder = folder::of(&DocsFile { path: "", ..*file });
    let resolver = Resolver::new(links, folder.len());
    name.starts_with("sidebar_items").then(|| sidebar(bytes, &resolver))?
}

/// ExDoc's script.
fn go_to_package(bytes: &[u8], form: RewriteForm) -> Option<Vec<u8>> {
    let server_search = format!("\"../../{PACKAGES_JSON}?search=name:%%*\"");
    let (docs, search) = match form {
        RewriteForm::Server => (SERVER_DOCS, server_search.as_str()),
        RewriteForm::Static => (STATIC_DOCS, STATIC_SEARCH),
    };
    let mut changed = replaced(bytes, SEARCH, search);
    for url in DOCS {
        changed = replaced(changed.as_deref().unwrap_or(bytes), url, docs).or(changed);
    }
    changed
}

/// The text with each occurrence of `old` replaced. None if there is none.
fn replaced(bytes: &[u8], old: &[u8], new: &str) -> Option<Vec<u8>> {
    let mut written = Vec::new();
    let mut copied = 0_usize;
    for at in memmem::find_iter(bytes, old) {
        written.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
        written.extend_from_slice(new.as_bytes());
        copied = at.saturating_add(old.len());
    }
    written.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    (copied > 0).then_some(written)
}

/// The items of the sidebar, which may be links to elsewhere since ExDoc 0.38: `"url":"https://hexdocs.pm/…"`.
fn sidebar(bytes: &[u8], resolver: &Resolver<'_>) -> Option<Vec<u8>> {
    const START: &[u8] = b"\"url\":\"";
    let mut written = Vec::new();
    let mut copied = 0_usize;
    for at in memmem::find_iter(bytes, START) {
        let start = at.saturating_add(START.len());
        let rest = bytes.get(start..).unwrap_or_default();
        let length = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
        let url = rest.get(..length).and_then(|url| std::str::from_utf8(url).ok());
        let is_whole = rest.get(length) == Some(&b'"');
        let Some(Resolution::Here(url)) =
            url.filter(|_| is_whole).and_then(|url| resolver.resolve(url))
        else {
            continue;
        };
        written.extend_from_slice(bytes.get(copied..start).unwrap_or_default());
        written.extend_from_slice(url.as_bytes());
        copied = start.saturating_add(length);
    }
    written.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    (copied > 0).then_some(written)
}
