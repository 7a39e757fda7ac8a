//! One item of search data, in any of its formats.

use std::borrow::Cow;

use serde::Deserialize;

/// An item of any of the formats.
#[derive(Default, Deserialize)]
pub(super) struct SearchItem<'a> {
    #[serde(borrow, default, rename = "ref")]
    pub place: Cow<'a, str>,
    #[serde(borrow, default)]
    pub title: Cow<'a, str>,
    #[serde(borrow, default, rename = "type")]
    pub kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub doc: Cow<'a, str>,
    #[serde(borrow, default)]
    pub module: Cow<'a, str>,
    /// The module, in Gleam's since 1.9.
    #[serde(borrow, default, rename = "parentTitle")]
    pub parent: Cow<'a, str>,
    /// The text, in Gleam's before 1.9.
    #[serde(borrow)]
    pub content: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub url: Cow<'a, str>,
}
