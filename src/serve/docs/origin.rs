//! The origin of documentation, where it has one of its own: another port, or another name.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::http::Uri;
use axum::http::header;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use crate::serve::base_url::BaseUrl;
use crate::serve::options::Options;
use crate::serve::url_origin::{authority_of, without_default_port};

/// The addresses that the server listens on, once it does.
pub(crate) type ListeningAddresses = Arc<OnceLock<(SocketAddr, Option<SocketAddr>)>>;

/// Which origin a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestOrigin {
    /// That of the registry.
    Registry,
    /// That of documentation.
    Docs,
}

/// Where documentation is, as seen by clients.
#[derive(Clone)]
pub(crate) struct DocsOrigin {
    has_listener: bool,
    /// The URL of documentation, without a slash at its end.
    url: Option<String>,
    /// Of the URL: the host with a port that is not the one of the scheme.
    authority: Option<String>,
    scheme: &'static str,
    /// The URL of the registry, without a slash at its end.
    registry: Option<String>,
    base_url: BaseUrl,
    addresses: ListeningAddresses,
}

impl DocsOrigin {
    pub fn of(options: &Options, addresses: &ListeningAddresses) -> Self {
        let without_slash = |url: &String| url.trim_end_matches('/').to_owned();
        let url = options.docs.url.as_ref().map(without_slash);
        Self {
            has_listener: options.docs.listen.is_some(),
            authority: url.as_ref().and_then(|url| authority_of(url)),
            url,
            scheme: options.scheme(),
            registry: options.url.as_ref().map(without_slash),
            base_url: BaseUrl::new(options),
            addresses: Arc::clone(addresses),
        }
    }

    /// Whether documentation has an origin of its own.
    pub fn is_own(&self) -> bool {
        self.has_listener || self.url.is_some()
    }

    /// Whether a request to the listener of the registry is for the name of documentation.
    pub fn is_for_docs(&self, request: &Parts) -> bool {
        let Some(own) = &self.authority else { return false };
        asked_authority(request).is_some_and(|asked| {
            let asked = without_default_port(asked, self.url.as_deref().unwrap_or_default());
            asked.eq_ignore_ascii_case(own)
        })
    }

    /// The URL of documentation, for a client that makes this request to the registry. Without a slash at its end.
    pub fn docs_url(&self, request: &Parts) -> String {
        if let Some(url) = &self.url {
            return url.clone();
        }
        let port = self.addresses.get().and_then(|(_, docs)| *docs).map(|docs| docs.port());
        let registry = self.base_url.of(request);
        let host = registry.parse::<Uri>().ok();
        let host = host.as_ref().and_then(Uri::host).unwrap_or("localhost");
        format!("{}://{host}:{}", self.scheme, port.unwrap_or_default())
    }

    /// The URL of documentation, for a client that makes this request to it. Without a slash at its end.
    pub fn asked_url(&self, request: &Parts) -> String {
        let asked =
            || format!("{}://{}", self.scheme, asked_authority(request).unwrap_or("localhost"));
        self.url.clone().unwrap_or_else(asked)
    }

    /// The URL of the registry, for a client that makes this request to the origin of documentation. Without a slash at
    /// its end.
    pub fn registry_url(&self, request: &Parts) -> String {
        if let Some(url) = &self.registry {
            return url.clone();
        }
        let address = self.addresses.get().map(|(registry, _)| *registry);
        if self.has_listener && self.url.is_none() {
            let asked = asked_authority(request).and_then(|asked| asked.parse::<Authority>().ok());
            let host = asked.as_ref().map_or("localhost", Authority::host);
            let port = address.map(|address| address.port());
            return format!("{}://{host}:{}", self.scheme, port.unwrap_or_default());
        }
        address.map_or_else(String::new, |address| format!("{}://{address}", self.scheme))
    }
}

/// RFC 9112, section 3.2.2: the authority of the request target comes before `Host`.
fn asked_authority(request: &Parts) -> Option<&str> {
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    request.uri.authority().map(Authority::as_str).or(host)
}
