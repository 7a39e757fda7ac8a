//! A request to the API, as an endpoint gets it, and its answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::request::Parts;
use hyper::body::Incoming;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::body::{MAX_FIELDS, read_fields};
use super::error::{ApiError, ErrorStatus};
use super::publisher::Publisher;
use super::upload_places::{UploadPlace, UploadPlaces};
use super::views::Site;
use crate::auth::User;
use crate::checksum::OuterChecksum;
use crate::name::{PackageName, RepositoryName};
use crate::serve::audit::AuditLine;
use crate::serve::authorize::Authorizer;
use crate::serve::own_names::{self, Ownership};
use crate::serve::repository::Repository;
use crate::serve::request_body::{BodyError, BodyLimits, receive_small, receive_upload};
use crate::serve::upload::{self, Upload};
use crate::serve::wrong_tokens::WrongTokens;
use crate::tarball::FileName;
use crate::version::Version;

/// A request to an endpoint of the API.
pub(super) struct ApiCall<'a> {
    pub repositories: &'a [Arc<Repository>],
    pub authorizer: &'a Authorizer,
    /// The repository that the path names, or else the one that is served alone or at `/`.
    pub repository: Option<&'a Repository>,
    /// The segments of the path that the endpoint leaves open, in order.
    pub parameters: Vec<String>,
    pub request: Parts,
    pub body: Incoming,
    pub client: IpAddr,
    /// `None` if the server asks for no credentials, or the endpoint needs none.
    pub user: Option<User>,
    /// What the audit log is to say of the change that is asked for; `None` if there is none, or once the publisher has
    /// written its line.
    pub audit: Option<AuditLine>,
    /// The URL of the server.
    pub base_url: String,
    /// The URL of the API, with the repository if the path names one.
    pub api_url: String,
    /// How long the client may send nothing.
    pub stall: Duration,
    /// One is held for each upload.
    pub uploads: &'a UploadPlaces,
    pub wrong_tokens: &'a WrongTokens,
    /// One is held while an upload is checked.
    pub checks: &'a Semaphore,
    pub has_pages: bool,
}

/// How long a client waits for room for its upload. mix waits 15 seconds for its answer.
const UPLOAD_WAIT: Duration = Duration::from_secs(5);

/// How long a client may take to send a body: the largest upload of 16 MiB has to come at 56 KiB a second, and one of
/// 1 MiB at the least rate of all bodies.
const BODY_TIME: Duration = Duration::from_secs(5 * 60);

/// The answer of an endpoint.
#[derive(Debug)]
pub(super) struct ApiAnswer {
    pub status: StatusCode,
    pub body: Option<Value>,
    pub location: Option<String>,
}

/// What an endpoint returns.
pub(super) type Answered = Result<ApiAnswer, ApiError>;

impl ApiAnswer {
    /// 200.
    pub fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body), location: None }
    }

    /// 204, as rebar3 and gleam expect it of what they remove or change.
    pub fn done() -> Self {
        Self::without_body(StatusCode::NO_CONTENT)
    }

    pub fn without_body(status: StatusCode) -> Self {
        Self { status, body: None, location: None }
    }

    pub fn at(self, location: String) -> Self {
        Self { location: Some(location), ..self }
    }
}

impl ApiCall<'_> {
    /// The package that the path names first.
    pub fn package(&self) -> Result<PackageName, ApiError> {
        self.parameter(0)
    }

    /// The release that the path names.
    pub fn release(&self) -> Result<FileName, ApiError> {
        let version: Version = self.parameter(1)?;
        Ok(FileName { package: self.package()?, version })
    }

    /// An open segment of the path. One that is no such name belongs to nothing that exists.
    fn parameter<T: std::str::FromStr>(&self, index: usize) -> Result<T, ApiError> {
        let text = self.parameters.get(index).and_then(|text| text.parse().ok());
        text.ok_or_else(ApiError::page_not_found)
    }

    /// A package of an upstream whose name one of our own repositories has is not shown.
    pub async fn refuse_own_name(&self, name: &PackageName) -> Result<(), ApiError> {
        match own_names::owner(self.repositories, self.repository()?, name).await {
            Ownership::Upstream => Ok(()),
            Ownership::Own => Err(ApiError::page_not_found()),
            Ownership::Unknown => Err(ApiError::storage_away()),
        }
    }

    pub fn repository(&self) -> Result<&Repository, ApiError> {
        self.repository.ok_or_else(|| {
            let names = self.repositories.iter().filter_map(|one| one.mount.name());
            let names: Vec<_> = names.map(RepositoryName::as_str).collect();
            ApiError::no_repository(&self.api_url, &names)
        })
    }

    /// What publishes to the repository.
    pub fn publisher(&self) -> Result<&Arc<Publisher>, ApiError> {
        let publisher = self.repository()?.publisher.as_ref().ok_or_else(|| {
            ApiError::new(
                ErrorStatus::Forbidden,
                "this server does not publish to the repository: it was started without --private-key for it",
            )
        })?;
        publisher.get().ok_or_else(ApiError::storage_away)
    }

    pub fn user(&self) -> Result<&User, ApiError> {
        self.user.as_ref().ok_or_else(ApiError::missing_authentication)
    }

    /// The checksum of what was uploaded is known.
    pub fn set_audited_checksum(&mut self, checksum: OuterChecksum) {
        if let Some(line) = &mut self.audit {
            line.checksum = Some(checksum);
        }
    }

    /// The repository and its URLs.
    pub fn site<'s>(&'s self, repository: &'s RepositoryName, url: &'s str) -> Site<'s> {
        Site { repository, api: &self.api_url, url, has_pages: self.has_pages }
    }

    /// The URL of the repository.
    pub fn repository_url(&self) -> Result<String, ApiError> {
        let path = self.repository()?.mount.path();
        Ok(format!("{}{}", self.base_url, path.trim_end_matches('/')))
    }

    /// Whether the query asks for `name=true`.
    pub fn asks_for(&self, name: &str) -> bool {
        let query = self.request.uri.query().unwrap_or_default();
        super::form::fields(query).any(|(field, value)| field == name && value == "true")
    }

    /// Receives the fields of the body.
    pub async fn fields(&mut self) -> Result<Map<String, Value>, ApiError> {
        let limits = BodyLimits { size: MAX_FIELDS, stall: self.stall, total: BODY_TIME };
        let received = receive_small(&mut self.body, limits).await;
        let bytes = received.map_err(|error| body_error(&error, None))?;
        read_fields(&self.request.headers, &bytes)
    }

    /// Waits until there is room for an upload. The room is held until the change is made.
    pub async fn room_for_upload(&self) -> Result<UploadPlace, ApiError> {
        let place = self.uploads.acquire(self.client, &self.user()?.name);
        let place = tokio::time::timeout(UPLOAD_WAIT, place).await.ok().flatten();
        place.ok_or_else(|| {
            ApiError::new(ErrorStatus::Internal, "too many uploads at once: try again")
        })
    }

    /// Checks an upload on a thread that may block, a few at a time.
    pub async fn check<T: Send + 'static>(
        &self,
        check: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let _permit = self.checks.acquire().await.map_err(|_| ApiError::internal())?;
        spawn_blocking(check).await.map_err(|_| ApiError::internal())
    }

    /// Receives an upload of at most `size` bytes.
    pub async fn upload(&mut self, size: usize) -> Result<Upload, ApiError> {
        let limits = BodyLimits { size, stall: self.stall, total: BODY_TIME };
        let received = receive_upload(&mut self.body, limits, upload::folder()).await;
        received.map_err(|error| body_error(&error, Some("tar")))
    }
}

/// The refusal of a body, which is the whole of `field`.
fn body_error(error: &BodyError, field: Option<&'static str>) -> ApiError {
    match (error, field) {
        (BodyError::TooLarge(limit), Some(field)) => {
            ApiError::field(field, format!("too big: it has more than {limit} bytes"))
        }
        (BodyError::Unwritten(error), _) => {
            tracing::error!(%error, "an upload could not be kept in the folder for temporary files");
            ApiError::internal()
        }
        (error, _) => ApiError::invalid(error.to_string()),
    }
}
