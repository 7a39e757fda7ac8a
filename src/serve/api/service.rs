//! The way of a request to the API: which repository, which endpoint, whether the client may.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use tokio::sync::Semaphore;

use super::call::ApiCall;
use super::endpoints::{self, ApiAccess, ApiEndpoint};
use super::error::{ApiError, ErrorStatus};
use super::format::Format;
use super::upload_places::UploadPlaces;
use crate::auth::User;
use crate::name::PackageName;
use crate::serve::audit::{AuditLine, ChangeCounters};
use crate::serve::authorize::{Authorization, Authorizer, CredentialError};
use crate::serve::base_url::BaseUrl;
use crate::serve::mount::NAMED_REPOSITORIES;
use crate::serve::options::Options;
use crate::serve::refusal::RequestRefusal;
use crate::serve::repository::Repository;
use crate::serve::wrong_tokens::WrongTokens;

/// The path of the API.
const API: &str = "/api";

/// How many uploads are checked at once. Each takes its size in memory, and what it inflates to on the way.
const CHECKS: usize = 4;

/// What a web page that asks for a change is told.
const FROM_ANOTHER_SITE: &str = "a web page cannot change what is published";

/// The segment before the name of a repository.
const REPOS: &str = "repos";

/// Answers requests to the API.
pub(crate) struct Api {
    base_url: BaseUrl,
    stall: Duration,
    uploads: UploadPlaces,
    checks: Semaphore,
    wrong_tokens: WrongTokens,
    changes: ChangeCounters,
}

/// A request to the API whose client was admitted.
pub(crate) struct ApiRequest {
    /// The path below the API, as it was sent.
    pub path: ApiPath,
    pub request: Parts,
    pub body: Incoming,
    pub client: IpAddr,
    pub authorization: Authorization,
}

/// A path below the API: its decoded segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiPath(Vec<String>);

impl ApiPath {
    /// The part of a path below the API; `None` for another path.
    pub fn of(path: &str) -> Option<Self> {
        let rest = path.strip_prefix(API)?;
        if !rest.is_empty() && !rest.starts_with('/') {
            return None;
        }
        // mix and rebar3 join URL and path by a slash, and the URL may end in one.
        let segments = rest.split('/').filter(|segment| !segment.is_empty());
        Some(Self(
            segments.map(|one| percent_decode_str(one).decode_utf8_lossy().into_owned()).collect(),
        ))
    }

    /// The last repository that the path names, and what follows it.
    fn split(&self) -> (Option<&str>, &[String]) {
        let (mut named, mut rest) = (None, self.0.as_slice());
        while let [repos, name, others @ ..] = rest {
            if repos != REPOS {
                break;
            }
            (named, rest) = (Some(name.as_str()), others);
        }
        (named, rest)
    }
}

impl Api {
    pub fn new(options: &Options, changes: ChangeCounters) -> Self {
        endpoints::actions().for_each(|action| changes.show(action));
        Self {
            base_url: BaseUrl::new(options),
            stall: options.limits.stall,
            uploads: UploadPlaces::new(),
            checks: Semaphore::new(CHECKS),
            wrong_tokens: WrongTokens::default(),
            changes,
        }
    }

    /// Answers a request.
    pub async fn respond(
        &self,
        repositories: &[Arc<Repository>],
        authorizer: &Authorizer,
        request: ApiRequest,
    ) -> Response<Body> {
        let has_body = !request.body.is_end_stream();
        let mut response = self.answer(repositories, authorizer, request).await;
        // hyper closes a connection whose body it has not read, and does not say so: rebar3 would use it again.
        if has_body && !response.status().is_success() {
            close_after(&mut response);
        }
        response
    }

    async fn answer(
        &self,
        repositories: &[Arc<Repository>],
        authorizer: &Authorizer,
        request: ApiRequest,
    ) -> Response<Body> {
        let format = Format::accepted_by(&request.request.headers);
        let ApiRequest { path, request, body, client, authorization } = request;
        if let Authorization::Denied(CredentialError::Unknown | CredentialError::Expired(_)) =
            authorization
        {
            self.wrong_tokens.delay(client).await;
        }
        let (named, segments) = path.split();
        // hyper leaves out the body of the answer to HEAD.
        let method = if request.method == Method::HEAD { &Method::GET } else { &request.method };
        let found = if named.is_some() && segments.is_empty() {
            (method == Method::GET).then_some((&endpoints::REPOSITORY, Vec::new()))
        } else {
            endpoints::find(method, segments)
        };
        let Some((endpoint, parameters)) = found else {
            return ApiError::page_not_found().response(format);
        };
        if is_from_another_site(&request) {
            return ApiError::new(ErrorStatus::Forbidden, FROM_ANOTHER_SITE).response(format);
        }
        let repository = match named {
            Some(name) => find_repository(repositories, name).await,
            None => default_repository(repositories),
        };
        let allow_anonymous = match repository {
            Some(repository) => !repository.needs_credentials,
            None => repositories.iter().all(|one| !one.needs_credentials),
        };
        let permitted = permit(endpoint, &parameters, &authorization, allow_anonymous);
        if let (Err(refusal), Authorization::Anonymous | Authorization::Denied(_)) =
            (&permitted, &authorization)
        {
            return refusal.response(format);
        }
        let audit = match (endpoint.access, authorization) {
            (ApiAccess::Publishers(action), Authorization::User(user)) => {
                let counters = self.changes.clone();
                Some(audit_line(client, user, action, repository, &parameters, counters).await)
            }
            _ => None,
        };
        let user = match permitted {
            Ok(user) => user,
            Err(refusal) => {
                if let Some(line) = audit {
                    line.write(refusal.audit_result(&refusal.summary()));
                }
                return refusal.response(format);
            }
        };
        if named.is_some() && repository.is_none() {
            return ApiError::page_not_found().response(format);
        }
        let base_url = self.base_url.of(&request);
        let below =
            named.map_or(Cow::Borrowed(""), |name| format!("{NAMED_REPOSITORIES}{name}").into());
        let call = ApiCall {
            repositories,
            authorizer,
            repository,
            parameters,
            api_url: format!("{base_url}{API}{below}"),
            base_url,
            request,
            body,
            client,
            user,
            audit,
            stall: self.stall,
            uploads: &self.uploads,
            wrong_tokens: &self.wrong_tokens,
            checks: &self.checks,
            has_pages: cfg!(feature = "web"),
        };
        (endpoint.respond)(call, format).await
    }

    /// The response to a request that gets none of an endpoint. Clients take 400, 405, 413, 421, 429 and 503 for
    /// success.
    pub fn refuse(request: &Parts, refusal: RequestRefusal) -> Response<Body> {
        let error = match refusal {
            RequestRefusal::Malformed => ApiError::invalid(
                "the request is malformed: expected one Host, at most one Authorization",
            ),
            RequestRefusal::OtherHost => {
                ApiError::new(ErrorStatus::Forbidden, RequestRefusal::OTHER_HOST)
            }
            RequestRefusal::Overloaded(_) => {
                ApiError::new(ErrorStatus::Internal, "the server is busy: try again")
            }
        };
        let mut response = error.response(Format::accepted_by(&request.headers));
        close_after(&mut response);
        response
    }
}

/// Tells the client that the connection ends with the response.
fn close_after(response: &mut Response<Body>) {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// Whether a web page asks for a change. A browser adds the credentials that its user has given for this server, and
/// says where the page is from; clients of Hex send neither header.
fn is_from_another_site(request: &Parts) -> bool {
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    let has = |name: &str| request.headers.contains_key(name);
    !is_read && (has("origin") || has("sec-fetch-site"))
}

/// The user who may do this, if the endpoint needs one.
fn permit(
    endpoint: &ApiEndpoint,
    parameters: &[String],
    authorization: &Authorization,
    allow_anonymous: bool,
) -> Result<Option<User>, ApiError> {
    if endpoint.access == ApiAccess::Anyone {
        return Ok(None);
    }
    let user = match authorization {
        Authorization::User(user) => user,
        _ if endpoint.access == ApiAccess::Readers && allow_anonymous => return Ok(None),
        Authorization::Anonymous | Authorization::Denied(CredentialError::Missing) => {
            return Err(ApiError::missing_authentication());
        }
        Authorization::Denied(CredentialError::Unknown) => return Err(ApiError::invalid_key()),
        Authorization::Denied(CredentialError::Expired(since)) => {
            return Err(ApiError::expired_key(*since));
        }
    };
    if let ApiAccess::Publishers(_) = endpoint.access {
        if !user.grant.may_publish_some() {
            return Err(ApiError::key_not_authorized());
        }
        // A path without a package is checked once the tarball names it.
        let package = parameters.first().and_then(|name| name.parse::<PackageName>().ok());
        if package.is_some_and(|package| !user.grant.may_publish(&package)) {
            return Err(ApiError::not_authorized());
        }
    }
    Ok(Some(user.clone()))
}

/// The audit line of a change that a user asks for, as far as the path says it.
async fn audit_line(
    client: IpAddr,
    user: User,
    action: &'static str,
    repository: Option<&Repository>,
    parameters: &[String],
    counters: ChangeCounters,
) -> AuditLine {
    let repository = match repository {
        Some(repository) => repository.signed_name().await,
        None => None,
    };
    let package = parameters.first().and_then(|name| name.parse().ok());
    let version = parameters.get(1).and_then(|version| version.parse().ok());
    AuditLine { client, user, action, repository, package, version, checksum: None, counters }
}

/// The repository of a name: that of its place in the URLs, or that in its signed files.
async fn find_repository<'a>(
    repositories: &'a [Arc<Repository>],
    name: &str,
) -> Option<&'a Repository> {
    if let Some(found) = repositories.iter().find(|one| one.mount.is_at(Some(name))) {
        return Some(found);
    }
    for repository in repositories {
        if repository.signed_name().await.is_some_and(|signed| signed.as_str() == name) {
            return Some(repository);
        }
    }
    None
}

/// The repository of a path that names none: that at `/`, or the only one.
fn default_repository(repositories: &[Arc<Repository>]) -> Option<&Repository> {
    match repositories {
        [only] => Some(only),
        several => several.iter().find(|one| one.mount.is_root()).map(|one| &**one),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(path: &str) -> Option<(Option<String>, String)> {
        let path = ApiPath::of(path)?;
        let (named, rest) = path.split();
        Some((named.map(str::to_owned), rest.join("/")))
    }

    #[test]
    fn a_path_names_its_repository_in_each_form_that_clients_send() {
        for (path, named, rest) in [
            ("/api", None, ""),
            ("/api/", None, ""),
            ("/api//packages/foo", None, "packages/foo"),
            ("/api/repos", None, "repos"),
            ("/api/repos/acme", Some("acme"), ""),
            ("/api/repos/acme/publish", Some("acme"), "publish"),
            ("/api/repos/acme/repos/other/users/me", Some("other"), "users/me"),
            ("/api/packages/foo/owners/a%40b.example", None, "packages/foo/owners/a@b.example"),
            ("/api/packages/..%2Fx", None, "packages/../x"),
        ] {
            assert_eq!(split(path), Some((named.map(str::to_owned), rest.to_owned())), "{path}");
        }
        for other in ["/", "/apiary", "/packages/api", "/names"] {
            assert_eq!(split(other), None, "{other}");
        }
    }
}
