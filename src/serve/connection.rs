//! One connection: its handshake, its requests, and why it ends.

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
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::serve::connections::activity::{Activity, Order};
use crate::serve::connections::admission::Visit;
use crate::serve::connections::least_rate::PacedStream;
use crate::serve::connections::refusals::Reason;

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What answers requests.
pub(super) trait Application: Send + Sync + 'static {
    type Body: Body<Data = Bytes, Error = axum::Error> + Send + Unpin + 'static;

    fn answer(
        self: Arc<Self>,
        visit: Arc<Visit>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// Is told of what came and was no request, and how it was answered.
    fn could_not_read(&self, client: IpAddr, status: StatusCode);
}

/// Counts a connection among the metrics, until it is dropped.
struct Open(Arc<Visit>);

impl Open {
    fn of(visit: &Arc<Visit>) -> Self {
        visit.door.open.inc();
        Self(Arc::clone(visit))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.door.open.dec();
    }
}

/// Answers all that is asked on a connection.
pub(super) async fn converse<A: Application>(
    application: Arc<A>,
    visit: Arc<Visit>,
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
) {
    let _open = Open::of(&visit);
    let (activity, stall) = (Arc::clone(&visit.activity), visit.door.limits.stall);
    // It is gone already.
    let Ok(stream) = PacedStream::new(stream, activity, stall) else { return };
    let Some(config) = tls else { return answer_all(application, visit, stream).await };
    let accepted = tokio::select! {
        biased;
        accepted = tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)) => accepted,
        // Whichever it is told, it has not asked for anything yet.
        _ = visit.activity.order() => return,
    };
    match accepted {
        Ok(Ok(stream)) => {
            visit.activity.received_no_request();
            answer_all(application, visit, stream).await;
        }
        // One that comes and goes without a word has refused nothing.
        Ok(Err(_)) if !visit.activity.has_received() => {}
        Ok(Err(_)) | Err(_) => visit.count(Reason::TlsHandshake),
    }
}

async fn answer_all<A, S>(application: Arc<A>, visit: Arc<Visit>, stream: S)
where
    A: Application,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let answer_one = service_fn(|request| {
        visit.activity.asked();
        let (application, visit) = (Arc::clone(&application), Arc::clone(&visit));
        async move { Ok::<_, Infallible>(answer(application, visit, request).await) }
    });
    // No client of a registry needs HTTP/2, in which one connection is two hundred requests, none of
    // which these limits know; nor is there a time by which a connection has to say which it is.
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(visit.head_time())
        .max_buf_size(visit.door.limits.head);
    let mut talk = std::pin::pin!(http.serve_connection(TokioIo::new(stream), answer_one));
    let ended = loop {
        tokio::select! {
            biased;
            ended = talk.as_mut() => break ended,
            order = visit.activity.order() => {
                if order == Order::Close || visit.activity.is_idle() {
                    return;
                }
                talk.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        why(&error, &*application, &visit);
    }
}

/// Counts why a connection ended.
fn why<A: Application>(error: &hyper::Error, application: &A, visit: &Visit) {
    let (reason, status) = if visit.activity.is_too_slow() {
        (Reason::TooSlow, None)
    } else if error.is_parse_too_large() {
        (Reason::HeadTooLarge, Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE))
    } else if error.is_parse_version_h2() {
        // To which hyper says nothing.
        (Reason::Malformed, None)
    } else if error.is_parse() {
        (Reason::Malformed, Some(StatusCode::BAD_REQUEST))
    } else if error.is_timeout() && visit.activity.has_received() {
        (Reason::HeadTimeout, None)
    } else {
        // The client went away, or was idle for as long as it may be.
        return;
    };
    visit.count(reason);
    if let Some(status) = status {
        application.could_not_read(visit.client.ip(), status);
    }
}

async fn answer<A: Application>(
    application: Arc<A>,
    visit: Arc<Visit>,
    request: Request<Incoming>,
) -> Response<Answering<A::Body>> {
    let activity = Arc::clone(&visit.activity);
    let is_last = !visit.is_in_house();
    let mut response = application.answer(visit, request).await;
    let headers = response.headers_mut();
    // A browser takes each answer for what it is said to be, and for nothing else.
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if is_last {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response.map(|body| Answering { body, activity })
}

/// A body that tells when it has no more bytes to be taken.
struct Answering<B> {
    body: B,
    activity: Arc<Activity>,
}

impl<B> Drop for Answering<B> {
    fn drop(&mut self) {
        self.activity.answered();
    }
}

impl<B: Body + Unpin> Body for Answering<B> {
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
