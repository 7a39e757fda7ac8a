//! Documentation with links that lead to what is here.
//!
//! Only links, a few strings of ExDoc's script, and what hexreg adds are different: all other bytes stay as they are.

mod content_type;
mod docs_config;
mod folder;
mod hex_link;
mod html;
mod insertions;
mod resolve;
mod scripts;
mod tags;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use content_type::content_type;
pub use docs_config::{DocsVersion, docs_config};
pub use scripts::{PACKAGES_JSON, PACKAGES_SCRIPT, packages_json, packages_script};

use crate::docs::links::DocsLinks;
use crate::name::PackageName;
use crate::version::Version;

/// A file of documentation.
#[derive(Clone, Copy, Debug)]
pub struct DocsFile<'a> {
    /// Whose documentation it is.
    pub package: &'a PackageName,
    /// Of which release.
    pub version: &'a Version,
    /// Its path in the archive, with `/`: `Enum.html`, `gleam/list.html`.
    pub path: &'a str,
}

/// How a page is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RewriteForm {
    /// From a server, which answers at [`PACKAGES_JSON`], and at `NAME/` and `NAME/VERSION` for `index.html`.
    Server,
    /// As a file of a static site, which has [`PACKAGES_SCRIPT`]. It may be opened from a disk (`file://`), where a
    /// script can request nothing and no folder has an index.
    Static,
}

/// A file as it is shown: `bytes` themselves where nothing has to be different.
///
/// In pages, that is files that are called `.html` or `.htm`:
///
/// - Links to documentation, to packages and to their files on hexdocs.pm, hex.pm and preview.hex.pm lead to what
///   `links` has. Without it, a link stays and is marked. No link to what is here opens a new window.
/// - ExDoc's choice of search engines leads to the search that is here.
/// - Storage that a sandbox refuses is replaced by memory. In the static form it always is, because all packages of a
///   static site would share it.
/// - There is a link to the page of the package.
///
/// In ExDoc's script, "Go to package docs" asks and leads here. In its sidebar, links are as in pages.
///
/// Bytes of UTF-16 and files of any other kind stay as they are.
#[must_use]
pub fn rewrite<'b>(
    file: &DocsFile<'_>,
    bytes: &'b [u8],
    links: &dyn DocsLinks,
    form: RewriteForm,
) -> Cow<'b, [u8]> {
    let rewritten = if content_type(file.path) == content_type::HTML {
        html::rewrite(file, bytes, links, form)
    } else {
        scripts::rewrite(file, bytes, links, form)
    };
    rewritten.map_or(Cow::Borrowed(bytes), Cow::Owned)
}

/// Calls `found` with the package and the version of each link of a page to documentation on hexdocs.pm.
///
/// A link without a version has None.
pub fn docs_links(bytes: &[u8], mut found: impl FnMut(&str, Option<&Version>)) {
    html::each_link(bytes, |url| {
        if let Some(hex_link::HexLink::Docs(docs)) = hex_link::HexLink::parse(url.trim_ascii()) {
            if let Some(target) = docs.targets().next() {
                found(&target.package, target.version.as_ref());
            }
        }
    });
}
