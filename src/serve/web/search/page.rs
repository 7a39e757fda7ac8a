//! The page of the search in documentation.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Response, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::found::{FoundDocs, found};
use super::lock_form::LockForm;
use super::named_locks;
use super::request::DocsRequest;
use crate::browse::pages::{DocsItem, Frame, Paging, SearchPage, grouped};
use crate::docs::search::{DocsHit, DocsId};
use crate::serve::overview::RepositoryState;
use crate::serve::responses::plain;
use crate::serve::web::found::Searched;
use crate::serve::web::response::html as html_response;
use crate::serve::web::visit::Visit;

/// How many results a page has, and how many pages there are.
const RESULTS: usize = 20;
const PAGES: usize = 10;

/// How long a page waits for pinned versions to be read.
const WAIT: Duration = Duration::from_secs(1);

/// The page of a search. May block.
pub(crate) fn show(searched: &[Searched], visit: &Visit) -> Response<Body> {
    let mut request = DocsRequest::of(visit);
    let lock = visit.field("lock");
    let error = match named_locks::all(searched).iter().find(|one| one.label == lock) {
        None => None,
        Some(named) => match named.pinned() {
            Ok(packages) => {
                request.packages = packages;
                None
            }
            Err(error) => Some(error.to_string()),
        },
    };
    html_response(StatusCode::OK, html(searched, visit, &request, error))
}

/// The way from `/?packages=ecto:3.12.0,plug&q=`, which `mix hex.search` opens in a browser, to the search in these packages.
pub(crate) fn from_home(visit: &Visit) -> Option<Response<Body>> {
    let is_asked = !visit.field("packages").is_empty();
    is_asked.then(|| see_search(visit.urls.home(), &DocsRequest::of(visit)))
}

/// Leads to a search. `folder` is the way to the folder of its page.
fn see_search(folder: &str, request: &DocsRequest) -> Response<Body> {
    let mut response = plain(StatusCode::SEE_OTHER);
    if let Ok(location) = HeaderValue::from_str(&format!("{folder}search?{}", fields(request))) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The answer to a form with a lock file: the search in what it pins has a URL of its own. May block.
pub(crate) fn form(
    searched: &[Searched],
    visit: &Visit,
    headers: &HeaderMap,
    body: &[u8],
) -> Response<Body> {
    if !is_own_form(headers) {
        return plain(StatusCode::FORBIDDEN);
    }
    let form = LockForm::read(headers, body);
    let query = form.as_ref().map(|form| form.query.clone()).unwrap_or_default();
    match form.and_then(|form| form.pinned()) {
        Ok(packages) => {
            // Relative to the form's own URL.
            see_search("", &DocsRequest { query, packages })
        }
        Err(error) => {
            let request = DocsRequest { query, packages: Vec::new() };
            let html = html(searched, visit, &request, Some(error.to_string()));
            html_response(StatusCode::UNPROCESSABLE_ENTITY, html)
        }
    }
}

/// Whether a form was sent by a page of this server, or by no browser.
fn is_own_form(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text("origin") else { return true };
    let host = origin.split_once("://").map(|(_, host)| host);
    host.is_some() && host == text("host")
}

fn html(
    searched: &[Searched],
    visit: &Visit,
    request: &DocsRequest,
    error: Option<String>,
) -> String {
    let page = visit.page().min(PAGES);
    let skip = page.saturating_sub(1).saturating_mul(RESULTS);
    let found = found(searched, request, skip, RESULTS, WAIT);
    let are_several = searched.len() > 1;
    let items = found.hits.iter().map(|(hit, one)| item(hit, one, are_several));
    let pages = found.total.div_ceil(RESULTS).min(PAGES);
    let url = |number| format!("{}search?{}&page={number}", visit.urls.home(), fields(request));
    let site = site(searched);
    let frame = Frame {
        site: &site,
        query: "",
        urls: visit.urls.clone(),
        has_search: !searched.is_empty(),
    };
    SearchPage {
        frame: &frame,
        query: &request.query,
        packages: &request.list(),
        all_url: format!(
            "search?{}",
            fields(&DocsRequest { packages: Vec::new(), ..request.clone() })
        ),
        chosen: request.packages.len(),
        locks: named_locks::all(searched)
            .into_iter()
            .map(|one| {
                let label = utf8_percent_encode(&one.label, NON_ALPHANUMERIC);
                let query = utf8_percent_encode(&request.query, NON_ALPHANUMERIC);
                (format!("search?lock={label}&q={query}"), one.label.clone())
            })
            .collect(),
        caption: caption(&found),
        has_some_words: found.has_some_words,
        items: items.collect(),
        paging: Paging::new(page, pages, url),
        reading_all: found
            .reading
            .map(|(read, of)| format!("{} of {}", grouped(read), grouped(of))),
        reading: names(&found.status.reading),
        missing: names(&found.status.missing),
        error,
    }
    .html()
}

fn site(searched: &[Searched]) -> String {
    let names = searched.iter().filter_map(|one| match &*one.repository.overview.current() {
        RepositoryState::Built(overview) => Some(overview.repository.to_string()),
        RepositoryState::NotBuilt | RepositoryState::Unsound(_) => None,
    });
    let names: Vec<String> = names.collect();
    match names.as_slice() {
        [one] => one.clone(),
        _ => "Hex repositories".to_owned(),
    }
}

/// The fields of the URL of a search.
fn fields(request: &DocsRequest) -> String {
    let query = utf8_percent_encode(&request.query, NON_ALPHANUMERIC);
    match request.list() {
        list if list.is_empty() => format!("q={query}"),
        list => format!("q={query}&packages={}", list.replace('+', "%2B")),
    }
}

fn caption(found: &FoundDocs<'_>) -> String {
    let more = if found.is_more { "more than " } else { "" };
    match found.total {
        1 if more.is_empty() => "1 result".to_owned(),
        total => format!("{more}{} results", grouped(total)),
    }
}

fn item(hit: &DocsHit, one: &Searched, are_several: bool) -> DocsItem {
    let DocsId { package, version } = &hit.docs;
    DocsItem {
        url: one.urls.docs_place(package, version, &hit.place),
        title: hit.title.clone(),
        kind: hit.kind.clone(),
        module: Some(&hit.module)
            .filter(|module| !module.is_empty() && **module != hit.title)
            .cloned(),
        snippet: hit.snippet.clone(),
        package: package.clone(),
        version: version.clone(),
        package_url: one.urls.package(package),
        repository: are_several.then(|| one.label()),
    }
}

fn names(ids: &[DocsId]) -> Vec<String> {
    ids.iter().map(|id| format!("{} {}", id.package, id.version)).collect()
}
