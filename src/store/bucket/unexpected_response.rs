//! Responses that no storage gives, and their messages.

use object_store::client::{HttpError, HttpErrorKind};
use reqwest::StatusCode;

/// A response that no storage gives. The next attempt would get the same one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnexpectedResponse {
    #[error(
        "{host} answered {status} with a web page: is it the storage itself, and no console, login page or \
         proxy?"
    )]
    WebPage { host: String, status: StatusCode },
    #[error("{host} answered with {found}, and not with a listing: is it the storage itself?")]
    NotAListing { host: String, found: String },
    #[error("{host} does not support this request: {status}{detail}")]
    NotImplemented { host: String, status: StatusCode, detail: String },
    #[error("the bucket is in the region {region}, says {host}: set AWS_REGION={region}")]
    OtherRegion { host: String, region: String },
    #[error("{host} redirects to {to}: is it the storage itself?")]
    Redirect { host: String, to: String },
    #[error(
        "{host} answers with more than {limit} bytes, and not with an object: is it the storage itself?"
    )]
    TooLarge { host: String, limit: u64 },
    #[error(
        "{host} lists more than {limit} objects, the most that are read: give a prefix that holds one repository"
    )]
    TooMany { host: String, limit: u64 },
    #[error("{host} does not speak https: write http://{host}")]
    NotHttps { host: String },
    #[error("{host} speaks https: write https://{host}")]
    NotHttp { host: String },
    #[error(
        "the certificate of {host} is not trusted ({reason}): if your own certificate authority signed it, set \
         SSL_CERT_FILE to a file with the authority's certificate"
    )]
    Certificate { host: String, reason: String },
}

impl UnexpectedResponse {
    /// A web page instead of an object.
    pub fn page(host: Option<String>) -> Self {
        let host = host.unwrap_or_else(|| "the server".to_owned());
        Self::WebPage { host, status: StatusCode::OK }
    }

    /// As an error for which the client does not repeat the request.
    pub fn into_error(self) -> HttpError {
        HttpError::new(HttpErrorKind::Unknown, self)
    }
}
