//! The access log: a line for each request, and its numbers in the metrics, once the last byte of the response was taken
//! or the client closed the connection.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use headers::{ContentLength, HeaderMapExt};
use http_body::{Body as _, Frame, SizeHint};

use super::connections::proxies::ProxiedRequest;
use super::metrics::Metrics;
use crate::auth::UserName;

/// Writes the access log.
pub(super) struct AccessLog {
    pub metrics: Arc<Metrics>,
    /// Whether requests get lines, and not only numbers.
    pub is_on: bool,
}

/// A request as the log shows it: without headers, which hold credentials, and without the query.
pub(super) struct RequestRecord {
    client: IpAddr,
    method: Method,
    path: String,
    began: Instant,
    /// The user, if credentials were sent and are right.
    pub user: Option<UserName>,
    /// The label in the metrics.
    pub kind: &'static str,
    /// Counts it among the running requests of a client behind a proxy.
    pub proxied: Option<ProxiedRequest>,
}

/// The label of requests that have no route.
const OTHER: &str = "other";

impl RequestRecord {
    /// Shows another path, without a part that is a secret.
    #[cfg(feature = "web")]
    pub fn show_path(&mut self, path: impl FnOnce(&str) -> Option<String>) {
        if let Some(path) = path(&self.path) {
            self.path = path;
        }
    }

    /// The address of the client.
    pub fn client(&self) -> IpAddr {
        self.client
    }
}

impl AccessLog {
    /// Begins the record of a request.
    pub fn begin(&self, client: IpAddr, request: &Parts) -> RequestRecord {
        let path = if self.is_on { request.uri.path().to_owned() } else { String::new() };
        let method = request.method.clone();
        RequestRecord {
            client,
            method,
            path,
            began: Instant::now(),
            user: None,
            kind: OTHER,
            proxied: None,
        }
    }

    /// Logs bytes that are not a request.
    pub fn malformed(&self, client: IpAddr, status: StatusCode) {
        self.metrics.count_response(OTHER, status, 0, Duration::ZERO);
        if self.is_on {
            tracing::info!(
                target: "hexreg::access",
                %client,
                visitor = "-",
                method = "-",
                path = "-",
                status = status.as_u16(),
                bytes = 0_u64,
                whole = true,
                milliseconds = 0.0,
            );
        }
    }

    /// Attaches the record to the body of the response, which logs it at its end.
    pub fn end(&self, record: RequestRecord, response: Response<Body>) -> Response<LoggedBody> {
        let status = response.status();
        // A body that does not know its length is that of a file, with a header.
        let length = response
            .body()
            .size_hint()
            .exact()
            .or_else(|| response.headers().typed_get().map(|ContentLength(length)| length));
        response.map(|body| {
            let is_whole = body.is_end_stream();
            let is_on = self.is_on;
            let metrics = Arc::clone(&self.metrics);
            LoggedBody { body, record, status, length, sent: 0, is_whole, is_on, metrics }
        })
    }
}

/// A body that counts the bytes that are taken, and logs the request when it is dropped.
pub(super) struct LoggedBody {
    body: Body,
    record: RequestRecord,
    status: StatusCode,
    length: Option<u64>,
    sent: u64,
    is_whole: bool,
    is_on: bool,
    metrics: Arc<Metrics>,
}

impl http_body::Body for LoggedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.sent = this.sent.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
                // hyper does not poll again once the body has had its length.
                this.is_whole = this.body.is_end_stream() || this.length == Some(this.sent);
            }
            Poll::Ready(None) => this.is_whole = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for LoggedBody {
    fn drop(&mut self) {
        let Self { record, status, sent, is_whole, .. } = self;
        // The response to HEAD has no body.
        let is_whole = *is_whole || record.method == Method::HEAD;
        let took = record.began.elapsed();
        self.metrics.count_response(record.kind, *status, *sent, took);
        if self.is_on {
            tracing::info!(
                target: "hexreg::access",
                client = %record.client,
                visitor = record.user.as_ref().map_or("-", UserName::as_str),
                method = %record.method,
                path = record.path,
                status = status.as_u16(),
                bytes = sent,
                whole = is_whole,
                milliseconds = (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0,
            );
        }
    }
}
