//! Publishing, reverting, retiring, and documentation.

use std::fs::File;
use std::io;
use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::call::{Answered, ApiAnswer, ApiCall};
use super::error::{ApiError, ErrorStatus};
use super::publisher::{AuditedChange, PublisherError};
use super::views;
use crate::checksum::OuterHasher;
use crate::name::PackageName;
use crate::ops::batch::{
    self, ChangeError, Outcome, Refusal, ReleaseChange, RequestedChange, Verdict,
};
use crate::package::{Release, Retirement, RetirementReason};
use crate::repository::ByteSource;
use crate::serve::error_chain::chain;
use crate::serve::upload::Upload;
use crate::tarball::{Description, DocsLimits, FileName, Limits, check_docs};

/// In bytes: the longest name and version of a release, with a hyphen between them. File systems have names of 255 bytes
/// at most, and one that cannot be written would fail all changes that are made together with it.
const MAX_RELEASE_NAME: usize = 200;

/// `POST packages/NAME/releases`, and `POST publish`, where only the tarball names the package.
pub(super) async fn publish(call: &mut ApiCall<'_>) -> Answered {
    let named = if call.parameters.is_empty() { None } else { Some(call.package()?) };
    // Before the body is received: a client that waits for `100 Continue` need not send it.
    call.publisher()?;
    let _room = call.room_for_upload().await?;
    let upload = call.upload(Limits::HEX.tarball).await?;
    let path = upload.path().to_owned();
    let checked = call.check(move || batch::check_tarball(&path, Limits::HEX, true)).await?;
    let (tarball, description) = checked.map_err(|cause| ApiError::from(Refusal::from(&cause)))?;
    let (file, checksum) = (tarball.file().clone(), tarball.outer_checksum());
    call.audit = call.audit.take().map(|line| line.of_release(&file));
    call.set_audited_checksum(checksum);
    if named.is_some_and(|named| named != file.package) {
        return Err(ApiError::field("name", "metadata does not match package name"));
    }
    if !call.user()?.grant.may_publish(&file.package) {
        return Err(ApiError::not_authorized());
    }
    let notices = tarball.notices();
    let outcome = make(call, ReleaseChange::Publish(tarball), Some(upload)).await?;
    for notice in notices {
        let release = file.to_string();
        tracing::warn!(release, "{notice}");
    }
    let (release, status) = match outcome {
        Outcome::Created(release) => (release, StatusCode::CREATED),
        Outcome::Replaced(release) => (release, StatusCode::OK),
        _ => return Err(ApiError::internal()),
    };
    published(call, &file, release, description, status).await
}

/// The answer to a publication: the release as it was written. It is not read again: another client may have reverted
/// it already, and that must not turn the answer into a refusal.
async fn published(
    call: &ApiCall<'_>,
    file: &FileName,
    release: Release,
    description: Description,
    status: StatusCode,
) -> Answered {
    let (repository, url) = (call.publisher()?.repository(), call.repository_url()?);
    let site = call.site(repository, &url);
    let location = site.release(&file.package, &file.version);
    let found = call.repository()?.packages.published(file, release, description).await;
    let publisher = call.user()?.name.as_str();
    let body = views::release(&site, &found.facts(Some(publisher)));
    Ok(ApiAnswer { status, body: Some(body), location: Some(location) })
}

/// `DELETE packages/NAME/releases/VERSION`
pub(super) async fn revert(call: &mut ApiCall<'_>) -> Answered {
    let change = ReleaseChange::Revert(call.release()?);
    make(call, change, None).await?;
    Ok(ApiAnswer::done())
}

/// `POST packages/NAME/releases/VERSION/retire`
pub(super) async fn retire(call: &mut ApiCall<'_>) -> Answered {
    let release = call.release()?;
    let retirement = retirement(&call.fields().await?)?;
    make(call, ReleaseChange::Retire(release, retirement), None).await?;
    Ok(ApiAnswer::done())
}

/// `POST packages/NAME/retire`: every release, all in one transaction.
pub(super) async fn retire_all(call: &mut ApiCall<'_>) -> Answered {
    let package = call.package()?;
    let retirement = retirement(&call.fields().await?)?;
    let releases = releases(call, &package).await?;
    let retire = |release| ReleaseChange::Retire(release, retirement.clone());
    let all = releases.len();
    let verdicts = make_all(call, releases.into_iter().map(retire).collect(), None).await?;
    let made = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
    // A release that was reverted meanwhile need not be retired.
    let is_gone =
        |error: &ChangeError| matches!(error, ChangeError::Refused(Refusal::NoSuchRelease(_)));
    match verdicts.into_iter().filter_map(Result::err).find(|error| !is_gone(error)) {
        None if made == 0 => Err(ApiError::page_not_found()),
        None => Ok(ApiAnswer::done()),
        Some(error) if made == 0 => Err(error.into()),
        Some(_) => Err(ApiError::new(
            ErrorStatus::Internal,
            format!("{made} of {all} releases were retired: try again; the log says why"),
        )),
    }
}

/// `DELETE packages/NAME/releases/VERSION/retire`
pub(super) async fn unretire(call: &mut ApiCall<'_>) -> Answered {
    let change = ReleaseChange::Unretire(call.release()?);
    make(call, change, None).await?;
    Ok(ApiAnswer::done())
}

/// `POST packages/NAME/releases/VERSION/docs`
pub(super) async fn publish_docs(call: &mut ApiCall<'_>) -> Answered {
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
    let (checksum, checked) = call
        .check(move || {
            let mut hasher = OuterHasher::default();
            io::copy(&mut File::open(&path)?, &mut hasher)?;
            Ok((hasher.finish(), check_docs(File::open(&path)?, &limits)))
        })
        .await?
        .map_err(|error: io::Error| unreadable(&error))?;
    call.set_audited_checksum(checksum);
    let checked = checked.map_err(|error| ApiError::field("tar", chain(&error)))?;
    if !checked.has_index {
        let release = release.to_string();
        tracing::warn!(release, "its documentation has no index.html, the page that clients open");
    }
    let docs = ByteSource::file(upload.path().to_owned(), Some(checksum));
    make(call, ReleaseChange::StoreDocs(release.clone(), docs), Some(upload)).await?;
    let url = call.repository_url()?;
    let location = call.site(&repository, &url).docs(&release.package, &release.version);
    Ok(ApiAnswer::without_body(StatusCode::CREATED).at(location))
}

/// `DELETE packages/NAME/releases/VERSION/docs`
pub(super) async fn revert_docs(call: &mut ApiCall<'_>) -> Answered {
    let change = ReleaseChange::RemoveDocs(call.release()?);
    make(call, change, None).await?;
    Ok(ApiAnswer::done())
}

/// Makes a change.
async fn make(
    call: &mut ApiCall<'_>,
    change: ReleaseChange,
    upload: Option<Upload>,
) -> Result<Outcome, ApiError> {
    let verdicts = make_all(call, vec![change], upload).await?;
    let verdict = verdicts.into_iter().next().ok_or_else(ApiError::internal)?;
    Ok(verdict?)
}

/// Makes changes. The publisher writes a line of each to the audit log.
async fn make_all(
    call: &mut ApiCall<'_>,
    changes: Vec<ReleaseChange>,
    upload: Option<Upload>,
) -> Result<Vec<Verdict>, ApiError> {
    let publisher = Arc::clone(call.publisher()?);
    let line = call.audit.clone().ok_or_else(ApiError::missing_authentication)?;
    let (replace, is_admin) = (call.asks_for("replace"), line.user.grant.is_admin());
    let mut audited = Vec::new();
    for change in changes {
        if change.release().to_string().len() > MAX_RELEASE_NAME {
            let text =
                format!("is too long: name and version have more than {MAX_RELEASE_NAME} bytes");
            return Err(ApiError::field("version", text));
        }
        let line = line.clone().of_release(change.release());
        let requested = RequestedChange { change, replace, is_admin };
        audited.push(AuditedChange { requested, line });
    }
    let verdicts = publisher.make(audited, upload).await?;
    call.audit = None;
    Ok(verdicts)
}

/// Writes the line of a change that is refused, or fails, before it reaches the publisher.
pub(super) fn audit(call: &ApiCall<'_>, answered: &Answered) {
    if let (Some(line), Err(error)) = (&call.audit, answered) {
        line.write(error.audit_result(&error.summary()));
    }
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
pub(super) fn unreadable(error: &io::Error) -> ApiError {
    tracing::error!(%error, "a request to the API could not be answered");
    ApiError::internal()
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchRelease(_) | Refusal::NoDocs(_) => Self::page_not_found(),
            Refusal::Field { field, message } => Self::field(field, message),
            Refusal::Parts { field, messages } => Self::parts(field, messages),
        }
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Refused(refusal) => refusal.into(),
            ChangeError::Failed(_) => Self::new(
                ErrorStatus::Internal,
                "the registry could not be changed; the log of the server says why",
            ),
            ChangeError::Unknown(_) => Self::new(
                ErrorStatus::Internal,
                "it is unknown whether the registry was changed; the log of the server says why",
            ),
        }
    }
}

impl From<PublisherError> for ApiError {
    fn from(error: PublisherError) -> Self {
        let text = match error {
            PublisherError::Overloaded => "too many changes wait: try again",
            PublisherError::Lost => {
                "it is unknown whether the registry was changed; the log of the server says why"
            }
        };
        Self::new(ErrorStatus::Internal, text)
    }
}
