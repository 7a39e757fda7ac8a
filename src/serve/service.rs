//! The way of a request: malformed ones are refused, the route is found, the client is authorized, the route answers,
//! and the access log gets a line.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use super::access_log::{AccessLog, LoggedBody, RequestRecord};
use super::authorize::{Authorization, Authorizer};
use super::connection::RequestHandler;
use super::connections::admission::ClientConnection;
use super::connections::peer::Overload;
use super::connections::proxies::ProxiedRequests;
use super::connections::refusals::RefusalReason;
use super::hosts::AllowedHosts;
use super::responses::{
    bad_request, method_not_allowed, misdirected, overloaded, plain, unauthorized,
};
use super::route::{Access, READ, Route, Routes, without_empty_parts};

/// Answers the requests of clients.
pub(super) struct RegistryService {
    pub routes: Routes,
    pub authorizer: Authorizer,
    pub access_log: AccessLog,
    pub hosts: AllowedHosts,
    pub proxied: ProxiedRequests,
}

impl RequestHandler for RegistryService {
    type Body = LoggedBody;

    async fn handle(
        self: Arc<Self>,
        connection: Arc<ClientConnection>,
        request: Request<Incoming>,
    ) -> Response<LoggedBody> {
        let (request, _) = request.into_parts();
        let client = connection.client_of(&request.headers);
        let mut record = self.access_log.begin(client, &request);
        let response = self.respond(request, &mut record, &connection).await;
        self.access_log.end(record, response)
    }

    fn malformed(&self, client: IpAddr, status: StatusCode) {
        self.access_log.malformed(client, status);
    }
}

impl RegistryService {
    async fn respond(
        &self,
        request: Parts,
        record: &mut RequestRecord,
        connection: &ClientConnection,
    ) -> Response<Body> {
        if is_malformed(&request) {
            return bad_request();
        }
        // The log shows the path as it was sent.
        let route = self.routes.find(&without_empty_parts(request.uri.path()));
        // A path that does not exist is refused as one that does: only readers learn which paths exist.
        let methods = route.as_ref().map_or(READ, Route::methods);
        if !methods.contains(&request.method) {
            return method_not_allowed(methods);
        }
        if route.as_ref().map_or(Access::Readers, Route::access) == Access::Readers {
            if let Some(refusal) = self.refusal(&request, record, connection).await {
                return refusal;
            }
        }
        let Some(route) = route else { return plain(StatusCode::NOT_FOUND) };
        record.kind = route.kind();
        self.routes.respond(route, request, record.client()).await
    }

    /// The refusal of a request that is for another host, has no room, or is not authorized.
    async fn refusal(
        &self,
        request: &Parts,
        record: &mut RequestRecord,
        connection: &ClientConnection,
    ) -> Option<Response<Body>> {
        let (client, refusals) = (record.client(), &self.access_log.metrics.refusals);
        if !self.hosts.include(request) {
            refusals.count(RefusalReason::OtherHost, Some(client));
            return Some(misdirected());
        }
        if let Err(overload) = connection.wait_for_slot().await {
            return Some(overloaded(overload));
        }
        if connection.is_proxied(client) {
            record.proxied = self.proxied.begin(client);
            if record.proxied.is_none() {
                refusals.count(RefusalReason::AddressFull, Some(client));
                return Some(overloaded(Overload::OfPeer));
            }
        }
        let authorization = request.headers.get(header::AUTHORIZATION);
        match self.authorizer.authorize(client, authorization).await {
            Authorization::Anonymous => None,
            Authorization::User(user) => {
                record.user = Some(user.name);
                None
            }
            Authorization::Denied => Some(unauthorized()),
            Authorization::Overloaded(overload) => {
                refusals.count(RefusalReason::Passwords, Some(client));
                Some(overloaded(overload))
            }
        }
    }
}

/// Whether no client of a registry sends such a request. A body that is not read would be taken for the next request by
/// a proxy that finds its end elsewhere.
fn is_malformed(request: &Parts) -> bool {
    let headers = &request.headers;
    let is_zero = |length: &HeaderValue| length.as_bytes() == b"0";
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || !headers.get_all(header::CONTENT_LENGTH).iter().all(is_zero);
    let hosts = headers.get_all(header::HOST).iter().count();
    let has_host = hosts == 1 || (hosts == 0 && request.version < Version::HTTP_11);
    // Of several, a proxy may use another one.
    let has_credentials_twice = headers.get_all(header::AUTHORIZATION).iter().nth(1).is_some();
    has_body || !has_host || has_credentials_twice
}
