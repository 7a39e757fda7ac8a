//! Files of a repository over HTTP: whole, in part, or not at all where the client's copy is current.

mod body;
#[cfg(feature = "buckets")]
pub(crate) mod bucket;
pub(crate) mod directory;
pub(crate) mod no_wait;
pub(super) mod preconditions;
#[cfg(feature = "mirror")]
mod pulled_headers;
pub(crate) mod recent;
pub(crate) mod releases;
mod secrets;
pub(crate) mod source;
mod tags;

use std::io;
#[cfg(feature = "mirror")]
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use bytes::Bytes;
use headers::{HeaderMapExt, LastModified};
use tower_http::services::ServeDir;

use super::clock::unix_nanoseconds;
use super::options::Options;
#[cfg(feature = "mirror")]
use super::pull::pull_through::PullThrough;
#[cfg(feature = "mirror")]
use super::pull::readiness::{Freshness, Readiness};
use super::repository::Repository;
#[cfg(feature = "mirror")]
use super::responses::{bad_gateway, gateway_timeout};
use super::responses::{plain, unavailable};
use crate::repository::{Asset, AssetKind};
use crate::store::LeadsOut;
use preconditions::{ConditionalResponse, Validators};
use recent::KeptFile;
use secrets::{SecretFile, SecretFiles};
use source::{CHUNK, LEADS_OUT, OpenFile};
use tags::EntityTags;

/// Sends files.
pub(super) struct Files {
    tags: EntityTags,
}

impl Files {
    pub fn new(options: &Options) -> Self {
        Self { tags: EntityTags::new(SecretFiles::of(options)) }
    }

    /// Whether it refuses the files that these options make secret, and no others.
    pub fn is_of(&self, options: &Options) -> bool {
        *self.tags.secrets() == SecretFiles::of(options)
    }

    /// The response to a request for a file.
    pub async fn respond(
        &self,
        repository: &Repository,
        asset: &Asset,
        method: &Method,
        headers: HeaderMap,
    ) -> Response<Body> {
        #[cfg(feature = "mirror")]
        if let Some(pull) = &repository.pull {
            return self.respond_pulled(pull, repository, asset, method, headers).await;
        }
        self.respond_from_store(repository, asset, method, headers).await
    }

    /// The response with a file that is in the store, if it is there.
    async fn respond_from_store(
        &self,
        repository: &Repository,
        asset: &Asset,
        method: &Method,
        headers: HeaderMap,
    ) -> Response<Body> {
        match self.find(repository, asset, method, headers).await {
            Ok(Some(response)) => response,
            Ok(None) => plain(StatusCode::NOT_FOUND),
            Err(error) => failed(repository, asset, &error),
        }
    }

    /// The response with a file that is fetched from upstream, if it is not here, or too old.
    #[cfg(feature = "mirror")]
    async fn respond_pulled(
        &self,
        pull: &Arc<PullThrough>,
        repository: &Repository,
        asset: &Asset,
        method: &Method,
        headers: HeaderMap,
    ) -> Response<Body> {
        let is_public = !repository.needs_credentials;
        if pull.is_fresh(asset) {
            let found = self.find(repository, asset, method, headers.clone()).await;
            if let Ok(Some(mut response)) = found {
                pull.was_fresh(asset);
                let age = pull.cache_age(asset);
                pulled_headers::add(&mut response, Freshness::Fresh, age, is_public);
                return response;
            }
        }
        // What is here may be removed before it is opened, where the size is limited.
        for is_last in [false, true] {
            let freshness = match pull.ensure(asset).await {
                Ok(Readiness::Here(freshness)) => freshness,
                Ok(Readiness::Unkept(opened)) => {
                    let sent = self.respond_unkept(opened, is_public, asset.kind, method, &headers);
                    return sent.await.unwrap_or_else(|error| failed(repository, asset, &error));
                }
                Ok(Readiness::Missing) => return plain(StatusCode::NOT_FOUND),
                Ok(Readiness::Failed) => return bad_gateway(),
                Ok(Readiness::Pending) => return gateway_timeout(),
                Err(error) => return failed(repository, asset, &error),
            };
            let response = self.respond_from_store(repository, asset, method, headers.clone());
            let mut response = response.await;
            if response.status() == StatusCode::NOT_FOUND && !is_last {
                continue;
            }
            pulled_headers::add(&mut response, freshness, pull.cache_age(asset), is_public);
            return response;
        }
        plain(StatusCode::NOT_FOUND)
    }

    /// The response with a file that the store does not have.
    #[cfg(feature = "mirror")]
    async fn respond_unkept(
        &self,
        opened: OpenFile,
        is_public: bool,
        kind: AssetKind,
        method: &Method,
        headers: &HeaderMap,
    ) -> io::Result<Response<Body>> {
        let validators = self.validators(&opened).await?;
        let response = match validators.evaluate(headers) {
            ConditionalResponse::Send => {
                send(opened, method, headers.get(header::RANGE).cloned()).await?
            }
            ConditionalResponse::SendWhole => send(opened, method, None).await?,
            ConditionalResponse::NotModified => empty(StatusCode::NOT_MODIFIED),
            ConditionalResponse::Failed => empty(StatusCode::PRECONDITION_FAILED),
        };
        Ok(with_cache_headers(response, kind, is_public, &validators))
    }

    /// The response with a file; `None` if there is none that clients may have.
    async fn find(
        &self,
        repository: &Repository,
        asset: &Asset,
        method: &Method,
        mut headers: HeaderMap,
    ) -> io::Result<Option<Response<Body>>> {
        // Whether the tarball of a release that does not exist is there does not show.
        let release = asset.release();
        let signed = match (asset.kind, &release) {
            (AssetKind::Tarball, Some(release)) => repository.releases.checksum(release).await?,
            _ => None,
        };
        let is_release = match (asset.kind, &release) {
            (_, None) => true,
            (AssetKind::Tarball, Some(_)) => signed.is_some(),
            (_, Some(release)) => repository.releases.has(release, true).await?,
        };
        if !is_release {
            return Ok(None);
        }
        // Whether caches between the server and its clients may keep files.
        let is_public = !repository.needs_credentials;
        // RFC 9110, section 14.2: an unknown unit is ignored, and parts are for GET.
        let is_bytes = |range: &HeaderValue| range.as_bytes().starts_with(b"bytes=");
        let part = headers.get(header::RANGE);
        let is_whole = part.is_none_or(|part| *method != Method::GET || !is_bytes(part));
        if is_whole {
            if part.is_some() {
                headers.remove(header::RANGE);
            }
            let kept = repository.recent.get(&*repository.source, &asset.path);
            #[cfg(feature = "mirror")]
            let kept = kept.filter(|kept| {
                let mut pull = repository.pull.iter();
                pull.all(|pull| pull.is_known(asset, &kept.stamp, signed))
            });
            if let Some(kept) = kept {
                return Ok(Some(send_kept(&kept, asset.kind, is_public, method, &headers)));
            }
        }
        let opened = source::open(&repository.source, &asset.path).await?;
        if let Some(package) = asset.package() {
            if !repository.releases.is_package(&package, &opened).await? {
                return Ok(None);
            }
        }
        #[cfg(feature = "mirror")]
        if let Some(pull) = &repository.pull {
            if !pull.is_sound(asset, &opened, signed).await? {
                return Ok(None);
            }
        }
        let validators = self.validators(&opened).await?;
        let response = match validators.evaluate(&headers) {
            ConditionalResponse::Send if is_whole => {
                if let Some(bytes) = opened.read_now() {
                    let bytes = bytes?;
                    let response = whole(asset.kind, method, bytes.clone());
                    let response = with_cache_headers(response, asset.kind, is_public, &validators);
                    let headers = response.headers().clone();
                    repository.recent.keep(&asset.path, &opened, bytes, validators, headers);
                    return Ok(Some(response));
                }
                send(opened, method, None).await?
            }
            ConditionalResponse::Send => {
                send(opened, method, headers.remove(header::RANGE)).await?
            }
            ConditionalResponse::SendWhole => send(opened, method, None).await?,
            ConditionalResponse::NotModified => empty(StatusCode::NOT_MODIFIED),
            ConditionalResponse::Failed => empty(StatusCode::PRECONDITION_FAILED),
        };
        Ok(Some(with_cache_headers(response, asset.kind, is_public, &validators)))
    }

    async fn validators(&self, opened: &OpenFile) -> io::Result<Validators> {
        // A file that was changed in this second may be changed again in it without another date.
        let is_settled = opened.stamp().is_settled(unix_nanoseconds());
        let tag = self.tags.of(opened).await?;
        Ok(Validators { tag, changed: is_settled.then(|| opened.changed()) })
    }
}

/// The response with a file that is kept in memory. No part of it was requested.
fn send_kept(
    kept: &KeptFile,
    kind: AssetKind,
    is_public: bool,
    method: &Method,
    headers: &HeaderMap,
) -> Response<Body> {
    let status = match kept.validators.evaluate(headers) {
        ConditionalResponse::Send | ConditionalResponse::SendWhole => {
            return with_bytes(method, kept.bytes.clone(), kept.headers.clone());
        }
        ConditionalResponse::NotModified => StatusCode::NOT_MODIFIED,
        ConditionalResponse::Failed => StatusCode::PRECONDITION_FAILED,
    };
    with_cache_headers(empty(status), kind, is_public, &kept.validators)
}

/// The response with a whole file.
fn whole(kind: AssetKind, method: &Method, bytes: Bytes) -> Response<Body> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind.content_type()));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    with_bytes(method, bytes, headers)
}

/// The response with these bytes; that to HEAD has their length in place of them. hyper adds the length of a body.
fn with_bytes(method: &Method, bytes: Bytes, mut headers: HeaderMap) -> Response<Body> {
    let is_head = *method == Method::HEAD;
    if is_head {
        headers.insert(header::CONTENT_LENGTH, bytes.len().into());
    }
    let mut response = Response::new(if is_head { Body::empty() } else { Body::from(bytes) });
    *response.headers_mut() = headers;
    response
}

async fn send(
    opened: OpenFile,
    method: &Method,
    range: Option<HeaderValue>,
) -> io::Result<Response<Body>> {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method.clone();
    if let Some(range) = range {
        request.headers_mut().insert(header::RANGE, range);
    }
    // Most files are far smaller than a chunk.
    let size = opened.size().try_into().unwrap_or(usize::MAX);
    let mut service = ServeDir::with_backend("", opened)
        .append_index_html_on_directories(false)
        .ignore_multi_range_requests(true)
        .with_buf_chunk_size(size.clamp(1, CHUNK));
    Ok(service.try_call(request).await?.map(Body::new))
}

fn with_cache_headers(
    mut response: Response<Body>,
    kind: AssetKind,
    is_public: bool,
    validators: &Validators,
) -> Response<Body> {
    let control = if response.status().is_client_error() {
        "no-store"
    } else {
        kind.cache_control(is_public)
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
    if headers.contains_key(header::CONTENT_TYPE) {
        let content_type = HeaderValue::from_static(kind.content_type());
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    let Validators { tag, changed } = validators;
    if let Some(tag) = tag {
        headers.typed_insert(tag.clone());
    }
    if let Some(changed) = changed {
        headers.typed_insert(LastModified::from(*changed));
    }
    response
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn failed(repository: &Repository, asset: &Asset, error: &io::Error) -> Response<Body> {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotConnected, NotFound, TimedOut};
    if matches!(error.kind(), NotFound | NotADirectory | IsADirectory) {
        return plain(StatusCode::NOT_FOUND);
    }
    let path = repository.locate(&asset.path);
    if LeadsOut::is_in(error) {
        tracing::warn!(path, "{LEADS_OUT}");
        return plain(StatusCode::NOT_FOUND);
    }
    if SecretFile::is_in(error) {
        tracing::error!(path, %error, "not served");
        return plain(StatusCode::NOT_FOUND);
    }
    tracing::error!(path, %error, "could not read");
    // Storage is away, and may be there again for the next request.
    if matches!(error.kind(), NotConnected | TimedOut) {
        return unavailable();
    }
    plain(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests;
