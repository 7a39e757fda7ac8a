//! What a failed request means, and how a person is told of it: the client's own errors repeat
//! themselves, and have what matters as text alone.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::iter;

use object_store::Error;
use object_store::client::{HttpError, HttpErrorKind};
use url::Url;

use super::connection::through_proxy;
use super::unexpected::UnexpectedAnswer;
use super::xml::{detail, field};

/// What a request that failed leaves to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The condition is not met.
    Refused,
    /// The server has no such condition.
    Unsupported,
    /// It would fail again.
    Final,
    /// It may have been done all the same, or may be where it is asked for again.
    Unclear,
}

impl Answer {
    pub fn of(error: &Error) -> Self {
        match error {
            Error::AlreadyExists { .. } | Error::Precondition { .. } => Self::Refused,
            Error::NotImplemented { .. } | Error::NotSupported { .. } => Self::Unsupported,
            Error::NotFound { .. }
            | Error::InvalidPath { .. }
            | Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. } => Self::Final,
            _ => match unexpected(error) {
                Some(UnexpectedAnswer::NotImplemented { .. }) => Self::Unsupported,
                Some(_) => Self::Final,
                None => Status::of(error).map_or(Self::Unclear, |status| status.answer()),
            },
        }
    }
}

/// Whether the server could make nothing of a request.
pub(super) fn is_malformed(error: &Error) -> bool {
    Status::of(error).is_some_and(|status| status.code == 400) && Answer::of(error) == Answer::Final
}

/// Whether there is no such object; of a bucket that is missing it is not so.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. })
        && !Status::of(error).is_some_and(|status| status.is_of_missing_bucket())
}

/// What is wrong, said once.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn plain(error: Error) -> io::Error {
    let kind = match &error {
        Error::NotFound { .. } => ErrorKind::NotFound,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            ErrorKind::PermissionDenied
        }
        // The client says so of listings by the status alone.
        _ if Status::of(&error).is_some_and(|status| matches!(status.code, 401 | 403)) => {
            ErrorKind::PermissionDenied
        }
        _ if is_timeout(&error) => ErrorKind::TimedOut,
        _ => ErrorKind::Other,
    };
    io::Error::new(kind, cause(&error))
}

/// What is wrong with the settings of a client.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn of_settings(error: Error) -> io::Error {
    // Those name their causes themselves.
    io::Error::other(error.source().map_or_else(|| error.to_string(), ToString::to_string))
}

fn cause(error: &Error) -> String {
    if let Some(unexpected) = unexpected(error) {
        return unexpected.to_string();
    }
    let server = server(error).unwrap_or_else(|| "the server".to_owned());
    if let Some(status) = Status::of(error) {
        return status.tell(&server);
    }
    let last = || causes(error).last().map_or_else(|| error.to_string(), ToString::to_string);
    match http(error).map(HttpError::kind) {
        // It names the server, and how long it took.
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
        _ if causes(error).any(|cause| cause.to_string().starts_with(NONSENSE)) => {
            format!("the answer of {server} makes no sense: {}", last())
        }
        _ => last(),
    }
}

/// The host that was asked, and its port where that is not the usual one. The client names it in its words alone,
/// and not where the URL has a secret.
fn server(error: &Error) -> Option<String> {
    let texts = iter::once(error.to_string()).chain(causes(error).map(ToString::to_string));
    texts.into_iter().find_map(|text| {
        let (_, asked) = text.rsplit_once(ASKED)?;
        let url = Url::parse(asked.split(' ').nth(1)?).ok()?;
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    })
}

/// How it begins to tell of a request; the method and the URL follow.
const ASKED: &str = "Error performing ";

/// How the client begins to tell of an answer that it cannot read.
const NONSENSE: &str = "Got invalid";

/// How it begins to tell of a status that is none of success.
const STATUS: &str = "Server returned non-2xx status code: ";

/// How it begins to tell of a redirection that leads nowhere.
const REDIRECT: &str = "Received redirect without LOCATION";

/// A status that is none of success.
struct Status {
    code: u16,
    /// With its words: `403 Forbidden`.
    text: String,
    body: String,
}

impl Status {
    fn of(error: &Error) -> Option<Self> {
        let mut told = causes(error).map(ToString::to_string);
        let told = told.find_map(|text| Some(text.strip_prefix(STATUS)?.to_owned()))?;
        let (text, body) = told.split_once(": ").unwrap_or((&told, ""));
        let code = text.split(' ').next()?.parse().ok()?;
        Some(Self { code, text: text.to_owned(), body: body.to_owned() })
    }

    fn answer(&self) -> Answer {
        match self.code {
            409 | 412 => Answer::Refused,
            501 => Answer::Unsupported,
            400 if self.field("Code") == Some("RequestTimeout") => Answer::Unclear,
            408 | 425 | 429 | 500.. => Answer::Unclear,
            _ => Answer::Final,
        }
    }

    fn is_of_missing_bucket(&self) -> bool {
        matches!(self.field("Code"), Some("NoSuchBucket" | "ContainerNotFound"))
    }

    fn field(&self, name: &str) -> Option<&str> {
        field(&self.body, name)
    }

    fn tell(&self, server: &str) -> String {
        if self.is_of_missing_bucket() {
            return format!("there is no such bucket at {server}");
        }
        let verb = if self.code < 500 { "refused" } else { "failed" };
        // What a wrong region is answered with.
        let region = self.field("Region").map(|region| format!(": set AWS_REGION={region}"));
        let (detail, region) = (detail(&self.body), region.unwrap_or_default());
        format!("{server} {verb}: {}{detail}{region}", self.text)
    }
}

fn unexpected(error: &Error) -> Option<&UnexpectedAnswer> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// An error's causes, outermost first.
fn causes(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    iter::successors(error.source(), |&cause| cause.source())
}

fn http(error: &Error) -> Option<&HttpError> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

fn is_timeout(error: &Error) -> bool {
    http(error).is_some_and(|error| error.kind() == HttpErrorKind::Timeout)
}
