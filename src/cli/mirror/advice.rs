//! What the user can do about an error of upstream.

use hexreg::ops::mirror::{FileError, Options, RequestError};

/// What the user can do, if there is more than to try again.
pub fn of(error: &FileError, options: &Options) -> Option<String> {
    match error {
        FileError::Request(RequestError::Status { status, .. }) => match status.as_u16() {
            401 | 403 if options.upstream.authorization.is_some() => {
                Some("upstream refuses the credentials of --upstream-auth".to_owned())
            }
            401 | 403 => Some(auth(options)),
            407 => Some(PROXY_AUTH.to_owned()),
            _ => None,
        },
        FileError::Request(RequestError::Page { .. }) => Some(
            "check that --upstream is the URL of the repository itself, and that no login or proxy \
             answers in its place (--upstream-auth, NO_PROXY)"
                .to_owned(),
        ),
        FileError::Request(RequestError::Broken { url, reason }) => {
            let is_proxied = url.contains(" through the proxy ");
            if reason.contains("proxy authorization required") {
                Some(PROXY_AUTH.to_owned())
            } else if is_proxied {
                Some("check the proxy, or use none: NO_PROXY=HOST".to_owned())
            } else {
                None
            }
        }
        FileError::Request(RequestError::TooSlow { .. }) => {
            Some("on a slow line, use fewer concurrent requests: --jobs".to_owned())
        }
        FileError::OtherRepository { found, .. } => {
            Some(format!("if that is the right repository, give --upstream-name={found}"))
        }
        FileError::RolledBack { .. } => Some(
            "a cache may be behind, so try again later; if upstream removed these packages, \
             give --accept=PACKAGE for each"
                .to_owned(),
        ),
        _ => None,
    }
}

const PROXY_AUTH: &str =
    "the proxy requires credentials: http://USER:PASSWORD@HOST:PORT in its variable";

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
