//! Checks each response between the network and the client: the client would take a response that no storage gives for an
//! empty listing, a missing object or a failure that may pass.

use async_trait::async_trait;
use http::Uri;
use http::uri::Authority;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody,
    HttpResponse, HttpService,
};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};

use super::listing_limits::ListingLimits;
use super::transport::{RequestsObject, Transport};
use super::unexpected_response::UnexpectedResponse;
use super::xml::{detail, root_element};
use crate::credentials;
use crate::web_page::is_web_page;

/// Makes clients that check responses.
#[derive(Debug)]
pub(super) struct CheckedConnector {
    inner: Transport,
}

impl CheckedConnector {
    /// Checks the responses of this transport.
    pub fn over(inner: Transport) -> Self {
        Self { inner }
    }
}

impl HttpConnector for CheckedConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = self.inner.connect(options)?;
        Ok(HttpClient::new(CheckedClient { inner, listings: ListingLimits::default() }))
    }
}

/// The host that an object came from: an extension of the response.
#[derive(Clone, Debug)]
pub(super) struct Server(pub String);

/// The header in which a storage names the region of a bucket that was requested in another region.
const BUCKET_REGION: &str = "x-amz-bucket-region";

/// The response to plain HTTP at a port for TLS, of nginx and of programs in Go.
const WANTS_HTTPS: [&str; 2] =
    ["plain HTTP request was sent to HTTPS port", "sent an HTTP request to an HTTPS server"];

#[derive(Debug)]
struct CheckedClient {
    inner: HttpClient,
    listings: ListingLimits,
}

/// The facts of a request on which the check of its response depends.
struct RequestFacts {
    host: String,
    is_https: bool,
    /// The response to `HEAD` has no body.
    is_head: bool,
    is_get: bool,
    /// The root element of the expected response, if the request is for a listing.
    listing: Option<&'static str>,
}

impl RequestFacts {
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

    /// Whether a successful response is an object.
    fn requests_object(&self) -> bool {
        self.is_get && self.listing.is_none()
    }

    /// Refuses a response that no storage gives, by its body.
    fn refuse(&self, status: StatusCode, body: &[u8]) -> Result<(), UnexpectedResponse> {
        let host = || self.host.clone();
        if status == StatusCode::NOT_IMPLEMENTED {
            let detail = detail(&String::from_utf8_lossy(body));
            return Err(UnexpectedResponse::NotImplemented { host: host(), status, detail });
        }
        if !self.is_https && status == StatusCode::BAD_REQUEST {
            let text = String::from_utf8_lossy(body);
            if WANTS_HTTPS.iter().any(|wants| text.contains(wants)) {
                return Err(UnexpectedResponse::NotHttp { host: host() });
            }
        }
        if is_web_page(body) {
            return Err(UnexpectedResponse::WebPage { host: host(), status });
        }
        match self.listing {
            Some(expected) if status.is_success() && root_element(body) != Some(expected) => {
                let found = match root_element(body) {
                    Some(root) => format!("<{root}>"),
                    None if body.is_empty() => "nothing".to_owned(),
                    None => "what is no XML".to_owned(),
                };
                Err(UnexpectedResponse::NotAListing { host: host(), found })
            }
            _ => Ok(()),
        }
    }

    /// Refuses a redirection, which no client follows.
    fn refuse_redirection(&self, headers: &HeaderMap) -> Result<(), UnexpectedResponse> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let host = self.host.clone();
        if let Some(region) = text(BUCKET_REGION) {
            return Err(UnexpectedResponse::OtherRegion { host, region: region.to_owned() });
        }
        match redirected_to(headers) {
            Some(to) => Err(UnexpectedResponse::Redirect { host, to }),
            None => Ok(()),
        }
    }
}

/// The host and the port of a URI, without a user name and a password.
pub(super) fn host_of(uri: &Uri) -> String {
    let host = uri.authority().map_or("the server", Authority::as_str);
    host.rsplit_once('@').map_or(host, |(_, host)| host).to_owned()
}

/// The target of a redirection. The query and the fragment are left out: they may contain a session of the user.
pub(super) fn redirected_to(headers: &HeaderMap) -> Option<String> {
    let to = headers.get(LOCATION)?.to_str().ok()?;
    Some(credentials::hide(to.split(['?', '#']).next().unwrap_or_default()))
}

impl CheckedClient {
    /// Whether a server that did not respond in HTTP speaks TLS.
    async fn speaks_tls(&self, facts: &RequestFacts) -> bool {
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        let Ok(uri) = format!("https://{}/", facts.host).parse() else { return false };
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
        let facts = RequestFacts::of(&request);
        let query = request.uri().query().unwrap_or_default().to_owned();
        if facts.requests_object() {
            request.extensions_mut().insert(RequestsObject);
        }
        let response = match self.inner.execute(request).await {
            Ok(response) => response,
            Err(error) if facts.is_https => {
                let host = facts.host;
                let unexpected = match tls_error(&error) {
                    Some(error) if is_no_tls(error) => UnexpectedResponse::NotHttps { host },
                    Some(error @ rustls::Error::InvalidCertificate(_)) => {
                        UnexpectedResponse::Certificate { host, reason: error.to_string() }
                    }
                    _ => return Err(error),
                };
                return Err(unexpected.into_error());
            }
            Err(error) => {
                let has_responded =
                    !matches!(error.kind(), HttpErrorKind::Connect | HttpErrorKind::Timeout);
                return Err(if has_responded && self.speaks_tls(&facts).await {
                    UnexpectedResponse::NotHttp { host: facts.host }.into_error()
                } else {
                    error
                });
            }
        };
        let (mut parts, body) = response.into_parts();
        let status = parts.status;
        if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
            facts.refuse_redirection(&parts.headers).map_err(UnexpectedResponse::into_error)?;
        }
        let is_object = facts.requests_object() && status.is_success();
        // The client repeats a request that failed with a server error, whatever page a gateway sends with it.
        let may_pass = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
        if is_object || facts.is_head || may_pass {
            parts.extensions.insert(Server(facts.host));
            return Ok(HttpResponse::from_parts(parts, body));
        }
        let body = body.bytes().await?;
        facts.refuse(status, &body).map_err(UnexpectedResponse::into_error)?;
        if facts.listing.is_some() && status.is_success() {
            let host = || facts.host.clone();
            let limit = self.listings.add(&query, &body);
            limit.map_err(|limit| {
                UnexpectedResponse::TooMany { host: host(), limit }.into_error()
            })?;
        }
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

fn tls_error(error: &HttpError) -> Option<&rustls::Error> {
    let mut causes =
        std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |cause| {
            // The error inside an `io::Error` is not its source.
            match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
                Some(inner) => Some(inner as &(dyn std::error::Error + 'static)),
                None => cause.source(),
            }
        });
    causes.find_map(|cause| cause.downcast_ref())
}

/// Whether the server did not respond in TLS.
fn is_no_tls(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType))
}
