//! Pages for people, as responses.
//!
//! A page may have to read and decode `versions`. So a few pages are made at once, of each peer in turn, and the queue is
//! bounded: pages never take all threads that read files.

pub mod page;

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Response, StatusCode};
use percent_encoding::percent_decode_str;
use tokio::task::spawn_blocking;

use super::base_url::BaseUrl;
use super::call::Call;
use super::connections::fair_queue::{FairQueue, QueueLimits};
use super::connections::refusals::{RefusalReason, Refusals};
use super::options::Options;
use super::overview::RepositoryState;
use super::overview_cache::OverviewCache;
use super::own_names;
use super::repository::Repository;
use super::responses::{overloaded, plain};
use crate::name::RepositoryName;
use page::{CONTENT_SECURITY_POLICY, PageRequest};

/// How many pages are made at once, and how many requests wait.
const PAGE_LIMITS: QueueLimits =
    QueueLimits { permits: 4, permits_of_peer: 2, waiting_of_peer: 32, waiting: 256 };

/// Makes pages.
pub(super) struct Web {
    queue: FairQueue,
    /// Those that the index lists.
    named: Vec<(RepositoryName, Arc<OverviewCache>)>,
    refusals: Arc<Refusals>,
    base_url: BaseUrl,
}

impl Web {
    pub fn new(
        options: &Options,
        repositories: &[Arc<Repository>],
        refusals: Arc<Refusals>,
    ) -> Self {
        let named = repositories
            .iter()
            .filter_map(|one| Some((one.mount.name()?.clone(), Arc::clone(&one.overview))));
        Self {
            queue: FairQueue::new(PAGE_LIMITS),
            named: named.collect(),
            refusals,
            base_url: BaseUrl::new(options),
        }
    }

    /// The page of a repository.
    pub async fn repository(
        &self,
        call: Call<'_>,
        repositories: &[Arc<Repository>],
    ) -> Response<Body> {
        let Some(repository) = call.repository else { return plain(StatusCode::NOT_FOUND) };
        let overview = Arc::clone(&repository.overview);
        let path = repository.mount.path();
        let base_url = format!("{}{}", self.base_url.of(call.request), path.trim_end_matches('/'));
        let (query, needs_token) = (query(call.request), repository.needs_credentials);
        let mirror = repository.mirror_note();
        let hidden = own_names::hidden(repositories, repository).await;
        #[cfg(feature = "mirror")]
        let upstream = repository.upstream_note();
        #[cfg(not(feature = "mirror"))]
        let upstream = None;
        self.make(call.client, move || {
            let state = overview.current();
            let shown = match &*state {
                RepositoryState::Built(overview) => overview.without(|name| hidden.include(name)),
                RepositoryState::NotBuilt | RepositoryState::Unsound(_) => None,
            };
            let shown = shown.map(RepositoryState::Built);
            let state = shown.as_ref().unwrap_or(&state);
            let (mirror, upstream) = (mirror.as_ref(), upstream.as_ref());
            let (base_url, query) = (&base_url, &query);
            let request = PageRequest { base_url, query, needs_token, mirror, upstream };
            let status = match *state {
                RepositoryState::Built(_) => StatusCode::OK,
                // The page says how clients are configured.
                RepositoryState::NotBuilt if upstream.is_some() => StatusCode::OK,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            html(status, page::repository(state, &request))
        })
        .await
    }

    /// The page that lists the repositories with names.
    pub async fn index(&self, call: Call<'_>) -> Response<Body> {
        let named = self.named.clone();
        self.make(call.client, move || {
            let states: Vec<_> =
                named.iter().map(|(name, overview)| (name, overview.current())).collect();
            let states: Vec<_> = states.iter().map(|(name, state)| (*name, &**state)).collect();
            html(StatusCode::OK, page::index(&states))
        })
        .await
    }

    /// Makes a page on another thread, when it is the turn of this client.
    async fn make(
        &self,
        client: IpAddr,
        page: impl FnOnce() -> Response<Body> + Send + 'static,
    ) -> Response<Body> {
        let permit = match self.queue.acquire(client.into()).await {
            Ok(permit) => permit,
            Err(overload) => {
                self.refusals.count(RefusalReason::Pages, Some(client));
                return overloaded(overload);
            }
        };
        // If the client closes its connection, the work goes on, and keeps its permit until it ends.
        let made = spawn_blocking(move || {
            let response = page();
            drop(permit);
            response
        });
        made.await.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
    }
}

/// The search in a request: `q`, as a form sends it.
fn query(request: &Parts) -> String {
    let mut fields = request.uri.query().unwrap_or_default().split('&');
    let value = fields.find_map(|field| field.strip_prefix("q=")).unwrap_or_default();
    percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().trim().to_owned()
}

fn html(status: StatusCode, html: String) -> Response<Body> {
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let headers: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // The page changes with the next build, and only those who may read may have it.
        (header::CACHE_CONTROL, "private, no-cache"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
