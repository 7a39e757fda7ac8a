//! What was asked and how it was answered: a line in the log and a number among the metrics, once the
//! last byte of the body was taken or the client went away.

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

use crate::auth::UserName;
use crate::serve::connections::proxies::ProxiedRequest;
use crate::serve::metrics::Metrics;

/// Writes down what was asked.
pub(super) struct Access {
    pub metrics: Arc<Metrics>,
    pub log: bool,
}

/// A request, as far as it is written down: nothing of its headers, where credentials are, nor of what
/// follows the path.
pub(super) struct Asked {
    client: IpAddr,
    method: Method,
    path: String,
    began: Instant,
    /// Who asked, where that is known.
    pub visitor: Option<UserName>,
    /// What was asked for.
    pub kind: &'static str,
    /// Its place among those of a client behind a proxy.
    pub proxied: Option<ProxiedRequest>,
}

/// What is no file of a registry.
const OTHER: &str = "other";

impl Asked {
    /// The address that asks.
    pub fn client(&self) -> IpAddr {
        self.client
    }
}

impl Access {
    pub fn begin(&self, client: IpAddr, request: &Parts) -> Asked {
        let path = if self.log { request.uri.path().to_owned() } else { String::new() };
        let method = request.method.clone();
        Asked {
            client,
            method,
            path,
            began: Instant::now(),
            visitor: None,
            kind: OTHER,
            proxied: None,
        }
    }

    /// Writes down what came and was no request.
    pub fn unreadable(&self, client: IpAddr, status: StatusCode) {
        self.metrics.answered(OTHER, status, 0, Duration::ZERO);
        if self.log {
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

    pub fn end(&self, asked: Asked, response: Response<Body>) -> Response<Counted> {
        let status = response.status();
        let length = response.headers().typed_get().map(|ContentLength(length)| length);
        response.map(|body| {
            let is_whole = body.is_end_stream();
            let log = self.log;
            let metrics = Arc::clone(&self.metrics);
            Counted { body, asked, status, length, sent: 0, is_whole, log, metrics }
        })
    }
}

/// A body that counts what is taken of it, and tells once it is dropped.
pub(super) struct Counted {
    body: Body,
    asked: Asked,
    status: StatusCode,
    length: Option<u64>,
    sent: u64,
    is_whole: bool,
    log: bool,
    metrics: Arc<Metrics>,
}

impl http_body::Body for Counted {
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
                // Nobody asks once more for what has had the length that was said.
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

impl Drop for Counted {
    fn drop(&mut self) {
        let Self { asked, status, sent, is_whole, .. } = self;
        // A client that asks for the head alone takes no body.
        let is_whole = *is_whole || asked.method == Method::HEAD;
        let took = asked.began.elapsed();
        self.metrics.answered(asked.kind, *status, *sent, took);
        if self.log {
            tracing::info!(
                target: "hexreg::access",
                client = %asked.client,
                visitor = asked.visitor.as_ref().map_or("-", UserName::as_str),
                method = %asked.method,
                path = asked.path,
                status = status.as_u16(),
                bytes = sent,
                whole = is_whole,
                milliseconds = (took.as_secs_f64() * 1_000_000.0).round() / 1_000.0,
            );
        }
    }
}
