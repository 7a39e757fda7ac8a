//! What to do about what upstream answers.

use hexreg::ops::mirror::{Options, RequestError, FileError};

/// What to do, where more can be said than to try again.
pub fn of(wrong: &FileError, options: &Options) -> Option<String> {
    match wrong {
        FileError::Request(RequestError::Status { status, .. }) => match status.as_u16() {
            401 | 403 if options.upstream.authorization.is_some() => {
                Some("upstream does not take what --upstream-auth gives".to_owned())
            }
            401 | 403 => Some(auth(options)),
            407 => Some(PROXY_AUTH.to_owned()),
            _ => None,
        },
        FileError::Request(RequestError::Page { .. }) => Some(
            "see whether --upstream leads to the repository itself, and whether a login or a proxy \
             stands before it (--upstream-auth, NO_PROXY)"
                .to_owned(),
        ),
        FileError::Request(RequestError::Broken { url, reason }) => {
            let is_proxied = url.contains(" through the proxy ");
            if reason.contains("proxy authorization required") {
                Some(PROXY_AUTH.to_owned())
            } else if is_proxied {
                Some("see whether the proxy is right, or go without: NO_PROXY=HOST".to_owned())
            } else {
                None
            }
        }
        FileError::Request(RequestError::TooSlow { .. }) => {
            Some("on a slow line, ask for less at once: --jobs".to_owned())
        }
        FileError::OtherRepository { found, .. } => {
            Some(format!("if that is the one that is meant, give --upstream-name={found}"))
        }
        FileError::RolledBack { .. } => Some(
            "a cache may lag behind, so try again later; where upstream took these packages back, \
             give --accept=PACKAGE for each"
                .to_owned(),
        ),
        _ => None,
    }
}

const PROXY_AUTH: &str =
    "the proxy wants credentials: http://USER:PASSWORD@HOST:PORT in its variable";

fn auth(options: &Options) -> String {
    let give = "give --upstream-auth=env:NAME, or --upstream-auth=netrc";
    match &options.upstream.source {
        Some(source) if source.as_str() == "hexpm" => {
            let name = &options.upstream.name;
            format!("{give}; `mix hex.organization key {name} generate` makes a key")
        }
        _ => give.to_owned(),
    }
}
