//! Every request's way: refused, let in, found, answered.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use crate::serve::access_log::{Access, Asked, Counted};
use crate::serve::authorize::{Gate, Visitor, ask_later, ask_who, not_checked};
use crate::serve::connection::Application;
use crate::serve::connections::admission::Visit;
use crate::serve::connections::fair_queue::NoRoom;
use crate::serve::connections::proxies::ProxiedRequests;
use crate::serve::connections::refusals::Reason;
use crate::serve::files::{Site, Target, without_empty_parts};
use crate::serve::health::Health;
use crate::serve::hosts::{self, Hosts};
use crate::serve::web::Pages;

/// What answers requests.
pub(super) struct Service {
    pub site: Site,
    pub gate: Gate,
    pub pages: Pages,
    pub access: Access,
    pub hosts: Hosts,
    pub health: Health,
    pub proxied: ProxiedRequests,
}

/// Where whoever watches over the server asks whether it is well. Anybody may.
const HEALTH: &str = "/healthz";

impl Application for Service {
    type Body = Counted;

    /// Answers one request, and writes it down.
    async fn answer(
        self: Arc<Self>,
        visit: Arc<Visit>,
        request: Request<Incoming>,
    ) -> Response<Counted> {
        let (request, _) = request.into_parts();
        let client = visit.client_of(&request.headers);
        let mut asked = self.access.begin(client, &request);
        let response = self.respond(request, &mut asked, &visit).await;
        self.access.end(asked, response)
    }

    fn could_not_read(&self, client: IpAddr, status: StatusCode) {
        self.access.unreadable(client, status);
    }
}

impl Service {
    async fn respond(&self, request: Parts, asked: &mut Asked, visit: &Visit) -> Response<Body> {
        if let Some(refused) = refuse(&request) {
            return refused;
        }
        // The log has the path as it was sent; all else goes by this one.
        let path = without_empty_parts(request.uri.path());
        if path == HEALTH {
            let is_well = self.health.is_well().await;
            return plain(if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE });
        }
        if let Some(refused) = self.admit(&request, asked, visit).await {
            return refused;
        }
        let client = asked.client();
        match self.site.find(&path) {
            Some(Target::File(file)) => {
                asked.kind = file.kind().as_str();
                file.respond(&request.method, request.headers).await
            }
            Some(Target::Repository(mount)) => {
                asked.kind = "page";
                self.page(self.pages.repository(mount, &request, client).await, client)
            }
            Some(Target::All) => {
                asked.kind = "page";
                self.page(self.pages.all(client).await, client)
            }
            None => plain(StatusCode::NOT_FOUND),
        }
    }

    /// What is said to a client that is not let in.
    async fn admit(
        &self,
        request: &Parts,
        asked: &mut Asked,
        visit: &Visit,
    ) -> Option<Response<Body>> {
        let (client, refusals) = (asked.client(), &self.access.metrics.refusals);
        if !self.hosts.include(request) {
            refusals.count(Reason::OtherHost, Some(client));
            return Some(hosts::misdirected());
        }
        if let Err(no_room) = visit.be_seated().await {
            return Some(ask_later(no_room));
        }
        if visit.is_proxied(client) {
            asked.proxied = self.proxied.begin(client);
            if asked.proxied.is_none() {
                refusals.count(Reason::AddressFull, Some(client));
                return Some(ask_later(NoRoom::OfThisPeer));
            }
        }
        let authorization = request.headers.get(header::AUTHORIZATION);
        match self.gate.admit(client, authorization).await {
            Visitor::Anybody => None,
            Visitor::Known(name) => {
                asked.visitor = Some(name);
                None
            }
            Visitor::Stranger => Some(ask_who()),
            Visitor::Undecided(unchecked) => {
                refusals.count(Reason::Passwords, Some(client));
                Some(not_checked(unchecked))
            }
        }
    }

    /// Counts a page that is not made, as too many are.
    fn page(&self, response: Response<Body>, client: IpAddr) -> Response<Body> {
        if response.headers().contains_key(header::RETRY_AFTER) {
            self.access.metrics.refusals.count(Reason::Pages, Some(client));
        }
        response
    }
}

/// What no client of a registry sends. A body that nobody reads would be taken for the next request by
/// a proxy that counts differently.
fn refuse(request: &Parts) -> Option<Response<Body>> {
    let Parts { method, headers, .. } = request;
    let empty = |length: &HeaderValue| length.as_bytes() == b"0";
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || !headers.get_all(header::CONTENT_LENGTH).iter().all(empty);
    let hosts = headers.get_all(header::HOST).iter().count();
    let has_host = hosts == 1 || (hosts == 0 && request.version < Version::HTTP_11);
    // Of several, a proxy may go by another one.
    let has_credentials_twice = headers.get_all(header::AUTHORIZATION).iter().nth(1).is_some();
    if has_body || !has_host || has_credentials_twice {
        let mut response = plain(StatusCode::BAD_REQUEST);
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return Some(response);
    }
    (method != Method::GET && method != Method::HEAD).then(method_not_allowed)
}

/// What is said of a method that is none of those that read.
pub(super) fn method_not_allowed() -> Response<Body> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// A status in words.
pub(super) fn plain(status: StatusCode) -> Response<Body> {
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let mut response = Response::new(Body::from(format!("{} {reason}\n", status.as_str())));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
