//! Publishing, reverting, retiring, and documentation.

use std::fs::File;
use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::call::{Answered, ApiAnswer, ApiCall};
use super::error::{ApiError, ErrorStatus};
use super::publisher::ChangeError;
use super::views;
use crate::checksum::OuterChecksum;
use crate::name::PackageName;
use crate::ops::batch::{self, Outcome, Refusal, ReleaseChange, RequestedChange};
use crate::package::{Release, Retirement, RetirementReason};
use crate::repository::ByteSource;
use crate::serve::audit::AuditRecord;
use crate::serve::error_chain::chain;
use crate::serve::upload::Upload;
use crate::tarball::{DocsError, DocsLimits, FileName, Limits, check_docs};

/// In bytes: the longest name and version of a release, with a hyphen between them. File systems have names of 255 bytes
/// at most, and one that cannot be written would fail all changes that are made together with it.
const MAX_RELEASE_NAME: usize = 200;

/// `POST packages/NAME/releases`, and `POST publish`, where only the tarball names the package.
pub(super) async fn publish(mut call: ApiCall<'_>) -> Answered {
    let named = if call.parameters.is_empty() { None } else { Some(call.package()?) };
    // Before the body is received: a client that waits for `100 Continue` need not send it.
    call.publisher()?;
    let _room = call.room_for_upload().await?;
    let upload = call.upload(Limits::HEX.tarball).await?;
    let path = upload.path().to_owned();
    let tarball = match call.check(move || batch::check_tarball(&path, Limits::HEX, true)).await? {
        Ok(tarball) => tarball,
        Err(cause) => {
            let refusal = ApiError::from(Refusal::from(&cause));
            return Err(audited(&call, "publish", None, None, refusal));
        }
    };
    let (file, checksum) = (tarball.file().clone(), tarball.outer_checksum());
    let refused = |call: &ApiCall<'_>, refusal| {
        Err(audited(call, "publish", Some(&file), Some(checksum), refusal))
    };
    if named.is_some_and(|named| named != file.package) {
        return refused(&call, ApiError::field("name", "metadata does not match package name"));
    }
    if !call.user()?.grant.may_publish(&file.package) {
        return refused(&call, ApiError::not_authorized());
    }
    let notices = tarball.notices();
    let change = ReleaseChange::Publish(tarball);
    let outcome = make(&call, "publish", change, Some(checksum), Some(upload)).await?;
    for notice in notices {
        let release = file.to_string();
        tracing::warn!(release, "{notice}");
    }
    match outcome {
        Outcome::Created(release) => published(&call, &file, release, StatusCode::CREATED).await,
        Outcome::Replaced(release) => published(&call, &file, release, StatusCode::OK).await,
        _ => Err(ApiError::internal()),
    }
}

/// The answer to a publication: the release as it was written. It is not read again: another client may have reverted
/// it already, and that must not turn the answer into a refusal.
async fn published(
    call: &ApiCall<'_>,
    file: &FileName,
    release: Release,
    status: StatusCode,
) -> Answered {
    let (repository, url) = (call.publisher()?.repository(), call.repository_url()?);
    let site = call.site(repository, &url);
    let location = site.release(&file.package, &file.version);
    let found = call.repository()?.packages.complete(file, release).await;
    let found = found.map_err(|error| unreadable(&error))?;
    let publisher = call.user()?.name.as_str();
    let body = views::release(&site, &found.facts(Some(publisher)));
    Ok(ApiAnswer { status, body: Some(body), location: Some(location) })
}

/// `DELETE packages/NAME/releases/VERSION`
pub(super) async fn revert(call: ApiCall<'_>) -> Answered {
    let change = ReleaseChange::Revert(call.release()?);
    make(&call, "revert", change, None, None).await?;
    Ok(ApiAnswer::done())
}

/// `POST packages/NAME/releases/VERSION/retire`
pub(super) async fn retire(mut call: ApiCall<'_>) -> Answered {
    let release = call.release()?;
    let retirement = retirement(&call.fields().await?)?;
    make(&call, "retire", ReleaseChange::Retire(release, retirement), None, None).await?;
    Ok(ApiAnswer::done())
}

/// `POST packages/NAME/retire`: every release.
pub(super) async fn retire_all(mut call: ApiCall<'_>) -> Answered {
    let package = call.package()?;
    let retirement = retirement(&call.fields().await?)?;
    for release in releases(&call, &package).await? {
        let change = ReleaseChange::Retire(release, retirement.clone());
        make(&call, "retire", change, None, None).await?;
    }
    Ok(ApiAnswer::done())
}

/// `DELETE packages/NAME/releases/VERSION/retire`
pub(super) async fn unretire(call: ApiCall<'_>) -> Answered {
    let change = ReleaseChange::Unretire(call.release()?);
    make(&call, "unretire", change, None, None).await?;
    Ok(ApiAnswer::done())
}

/// `POST packages/NAME/releases/VERSION/docs`
pub(super) async fn publish_docs(mut call: ApiCall<'_>) -> Answered {
    let release = call.release()?;
    let repository = call.publisher()?.repository().clone();
    let found = call.repository()?.packages.find_release(&release).await;
    if found.map_err(|error| unreadable(&error))?.is_none() {
        return Err(ApiError::page_not_found());
    }
    let limits = DocsLimits::HEX;
    let size = usize::try_from(limits.compressed).unwrap_or(usize::MAX);
    let _room = call.room_for_upload().await?;
    let upload = call.upload(size).await?;
    let path = upload.path().to_owned();
    let checked = call.check(move || {
        let file = File::open(&path).map_err(DocsError::Read)?;
        check_docs(file, &limits)
    });
    let checked = match checked.await? {
        Ok(checked) => checked,
        Err(error) => {
            let refusal = ApiError::field("tar", chain(&error));
            return Err(audited(&call, "publish docs", Some(&release), None, refusal));
        }
    };
    if !checked.has_index {
        let release = release.to_string();
        tracing::warn!(release, "its documentation has no index.html, the page that clients open");
    }
    let docs = ByteSource::file(upload.path().to_owned(), None);
    let change = ReleaseChange::StoreDocs(release.clone(), docs);
    make(&call, "publish docs", change, None, Some(upload)).await?;
    let url = call.repository_url()?;
    let location = call.site(&repository, &url).docs(&release.package, &release.version);
    Ok(ApiAnswer::without_body(StatusCode::CREATED).at(location))
}

/// `DELETE packages/NAME/releases/VERSION/docs`
pub(super) async fn revert_docs(call: ApiCall<'_>) -> Answered {
    let change = ReleaseChange::RemoveDocs(call.release()?);
    make(&call, "revert docs", change, None, None).await?;
    Ok(ApiAnswer::done())
}

/// Makes a change, and writes the line of the audit log.
async fn make(
    call: &ApiCall<'_>,
    action: &'static str,
    change: ReleaseChange,
    checksum: Option<OuterChecksum>,
    upload: Option<Upload>,
) -> Result<Outcome, ApiError> {
    let (publisher, user) = (Arc::clone(call.publisher()?), call.user()?);
    let release = change.release().clone();
    if release.to_string().len() > MAX_RELEASE_NAME {
        let text = format!("is too long: name and version have more than {MAX_RELEASE_NAME} bytes");
        let refusal = ApiError::field("version", text);
        return Err(audited(call, action, Some(&release), checksum, refusal));
    }
    let replace = call.asks_for("replace");
    let requested = RequestedChange { change, replace, is_admin: user.grant.is_admin() };
    match publisher.change(requested, upload).await {
        Ok(outcome) => {
            record(call, action, Some(&release), checksum)?.log(None);
            Ok(outcome)
        }
        Err(error) => Err(audited(call, action, Some(&release), checksum, ApiError::from(error))),
    }
}

/// Writes the line of a refused change, and returns the refusal.
fn audited(
    call: &ApiCall<'_>,
    action: &'static str,
    release: Option<&FileName>,
    checksum: Option<OuterChecksum>,
    refusal: ApiError,
) -> ApiError {
    if let Ok(record) = record(call, action, release, checksum) {
        record.log(Some(&refusal.summary()));
    }
    refusal
}

fn record<'a>(
    call: &'a ApiCall<'_>,
    action: &'static str,
    release: Option<&'a FileName>,
    checksum: Option<OuterChecksum>,
) -> Result<AuditRecord<'a>, ApiError> {
    Ok(AuditRecord {
        client: call.client,
        user: &call.user()?.name,
        action,
        repository: call.publisher()?.repository(),
        release,
        checksum,
    })
}

async fn releases(call: &ApiCall<'_>, package: &PackageName) -> Result<Vec<FileName>, ApiError> {
    let found = call.repository()?.packages.find(package).await;
    let found = found.map_err(|error| unreadable(&error))?;
    let found = found.ok_or_else(ApiError::page_not_found)?;
    let named = found
        .releases
        .releases
        .into_iter()
        .map(|release| FileName { package: package.clone(), version: release.version });
    Ok(named.collect())
}

/// The retirement in the fields of a request.
fn retirement(fields: &Map<String, Value>) -> Result<Retirement, ApiError> {
    let reason = fields.get("reason").and_then(Value::as_str);
    let reason = reason.and_then(|reason| reason.parse::<RetirementReason>().ok());
    let reason = reason.ok_or_else(|| ApiError::field("reason", "is invalid"))?;
    let message = match fields.get("message") {
        None | Some(Value::Null) => None,
        Some(Value::String(message)) if message.is_empty() => None,
        Some(Value::String(message)) => Some(message.clone()),
        Some(_) => return Err(ApiError::field("message", "is invalid")),
    };
    Ok(Retirement::new(reason, message))
}

/// The refusal of a request for what cannot be read.
pub(super) fn unreadable(error: &std::io::Error) -> ApiError {
    tracing::error!(%error, "a request to the API could not be answered");
    ApiError::internal()
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchRelease(_) | Refusal::NoDocs(_) => Self::page_not_found(),
            Refusal::Field { field, message } => Self::field(field, message),
            Refusal::Parts { field, messages } => Self::parts(field, messages),
            Refusal::Damaged(message) => {
                tracing::error!("{message}");
                Self::internal()
            }
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Refused(refusal) => refusal.into(),
            ChangeError::Overloaded => {
                Self::new(ErrorStatus::Internal, "too many changes wait: try again")
            }
            ChangeError::Failed => Self::new(
                ErrorStatus::Internal,
                "the registry could not be changed; the log of the server says why",
            ),
        }
    }
}
