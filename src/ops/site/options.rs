//! What a site has.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::tarball::FileName;

/// How to make a site.
#[derive(Clone, Debug)]
pub struct Options {
    /// The URL at which the site will be, without a slash at its end. Without one there is no feed and no page for what is
    /// missing: both need a link that leads there from anywhere.
    pub url: Option<String>,
    /// Which documentation it has.
    pub docs: DocsChoice,
    /// Releases whose documentation it has besides.
    pub pinned: BTreeSet<FileName>,
    /// Whether to make every page again.
    pub fresh: bool,
    /// How long to wait for other processes that use the registry, or the place of the site.
    pub lock_timeout: Duration,
    /// Make all pages, and write none.
    pub dry_run: bool,
}

/// Which documentation a site has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DocsChoice {
    /// That of the latest version of each package that has some.
    Latest,
    /// That of every version.
    All,
    /// None but what is pinned.
    None,
}
