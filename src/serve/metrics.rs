//! Numbers for Prometheus.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::serve::connection::Application;
use crate::serve::connections::admission::Visit;
use crate::serve::connections::refusals::{Reason, Refusals};
use crate::serve::hosts::{self, Hosts};
use crate::serve::service::{method_not_allowed, plain};

/// What is counted.
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    bytes: Counter,
    seconds: Histogram,
    /// How many connections are open.
    pub connections: Gauge,
    /// What was refused or closed.
    pub refusals: Arc<Refusals>,
    /// How often certificates, or who may read, were to be read again and were no good.
    pub failed_reloads: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// In seconds, from the answer out of memory to the large tarball over a slow line.
const BUCKETS: [f64; 9] = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0, 30.0];

impl Metrics {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("hexreg");
        let requests = Family::default();
        registry.register("requests", "Requests answered", requests.clone());
        let bytes = Counter::default();
        registry.register_with_unit("sent", "Bytes of bodies sent", Unit::Bytes, bytes.clone());
        let seconds = Histogram::new(BUCKETS);
        let help = "From a request's head to the end of its answer";
        registry.register_with_unit("answering", help, Unit::Seconds, seconds.clone());
        let connections = Gauge::default();
        registry.register("connections", "Connections that are open", connections.clone());
        let by_reason = Family::<ReasonLabel, Counter>::default();
        let help = "Requests and connections that were refused, and connections closed, by reason";
        registry.register("refusals", help, by_reason.clone());
        let refusals = Refusals::new(|reason| {
            let counter = by_reason.get_or_create(&ReasonLabel { reason: reason.as_str() });
            counter.clone()
        });
        let refusals = Arc::new(refusals);
        let failed_reloads = Counter::default();
        let help = "Times that changed files were no good, and what was read before was kept";
        registry.register("failed_reloads", help, failed_reloads.clone());
        Self { registry, requests, bytes, seconds, connections, refusals, failed_reloads }
    }

    pub fn answered(&self, kind: &'static str, status: StatusCode, bytes: u64, took: Duration) {
        self.requests.get_or_create(&Labels { kind, status: status.as_u16() }).inc();
        self.bytes.inc_by(bytes);
        self.seconds.observe(took.as_secs_f64());
    }

    /// As Prometheus reads it, in the text format of `OpenMetrics`.
    pub fn response(&self) -> Response<Body> {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            return plain(StatusCode::INTERNAL_SERVER_ERROR);
        }
        let mut response = Response::new(Body::from(text));
        let kind =
            HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }
}

/// The numbers, at an address of their own, for programs on this machine.
pub(super) struct Numbers(pub Arc<Metrics>);

impl Application for Numbers {
    type Body = Body;

    async fn answer(
        self: Arc<Self>,
        visit: Arc<Visit>,
        request: Request<Incoming>,
    ) -> Response<Body> {
        let (request, _) = request.into_parts();
        if !Hosts::local().include(&request) {
            visit.count(Reason::OtherHost);
            return hosts::misdirected();
        }
        if request.uri.path() != "/metrics" {
            return plain(StatusCode::NOT_FOUND);
        }
        if request.method != Method::GET && request.method != Method::HEAD {
            return method_not_allowed();
        }
        self.0.response()
    }

    /// What is refused is counted; who asks for numbers is not written down.
    fn could_not_read(&self, _: IpAddr, _: StatusCode) {}
}
