//! Answers that no storage gives, as messages tell of them.

use object_store::client::{HttpError, HttpErrorKind};
use reqwest::StatusCode;

/// An answer that no storage gives, and that would be the same the next time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnexpectedAnswer {
    #[error(
        "{host} answered {status} with a web page: is it the storage itself, and no console, login page or \
         proxy?"
    )]
    WebPage { host: String, status: StatusCode },
    #[error("{host} answered with {found}, and not with a listing: is it the storage itself?")]
    NotAListing { host: String, found: String },
    #[error("{host} does not have such a request: {status}{detail}")]
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
        "the certificate of {host} is not trusted ({reason}): if an authority of your own signed it, name a file \
         with that one's certificate in SSL_CERT_FILE"
    )]
    Certificate { host: String, reason: String },
}

impl UnexpectedAnswer {
    /// A page in the place of an object.
    pub fn page(host: Option<String>) -> Self {
        let host = host.unwrap_or_else(|| "the server".to_owned());
        Self::WebPage { host, status: StatusCode::OK }
    }

    /// No kind for which the client would ask again.
    pub fn into_error(self) -> HttpError {
        HttpError::new(HttpErrorKind::Unknown, self)
    }
}
