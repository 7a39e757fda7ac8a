//! A request for documentation, as its page sees it.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, Method};

use super::path::DocsPath;
use super::response::SentDocs;
use crate::serve::call::Call;
use crate::serve::repository::Repository;
use crate::serve::request_path::split;

/// A request for documentation that its client may read.
#[derive(Clone)]
pub(super) struct DocsVisit {
    pub repository: Arc<Repository>,
    pub path: DocsPath,
    /// The query with its question mark, or nothing.
    pub query: String,
    pub client: IpAddr,
    pub method: Method,
    pub headers: HeaderMap,
    /// The server, as seen from the root of documentation, with a slash at its end.
    pub registry: String,
    /// Where forms of the documentation may lead.
    pub form_action: String,
}

impl DocsVisit {
    /// `registry` is the URL of the registry, if that has another origin; `base` is the URL of the origin of this
    /// request, as browsers see it.
    pub fn new(
        call: &Call<'_>,
        repository: &Arc<Repository>,
        path: DocsPath,
        registry: Option<String>,
        base: &str,
    ) -> Self {
        let (name, _) = split(call.request.uri.path()).unwrap_or_default();
        let registry = registry.map_or_else(
            || if name.is_some() { "../../../".to_owned() } else { "../".to_owned() },
            |registry| format!("{registry}/"),
        );
        let below = name.map(|name| format!("/repos/{name}")).unwrap_or_default();
        let pass = path.pass.as_ref().map(|pass| format!("{pass}/")).unwrap_or_default();
        let base = base.split_once("://").map_or("", |(_, base)| base);
        let form_action = if base.is_empty() {
            "'none'".to_owned()
        } else {
            format!("{base}{below}/docs/{pass}{}/", path.package)
        };
        Self {
            repository: Arc::clone(repository),
            path,
            query: query(call),
            client: call.client,
            method: call.request.method.clone(),
            headers: call.request.headers.clone(),
            registry,
            form_action,
        }
    }

    /// How its responses are sent.
    pub fn sent(&self) -> SentDocs<'_> {
        SentDocs {
            method: &self.method,
            headers: &self.headers,
            form_action: &self.form_action,
            is_public: !self.repository.needs_credentials,
        }
    }
}

/// The query of a request with its question mark, or nothing.
pub(super) fn query(call: &Call<'_>) -> String {
    call.request.uri.query().map(|query| format!("?{query}")).unwrap_or_default()
}
