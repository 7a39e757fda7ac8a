//! The metrics over HTTP, on a listener of their own.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::connection::RequestHandler;
use super::connections::admission::ClientConnection;
use super::connections::refusals::RefusalReason;
use super::hosts::AllowedHosts;
use super::metrics::Metrics;
use super::refusal::RequestRefusal;
use super::responses::{method_not_allowed, plain};
use super::route::{METRICS, READ};

/// Answers Prometheus, without credentials: the metrics are numbers, and of all names, they have those of repositories
/// that are mirrored.
pub(super) struct MetricsEndpoint {
    pub metrics: Arc<Metrics>,
    pub hosts: AllowedHosts,
}

impl RequestHandler for MetricsEndpoint {
    type Body = Body;

    async fn handle(
        self: Arc<Self>,
        connection: Arc<ClientConnection>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let (request, _) = request.into_parts();
        if !self.hosts.include(&request) {
            connection.count_refusal(RefusalReason::OtherHost);
            return RequestRefusal::OtherHost.response();
        }
        if request.uri.path() != METRICS {
            return plain(StatusCode::NOT_FOUND);
        }
        if !READ.contains(&request.method) {
            return method_not_allowed(READ);
        }
        let Some(text) = self.metrics.encode() else {
            return plain(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let mut response = Response::new(Body::from(text));
        let content_type =
            HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response
    }

    /// The refusal is counted, and requests for metrics are not logged.
    fn malformed(&self, _: IpAddr, _: StatusCode) {}
}
