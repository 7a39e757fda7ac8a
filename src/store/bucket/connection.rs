//! Requests to a bucket's server, and how long they may take.
//!
//! A large file over a slow line takes minutes, and a server that says nothing should be given up after
//! seconds. So no request has a limit in all: it ends where neither side has moved a byte for a while, or
//! where it is slower than any line that is of use.

use std::error::Error as _;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use object_store::client::{
    ClientConfigKey, ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind,
    HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody, HttpService,
};
use reqwest::Certificate;
use reqwest::redirect::Policy;
use tokio::time::{Instant, Sleep, sleep_until};
use url::{Position, Url};

use super::unexpected::UnexpectedAnswer;
use crate::proxy::Proxies;

/// How long a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until there is a connection.
    pub connect: Duration,
    /// Without a byte in either direction.
    pub stall: Duration,
    /// How many bytes a second have to be moved, once `stall` is over.
    pub floor: u32,
}

impl Default for Limits {
    /// Ten seconds, half a minute, and 8 KiB a second: sixteen uploads at once over a line of 1 Mbit/s.
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), stall: Duration::from_secs(30), floor: 8 << 10 }
    }
}

impl Limits {
    /// For what hands out credentials on the machine itself or in its network: it answers at once, or is not
    /// there at all.
    const OF_MACHINE: Self =
        Self { connect: Duration::from_secs(2), stall: Duration::from_secs(5), floor: 1 << 10 };

    /// How long so many bytes may take at the least.
    fn duration(&self, bytes: u64) -> Duration {
        // No limit for sizes that no single file has.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        Duration::from_secs_f64(f64::from(bytes) / f64::from(self.floor.max(1)))
    }
}

/// In which pieces an upload is handed over, so that its progress can be seen.
const PIECE: usize = 64 << 10;

/// In bytes: the most that is read of an answer that is no object. A page of a listing, which is the largest, has at
/// most 5,000 entries, and a name at most 1,024 bytes.
pub(super) const MAX_ANSWER: u64 = 16 << 20;

/// An extension of a request: what answers it is an object, of whatever size. Its reader knows how much it wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct AsksForObject;

/// Who asks, as servers are told.
const AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Makes the clients that a store asks with.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    limits: Limits,
    roots: Vec<Certificate>,
    /// Without it none at all is used, also none that the system has.
    proxies: Option<Proxies>,
}

impl Transport {
    pub fn new(limits: Limits, proxies: Proxies) -> Self {
        Self { limits, roots: Vec::new(), proxies: Some(proxies) }
    }

    /// The same for what hands out credentials on the machine itself: a proxy would be asked for its own.
    pub fn of_machine(&self) -> Self {
        Self { limits: Limits::OF_MACHINE, proxies: None, ..self.clone() }
    }

    /// Trusts these authorities too.
    pub fn trusting(self, roots: Vec<Certificate>) -> Self {
        Self { roots, ..self }
    }

    /// A client of its own; plain HTTP is allowed.
    pub fn client(&self) -> object_store::Result<HttpClient> {
        self.connect(&ClientOptions::new().with_allow_http(true))
    }
}

impl HttpConnector for Transport {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allows_http = options.get_config_value(&ClientConfigKey::AllowHttp);
        let builder = reqwest::Client::builder();
        let builder = match &self.proxies {
            Some(proxies) => proxies.apply(builder),
            None => builder.no_proxy(),
        };
        let client = builder
            .user_agent(AGENT)
            // Another server must not get what shows who asks.
            .redirect(Policy::none())
            .connect_timeout(self.limits.connect)
            .https_only(allows_http.as_deref() != Some("true"))
            .http1_only()
            .tls_certs_merge(self.roots.iter().cloned())
            .build();
        let client = client.map_err(|error| object_store::Error::Generic {
            store: "HTTP client",
            source: Box::new(error),
        })?;
        let proxies = self.proxies.clone().unwrap_or_default();
        Ok(HttpClient::new(Service { client, limits: self.limits, proxies }))
    }
}

/// A request that failed on its way through a proxy.
#[derive(Debug, thiserror::Error)]
#[error("through the proxy {proxy}")]
struct ThroughProxy {
    proxy: String,
    source: reqwest::Error,
}

/// What is to be said behind the name of a server: through which proxy it was asked, if through any.
pub(super) fn through_proxy(error: &(dyn std::error::Error + 'static)) -> String {
    let mut causes = std::iter::successors(Some(error), |&cause| cause.source());
    let found = causes.find_map(|cause| cause.downcast_ref::<ThroughProxy>());
    found.map_or_else(String::new, |found| format!(" {found}"))
}

/// Why a request was given up.
#[derive(Debug, thiserror::Error)]
enum Overdue {
    #[error("{host} has neither taken nor sent a byte for {}", Seconds(*.after))]
    Stalled { host: String, after: Duration },
    #[error("{host} is too slow: {moved} bytes in {}", Seconds(*.after))]
    Slow { host: String, moved: u64, after: Duration },
    #[error("{host} did not answer within {}", Seconds(*.after))]
    Connect { host: String, after: Duration },
}

/// How long something took, to the second unless it is less.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0 => write!(f, "{} ms", self.0.as_millis()),
            1 => f.write_str("a second"),
            seconds => write!(f, "{seconds} seconds"),
        }
    }
}

/// What a request has moved so far, in one direction.
#[derive(Debug)]
struct Progress {
    limits: Limits,
    /// Whether what was moved may be in the system still, which sends an upload by and by.
    is_buffered: bool,
    began: Instant,
    moved: Mutex<Moved>,
}

#[derive(Clone, Copy, Debug)]
struct Moved {
    bytes: u64,
    last: Instant,
}

impl Progress {
    fn begin(limits: Limits, is_buffered: bool) -> Self {
        let now = Instant::now();
        Self { limits, is_buffered, began: now, moved: Mutex::new(Moved { bytes: 0, last: now }) }
    }

    fn note(&self, bytes: usize) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.bytes = moved.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        moved.last = Instant::now();
    }

    fn moved(&self) -> Moved {
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When more has to be moved.
    fn deadline(&self) -> Instant {
        let moved = self.moved();
        let stall = self.limits.stall;
        // Nothing tells how much the system has still to send. It takes little more than a line holds, so what it
        // took at once leaves it within a stall; on a slow line a little longer, once more that at the most.
        let taking = moved.last.saturating_duration_since(self.began);
        let leaving = if self.is_buffered { taking.min(stall) } else { Duration::ZERO };
        let stalled = later(moved.last, stall.saturating_add(leaving));
        stalled.min(later(later(self.began, self.limits.stall), self.limits.duration(moved.bytes)))
    }

    /// What is wrong, if anything is by now.
    fn overdue(&self, host: &str) -> Option<HttpError> {
        let now = Instant::now();
        if now < self.deadline() {
            return None;
        }
        let (moved, host) = (self.moved(), host.to_owned());
        let silence = now.duration_since(moved.last);
        let error = if silence < self.limits.stall {
            let after = now.duration_since(self.began);
            Overdue::Slow { host, moved: moved.bytes, after }
        } else {
            Overdue::Stalled { host, after: silence }
        };
        Some(HttpError::new(HttpErrorKind::Timeout, error))
    }
}

/// A moment that is never past the end of time.
fn later(moment: Instant, duration: Duration) -> Instant {
    moment.checked_add(duration).unwrap_or(moment)
}

#[derive(Debug)]
struct Service {
    client: reqwest::Client,
    limits: Limits,
    proxies: Proxies,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string());
        let url = url.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        // With its port where that is not the usual one.
        let host = url[Position::BeforeHost..Position::AfterPort].to_owned();
        let proxy = self.proxies.shown(&url);
        let host = match &proxy {
            Some(proxy) => format!("{host}, through the proxy {proxy},"),
            None => host,
        };
        let asks_for_object = parts.extensions.get::<AsksForObject>().is_some();
        let progress = Arc::new(Progress::begin(self.limits, true));
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(match body.content_length() {
            0 => Bytes::new().into(),
            _ => reqwest::Body::wrap(Upload {
                inner: body,
                rest: Bytes::new(),
                progress: Arc::clone(&progress),
            }),
        });
        let mut answer = std::pin::pin!(self.client.execute(request));
        let answer = loop {
            tokio::select! {
                biased;
                answer = &mut answer => break answer,
                () = sleep_until(progress.deadline()) => {
                    if let Some(error) = progress.overdue(&host) {
                        return Err(error);
                    }
                }
            }
        };
        let answer = answer.map_err(|error| self.failed(error, &host, proxy))?;
        let (parts, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
        let progress = Progress::begin(self.limits, false);
        let timer = Box::pin(sleep_until(progress.deadline()));
        let is_object = asks_for_object && parts.status.is_success();
        let left = (!is_object).then_some(MAX_ANSWER);
        let body = HttpResponseBody::new(Download { inner: body, host, progress, timer, left });
        Ok(HttpResponse::from_parts(parts, body))
    }
}

impl Service {
    fn failed(&self, error: reqwest::Error, host: &str, proxy: Option<String>) -> HttpError {
        if error.is_connect() && error.is_timeout() {
            let (host, after) = (host.to_owned(), self.limits.connect);
            return HttpError::new(HttpErrorKind::Timeout, Overdue::Connect { host, after });
        }
        let kind = kind(&error);
        // The store names the object.
        let source = error.without_url();
        match proxy {
            Some(proxy) => HttpError::new(kind, ThroughProxy { proxy, source }),
            None => HttpError::new(kind, source),
        }
    }
}

fn broken(error: reqwest::Error) -> HttpError {
    HttpError::new(kind(&error), error.without_url())
}

/// What became of a request whose connection broke: whether it may be sent again hangs on whether the
/// server can have seen it.
fn kind(error: &reqwest::Error) -> HttpErrorKind {
    if error.is_timeout() {
        HttpErrorKind::Timeout
    } else if error.is_connect() {
        HttpErrorKind::Connect
    } else if error.is_decode() {
        HttpErrorKind::Decode
    } else {
        let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
        causes.find_map(kind_of).unwrap_or(HttpErrorKind::Unknown)
    }
}

fn kind_of(cause: &(dyn std::error::Error + 'static)) -> Option<HttpErrorKind> {
    use std::io::ErrorKind;
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        if error.is_closed() || error.is_incomplete_message() || error.is_body_write_aborted() {
            return Some(HttpErrorKind::Request);
        }
        if error.is_timeout() {
            return Some(HttpErrorKind::Timeout);
        }
    }
    match cause.downcast_ref::<std::io::Error>()?.kind() {
        ErrorKind::TimedOut => Some(HttpErrorKind::Timeout),
        ErrorKind::ConnectionAborted
        | ErrorKind::ConnectionReset
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => Some(HttpErrorKind::Interrupted),
        _ => None,
    }
}

/// A request's body, in pieces that are noted as they are taken.
struct Upload {
    inner: HttpRequestBody,
    /// What is left of the part that was begun.
    rest: Bytes,
    progress: Arc<Progress>,
}

impl Body for Upload {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            let Some(frame) = ready!(Pin::new(&mut this.inner).poll_frame(context)?) else {
                return Poll::Ready(None);
            };
            match frame.into_data() {
                Ok(data) => this.rest = data,
                Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        this.progress.note(piece.len());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        SizeHint::with_exact(self.inner.size_hint().lower().saturating_add(rest))
    }
}

/// An answer's body, which fails where no more of it comes.
#[derive(Debug)]
struct Download {
    inner: reqwest::Body,
    host: String,
    progress: Progress,
    timer: Pin<Box<Sleep>>,
    /// How many more bytes it may have, where that is bounded.
    left: Option<u64>,
}

impl Download {
    /// Counts bytes that came; whether they are too many.
    fn is_too_large(&mut self, bytes: usize) -> bool {
        let Some(left) = &mut self.left else { return false };
        let taken = u64::try_from(bytes).ok().and_then(|bytes| left.checked_sub(bytes));
        *left = taken.unwrap_or(0);
        taken.is_none()
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) {
            if let Some(data) = frame.as_ref().and_then(|it| it.as_ref().ok()?.data_ref()) {
                let bytes = data.len();
                this.progress.note(bytes);
                if this.is_too_large(bytes) {
                    let (host, limit) = (this.host.clone(), MAX_ANSWER);
                    let error = UnexpectedAnswer::TooLarge { host, limit }.into_error();
                    return Poll::Ready(Some(Err(error)));
                }
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(broken)));
        }
        loop {
            ready!(this.timer.as_mut().poll(context));
            if let Some(error) = this.progress.overdue(&this.host) {
                return Poll::Ready(Some(Err(error)));
            }
            this.timer.as_mut().reset(this.progress.deadline());
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_secs(30);

    /// How long after its last byte an upload is given up, so many bytes of which were taken evenly in so long.
    fn given_up_after(bytes: u64, taking: Duration) -> Duration {
        let mut progress = Progress::begin(Limits::default(), true);
        let last = progress.began;
        progress.began = last.checked_sub(taking).unwrap();
        progress.moved = Mutex::new(Moved { bytes, last });
        progress.deadline().saturating_duration_since(last)
    }

    #[test]
    fn a_silent_server_is_given_up_after_half_a_minute() {
        assert_eq!(given_up_after(0, Duration::ZERO), STALL);
        // Whatever the system took at once.
        for bytes in [100, 100 << 10, 4 << 20] {
            assert_eq!(given_up_after(bytes, Duration::ZERO), STALL, "{bytes}");
        }
        assert_eq!(given_up_after(16 << 20, Duration::from_secs(2)), Duration::from_secs(32));
        let download = Progress { is_buffered: false, ..Progress::begin(Limits::default(), true) };
        assert_eq!(download.deadline().saturating_duration_since(download.began), STALL);
    }

    /// Sixteen at once, of 16 MiB each, over a line of 5 Mbit/s.
    #[test]
    fn a_slow_line_has_the_time_that_it_takes() {
        let rate = 5_000_000 / 8 / 16;
        // A piece takes less than two seconds, and half a MiB that the system still has takes fourteen.
        for mib in 1..=16 {
            let bytes = mib << 20;
            let left = given_up_after(bytes, Duration::from_secs(bytes / rate));
            assert!(left >= STALL.mul_f64(1.8) && left <= STALL * 2, "{mib}: {left:?}");
        }
        // What is slower than the floor is given up, though it moves.
        let slow = Duration::from_secs(16 * 60);
        assert_eq!(given_up_after(4 << 20, slow), Duration::ZERO);
        assert!(given_up_after(8 << 20, slow) > STALL);
    }
}
