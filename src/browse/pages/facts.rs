//! Facts of a package, each with a label.

use super::badges::web_url;

/// What is known of a package, under a label.
pub(super) struct Fact {
    pub label: &'static str,
    pub values: Vec<FactValue>,
}

pub(super) struct FactValue {
    pub text: String,
    pub url: Option<String>,
    /// Whether it leads to another site.
    pub is_foreign: bool,
}

impl FactValue {
    pub fn text(text: String) -> Self {
        Self { text, url: None, is_foreign: false }
    }

    /// With a link to a page or a file of the same site.
    pub fn to(text: impl Into<String>, url: Option<String>) -> Self {
        Self { text: text.into(), url, is_foreign: false }
    }

    /// A link of the metadata. What no browser should follow is shown as a text.
    pub fn link(label: &str, url: &str) -> Self {
        match web_url(url) {
            Some(url) => Self { text: label.to_owned(), url: Some(url), is_foreign: true },
            None => Self::text(format!("{label}: {url}")),
        }
    }
}
