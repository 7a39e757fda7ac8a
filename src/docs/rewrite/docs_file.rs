//! What is rewritten, and for whom.

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
    /// From a server, which answers at [`PACKAGES_JSON`](super::PACKAGES_JSON), and at `NAME/` and `NAME/VERSION` for `index.html`.
    Server,
    /// As a file of a static site, which has [`PACKAGES_SCRIPT`](super::PACKAGES_SCRIPT). It may be opened from a disk (`file://`), where a
    /// script can request nothing and no folder has an index.
    Static,
}
