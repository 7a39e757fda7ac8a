//! The URL of the server, as the client that makes a request reaches it.

use axum::http::header;
use axum::http::request::Parts;
use axum::http::uri::Authority;

use super::options::Options;

/// Finds the URL of the server for a request.
#[derive(Clone, Debug)]
pub(super) struct BaseUrl {
    /// The URL under which clients reach the server, if it was given.
    url: Option<String>,
    scheme: &'static str,
}

impl BaseUrl {
    pub fn new(options: &Options) -> Self {
        let url = options.url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        Self { url, scheme: options.scheme() }
    }

    /// The URL for clients that can make this request, without a slash at the end.
    pub fn of(&self, request: &Parts) -> String {
        if let Some(url) = &self.url {
            return url.clone();
        }
        // RFC 9112, section 3.2.2: the authority of the request target comes before `Host`.
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = request.uri.authority().map(Authority::as_str).or(host);
        format!("{}://{}", self.scheme, host.unwrap_or("localhost"))
    }
}
