//! One file of upstream's at a time: asked for, asked for again where that may help, and never more of it
//! than it may have.

use std::error::Error;
use std::iter;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use url::Url;

use super::body::{self, MemoryPermit, BodyError, BodyMemory, STRETCH};
use super::public_address::{NotPublic, PublicResolver};
use super::redirect::RedirectChain;
use super::request_error::RequestError;
use super::file_error::FileError;
use crate::credentials;
use crate::proxy::Proxies;
use crate::web_page::is_web_page;

/// How long upstream is waited for, and how often it is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// How often a file is asked for before it is given up.
    pub attempts: u32,
    /// About how long to wait before the second time; twice as long before each further one.
    pub pause: Duration,
    /// The longest of those, and the longest that upstream may ask for with `Retry-After`.
    pub longest_pause: Duration,
    /// How long nothing may come.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            attempts: 5,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            stall: Duration::from_secs(30),
        }
    }
}

/// What came of asking.
pub(super) enum Fetched<T> {
    /// What was there the last time.
    Unchanged,
    /// It is not there.
    Missing,
    /// What was read, and the tag by which to ask whether it has changed.
    Found(T, Option<String>),
}

/// What a run asked of upstream.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub requests: AtomicU64,
    /// How many of those asked for the same thing again.
    pub retries: AtomicU64,
    /// Of bodies.
    pub bytes: AtomicU64,
}

impl Counters {
    /// How many bytes of bodies have come so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// Asks one upstream.
pub(super) struct Client {
    http: reqwest::Client,
    /// For where a server at a public address redirects to: it connects to public addresses alone.
    public: reqwest::Client,
    /// Ends in a slash.
    base: Url,
    authorization: Option<HeaderValue>,
    proxies: Proxies,
    timeouts: Timeouts,
    memory: BodyMemory,
    pub counters: Counters,
}

/// Bytes as they came, the room that they take, and the page that they are if they are not what was asked for.
struct ReceivedBody {
    bytes: Bytes,
    room: MemoryPermit,
    page: Option<RequestError>,
}

/// How long a connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(20);

impl Client {
    /// # Errors
    /// What the system says, for instance of its certificates.
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
                // Where a redirect leads is decided here: see `send`.
                .redirect(Policy::none())
                .referer(false)
                .connect_timeout(CONNECTING.min(timeouts.stall))
                // Until the head of an answer is there in all, whatever comes before it; then for each part.
                .read_timeout(timeouts.stall)
        };
        let hosts = proxies.hosts().map(ToOwned::to_owned).collect();
        let public = builder().dns_resolver(PublicResolver::new(hosts)).build()?;
        let http = builder().build()?;
        let (memory, counters) = (BodyMemory::new(), Counters::default());
        Ok(Self { http, public, base, authorization, proxies, timeouts, memory, counters })
    }

    /// Asks for a file below upstream's URL, of so many bytes at most, unless it has this tag still.
    /// `read` says what it is; what it refuses is asked for once more, for bytes are damaged on the way. A large
    /// file waits for room in memory, which it has until it was read.
    ///
    /// # Errors
    /// [`FileError::RequestError`], or what `read` said the last time.
    pub async fn get<T, R>(
        &self,
        path: &str,
        limit: usize,
        tag: Option<&str>,
        read: R,
    ) -> Result<Fetched<T>, FileError>
    where
        T: Send + 'static,
        R: Fn(Bytes) -> Result<T, FileError> + Clone + Send + 'static,
    {
        self.get_into(path, limit, tag, move |bytes, room| {
            let read = read(bytes);
            drop(room);
            read
        })
        .await
    }

    /// The same for a file whose bytes are dropped once it is in place: a large one has its room until then.
    pub async fn get_file<R>(
        &self,
        path: &str,
        limit: usize,
        read: R,
    ) -> Result<Fetched<Bytes>, FileError>
    where
        R: Fn(Bytes) -> Result<Bytes, FileError> + Clone + Send + 'static,
    {
        self.get_into(path, limit, None, move |bytes, room| Ok(room.with(read(bytes)?))).await
    }

    async fn get_into<T, R>(
        &self,
        path: &str,
        limit: usize,
        tag: Option<&str>,
        read: R,
    ) -> Result<Fetched<T>, FileError>
    where
        T: Send + 'static,
        R: Fn(Bytes, MemoryPermit) -> Result<T, FileError> + Clone + Send + 'static,
    {
        let mut attempt = 1;
        loop {
            let (wrong, pause) = match self.ask(path, limit, tag).await {
                Ok(Fetched::NotModified) => return Ok(Fetched::NotModified),
                Ok(Fetched::NotFound) => return Ok(Fetched::NotFound),
                Ok(Fetched::File(ReceivedBody { bytes, room, page }, tag)) => {
                    let read = read.clone();
                    // Hashing a large file would keep all others waiting.
                    let read = tokio::task::spawn_blocking(move || read(bytes, room)).await;
                    match read.unwrap_or_else(|error| Err(self.broken(path, &error))) {
                        Ok(read) => return Ok(Fetched::File(read, tag)),
                        Err(wrong) => {
                            let may_pass = attempt == 1 && wrong.may_be_damage();
                            let wrong = page.map_or(wrong, FileError::from);
                            (wrong, may_pass.then_some(self.timeouts.pause))
                        }
                    }
                }
                Err((wrong, pause)) => (wrong.into(), pause),
            };
            let Some(pause) = pause.filter(|_| attempt < self.timeouts.attempts) else {
                return Err(wrong);
            };
            tracing::debug!(path, attempt, %wrong, "asking again");
            tokio::time::sleep(self.pause(attempt, pause)).await;
            attempt = attempt.saturating_add(1);
            self.counters.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Asks once. An error that may pass comes with the time after which to ask again.
    async fn ask(
        &self,
        path: &str,
        limit: usize,
        tag: Option<&str>,
    ) -> Result<Fetched<ReceivedBody>, (RequestError, Option<Duration>)> {
        let url = self.base.join(path);
        let url = url.map_err(|error| (self.unanswered(path, &error), None))?;
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let response = self.send(path, &url, tag).await?;
        let status = response.status();
        let asked = url;
        let url = self.shown(&asked);
        match status {
            StatusCode::NOT_MODIFIED if tag.is_some() => return Ok(Fetched::NotModified),
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
        let tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_owned();
        let at = (*response.url() != asked).then(|| credentials::hide(response.url().as_str()));
        let stall = self.timeouts.stall;
        let body = body::read(response, limit, stall, &self.memory, &self.counters.bytes).await;
        match body {
            Ok((bytes, room)) => {
                let page = is_page(&kind, &bytes).then_some(RequestError::Page { url, at });
                Ok(Fetched::File(ReceivedBody { bytes, room, page }, tag))
            }
            Err(BodyError::TooLarge) => Err((RequestError::TooLarge { url, limit }, None)),
            Err(BodyError::TooSlow { least }) => {
                let stretch = stall.saturating_mul(STRETCH);
                Err((RequestError::TooSlow { url, least, stretch }, Some(Duration::ZERO)))
            }
            Err(BodyError::Broken(error)) => Err(self.failed(path, &error)),
        }
    }

    /// Sends a request, and again wherever upstream sends it on to that it may lead to. What the user gave as
    /// `Authorization` goes to upstream's own host and port alone.
    async fn send(
        &self,
        path: &str,
        asked: &Url,
        tag: Option<&str>,
    ) -> Result<Response, (RequestError, Option<Duration>)> {
        let mut route = RedirectChain::of(path, &self.proxies);
        let mut authorization = self.authorization.as_ref();
        let mut url = asked.clone();
        loop {
            let http = if route.was_public { &self.public } else { &self.http };
            let mut request = http.get(url.clone());
            if let Some(authorization) = authorization {
                request = request.header(AUTHORIZATION, authorization);
            }
            if let Some(tag) = tag {
                request = request.header(IF_NONE_MATCH, tag);
            }
            let response = request.send().await.map_err(|error| self.failed(path, &error))?;
            let next = route.next(&url, &response);
            let Some(next) = next.map_err(|refused| (self.unanswered(path, &refused), None))?
            else {
                return Ok(response);
            };
            if next.origin() != url.origin() {
                authorization = None;
            }
            url = next;
        }
    }

    /// A request that failed, and after which time to ask again if that may help.
    fn failed(&self, path: &str, error: &reqwest::Error) -> (RequestError, Option<Duration>) {
        let mut causes = iter::successors(error.source(), |&cause| cause.source());
        let is_lasting =
            error.is_builder() || causes.any(|cause| cause.downcast_ref::<NotPublic>().is_some());
        (self.unanswered(path, error), (!is_lasting).then_some(Duration::ZERO))
    }

    /// A URL of upstream's, and the proxy that it is asked for through.
    fn shown(&self, url: &Url) -> String {
        match self.proxies.shown(url) {
            Some(proxy) => format!("{url} through the proxy {proxy}"),
            None => url.to_string(),
        }
    }

    /// How long to wait: longer each time, as upstream asks, and never as long as others do.
    fn pause(&self, attempt: u32, asked: Duration) -> Duration {
        let doubled = self.timeouts.pause.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        let longest = doubled.min(self.timeouts.longest_pause);
        asked.max(longest.mul_f64(0.5 + fastrand::f64() / 2.0))
    }

    fn unanswered(&self, path: &str, error: &(dyn Error + 'static)) -> RequestError {
        let causes = iter::successors(Some(error), |error| (*error).source());
        // reqwest names the URL in the first, and says nothing else there.
        let reason: Vec<_> = causes.skip(usize::from(error.source().is_some())).collect();
        let reason: Vec<_> = reason.into_iter().map(ToString::to_string).collect();
        let url = self.base.join(path).unwrap_or_else(|_| self.base.clone());
        let reason = credentials::hide_all(&reason.join(": "));
        RequestError::Broken { url: self.shown(&url), reason }
    }

    fn broken(&self, path: &str, error: &(dyn Error + 'static)) -> FileError {
        self.unanswered(path, error).into()
    }
}

/// Whether an answer is for people to read in a browser, whatever its status says.
pub(super) fn is_page(kind: &str, bytes: &[u8]) -> bool {
    is_web_page(bytes) || kind.to_ascii_lowercase().starts_with("text/html")
}

/// What may be otherwise in a while.
fn may_pass(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

/// How long upstream asks to be left alone.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(std::time::SystemTime::now()).unwrap_or_default())
}
