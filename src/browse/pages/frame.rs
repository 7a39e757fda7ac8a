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

/// The policy of pages in files. It allows the style sheet, and where the page has one, the script of the search. A form
/// may lead to another file, which has no origin where there is no server.
static FILE_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64.encode(&Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'")
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

    /// The script that asks a server for suggestions.
    #[must_use]
    pub fn script(&self) -> &'static str {
        SCRIPT
    }

    /// Whether the page is a file, made before it is asked for.
    #[must_use]
    pub fn is_file(&self) -> bool {
        !self.urls.has_all_pages()
    }

    /// The policy that a file has in itself, as no header comes with it.
    #[must_use]
    pub fn policy_of_file(&self) -> &'static str {
        &FILE_SECURITY_POLICY
    }
}
