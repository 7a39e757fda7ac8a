//! One file of documentation, by its kind.

use std::borrow::Cow;

use super::content_type::{HTML, content_type};
use super::docs_file::{DocsFile, RewriteForm};
use super::hex_link::HexLink;
use super::{html, scripts};
use crate::docs::links::DocsLinks;
use crate::version::Version;

/// A file as it is shown: `bytes` themselves where nothing has to be different.
///
/// In pages, that is files that are called `.html` or `.htm`:
///
/// - Links to documentation, to packages and to their files on hexdocs.pm, hex.pm and preview.hex.pm lead to what
///   `links` has. Without it, a link stays and is marked. No link to what is here opens a new window, and
///   from a server, no link at all: a sandbox opens none.
/// - Images, scripts, style sheets and frames of other hosts are not loaded.
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
    let rewritten = if content_type(file.path) == HTML {
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
        if let Some(HexLink::Docs(docs)) = HexLink::parse(url.trim_ascii()) {
            if let Some(target) = docs.targets().next() {
                found(&target.package, target.version.as_ref());
            }
        }
    });
}
