//! The table of the API's endpoints. Paths are relative to the API, and each is also found below `repos/NAME`.
//!
//! To add an endpoint, add a line. What answers is a function of an [`ApiCall`] in a file of its own.

use std::pin::Pin;

use axum::body::Body;
use axum::http::{Method, Response};

use super::call::{Answered, ApiCall};
use super::format::{self, Format};
use super::{accounts, changes, lookup, oauth};

/// A method and a path of the API.
pub(super) struct ApiEndpoint {
    method: Method,
    /// Segments with a slash between them; one that begins with `:` is open.
    path: &'static str,
    pub need: Need,
    pub respond: for<'a> fn(ApiCall<'a>, Format) -> ResponseFuture<'a>,
}

type ResponseFuture<'a> = Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>;

/// What a client needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: the request itself has the credentials, or is refused.
    Nothing,
    /// Whatever reading files of the repository needs.
    Read,
    /// Credentials of any user.
    User,
    /// A token that may publish the package of the path, or some package if the path has none.
    Publish,
}

/// A line of the table whose function has a result.
macro_rules! endpoint {
    ($method:ident $path:literal, $need:ident, $respond:path) => {
        ApiEndpoint {
            method: Method::$method,
            path: $path,
            need: Need::$need,
            respond: |call, format| Box::pin(async move { render($respond(call).await, format) }),
        }
    };
}

/// A line of the table whose function makes the response itself.
macro_rules! oauth_endpoint {
    ($path:literal, $respond:path) => {
        ApiEndpoint {
            method: Method::POST,
            path: $path,
            need: Need::Nothing,
            respond: |call, format| Box::pin($respond(call, format)),
        }
    };
}

/// Every endpoint.
const ENDPOINTS: &[ApiEndpoint] = &[
    endpoint!(GET "", Read, lookup::index),
    endpoint!(GET "repos", Read, lookup::repositories),
    endpoint!(GET "orgs", Read, lookup::organizations),
    endpoint!(GET "users/me", User, accounts::me),
    endpoint!(GET "auth", User, accounts::auth),
    endpoint!(GET "packages", Read, lookup::packages),
    endpoint!(GET "packages/:name", Read, lookup::package),
    endpoint!(POST "publish", Publish, changes::publish),
    endpoint!(POST "packages/:name/releases", Publish, changes::publish),
    endpoint!(GET "packages/:name/releases/:version", Read, lookup::release),
    endpoint!(DELETE "packages/:name/releases/:version", Publish, changes::revert),
    endpoint!(POST "packages/:name/retire", Publish, changes::retire_all),
    endpoint!(POST "packages/:name/releases/:version/retire", Publish, changes::retire),
    endpoint!(DELETE "packages/:name/releases/:version/retire", Publish, changes::unretire),
    endpoint!(GET "packages/:name/releases/:version/docs", Read, lookup::docs),
    endpoint!(POST "packages/:name/releases/:version/docs", Publish, changes::publish_docs),
    endpoint!(DELETE "packages/:name/releases/:version/docs", Publish, changes::revert_docs),
    endpoint!(GET "packages/:name/owners", Read, accounts::owners),
    endpoint!(GET "packages/:name/owners/:user", User, accounts::by_command),
    endpoint!(PUT "packages/:name/owners/:user", User, accounts::by_command),
    endpoint!(DELETE "packages/:name/owners/:user", User, accounts::by_command),
    endpoint!(GET "keys", User, accounts::keys),
    endpoint!(POST "keys", User, accounts::new_key),
    endpoint!(DELETE "keys", User, accounts::by_command),
    endpoint!(GET "keys/:name", User, accounts::one_key),
    endpoint!(DELETE "keys/:name", User, accounts::by_command),
    endpoint!(GET "orgs/:name/keys", User, accounts::keys),
    endpoint!(POST "orgs/:name/keys", User, accounts::by_command),
    endpoint!(DELETE "orgs/:name/keys", User, accounts::by_command),
    endpoint!(GET "orgs/:name/keys/:key", User, accounts::by_command),
    endpoint!(DELETE "orgs/:name/keys/:key", User, accounts::by_command),
    oauth_endpoint!("oauth/token", oauth::token),
    oauth_endpoint!("oauth/device_authorization", oauth::refuse),
    oauth_endpoint!("oauth/revoke", oauth::refuse),
    oauth_endpoint!("oauth/revoke_by_hash", oauth::refuse),
];

/// `GET repos/NAME`, whose path is the one that names a repository.
pub(super) const REPOSITORY: ApiEndpoint = endpoint!(GET "", Read, lookup::repository);

/// The endpoint of a path, and the segments that it leaves open.
pub(super) fn find(
    method: &Method,
    segments: &[String],
) -> Option<(&'static ApiEndpoint, Vec<String>)> {
    ENDPOINTS.iter().find_map(|endpoint| {
        let open = endpoint.open_segments(segments)?;
        (endpoint.method == *method).then_some((endpoint, open))
    })
}

impl ApiEndpoint {
    /// The segments that the path leaves open; `None` if it is another path.
    fn open_segments(&self, segments: &[String]) -> Option<Vec<String>> {
        let parts = self.path.split('/').filter(|part| !part.is_empty());
        if parts.clone().count() != segments.len() {
            return None;
        }
        let mut open = Vec::new();
        for (part, segment) in parts.zip(segments) {
            if part.starts_with(':') {
                open.push(segment.clone());
            } else if part != segment {
                return None;
            }
        }
        Some(open)
    }
}

fn render(answered: Answered, format: Format) -> Response<Body> {
    match answered {
        Ok(answer) => {
            let mut response = match &answer.body {
                Some(body) => format.response(answer.status, body),
                None => format::empty(answer.status),
            };
            if let Some(location) = answer.location.and_then(|location| location.parse().ok()) {
                response.headers_mut().insert(axum::http::header::LOCATION, location);
            }
            response
        }
        Err(refusal) => refusal.response(format),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(method: &Method, path: &str) -> Option<(&'static str, Vec<String>)> {
        let segments: Vec<_> =
            path.split('/').filter(|one| !one.is_empty()).map(str::to_owned).collect();
        find(method, &segments).map(|(endpoint, open)| (endpoint.path, open))
    }

    #[test]
    fn a_path_and_a_method_find_their_line() {
        let open =
            |segments: &[&str]| segments.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
        let release = "packages/foo/releases/1.0.0";
        assert_eq!(
            found(&Method::DELETE, release),
            Some(("packages/:name/releases/:version", open(&["foo", "1.0.0"])))
        );
        assert_eq!(found(&Method::POST, "publish"), Some(("publish", open(&[]))));
        assert_eq!(found(&Method::GET, ""), Some(("", open(&[]))));
        assert_eq!(found(&Method::PATCH, release), None);
        assert_eq!(found(&Method::GET, "packages/foo/releases"), None);
    }

    #[test]
    fn no_two_lines_answer_the_same_request() {
        let lines = ENDPOINTS.iter().map(|one| {
            let parts =
                one.path.split('/').map(|part| if part.starts_with(':') { ":" } else { part });
            (one.method.as_str(), parts.collect::<Vec<_>>())
        });
        let mut lines: Vec<_> = lines.collect();
        let all = lines.len();
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), all);
    }

    #[test]
    fn every_change_needs_a_token_that_may_publish() {
        for endpoint in
            ENDPOINTS.iter().filter(|one| one.path.contains("releases") || one.path == "publish")
        {
            let changes = endpoint.method != Method::GET;
            assert_eq!(
                endpoint.need == Need::Publish,
                changes,
                "{} {}",
                endpoint.method,
                endpoint.path
            );
        }
    }
}
