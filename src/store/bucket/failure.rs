//! What a failed request means, and its message. The client's own errors repeat themselves, and have the important facts
//! only as text.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::iter;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};
use url::Url;

use super::transport_error::through_proxy;
use super::unexpected_response::UnexpectedResponse;
use super::xml::{detail, field};
use crate::store::error::StoreErrorKind;

/// What a failed request means for the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The condition is not met.
    ConditionNotMet,
    /// The server does not support the condition.
    Unsupported,
    /// The request would fail again.
    Permanent,
    /// The server may have done what was asked, or may do it at the next attempt.
    Unclear,
}

impl Failure {
    pub fn of(error: &Error) -> Self {
        match error {
            Error::AlreadyExists { .. } | Error::Precondition { .. } => Self::ConditionNotMet,
            Error::NotImplemented { .. } | Error::NotSupported { .. } => Self::Unsupported,
            Error::NotFound { .. }
            | Error::InvalidPath { .. }
            | Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. } => Self::Permanent,
            _ => match unexpected(error) {
                Some(UnexpectedResponse::NotImplemented { .. }) => Self::Unsupported,
                Some(_) => Self::Permanent,
                None => Status::of(error).map_or(Self::Unclear, |status| status.failure()),
            },
        }
    }
}

/// Whether the server found the request malformed.
pub(super) fn is_malformed(error: &Error) -> bool {
    Status::of(error).is_some_and(|status| status.code == 400)
        && Failure::of(error) == Failure::Permanent
}

/// Whether the object is missing, and not the bucket.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. })
        && !Status::of(error).is_some_and(|status| status.is_of_missing_bucket())
}

/// The error of the store.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes it by value")]
pub(super) fn kind_of(error: Error) -> StoreErrorKind {
    let kind = match &error {
        Error::NotFound { .. } => ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            ErrorKind::PermissionDenied
        }
        // For listings the client gives the status only.
        _ if Status::of(&error).is_some_and(|status| matches!(status.code, 401 | 403)) => {
            ErrorKind::PermissionDenied
        }
        _ if is_timeout(&error) => ErrorKind::TimedOut,
        _ if is_unavailable(&error) => ErrorKind::NotConnected,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, message(&error)).into()
}

/// An error in the settings of a client.
#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes it by value")]
pub(super) fn of_settings(error: Error) -> io::Error {
    // Its source names the causes itself.
    io::Error::other(error.source().map_or_else(|| error.to_string(), ToString::to_string))
}

/// What is wrong, without repetition.
pub(super) fn message(error: &Error) -> String {
    if let Some(unexpected) = unexpected(error) {
        return unexpected.to_string();
    }
    let server = server(error).unwrap_or_else(|| "the server".to_owned());
    if let Some(status) = Status::of(error) {
        return status.message(&server);
    }
    let last = || causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    match http(error).map(HttpError::kind) {
        // The cause names the server and the duration.
        Some(HttpErrorKind::Timeout) => return last(),
        Some(HttpErrorKind::Connect) => {
            let proxy = through_proxy(error);
            return format!("could not connect to {server}{proxy}: {}", last());
        }
        Some(_) => {
            let proxy = through_proxy(error);
            return format!("the connection to {server}{proxy} broke: {}", last());
        }
        None => {}
    }
    match error {
        Error::InvalidPath { .. } => format!("there is an object with an unusual name: {}", last()),
        _ if last().starts_with(REDIRECT) => format!(
            "{server} says that the bucket is in another region: set AWS_REGION to where it is"
        ),
        _ if causes(error).any(|cause| cause.to_string().starts_with(MALFORMED)) => {
            format!("the response of {server} is malformed: {}", last())
        }
        _ => last(),
    }
}

/// The host that was asked, and its port unless it is the default one. The client has it only in the text of its error,
/// and not there if the URL has a secret.
fn server(error: &Error) -> Option<String> {
    let texts = iter::once(error.to_string()).chain(causes(error).map(ToString::to_string));
    texts.into_iter().find_map(|text| {
        let (_, asked) = text.rsplit_once(REQUEST)?;
        let url = Url::parse(asked.split(' ').nth(1)?).ok()?;
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    })
}

/// The beginning of the client's text on a request. The method and the URL follow.
const REQUEST: &str = "Error performing ";

/// The beginning of the client's text on a response that it cannot parse.
const MALFORMED: &str = "Got invalid";

/// The beginning of the client's text on a status other than success.
const STATUS: &str = "Server returned non-2xx status code: ";

/// The beginning of the client's text on a redirection without a target.
const REDIRECT: &str = "Received redirect without LOCATION";

/// A status other than success.
struct Status {
    code: u16,
    /// With its reason: `403 Forbidden`.
    text: String,
    body: String,
}

impl Status {
    fn of(error: &Error) -> Option<Self> {
        let mut texts = causes(error).map(ToString::to_string);
        let status = texts.find_map(|text| Some(text.strip_prefix(STATUS)?.to_owned()))?;
        let (text, body) = status.split_once(": ").unwrap_or((&status, ""));
        let code = text.split(' ').next()?.parse().ok()?;
        Some(Self { code, text: text.to_owned(), body: body.to_owned() })
    }

    fn failure(&self) -> Failure {
        match self.code {
            409 | 412 => Failure::ConditionNotMet,
            501 => Failure::Unsupported,
            400 if self.field("Code") == Some("RequestTimeout") => Failure::Unclear,
            408 | 425 | 429 | 500.. => Failure::Unclear,
            _ => Failure::Permanent,
        }
    }

    fn is_of_missing_bucket(&self) -> bool {
        matches!(self.field("Code"), Some("NoSuchBucket" | "ContainerNotFound"))
    }

    fn field(&self, name: &str) -> Option<&str> {
        field(&self.body, name)
    }

    fn message(&self, server: &str) -> String {
        if self.is_of_missing_bucket() {
            return format!("there is no such bucket at {server}");
        }
        let verb = if self.code < 500 { "refused" } else { "failed" };
        // The response to a wrong region names the right one.
        let region = self.field("Region").map(|region| format!(": set AWS_REGION={region}"));
        let (detail, region) = (detail(&self.body), region.unwrap_or_default());
        format!("{server} {verb}: {}{detail}{region}", self.text)
    }
}

fn unexpected(error: &Error) -> Option<&UnexpectedResponse> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The causes of an error, outermost first.
fn causes(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    iter::successors(error.source(), |&cause| cause.source())
}

fn http(error: &Error) -> Option<&HttpError> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// Whether the server cannot be reached, or says that it cannot answer at this moment.
fn is_unavailable(error: &Error) -> bool {
    let is_known = Status::of(error).is_some() || http(error).is_some();
    is_known && Failure::of(error) == Failure::Unclear
}

fn is_timeout(error: &Error) -> bool {
    http(error).is_some_and(|error| error.kind() == HttpErrorKind::Timeout)
}
