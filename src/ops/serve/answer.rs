//! Every request's way: refused, let in, found, answered.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, Request, Response, StatusCode, Version};

use super::access::{Access, Asked, Counted};
use super::gate::{Gate, Visitor, ask_who, not_checked};
use super::pages::Pages;
use super::site::{Site, Target, without_empty_parts};

/// What answers requests.
pub(super) struct Service {
    pub site: Site,
    pub gate: Gate,
    pub pages: Pages,
    pub access: Access,
}

/// Where whoever watches over the server asks whether it is well. Anybody may.
const HEALTH: &str = "/healthz";

/// Answers one request, and writes it down.
pub(super) async fn answer<B>(
    service: Arc<Service>,
    client: SocketAddr,
    request: Request<B>,
) -> Result<Response<Counted>, Infallible> {
    let (request, _) = request.into_parts();
    let mut asked = service.access.begin(client, &request);
    let response = service.respond(request, &mut asked).await;
    Ok(service.access.end(asked, response))
}

impl Service {
    async fn respond(&self, request: Parts, asked: &mut Asked) -> Response<Body> {
        if let Some(refused) = refuse(&request) {
            return refused;
        }
        // The log has the path as it was sent; all else goes by this one.
        let path = without_empty_parts(request.uri.path());
        if path == HEALTH {
            return plain(self.health().await);
        }
        let authorization = request.headers.get(header::AUTHORIZATION);
        match self.gate.admit(asked.client(), authorization).await {
            Visitor::Anybody => {}
            Visitor::Known(name) => asked.visitor = Some(name),
            Visitor::Stranger => return ask_who(),
            Visitor::Undecided(unchecked) => return not_checked(unchecked),
        }
        match self.site.find(&path) {
            Some(Target::File(file)) => {
                asked.kind = file.kind().as_str();
                file.respond(&request.method, request.headers).await
            }
            Some(Target::Repository(mount)) => {
                asked.kind = "page";
                self.pages.repository(mount, &request, asked.client()).await
            }
            Some(Target::All) => {
                asked.kind = "page";
                self.pages.all(asked.client()).await
            }
            None => plain(StatusCode::NOT_FOUND),
        }
    }

    /// Whether every repository's directory is there: a disk that was not mounted is no health.
    async fn health(&self) -> StatusCode {
        for mount in self.site.mounts() {
            match tokio::fs::metadata(&mount.directory).await {
                Ok(found) if found.is_dir() => {}
                _ => return StatusCode::SERVICE_UNAVAILABLE,
            }
        }
        StatusCode::OK
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
    let (status, name, value) = if has_body || !has_host {
        (StatusCode::BAD_REQUEST, header::CONNECTION, "close")
    } else if method != Method::GET && method != Method::HEAD {
        (StatusCode::METHOD_NOT_ALLOWED, header::ALLOW, "GET, HEAD")
    } else {
        return None;
    };
    let mut response = plain(status);
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    Some(response)
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
