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
    pub access: ApiAccess,
    pub respond: for<'a> fn(ApiCall<'a>, Format) -> ResponseFuture<'a>,
}

type ResponseFuture<'a> = Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>;

/// The clients that an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ApiAccess {
    /// Everyone: the credentials are in the body, or the answer is a refusal.
    Anyone,
    /// Those who may read files of the repository.
    Readers,
    /// Those with the credentials of a user.
    Users,
    /// Those with a token that may publish the package of the path, or some package if the path has none. The text is
    /// the action in the audit log.
    Publishers(&'static str),
}

/// A line of the table whose function has a result.
macro_rules! endpoint {
    ($method:ident $path:literal, $access:ident, $respond:path) => {
        ApiEndpoint {
            method: Method::$method,
            path: $path,
            access: ApiAccess::$access,
            respond: |call, format| Box::pin(async move { render($respond(call).await, format) }),
        }
    };
}

/// A line of the table that changes what is published, by the action in the audit log.
macro_rules! change {
    ($method:ident $path:literal, $action:literal, $respond:path) => {
        ApiEndpoint {
            method: Method::$method,
            path: $path,
            access: ApiAccess::Publishers($action),
            respond: |mut call, format| {
                Box::pin(async move {
                    let answered = $respond(&mut call).await;
                    changes::audit(&call, &answered);
                    render(answered, format)
                })
            },
        }
    };
}

/// A line of the table whose function makes the response itself.
macro_rules! oauth_endpoint {
    ($path:literal, $respond:path) => {
        ApiEndpoint {
            method: Method::POST,
            path: $path,
            access: ApiAccess::Anyone,
            respond: |call, format| Box::pin($respond(call, format)),
        }
    };
}

/// Every endpoint.
const ENDPOINTS: &[ApiEndpoint] = &[
    endpoint!(GET "", Readers, lookup::index),
    endpoint!(GET "repos", Readers, lookup::repositories),
    endpoint!(GET "orgs", Readers, lookup::organizations),
    endpoint!(GET "users/me", Users, accounts::me),
    endpoint!(GET "auth", Users, accounts::auth),
    endpoint!(GET "packages", Readers, lookup::packages),
    endpoint!(GET "packages/:name", Readers, lookup::package),
    change!(POST "publish", "publish", changes::publish),
    change!(POST "packages/:name/releases", "publish", changes::publish),
    endpoint!(GET "packages/:name/releases/:version", Readers, lookup::release),
    change!(DELETE "packages/:name/releases/:version", "revert", changes::revert),
    change!(POST "packages/:name/retire", "retire", changes::retire_all),
    change!(POST "packages/:name/releases/:version/retire", "retire", changes::retire),
    change!(DELETE "packages/:name/releases/:version/retire", "unretire", changes::unretire),
    endpoint!(GET "packages/:name/releases/:version/docs", Readers, lookup::docs),
    change!(POST "packages/:name/releases/:version/docs", "publish docs", changes::publish_docs),
    change!(DELETE "packages/:name/releases/:version/docs", "revert docs", changes::revert_docs),
    endpoint!(GET "packages/:name/owners", Readers, accounts::owners),
    endpoint!(GET "packages/:name/owners/:user", Users, accounts::refuse_change),
    endpoint!(PUT "packages/:name/owners/:user", Users, accounts::refuse_change),
    endpoint!(DELETE "packages/:name/owners/:user", Users, accounts::refuse_change),
    endpoint!(GET "keys", Users, accounts::keys),
    endpoint!(POST "keys", Users, accounts::new_key),
    endpoint!(DELETE "keys", Users, accounts::refuse_change),
    endpoint!(GET "keys/:name", Users, accounts::one_key),
    endpoint!(DELETE "keys/:name", Users, accounts::refuse_change),
    endpoint!(GET "orgs/:name/keys", Users, accounts::keys),
    endpoint!(POST "orgs/:name/keys", Users, accounts::refuse_change),
    endpoint!(DELETE "orgs/:name/keys", Users, accounts::refuse_change),
    endpoint!(GET "orgs/:name/keys/:key", Users, accounts::refuse_change),
    endpoint!(DELETE "orgs/:name/keys/:key", Users, accounts::refuse_change),
    oauth_endpoint!("oauth/token", oauth::token),
    oauth_endpoint!("oauth/device_authorization", oauth::refuse),
    oauth_endpoint!("oauth/revoke", oauth::refuse),
    oauth_endpoint!("oauth/revoke_by_hash", oauth::refuse),
];

/// `GET repos/NAME`, whose path is the one that names a repository.
pub(super) const REPOSITORY: ApiEndpoint = endpoint!(GET "", Readers, lookup::repository);

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

/// The actions in the audit log, some of them more than once.
pub(super) fn actions() -> impl Iterator<Item = &'static str> {
    ENDPOINTS.iter().filter_map(|endpoint| match endpoint.access {
        ApiAccess::Publishers(action) => Some(action),
        ApiAccess::Anyone | ApiAccess::Readers | ApiAccess::Users => None,
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
                matches!(endpoint.access, ApiAccess::Publishers(_)),
                changes,
                "{} {}",
                endpoint.method,
                endpoint.path
            );
        }
    }
}
