//! Which directory stands where in the server's paths.

pub(crate) mod bounded_cache;
pub(crate) mod open_file;
pub(crate) mod preconditions;
pub(crate) mod releases;
pub(crate) mod secrets;
pub(crate) mod tags;

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use headers::{HeaderMapExt, LastModified};
use tower_http::services::ServeDir;

use crate::beneath::OpenRoot;
use crate::name::RepositoryName;
use crate::repository::{Asset, AssetKind};
use crate::serve::Options;
use crate::serve::files::open_file::{LEADS_OUT, Opened};
use crate::serve::files::preconditions::{Validators, Verdict};
use crate::serve::files::releases::Releases;
use crate::serve::files::secrets::{Secret, Secrets};
use crate::serve::files::tags::Tags;
use crate::serve::service::plain;
use crate::store::LeadsOut;

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
    /// Of each mount, at its place, the files.
    trees: Vec<Tree>,
    mounts: Vec<Mount>,
    tags: Tags,
    /// Whether copies on the way may be given to anybody.
    is_public: bool,
}

/// What lies in the directory of a repository.
struct Tree {
    root: OpenRoot,
    releases: Arc<Releases>,
}

/// What a path means.
pub(super) enum Target<'a> {
    /// A page that shows one repository.
    Repository(&'a Mount),
    /// The page that shows all of those with names.
    All,
    /// A file of one repository.
    File(File<'a>),
}

/// A file of a repository, by its name alone.
pub(super) struct File<'a> {
    asset: Asset,
    tree: &'a Tree,
    is_public: bool,
    tags: &'a Tags,
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
    pub fn new(options: &Options) -> Self {
        let trees = options.mounts.iter().map(|mount| {
            let store = options.store(mount);
            let root = OpenRoot::new(store.root().clone());
            Tree { releases: Arc::new(Releases::new(store)), root }
        });
        Self {
            trees: trees.collect(),
            mounts: options.mounts.clone(),
            tags: Tags::new(Secrets::of(options)),
            is_public: options.auth_file.is_none(),
        }
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
        let mut mounts = self.mounts.iter().zip(&self.trees);
        let found =
            mounts.find(|(mount, _)| mount.name.as_ref().map(RepositoryName::as_str) == name);
        let Some((mount, tree)) = found else {
            return (path == "/").then_some(Target::All);
        };
        if rest.is_empty() {
            return Some(Target::Repository(mount));
        }
        let asset = Asset::at(rest)?;
        let (is_public, tags) = (self.is_public, &self.tags);
        Some(Target::File(File { asset, tree, is_public, tags }))
    }
}

impl File<'_> {
    pub fn kind(&self) -> AssetKind {
        self.asset.kind
    }

    /// The file as HTTP has it: whole, in part, or not at all where the client's copy is still good.
    pub async fn respond(&self, method: &Method, mut headers: HeaderMap) -> Response<Body> {
        let opened = match self.open().await {
            Ok(Some(opened)) => opened,
            Ok(None) => return plain(StatusCode::NOT_FOUND),
            Err(error) => return self.cannot(&error),
        };
        // A unit that is not known is as good as none, and parts are for GET: RFC 9110, section 14.2.
        let is_bytes = |range: &HeaderValue| range.as_bytes().starts_with(b"bytes=");
        if *method != Method::GET || !headers.get(header::RANGE).is_none_or(is_bytes) {
            headers.remove(header::RANGE);
        }
        let validators = match self.validators(&opened).await {
            Ok(validators) => validators,
            Err(error) => return self.cannot(&error),
        };
        let status = match validators.weigh(&headers) {
            Verdict::Send => {
                let range = headers.remove(header::RANGE);
                return self.send(opened, method, range, &validators).await;
            }
            Verdict::SendWhole => return self.send(opened, method, None, &validators).await,
            Verdict::NotModified => StatusCode::NOT_MODIFIED,
            Verdict::Failed => StatusCode::PRECONDITION_FAILED,
        };
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        self.dress(response, &validators)
    }

    /// Opens the file, if it is there and clients are to have it. Of a release that there is not, no client learns whether
    /// its tarball is there.
    async fn open(&self) -> io::Result<Option<Opened>> {
        let Self { asset, tree, .. } = self;
        if let Some(release) = asset.release() {
            if !tree.releases.have(&release, asset.kind == AssetKind::Docs).await? {
                return Ok(None);
            }
        }
        let opened = Opened::open(&tree.root, &asset.path).await?;
        if let Some(package) = asset.package() {
            if !tree.releases.is_package(&package, &opened).await? {
                return Ok(None);
            }
        }
        Ok(Some(opened))
    }

    async fn validators(&self, opened: &Opened) -> io::Result<Validators> {
        let tag = self.tags.of(opened).await?;
        // One that was changed in this second may be changed again in it, and its date stay the same.
        let is_settled = opened.stamp().is_settled(tags::now());
        Ok(Validators { tag, changed: is_settled.then(|| opened.changed()) })
    }

    async fn send(
        &self,
        opened: Opened,
        method: &Method,
        range: Option<HeaderValue>,
        validators: &Validators,
    ) -> Response<Body> {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.clone();
        if let Some(range) = range {
            request.headers_mut().insert(header::RANGE, range);
        }
        // Most files are far smaller than what is read of a large one at once.
        let size = opened.size().try_into().unwrap_or(usize::MAX);
        let mut service = ServeDir::with_backend("", opened)
            .append_index_html_on_directories(false)
            .ignore_multi_range_requests(true)
            .with_buf_chunk_size(size.clamp(1, CHUNK));
        match service.try_call(request).await {
            Ok(response) => self.dress(response.map(Body::new), validators),
            Err(error) => self.cannot(&error),
        }
    }

    fn cannot(&self, error: &io::Error) -> Response<Body> {
        use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
        if matches!(error.kind(), NotFound | NotADirectory | IsADirectory) {
            return plain(StatusCode::NOT_FOUND);
        }
        let path = self.tree.root.root().join(self.asset.path.as_ref()).display().to_string();
        if LeadsOut::is_in(error) {
            tracing::warn!(path, "{LEADS_OUT}");
            return plain(StatusCode::NOT_FOUND);
        }
        if Secret::is_in(error) {
            tracing::error!(path, %error, "not served");
            return plain(StatusCode::NOT_FOUND);
        }
        tracing::error!(path, %error, "could not read");
        plain(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Stored bytes as they are, with what caches need to know.
    fn dress(&self, mut response: Response<Body>, validators: &Validators) -> Response<Body> {
        let control = if response.status().is_client_error() {
            "no-store"
        } else {
            self.asset.kind.cache_control(self.is_public)
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
        if headers.contains_key(header::CONTENT_TYPE) {
            let content_type = HeaderValue::from_static(self.asset.kind.content_type());
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
}
