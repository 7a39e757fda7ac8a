//! The page in place of documentation that is not shown.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Response, StatusCode};
use tokio::task::spawn_blocking;

use super::links::LinkedRepositories;
use super::visit::DocsVisit;
use crate::browse::pages::{DocsMissingPage, Frame, Urls};
use crate::docs::links::DocsLinks as _;
use crate::serve::overview::RepositoryState;
use crate::serve::responses::plain;
use crate::serve::web::response;

/// After how many seconds a reader may ask again.
const RETRY_AFTER: &str = "5";

/// Why documentation is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingReason {
    /// There is none of the package here.
    Package,
    /// There is none of the version.
    Version,
    /// It has no such file.
    File,
    /// The archive cannot be read. The log says why.
    Unusable { is_passing: bool },
}

impl MissingReason {
    fn text(self) -> &'static str {
        match self {
            Self::Package => "No documentation of this package is here.",
            Self::Version => "No documentation of this version is here.",
            Self::File => "The documentation has no such page.",
            Self::Unusable { is_passing: true } => {
                "The documentation cannot be shown now. The log of the server says why."
            }
            Self::Unusable { is_passing: false } => {
                "The documentation cannot be shown: its archive is damaged, or not safe to unpack. The log of the \
                 server says why."
            }
        }
    }
}

/// The page, with the versions that are here.
pub(super) async fn page(
    visit: &DocsVisit,
    linked: &Arc<LinkedRepositories>,
    reason: MissingReason,
) -> Response<Body> {
    let (visit, linked) = (visit.clone(), Arc::clone(linked));
    let made = spawn_blocking(move || render(&visit, &linked, reason)).await;
    made.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
}

fn render(visit: &DocsVisit, linked: &LinkedRepositories, reason: MissingReason) -> Response<Body> {
    let site = match &*visit.repository.overview.current() {
        RepositoryState::Built(overview) => overview.repository.to_string(),
        RepositoryState::NotBuilt | RepositoryState::Unsound(_) => "Hex repository".to_owned(),
    };
    let up = visit.path.way_up();
    let from_page = |url: String| if url.starts_with("..") { format!("{up}{url}") } else { url };
    let home = from_page(linked.home().to_owned());
    let name = visit.path.package.as_str();
    let mut versions = linked.own_versions(&visit.path.package);
    versions.reverse();
    let versions: Vec<(String, String)> = versions
        .iter()
        .map(|version| (version.to_string(), format!("{up}{name}/{version}/")))
        .collect();
    let frame = Frame { site: &site, query: "", urls: Urls::below(home), has_search: false };
    let page = DocsMissingPage {
        frame: &frame,
        name,
        package_url: linked.package_url(name, None).map(from_page),
        reason: reason.text(),
        versions: &versions,
    };
    let is_passing = reason == MissingReason::Unusable { is_passing: true };
    let status = if is_passing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NOT_FOUND };
    let mut response = response::html(status, page.render());
    if is_passing {
        let after = HeaderValue::from_static(RETRY_AFTER);
        response.headers_mut().insert(header::RETRY_AFTER, after);
    }
    response
}
