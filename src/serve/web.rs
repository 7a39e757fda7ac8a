//! What a browser is shown, as a response.
//!
//! A page may have to read and decode `versions`. So a few are made at once, of each peer in turn, and only so many
//! wait: pages never hold the threads that read files.

pub mod page;

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Response, StatusCode};
use percent_encoding::percent_decode_str;
use tokio::task::spawn_blocking;

use crate::name::RepositoryName;
use crate::serve::Options;
use crate::serve::authorize::ask_later;
use crate::serve::connections::fair_queue::{Bounds, FairQueue};
use crate::serve::files::Mount;
use crate::serve::overview::{Facts, State};
use crate::serve::service::plain;
use page::{CONTENT_SECURITY_POLICY, Visit};

/// How many pages are made at once, and how many wait, of one peer and of all.
const PAGES: Bounds =
    Bounds { places: 4, places_of_a_peer: 2, waiting_of_a_peer: 32, waiting: 256 };

/// The pages of all repositories.
pub(super) struct Pages {
    queue: FairQueue,
    repositories: Vec<(Mount, Arc<Facts>)>,
    /// Where clients find the server, if that was said.
    url: Option<String>,
    scheme: &'static str,
    token: bool,
}

impl Pages {
    pub fn new(options: &Options) -> Self {
        let repositories = options.mounts.iter().map(|mount| {
            let store = Arc::new(options.store(mount));
            (mount.clone(), Arc::new(Facts::new(store)))
        });
        Self {
            queue: FairQueue::new(PAGES),
            repositories: repositories.collect(),
            url: options.url.clone(),
            scheme: options.scheme(),
            token: options.auth_file.is_some(),
        }
    }

    /// Every repository, as it stands.
    pub fn states(&self) -> impl Iterator<Item = (&Mount, Arc<State>)> {
        self.repositories.iter().map(|(mount, facts)| (mount, facts.current()))
    }

    /// The page of one repository.
    pub async fn repository(
        &self,
        mount: &Mount,
        request: &Parts,
        client: IpAddr,
    ) -> Response<Body> {
        let found = self.repositories.iter().find(|(one, _)| one == mount);
        let Some((_, facts)) = found else { return plain(StatusCode::NOT_FOUND) };
        let facts = Arc::clone(facts);
        let (base_url, query) = (self.base_url(mount, request), query(request));
        let token = self.token;
        self.make(client, move || {
            let state = facts.current();
            let visit = Visit { base_url: &base_url, query: &query, token };
            let status = match *state {
                State::Built(_) => StatusCode::OK,
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            respond(status, page::render(&state, &visit))
        })
        .await
    }

    /// The page that leads to those with names.
    pub async fn all(&self, client: IpAddr) -> Response<Body> {
        let named = self.repositories.iter();
        let named: Vec<(RepositoryName, Arc<Facts>)> = named
            .filter_map(|(mount, facts)| Some((mount.name.clone()?, Arc::clone(facts))))
            .collect();
        self.make(client, move || {
            let states: Vec<_> =
                named.iter().map(|(name, facts)| (name, facts.current())).collect();
            let states: Vec<_> = states.iter().map(|(name, state)| (*name, &**state)).collect();
            respond(StatusCode::OK, page::index(&states))
        })
        .await
    }

    /// Makes a page on another thread, once it is this client's turn.
    async fn make(
        &self,
        client: IpAddr,
        page: impl FnOnce() -> Response<Body> + Send + 'static,
    ) -> Response<Body> {
        let place = match self.queue.take(client.into()).await {
            Ok(place) => place,
            Err(no_room) => return ask_later(no_room),
        };
        // A client that hangs up does not end the work, and its place is free only after the work.
        let made = spawn_blocking(move || {
            let response = page();
            drop(place);
            response
        });
        made.await.unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR))
    }

    /// Where a client that can ask for this page finds the repository.
    fn base_url(&self, mount: &Mount, request: &Parts) -> String {
        let path = mount.path();
        let path = path.trim_end_matches('/');
        if let Some(url) = &self.url {
            return format!("{}{path}", url.trim_end_matches('/'));
        }
        // RFC 9112, section 3.2.2: where a request has both, its own authority counts.
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = request.uri.authority().map(Authority::as_str).or(host);
        format!("{}://{}{path}", self.scheme, host.unwrap_or("localhost"))
    }
}

/// What is searched for: `q`, as a form sends it.
fn query(request: &Parts) -> String {
    let mut fields = request.uri.query().unwrap_or_default().split('&');
    let value = fields.find_map(|field| field.strip_prefix("q=")).unwrap_or_default();
    percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().trim().to_owned()
}

fn respond(status: StatusCode, html: String) -> Response<Body> {
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let said: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // It says what stands now, and to whoever may see it.
        (header::CACHE_CONTROL, "private, no-cache"),
    ];
    for (name, value) in said {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
