//! One connection: its TLS handshake, its requests, and the reason for its end.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{self, HeaderValue};
use axum::http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::serve::connections::activity::{Activity, Stop};
use crate::serve::connections::admission::ClientConnection;
use crate::serve::connections::head_timer::HeadTimer;
use crate::serve::connections::least_rate::LeastRateStream;
use crate::serve::connections::refusals::RefusalReason;
use crate::serve::responses::NOSNIFF;

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers the requests of a listener.
pub(super) trait RequestHandler: Send + Sync + 'static {
    type Body: Body<Data = Bytes, Error = axum::Error> + Send + Unpin + 'static;

    fn handle(
        self: Arc<Self>,
        connection: Arc<ClientConnection>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Called after bytes that are not a request were answered with `status`.
    fn malformed(&self, client: IpAddr, status: StatusCode);
}

/// Counts a connection as open in the metrics, until it is dropped.
struct OpenConnection(Arc<ClientConnection>);

impl OpenConnection {
    fn new(connection: &Arc<ClientConnection>) -> Self {
        connection.admission.open.inc();
        Self(Arc::clone(connection))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.admission.open.dec();
    }
}

/// Answers all requests on a connection.
pub(super) async fn serve<H: RequestHandler>(
    handler: Arc<H>,
    connection: Arc<ClientConnection>,
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
) {
    let _open = OpenConnection::new(&connection);
    let (activity, stall) = (Arc::clone(&connection.activity), connection.admission.limits.stall);
    // It fails where the client has closed the connection already.
    let Ok(stream) = LeastRateStream::new(stream, activity, stall) else { return };
    let Some(config) = tls else { return serve_http(handler, connection, stream).await };
    let handshake = TlsAcceptor::from(config).accept(stream);
    let accepted = tokio::select! {
        biased;
        accepted = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake) => accepted,
        // There is no request to answer first.
        _ = connection.activity.stopped() => return,
    };
    match accepted {
        Ok(Ok(stream)) => {
            connection.activity.received_handshake();
            serve_http(handler, connection, stream).await;
        }
        // A client that closes before it sends anything has failed no handshake.
        Ok(Err(_)) if !connection.activity.has_received() => {}
        Ok(Err(_)) | Err(_) => connection.count_refusal(RefusalReason::TlsHandshake),
    }
}

async fn serve_http<H, S>(handler: Arc<H>, connection: Arc<ClientConnection>, stream: S)
where
    H: RequestHandler,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let handle_one = service_fn(|request| {
        connection.activity.request_began();
        let (handler, connection) = (Arc::clone(&handler), Arc::clone(&connection));
        async move { Ok::<_, Infallible>(handle(handler, connection, request).await) }
    });
    // HTTP/1.1 alone: no client of a registry needs HTTP/2, where one connection has two hundred requests that these
    // limits do not see. Nor would hyper limit the time in which a connection has to choose a version.
    let mut http = http1::Builder::new();
    http.timer(HeadTimer::new())
        .header_read_timeout(connection.head_timeout())
        .max_buf_size(connection.admission.limits.head);
    let mut requests = std::pin::pin!(http.serve_connection(TokioIo::new(stream), handle_one));
    let ended = loop {
        tokio::select! {
            biased;
            ended = requests.as_mut() => break ended,
            stop = connection.activity.stopped() => {
                if stop == Stop::Now || connection.activity.is_idle() {
                    return;
                }
                requests.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        count_end(&error, &*handler, &connection);
    }
}

/// Counts the reason for which a connection ended.
fn count_end<H: RequestHandler>(error: &hyper::Error, handler: &H, connection: &ClientConnection) {
    let (reason, status) = if connection.activity.is_too_slow() {
        (RefusalReason::TooSlow, None)
    } else if error.is_parse_too_large() {
        (RefusalReason::HeadTooLarge, Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE))
    } else if error.is_parse_version_h2() {
        // hyper sends no response to it.
        (RefusalReason::Malformed, None)
    } else if error.is_parse() {
        (RefusalReason::Malformed, Some(StatusCode::BAD_REQUEST))
    } else if error.is_timeout() && connection.activity.has_received() {
        (RefusalReason::HeadTimeout, None)
    } else {
        // The client closed the connection, or was idle for as long as it may be.
        return;
    };
    connection.count_refusal(reason);
    if let Some(status) = status {
        handler.malformed(connection.address.ip(), status);
    }
}

async fn handle<H: RequestHandler>(
    handler: Arc<H>,
    connection: Arc<ClientConnection>,
    request: Request<Incoming>,
) -> Response<TrackedBody<H::Body>> {
    let activity = Arc::clone(&connection.activity);
    let is_last = !connection.has_slot();
    let has_body = !request.body().is_end_stream();
    let mut response = handler.handle(connection, request).await;
    if has_body && (response.status().is_client_error() || response.status().is_server_error()) {
        activity.refused_with_body();
    }
    let headers = response.headers_mut();
    // A kept response has it. The map would grow first, even for a header that it has.
    if !headers.contains_key(header::X_CONTENT_TYPE_OPTIONS) {
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static(NOSNIFF));
    }
    if is_last {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| TrackedBody { body, activity })
}

/// A body that tells the [`Activity`] when it is dropped: then all its bytes were taken, or the client is gone.
struct TrackedBody<B> {
    body: B,
    activity: Arc<Activity>,
}

impl<B> Drop for TrackedBody<B> {
    fn drop(&mut self) {
        self.activity.response_produced();
    }
}

impl<B: Body + Unpin> Body for TrackedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
