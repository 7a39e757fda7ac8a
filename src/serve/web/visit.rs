//! A request for a page, as the pages see it.

use crate::browse::pages::Urls;
use crate::serve::api::form;
use crate::serve::base_url::BaseUrl;
use crate::serve::call::Call;
use crate::serve::mount::Mount;
use crate::serve::repository::Repository;
use crate::serve::request_path::{split, without_empty_parts};

/// A request for a page.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// Links from the page to others of the same repository, or of the server.
    pub urls: Urls,
    /// The path below the repository, as in `browse/NAME`.
    pub path: String,
    /// The way up to the server, with a slash at its end.
    server: String,
    /// The URL of the server, without a slash at its end.
    pub base_url: String,
    /// Whether the client may read every repository.
    pub reads_all: bool,
    fields: Vec<(String, String)>,
}

impl Visit {
    pub fn new(call: &Call<'_>, base_url: &BaseUrl) -> Self {
        let asked = call.request.uri.path();
        let whole = without_empty_parts(asked);
        let (name, path) = split(&whole).unwrap_or_default();
        // For a browser, an empty part of a path is a folder too.
        let empty_parts = asked.len().saturating_sub(whole.len());
        let urls = match name {
            // Without a slash at the end, links are relative to the folder of all repositories.
            Some(name) if path.is_empty() && !whole.ends_with('/') => {
                Urls::below(format!("{name}/"))
            }
            _ => Urls::from_path(path),
        };
        let urls = match empty_parts {
            0 => urls,
            _ => Urls::below(format!("{}{}", "../".repeat(empty_parts), urls.root())),
        };
        let up = if name.is_some() { "../../" } else { "" };
        Self {
            server: format!("{}{up}", urls.root()),
            urls,
            path: path.to_owned(),
            base_url: base_url.of(call.request),
            reads_all: call.reads_all,
            fields: form::fields(call.request.uri.query().unwrap_or_default()).collect(),
        }
    }

    /// A field of the query; empty if it is missing.
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// Whether the page is at the root of the server, and not of one repository among others.
    pub fn is_of_server(&self) -> bool {
        self.server == self.urls.root()
    }

    /// Whether the client may read a repository.
    pub fn may_read(&self, repository: &Repository) -> bool {
        self.reads_all || !repository.needs_credentials
    }

    /// The page of a list that is asked for, counted from 1.
    pub fn page(&self) -> usize {
        self.field("page").parse().unwrap_or(1).max(1)
    }

    /// Links to the pages of a repository.
    pub fn urls_of(&self, mount: &Mount) -> Urls {
        let path = mount.path();
        let path = path.trim_start_matches('/');
        let slash = if path.is_empty() { "" } else { "/" };
        Urls::below(format!("{}{path}{slash}", self.server))
    }
}
