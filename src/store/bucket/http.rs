//! Between the client and the network: answers that no storage gives, told before the client reads them as an
//! empty listing, a missing object or a failure that may pass.

use async_trait::async_trait;
use axum::http::Uri;
use axum::http::uri::Authority;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpService,
};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};

use super::connection::{AsksForObject, Transport};
use super::listings::Listings;
use super::unexpected::UnexpectedAnswer;
use super::xml::{detail, root_element};
use crate::credentials;
use crate::web_page::is_web_page;

/// Makes clients that tell such answers.
#[derive(Debug)]
pub(super) struct CheckedConnector {
    inner: Transport,
}

impl CheckedConnector {
    /// Checks what comes by this.
    pub fn over(inner: Transport) -> Self {
        Self { inner }
    }
}

impl HttpConnector for CheckedConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = self.inner.connect(options)?;
        Ok(HttpClient::new(CheckedClient { inner, listings: Listings::default() }))
    }
}

/// Which server an object came from: an extension of the answer.
#[derive(Clone, Debug)]
pub(super) struct Server(pub String);

/// Where a storage names the region of a bucket that was asked for elsewhere.
const BUCKET_REGION: &str = "x-amz-bucket-region";

/// How servers tell of plain HTTP that came to their port for TLS: nginx, and programs in Go.
const WANTS_HTTPS: [&str; 2] =
    ["plain HTTP request was sent to HTTPS port", "sent an HTTP request to an HTTPS server"];

#[derive(Debug)]
struct CheckedClient {
    inner: HttpClient,
    /// How much each listing has had so far.
    listings: Listings,
}

/// What is asked of a server, as far as it tells which answers there are.
struct Asked {
    host: String,
    is_https: bool,
    /// `HEAD`, to which no answer has a body.
    is_head: bool,
    is_get: bool,
    /// The root element of a listing, where one is asked for.
    listing: Option<&'static str>,
}

impl Asked {
    fn of(request: &HttpRequest) -> Self {
        let (uri, method) = (request.uri(), request.method());
        let mut parameters = uri.query().unwrap_or_default().split('&');
        let listing = parameters.find_map(|parameter| match parameter {
            "list-type=2" => Some("ListBucketResult"),
            "comp=list" => Some("EnumerationResults"),
            _ => None,
        });
        Self {
            host: host_of(uri),
            is_https: uri.scheme_str() == Some("https"),
            is_head: method == Method::HEAD,
            is_get: method == Method::GET,
            listing: listing.filter(|_| method == Method::GET),
        }
    }

    /// Whether an object answers it, where there is one.
    fn asks_for_object(&self) -> bool {
        self.is_get && self.listing.is_none()
    }

    /// An answer that is none of a storage, by its body.
    fn refuse(&self, status: StatusCode, body: &[u8]) -> Result<(), UnexpectedAnswer> {
        let host = || self.host.clone();
        if status == StatusCode::NOT_IMPLEMENTED {
            let detail = detail(&String::from_utf8_lossy(body));
            return Err(UnexpectedAnswer::NotImplemented { host: host(), status, detail });
        }
        if !self.is_https && status == StatusCode::BAD_REQUEST {
            let text = String::from_utf8_lossy(body);
            if WANTS_HTTPS.iter().any(|wants| text.contains(wants)) {
                return Err(UnexpectedAnswer::NotHttp { host: host() });
            }
        }
        if is_web_page(body) {
            return Err(UnexpectedAnswer::WebPage { host: host(), status });
        }
        match self.listing {
            Some(expected) if status.is_success() && root_element(body) != Some(expected) => {
                let found = match root_element(body) {
                    Some(root) => format!("<{root}>"),
                    None if body.is_empty() => "nothing".to_owned(),
                    None => "what is no XML".to_owned(),
                };
                Err(UnexpectedAnswer::NotAListing { host: host(), found })
            }
            _ => Ok(()),
        }
    }

    /// A redirection that the client did not follow.
    fn refuse_redirection(&self, headers: &HeaderMap) -> Result<(), UnexpectedAnswer> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let host = self.host.clone();
        if let Some(region) = text(BUCKET_REGION) {
            return Err(UnexpectedAnswer::OtherRegion { host, region: region.to_owned() });
        }
        match redirected_to(headers) {
            Some(to) => Err(UnexpectedAnswer::Redirect { host, to }),
            None => Ok(()),
        }
    }
}

/// The host that is asked, with its port where that is written: without a name and a password.
pub(super) fn host_of(uri: &Uri) -> String {
    let host = uri.authority().map_or("the server", Authority::as_str);
    host.rsplit_once('@').map_or(host, |(_, host)| host).to_owned()
}

/// Where an answer sends who asked. What follows the path may hold a session of the user.
pub(super) fn redirected_to(headers: &HeaderMap) -> Option<String> {
    let to = headers.get(LOCATION)?.to_str().ok()?;
    Some(credentials::hide(to.split(['?', '#']).next().unwrap_or_default()))
}

impl CheckedClient {
    /// Whether a server that gave no answer in HTTP speaks TLS.
    async fn speaks_tls(&self, asked: &Asked) -> bool {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        let Ok(uri) = format!("https://{}/", asked.host).parse() else { return false };
        *request.uri_mut() = uri;
        match self.inner.execute(request).await {
            Ok(_) => true,
            Err(error) => tls_error(&error).is_some_and(|error| !is_no_tls(error)),
        }
    }
}

#[async_trait]
impl HttpService for CheckedClient {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked = Asked::of(&request);
        let query = request.uri().query().unwrap_or_default().to_owned();
        if asked.asks_for_object() {
            request.extensions_mut().insert(AsksForObject);
        }
        let response = match self.inner.execute(request).await {
            Ok(response) => response,
            Err(error) if asked.is_https => {
                let host = asked.host;
                let told = match tls_error(&error) {
                    Some(error) if is_no_tls(error) => UnexpectedAnswer::NotHttps { host },
                    Some(error @ rustls::Error::InvalidCertificate(_)) => {
                        UnexpectedAnswer::Certificate { host, reason: error.to_string() }
                    }
                    _ => return Err(error),
                };
                return Err(told.into_error());
            }
            Err(error) => {
                let is_answered =
                    !matches!(error.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout);
                return Err(if is_answered && self.speaks_tls(&asked).await {
                    UnexpectedAnswer::NotHttp { host: asked.host }.into_error()
                } else {
                    error
                });
            }
        };
        let (mut parts, body) = response.into_parts();
        let status = parts.status;
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            asked.refuse_redirection(&parts.headers).map_err(UnexpectedAnswer::into_error)?;
        }
        let is_object = asked.asks_for_object() && status.is_success();
        // What fails for the moment is asked for again, whatever a gateway says of it.
        let may_pass = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
        if is_object || asked.is_head || may_pass {
            parts.extensions.insert(Server(asked.host));
            return Ok(HttpResponse::from_parts(parts, body));
        }
        let body = body.bytes().await?;
        asked.refuse(status, &body).map_err(UnexpectedAnswer::into_error)?;
        if asked.listing.is_some() && status.is_success() {
            let host = || asked.host.clone();
            let limit = self.listings.add(&query, &body);
            limit
                .map_err(|limit| UnexpectedAnswer::TooMany { host: host(), limit }.into_error())?;
        }
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

fn tls_error(error: &HttpError) -> Option<&rustls::Error> {
    let mut causes =
        std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |cause| {
            // What an `io::Error` holds is not its source.
            match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
                Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
                None => cause.source(),
            }
        });
    causes.find_map(|cause| cause.downcast_ref())
}

/// Whether the other side did not answer in TLS.
fn is_no_tls(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType))
}
