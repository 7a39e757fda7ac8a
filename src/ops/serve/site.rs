//! Which directory stands where in the server's paths.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use axum::body::Body;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use headers::{ETag, HeaderMapExt, IfRange, LastModified};
use tower_http::services::ServeDir;

use super::answer::plain;

use super::files::Opened;
use crate::name::RepositoryName;
use crate::repository::{Asset, AssetKind};

/// One repository's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What follows `/repos/` in its URL; without, it stands at `/`.
    pub name: Option<RepositoryName>,
    /// The directory that `hexreg build` writes.
    pub directory: PathBuf,
}

/// Every repository, by where it stands.
pub(super) struct Site {
    mounts: Vec<Mount>,
    /// Whether copies on the way may be given to anybody.
    is_public: bool,
}

/// What a path means.
pub(super) enum Target<'a> {
    /// A page that shows one repository.
    Repository(&'a Mount),
    /// The page that shows all of those with names.
    All,
    /// A file of one repository.
    File(File),
}

/// A file of a repository, by its name alone.
pub(super) struct File {
    kind: AssetKind,
    path: PathBuf,
    is_public: bool,
}

/// In bytes, how much of a file is read at once.
const CHUNK: usize = 256 * 1024;

/// Where repositories with names stand.
const NAMED: &str = "/repos/";

/// The path with one slash wherever several follow each other.
///
/// mix and rebar3 join URL and path by a slash, so a URL that ends in one makes them ask for `//names`. Only
/// slashes that were sent as such count: an encoded one is part of a name, which no file has.
pub(super) fn without_empty_parts(path: &str) -> Cow<'_, str> {
    if !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let mut short = String::with_capacity(path.len());
    for char in path.chars() {
        if char != '/' || !short.ends_with('/') {
            short.push(char);
        }
    }
    Cow::Owned(short)
}

impl Mount {
    /// Where it stands: `/`, or `/repos/NAME`.
    #[must_use]
    pub fn path(&self) -> String {
        self.name.as_ref().map_or_else(|| "/".to_owned(), |name| format!("{NAMED}{name}"))
    }
}

impl Site {
    pub fn new(mounts: Vec<Mount>, is_public: bool) -> Self {
        Self { mounts, is_public }
    }

    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// What a request's path means, if anything.
    pub fn find(&self, path: &str) -> Option<Target<'_>> {
        let (name, rest) = match path.strip_prefix(NAMED) {
            Some(named) => {
                let (name, rest) = named.split_once('/').unwrap_or((named, ""));
                (Some(name), rest)
            }
            None => (None, path.strip_prefix('/')?),
        };
        let is_it = |mount: &&Mount| mount.name.as_ref().map(RepositoryName::as_str) == name;
        let Some(mount) = self.mounts.iter().find(is_it) else {
            return (path == "/").then_some(Target::All);
        };
        if rest.is_empty() {
            return Some(Target::Repository(mount));
        }
        let Asset { kind, path } = Asset::at(rest)?;
        let path = mount.directory.join(path);
        Some(Target::File(File { kind, path, is_public: self.is_public }))
    }
}

impl File {
    pub fn kind(&self) -> AssetKind {
        self.kind
    }

    /// The file as HTTP has it: whole, in part, or not at all where the client's copy is still good.
    pub async fn respond(&self, method: &Method, mut headers: HeaderMap) -> Response<Body> {
        let opened = match Opened::open(&self.path).await {
            Ok(opened) => opened,
            Err(error) => return self.cannot(&error),
        };
        // A unit that is not known is as good as none, and parts are for GET: RFC 9110, section 14.2.
        let is_bytes = |range: &HeaderValue| range.as_bytes().starts_with(b"bytes=");
        if *method != Method::GET || !headers.get(header::RANGE).is_none_or(is_bytes) {
            headers.remove(header::RANGE);
        }
        for list in [header::IF_MATCH, header::IF_NONE_MATCH] {
            join(&mut headers, &list);
        }
        if !headers.contains_key(header::IF_RANGE) {
            return self.ask(opened, method, headers).await;
        }
        // tower-http does not know the condition: what it gives counts only where it holds.
        if let Some(condition) = headers.typed_get::<IfRange>() {
            let response = self.ask(opened.clone(), method, headers.clone()).await;
            let etag: Option<ETag> = response.headers().typed_get();
            let modified: Option<LastModified> = response.headers().typed_get();
            let is_part = response.status() == StatusCode::PARTIAL_CONTENT;
            if !is_part || !condition.is_modified(etag.as_ref(), modified.as_ref()) {
                return response;
            }
        }
        headers.remove(header::RANGE);
        self.ask(opened, method, headers).await
    }

    async fn ask(&self, opened: Opened, method: &Method, headers: HeaderMap) -> Response<Body> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.clone();
        *request.headers_mut() = headers;
        // Most files are far smaller than what is read of a large one at once.
        let size = opened.size().try_into().unwrap_or(usize::MAX);
        let mut service = ServeDir::with_backend("", opened)
            .append_index_html_on_directories(false)
            .ignore_multi_range_requests(true)
            .with_buf_chunk_size(size.clamp(1, CHUNK));
        match service.try_call(request).await {
            Ok(response) => self.dress(response.map(Body::new)),
            Err(error) => self.cannot(&error),
        }
    }

    fn cannot(&self, error: &io::Error) -> Response<Body> {
        use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
        if matches!(error.kind(), NotFound | NotADirectory | IsADirectory) {
            return plain(StatusCode::NOT_FOUND);
        }
        tracing::error!(path = %self.path.display(), %error, "could not read");
        plain(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Stored bytes as they are, with what caches need to know.
    fn dress(&self, mut response: Response<Body>) -> Response<Body> {
        let control = if response.status().is_client_error() {
            "no-store"
        } else {
            self.kind.cache_control(self.is_public)
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
        if headers.contains_key(header::CONTENT_TYPE) {
            let content_type = HeaderValue::from_static(self.kind.content_type());
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        response
    }
}

/// Makes one line of several: RFC 9110, section 5.3. tower-http reads the first alone.
fn join(headers: &mut HeaderMap, name: &HeaderName) {
    let lines: Vec<_> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() > 1 {
        if let Ok(line) = HeaderValue::from_bytes(&lines.join(&b", "[..])) {
            headers.insert(name, line);
        }
    }
}
