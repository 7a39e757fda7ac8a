//! The search of a static site: a page whose script looks through a list of all packages.

use std::sync::LazyLock;

use askama::Template;
use data_encoding::BASE64;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::frame::Frame;

/// The script of the page.
const SCRIPT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/site_search.js"));

/// It allows that script, and those that lie in the site. Where there is no server, these have no origin: `file:`.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let script = BASE64.encode(&Sha256::digest(SCRIPT));
    format!("script-src 'sha256-{script}' 'self' file:")
});

/// In characters: how much of a description the list has.
const MOST_TEXT: usize = 160;

/// The page of the search.
#[derive(Clone, Copy)]
pub struct SiteSearchPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// Where the list of packages is, from the page.
    pub list_url: &'a str,
}

#[derive(Template)]
#[template(path = "browse/site_search.html")]
struct SiteSearchTemplate<'a> {
    frame: &'a Frame<'a>,
    list_url: &'a str,
    script: &'static str,
    policy: String,
}

/// A package in the list: name, version, how many use it, what it is.
#[derive(Serialize)]
pub struct SearchedPackage<'a>(&'a str, String, usize, String);

impl<'a> SearchedPackage<'a> {
    /// A package.
    #[must_use]
    pub fn new(name: &'a str, version: String, dependents: usize, description: &str) -> Self {
        Self(name, version, dependents, description.chars().take(MOST_TEXT).collect())
    }
}

impl SiteSearchPage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let policy = format!("{}; {}", self.frame.policy_of_file(), *POLICY);
        let (frame, list_url, script) = (self.frame, self.list_url, SCRIPT);
        // Writing into memory cannot fail.
        SiteSearchTemplate { frame, list_url, script, policy }.render().unwrap_or_default()
    }
}

/// The script that brings the list of packages to the page. A script can be loaded from a disk, where nothing else can.
#[must_use]
pub fn package_list(packages: &[SearchedPackage<'_>]) -> String {
    // Encoding into memory does not fail. U+2028 and U+2029 are characters of a script since ES2019.
    let list = serde_json::to_string(packages).unwrap_or_default();
    format!("hexregPackageList({list});\n")
}
