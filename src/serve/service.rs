//! The way of a request: malformed ones are refused, the route is found, the client is authorized, the route answers,
//! and the access log gets a line.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use super::access_log::{AccessLog, LoggedBody, RequestRecord};
use super::api::service::{Api, ApiPath, ApiRequest};
use super::authorize::{Authorization, Authorizer};
#[cfg(feature = "web")]
use super::call::Call;
use super::connection::RequestHandler;
use super::connections::admission::ClientConnection;
use super::connections::peer::Overload;
use super::connections::proxies::ProxiedRequests;
use super::connections::refusals::RefusalReason;
#[cfg(feature = "web")]
use super::docs::{self, service::DocsReader};
use super::hosts::AllowedHosts;
use super::options::Options;
use super::refusal::RequestRefusal;
use super::request_body::{BodyError, BodyLimits, receive_small};
use super::request_path::without_empty_parts;
#[cfg(feature = "web")]
use super::responses::no_content;
use super::responses::{method_not_allowed, plain, unauthorized};
use super::route::{Access, READ, Route, Routes};
#[cfg(feature = "web")]
use super::route::{DOCS_METHODS, FAVICON};

/// Answers the requests of clients.
pub(super) struct RegistryService {
    /// What it was made of.
    pub options: Options,
    pub routes: Routes,
    pub api: Api,
    pub authorizer: Arc<Authorizer>,
    pub access_log: AccessLog,
    pub hosts: AllowedHosts,
    /// Of the origin of documentation.
    #[cfg(feature = "web")]
    pub docs_hosts: AllowedHosts,
    pub proxied: ProxiedRequests,
}

/// The limits of a form: a lock file of 400 packages has 80 KB.
const FORM_LIMITS: BodyLimits =
    BodyLimits { size: 1 << 20, stall: Duration::from_secs(10), total: Duration::from_secs(60) };

/// The label of the API in the metrics.
const API_KIND: &str = "api";

/// The label of documentation.
#[cfg(feature = "web")]
const DOCS_KIND: &str = "docs";

impl RequestHandler for RegistryService {
    type Body = LoggedBody;

    async fn handle(
        self: Arc<Self>,
        connection: Arc<ClientConnection>,
        request: Request<Incoming>,
    ) -> Response<LoggedBody> {
        let (request, body) = request.into_parts();
        #[cfg(feature = "web")]
        if self.routes.docs.origin.is_for_docs(&request) {
            drop(body);
            return self.handle_docs(&connection, request).await;
        }
        let client = connection.client_of(&request.headers);
        let mut record = self.access_log.begin(client, &request);
        // The log shows the path as it was sent.
        let api_path = ApiPath::of(&without_empty_parts(request.uri.path()));
        let response = if let Some(path) = api_path {
            record.kind = API_KIND;
            // The future of a file's request stays small.
            Box::pin(self.respond_api(path, request, body, &mut record, &connection)).await
        } else {
            self.respond(request, body, &mut record, &connection).await
        };
        self.access_log.end(record, response)
    }

    fn malformed(&self, client: IpAddr, status: StatusCode) {
        self.access_log.malformed(client, status);
    }
}

#[cfg(feature = "web")]
impl RegistryService {
    /// Answers a request for the origin of documentation.
    pub async fn handle_docs(
        &self,
        connection: &ClientConnection,
        request: Parts,
    ) -> Response<LoggedBody> {
        let client = connection.client_of(&request.headers);
        let mut record = self.access_log.begin(client, &request);
        record.show_path(docs::pass::without_pass);
        record.kind = DOCS_KIND;
        // The future of a file's request stays small.
        let response = Box::pin(self.respond_docs(request, &mut record, connection)).await;
        self.access_log.end(record, response)
    }

    async fn respond_docs(
        &self,
        request: Parts,
        record: &mut RequestRecord,
        connection: &ClientConnection,
    ) -> Response<Body> {
        if has_body(&request) || is_malformed(&request) {
            return RequestRefusal::Malformed.response();
        }
        if !DOCS_METHODS.contains(&request.method) {
            return method_not_allowed(DOCS_METHODS);
        }
        if let Err(refusal) = self.admit(&self.docs_hosts, &request, record, connection).await {
            return refusal.response();
        }
        let path = request.uri.path();
        if path == FAVICON {
            return no_content();
        }
        let found = self.routes.find_docs(path);
        let pass = found.and_then(|(repository, rest)| self.routes.docs.pass_of(rest, repository));
        let has_sent_pass = found.is_some_and(|(_, rest)| docs::pass::has_pass(rest));
        let reader = match pass {
            Some(package) => DocsReader::Pass(package),
            // A pass that is not valid is no reason to ask for credentials here.
            None if has_sent_pass => DocsReader::Anyone,
            None => match self.authenticate(&request, record).await {
                Err(refusal) => return refusal.response(),
                Ok(Authorization::Denied(_)) if !self.routes.allow_anonymous(path) => {
                    return unauthorized();
                }
                Ok(Authorization::Denied(_)) => DocsReader::Anyone,
                Ok(_) => DocsReader::User,
            },
        };
        let Some((repository, _)) = found else { return plain(StatusCode::NOT_FOUND) };
        let reads_all = reader == DocsReader::User;
        let client = record.client();
        let repository = Some(repository);
        let call = Call { repository, request: &request, client, body: None, reads_all };
        self.routes.docs.respond(call, &self.routes.repositories, &reader).await
    }
}

impl RegistryService {
    async fn respond(
        &self,
        request: Parts,
        body: Incoming,
        record: &mut RequestRecord,
        connection: &ClientConnection,
    ) -> Response<Body> {
        let path = without_empty_parts(request.uri.path());
        let route = self.routes.find(&path);
        let is_form = request.method == Method::POST
            && route.as_ref().is_some_and(|route| route.methods().contains(&Method::POST));
        if (has_body(&request) && !is_form) || is_malformed(&request) {
            return RequestRefusal::Malformed.response();
        }
        // A path that does not exist is refused as one that does: only readers learn which paths exist.
        let methods = route.as_ref().map_or(READ, Route::methods);
        if !methods.contains(&request.method) {
            return method_not_allowed(methods);
        }
        let mut reads_all = true;
        if route.as_ref().map_or(Access::Readers, Route::access) == Access::Readers {
            match self.authorize(&request, record, connection).await {
                Err(refusal) => return refusal.response(),
                Ok(Authorization::Denied(_)) if !self.routes.allow_anonymous(&path) => {
                    return unauthorized();
                }
                Ok(Authorization::Denied(_)) => reads_all = false,
                Ok(_) => {}
            }
        }
        let Some(route) = route else { return plain(StatusCode::NOT_FOUND) };
        record.kind = route.kind();
        if !is_form {
            drop(body);
            return self.routes.respond(route, request, None, record.client(), reads_all).await;
        }
        // The future of a file's request stays small.
        match Box::pin(receive_small(body, FORM_LIMITS)).await {
            Ok(body) => {
                self.routes.respond(route, request, Some(&body), record.client(), reads_all).await
            }
            Err(BodyError::TooLarge(_)) => plain(StatusCode::PAYLOAD_TOO_LARGE),
            Err(_) => plain(StatusCode::BAD_REQUEST),
        }
    }

    async fn respond_api(
        &self,
        path: ApiPath,
        request: Parts,
        body: Incoming,
        record: &mut RequestRecord,
        connection: &ClientConnection,
    ) -> Response<Body> {
        if is_malformed(&request) {
            return Api::refuse(&request, RequestRefusal::Malformed);
        }
        let authorization = match self.authorize(&request, record, connection).await {
            Ok(authorization) => authorization,
            Err(refusal) => return Api::refuse(&request, refusal),
        };
        let client = record.client();
        let request = ApiRequest { path, request, body, client, authorization };
        self.api.respond(&self.routes.repositories, &self.authorizer, request).await
    }

    /// Who asks, or why the request is refused before that is known: it is for another host, or has no room.
    async fn authorize(
        &self,
        request: &Parts,
        record: &mut RequestRecord,
        connection: &ClientConnection,
    ) -> Result<Authorization, RequestRefusal> {
        self.admit(&self.hosts, request, record, connection).await?;
        self.authenticate(request, record).await
    }

    /// Waits until there is room for a request, if it is for one of these hosts.
    async fn admit(
        &self,
        hosts: &AllowedHosts,
        request: &Parts,
        record: &mut RequestRecord,
        connection: &ClientConnection,
    ) -> Result<(), RequestRefusal> {
        let (client, refusals) = (record.client(), &self.access_log.metrics.refusals);
        if !hosts.include(request) {
            refusals.count(RefusalReason::OtherHost, Some(client));
            return Err(RequestRefusal::OtherHost);
        }
        connection.wait_for_slot().await.map_err(RequestRefusal::Overloaded)?;
        if connection.is_proxied(client) {
            record.proxied = self.proxied.begin(client);
            if record.proxied.is_none() {
                refusals.count(RefusalReason::AddressFull, Some(client));
                return Err(RequestRefusal::Overloaded(Overload::OfPeer));
            }
        }
        Ok(())
    }

    /// Who asks, by the credentials of the request.
    async fn authenticate(
        &self,
        request: &Parts,
        record: &mut RequestRecord,
    ) -> Result<Authorization, RequestRefusal> {
        let (client, refusals) = (record.client(), &self.access_log.metrics.refusals);
        let authorization = request.headers.get(header::AUTHORIZATION);
        let authorization = self.authorizer.authorize(client, authorization).await;
        let authorization = authorization.map_err(|overload| {
            refusals.count(RefusalReason::Passwords, Some(client));
            RequestRefusal::Overloaded(overload)
        })?;
        if let Authorization::User(user) = &authorization {
            record.user = Some(user.name.clone());
        }
        Ok(authorization)
    }
}

/// Whether the request has a body, which no client sends for a file. A body that is not read would be taken for the next
/// request by a proxy that finds its end elsewhere.
fn has_body(request: &Parts) -> bool {
    let headers = &request.headers;
    let is_zero = |length: &HeaderValue| length.as_bytes() == b"0";
    headers.contains_key(header::TRANSFER_ENCODING)
        || !headers.get_all(header::CONTENT_LENGTH).iter().all(is_zero)
}

/// Whether no client of a registry sends such a request.
fn is_malformed(request: &Parts) -> bool {
    let headers = &request.headers;
    let hosts = headers.get_all(header::HOST).iter().count();
    let has_host = hosts == 1 || (hosts == 0 && request.version < Version::HTTP_11);
    // Of several, a proxy may use another one.
    let has_credentials_twice = headers.get_all(header::AUTHORIZATION).iter().nth(1).is_some();
    !has_host || has_credentials_twice
}
