//! What all pages have around them: the search, and what a browser may do with a page.

use std::sync::LazyLock;

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::urls::Urls;

/// The `Content-Security-Policy` of every page. It allows the page's own style sheet and script, by their hashes, images
/// of packages, the search form and its suggestions. So content that was injected into a page would neither run nor be
/// fetched.
pub static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| BASE64.encode(&Sha256::digest(text));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        hash(STYLE),
        hash(SCRIPT),
    )
});

/// What the templates have between the tags of the style sheet and of the script.
const STYLE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/style.css"));
const SCRIPT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/search.js"));

/// What is around the content of a page.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// The name of the site: that of the repository, or of the server.
    pub site: &'a str,
    /// What was searched for; empty on most pages.
    pub query: &'a str,
    /// Links to other pages.
    pub urls: Urls,
    /// Whether there are packages to search.
    pub has_search: bool,
}

impl Frame<'_> {
    /// The page that all others are below.
    #[must_use]
    pub fn home(&self) -> &str {
        self.urls.home()
    }

    /// The style sheet.
    #[must_use]
    pub fn style(&self) -> &'static str {
        STYLE
    }

    /// The script of the search.
    #[must_use]
    pub fn script(&self) -> &'static str {
        SCRIPT
    }
}
