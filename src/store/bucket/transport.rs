//! HTTP requests to a bucket's server.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::client::{
    ClientConfigKey, ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind,
    HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use reqwest::Certificate;
use reqwest::redirect::Policy;
use tokio::time::sleep_until;
use url::{Position, Url};

use super::body::{Download, Upload};
use super::progress::{Overdue, Progress, RequestLimits};
use super::transport_error::request_failed;
use crate::proxy::Proxies;

/// An extension of a request: a successful response is an object, of any size. Its reader knows how many bytes it wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestsObject;

/// `User-Agent`.
const AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Makes the HTTP clients of a store.
#[derive(Clone, Debug)]
pub(super) struct Transport {
    limits: RequestLimits,
    roots: Vec<Certificate>,
    /// `None` for no proxy at all, not even the system's.
    proxies: Option<Proxies>,
}

impl Transport {
    pub fn new(limits: RequestLimits, proxies: Proxies) -> Self {
        Self { limits, roots: Vec::new(), proxies: Some(proxies) }
    }

    /// The same for a service that hands out the machine's own credentials. There is no proxy: it would hand out the
    /// credentials of its own machine.
    pub fn of_machine(&self) -> Self {
        Self { limits: RequestLimits::OF_MACHINE, proxies: None, ..self.clone() }
    }

    /// Trusts these authorities too.
    pub fn trusting(self, roots: Vec<Certificate>) -> Self {
        Self { roots, ..self }
    }

    /// A client of its own, which may use plain HTTP.
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
            // Another server must not get the credentials.
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

#[derive(Debug)]
struct Service {
    client: reqwest::Client,
    limits: RequestLimits,
    proxies: Proxies,
}

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string());
        let url = url.map_err(|error| HttpError::new(HttpErrorKind::Unknown, error))?;
        // With the port unless it is the default one.
        let host = url[Position::BeforeHost..Position::AfterPort].to_owned();
        let proxy = self.proxies.shown(&url);
        let host = match &proxy {
            Some(proxy) => format!("{host}, through the proxy {proxy},"),
            None => host,
        };
        let requests_object = parts.extensions.get::<RequestsObject>().is_some();
        let progress = Arc::new(Progress::begin(self.limits, true));
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        *request.body_mut() = Some(match body.content_length() {
            0 => Bytes::new().into(),
            _ => reqwest::Body::wrap(Upload::new(body, Arc::clone(&progress))),
        });
        let mut response = std::pin::pin!(self.client.execute(request));
        let response = loop {
            tokio::select! {
                biased;
                response = &mut response => break response,
                () = sleep_until(progress.deadline()) => {
                    if let Some(error) = progress.overdue(&host) {
                        return Err(error);
                    }
                }
            }
        };
        let response = response.map_err(|error| self.failed(error, &host, proxy))?;
        let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        let is_object = requests_object && parts.status.is_success();
        let body = HttpResponseBody::new(Download::new(body, host, self.limits, is_object));
        Ok(HttpResponse::from_parts(parts, body))
    }
}

impl Service {
    fn failed(&self, error: reqwest::Error, host: &str, proxy: Option<String>) -> HttpError {
        if error.is_connect() && error.is_timeout() {
            let (host, after) = (host.to_owned(), self.limits.connect);
            return HttpError::new(HttpErrorKind::Timeout, Overdue::Connect { host, after });
        }
        request_failed(error, proxy)
    }
}
