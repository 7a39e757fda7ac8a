//! The HTTP client: requests one file of upstream, retries where that may help, and bounds what it reads.

use std::error::Error;
use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use url::Url;

use super::body::{self, BodyError, BodyMemory, MemoryPermit, STRETCH};
use super::file_error::FileError;
use super::file_headers::FileHeaders;
use super::file_validator::RequestCondition;
use super::public_address::{NotPublic, PublicResolver};
use super::redirect::RedirectChain;
use super::request_error::RequestError;
use super::running_bodies::{RunningBodies, RunningBody};
use super::timeouts::Timeouts;
use crate::credentials;
use crate::proxy::Proxies;
use crate::web_page::is_web_page;

/// The response to a request for a file.
pub(super) enum Fetched<T> {
    /// The file has not changed, by the condition that was sent.
    NotModified(FileHeaders),
    NotFound,
    /// What was read of the file, and what its headers say.
    File(T, FileHeaders),
}

/// What a run has requested of upstream.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub requests: AtomicU64,
    /// How many of the requests were retries.
    pub retries: AtomicU64,
    /// Received in bodies.
    pub bytes: AtomicU64,
}

impl Counters {
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Sends requests to one upstream.
pub(super) struct Client {
    http: reqwest::Client,
    /// Follows redirects of servers at public addresses: it connects to public addresses alone.
    public: reqwest::Client,
    /// Upstream's URL, which ends in a slash.
    base: Url,
    authorization: Option<HeaderValue>,
    proxies: Proxies,
    timeouts: Timeouts,
    memory: BodyMemory,
    running: RunningBodies,
    pub counters: Counters,
}

/// A body, the permit for its memory, and the error to report if `read` refuses it and it is a web page.
struct ReceivedBody {
    bytes: Bytes,
    permit: MemoryPermit,
    page: Option<RequestError>,
}

/// How long a connection may take to be established.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

impl Client {
    /// # Errors
    /// What reqwest says, for instance of the system's certificates.
    pub fn new(
        url: &Url,
        authorization: Option<HeaderValue>,
        proxies: Proxies,
        timeouts: Timeouts,
    ) -> Result<Self, reqwest::Error> {
        let mut base = url.clone();
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", url.path()));
        }
        let builder = || {
            proxies
                .apply(reqwest::Client::builder())
                .user_agent(concat!("hexreg/", env!("CARGO_PKG_VERSION")))
                // `send` decides which redirects are followed.
                .redirect(Policy::none())
                .referer(false)
                .connect_timeout(CONNECT_TIMEOUT.min(timeouts.stall))
                // Limits the time until the whole head of the response is there, then that of each chunk.
                .read_timeout(timeouts.stall)
        };
        let hosts = proxies.hosts().map(ToOwned::to_owned).collect();
        let public = builder().dns_resolver(PublicResolver::new(hosts)).build()?;
        let http = builder().build()?;
        let (memory, counters) = (BodyMemory::new(), Counters::default());
        let running = RunningBodies::default();
        Ok(Self { http, public, base, authorization, proxies, timeouts, memory, running, counters })
    }

    /// Requests a file of at most `limit` bytes below upstream's URL, unless it has not changed by this condition.
    /// `read` checks it. A file that `read` refuses is requested once more, as it may have been damaged on the way.
    /// A large file waits for memory as it grows, and holds it until `read` returns.
    ///
    /// # Errors
    /// [`FileError::Request`], or the last error of `read`.
    pub async fn get<T, R>(
        &self,
        path: &str,
        limit: usize,
        condition: Option<&RequestCondition>,
        read: R,
    ) -> Result<Fetched<T>, FileError>
    where
        T: Send + 'static,
        R: Fn(Bytes) -> Result<T, FileError> + Clone + Send + 'static,
    {
        self.get_with_permit(path, limit, condition, move |bytes, permit| {
            let read = read(bytes);
            drop(permit);
            read
        })
        .await
    }

    /// The same for a file that is written to the disk: a large one holds its memory until its bytes are dropped.
    pub async fn get_file<R>(
        &self,
        path: &str,
        limit: usize,
        condition: Option<&RequestCondition>,
        read: R,
    ) -> Result<Fetched<Bytes>, FileError>
    where
        R: Fn(Bytes) -> Result<Bytes, FileError> + Clone + Send + 'static,
    {
        self.get_with_permit(path, limit, condition, move |bytes, permit| {
            Ok(permit.with(read(bytes)?))
        })
        .await
    }

    async fn get_with_permit<T, R>(
        &self,
        path: &str,
        limit: usize,
        condition: Option<&RequestCondition>,
        read: R,
    ) -> Result<Fetched<T>, FileError>
    where
        T: Send + 'static,
        R: Fn(Bytes, MemoryPermit) -> Result<T, FileError> + Clone + Send + 'static,
    {
        let (running, mut attempt) = (self.running.begin(path), 1);
        loop {
            let (error, pause) = match self.request(path, limit, condition, &running).await {
                Ok(Fetched::NotModified(headers)) => return Ok(Fetched::NotModified(headers)),
                Ok(Fetched::NotFound) => return Ok(Fetched::NotFound),
                Ok(Fetched::File(ReceivedBody { bytes, permit, page }, headers)) => {
                    let read = read.clone();
                    // Hashing a large file would block the other requests.
                    let read = tokio::task::spawn_blocking(move || read(bytes, permit)).await;
                    match read.unwrap_or_else(|error| Err(self.broken(path, &error).into())) {
                        Ok(read) => return Ok(Fetched::File(read, headers)),
                        Err(error) => {
                            let may_pass = attempt == 1 && error.may_be_damage();
                            let error = page.map_or(error, FileError::from);
                            (error, may_pass.then_some(self.timeouts.pause))
                        }
                    }
                }
                Err((error, pause)) => (error.into(), pause),
            };
            let Some(pause) = pause.filter(|_| attempt < self.timeouts.attempts) else {
                return Err(error);
            };
            tracing::debug!(path, attempt, %error, "retrying");
            tokio::time::sleep(self.pause(attempt, pause)).await;
            attempt = attempt.saturating_add(1);
            self.counters.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many bytes have come of a file that is being fetched.
    pub fn received(&self, path: &str) -> u64 {
        self.running.received(path)
    }

    /// Sends one request. An error after which a retry may help comes with the least pause before it.
    async fn request(
        &self,
        path: &str,
        limit: usize,
        condition: Option<&RequestCondition>,
        running: &RunningBody<'_>,
    ) -> Result<Fetched<ReceivedBody>, (RequestError, Option<Duration>)> {
        let url = self.base.join(path);
        let url = url.map_err(|error| (self.broken(path, &error), None))?;
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let response = self.send(path, &url, condition).await?;
        let status = response.status();
        let requested = url;
        let url = self.shown(&requested);
        match status {
            StatusCode::NOT_MODIFIED if condition.is_some() => {
                let headers = FileHeaders::of(response.headers());
                // Such a response need not repeat `Last-Modified`.
                let condition = headers.condition.or_else(|| condition.cloned());
                return Ok(Fetched::NotModified(FileHeaders { condition, ..headers }));
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(Fetched::NotFound),
            StatusCode::OK => {}
            status if may_pass(status) => {
                let wait = retry_after(&response).unwrap_or_default();
                if wait > self.timeouts.longest_pause {
                    return Err((RequestError::Later { url, status, wait }, None));
                }
                return Err((RequestError::Status { url, status }, Some(wait)));
            }
            status => return Err((RequestError::Status { url, status }, None)),
        }
        let headers = FileHeaders::of(response.headers());
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        let at = (*response.url() != requested).then(|| credentials::hide(response.url().as_str()));
        let received = |bytes| {
            self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
            running.received(bytes);
        };
        let body = body::read(response, limit, &self.timeouts, &self.memory, received).await;
        match body {
            Ok((bytes, permit)) => {
                let page = is_page(&kind, &bytes).then_some(RequestError::Page { url, at });
                Ok(Fetched::File(ReceivedBody { bytes, permit, page }, headers))
            }
            Err(BodyError::TooLarge) => Err((RequestError::TooLarge { url, limit }, None)),
            Err(BodyError::TooSlow { least }) => {
                let stretch = self.timeouts.stall.saturating_mul(STRETCH);
                Err((RequestError::TooSlow { url, least, stretch }, Some(Duration::ZERO)))
            }
            Err(BodyError::NoMemory) => {
                let waited = self.timeouts.memory;
                Err((RequestError::NoMemory { url, waited }, None))
            }
            Err(BodyError::Broken(error)) => Err(self.failed(path, &error)),
        }
    }

    /// Sends a request and follows the redirects that [`RedirectChain`] allows. The user's `Authorization` goes to
    /// upstream's own host and port alone.
    async fn send(
        &self,
        path: &str,
        requested: &Url,
        condition: Option<&RequestCondition>,
    ) -> Result<Response, (RequestError, Option<Duration>)> {
        let mut redirects = RedirectChain::of(path, &self.proxies);
        let mut authorization = self.authorization.as_ref();
        let mut url = requested.clone();
        loop {
            let http = if redirects.was_public { &self.public } else { &self.http };
            let mut request = http.get(url.clone());
            if let Some(authorization) = authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            if let Some((name, value)) = condition.map(RequestCondition::header) {
                request = request.header(name, value);
            }
            let response = request.send().await.map_err(|error| self.failed(path, &error))?;
            let next = redirects.next(&url, &response);
            let refused = |error| match self.broken(path, &error) {
                RequestError::Broken { url, reason } => RequestError::Redirect { url, reason },
                other => other,
            };
            let Some(next) = next.map_err(|error| (refused(error), None))? else {
                return Ok(response);
            };
            if next.origin() != url.origin() {
                authorization = None;
            }
            url = next;
        }
    }

    /// The error of a request that failed, and the pause before a retry if one may help.
    fn failed(&self, path: &str, error: &reqwest::Error) -> (RequestError, Option<Duration>) {
        let mut causes = iter::successors(error.source(), |&cause| cause.source());
        let is_lasting =
            error.is_builder() || causes.any(|cause| cause.downcast_ref::<NotPublic>().is_some());
        (self.broken(path, error), (!is_lasting).then_some(Duration::ZERO))
    }

    /// A URL of upstream, and the proxy that its requests go through.
    fn shown(&self, url: &Url) -> String {
        match self.proxies.shown(url) {
            Some(proxy) => format!("{url} through the proxy {proxy}"),
            None => url.to_string(),
        }
    }

    /// The pause before the next attempt: at least what upstream demands, longer each time, and random, so that
    /// clients do not come back all at once.
    fn pause(&self, attempt: u32, demanded: Duration) -> Duration {
        let doubled = self.timeouts.pause.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let longest = doubled.min(self.timeouts.longest_pause);
        demanded.max(longest.mul_f64(0.5 + fastrand::f64() / 2.0))
    }

    fn broken(&self, path: &str, error: &(dyn Error + 'static)) -> RequestError {
        let causes = iter::successors(Some(error), |error| (*error).source());
        // The outermost error of reqwest names the URL and nothing else.
        let reason: Vec<_> = causes.skip(usize::from(error.source().is_some())).collect();
        let reason: Vec<_> = reason.into_iter().map(ToString::to_string).collect();
        let url = self.base.join(path).unwrap_or_else(|_| self.base.clone());
        let reason = credentials::hide_all(&reason.join(": "));
        RequestError::Broken { url: self.shown(&url), reason }
    }
}

/// Whether a response is a page for a browser, whatever its status.
pub(super) fn is_page(kind: &str, bytes: &[u8]) -> bool {
    is_web_page(bytes) || kind.to_ascii_lowercase().starts_with("text/html")
}

/// Whether a retry may get another status.
fn may_pass(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// The time that `Retry-After` demands.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(std::time::SystemTime::now()).unwrap_or_default())
}
