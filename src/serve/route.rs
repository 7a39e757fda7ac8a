//! The route table: every path that the server answers, who may ask for it, and what answers.
//!
//! To add an endpoint, add a line to [`ENDPOINTS`]. What answers is a function in a file of its own. If it keeps state
//! between requests, the state is a field of [`Routes`].

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};

use super::call::Call;
#[cfg(feature = "web")]
use super::docs::service::Docs;
use super::files::Files;
use super::health::Health;
use super::own_names::{self, Ownership};
use super::repository::Repository;
use super::request_path::split;
#[cfg(feature = "web")]
use super::responses::no_content;
use super::responses::{plain, unavailable};
#[cfg(feature = "web")]
use super::web::Web;
use crate::repository::Asset;

/// Every path that is not a file of a repository. The first line that matches answers.
const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        path: Path::OfServer("/healthz"),
        methods: READ,
        access: Access::Anyone,
        kind: "other",
        respond: |routes, call| Box::pin(routes.health.respond(call.request.uri.query())),
    },
    #[cfg(feature = "web")]
    Endpoint {
        path: Path::OfRepository(""),
        methods: READ,
        access: Access::Readers,
        kind: "page",
        respond: |routes, call| Box::pin(routes.web.repository(call, &routes.repositories)),
    },
    #[cfg(feature = "web")]
    Endpoint {
        path: Path::Below("browse/"),
        methods: READ,
        access: Access::Readers,
        kind: "page",
        respond: |routes, call| Box::pin(routes.web.browse(call, &routes.repositories)),
    },
    // Its page may have an address of its own: then this leads there.
    #[cfg(feature = "web")]
    Endpoint {
        path: Path::Docs,
        methods: DOCS_METHODS,
        access: Access::Readers,
        kind: "docs",
        respond: |routes, call| {
            Box::pin(routes.docs.respond_in_registry(call, &routes.repositories))
        },
    },
    #[cfg(feature = "web")]
    Endpoint {
        path: Path::OfServer(FAVICON),
        methods: READ,
        access: Access::Anyone,
        kind: "other",
        respond: |_, _| Box::pin(std::future::ready(no_content())),
    },
    #[cfg(feature = "web")]
    Endpoint {
        path: Path::OfRepository("suggestions"),
        methods: READ,
        access: Access::Readers,
        kind: "page",
        respond: |routes, call| Box::pin(routes.web.suggestions(call, &routes.repositories)),
    },
    #[cfg(feature = "web")]
    Endpoint {
        path: Path::OfRepository("recent"),
        methods: READ,
        access: Access::Readers,
        kind: "page",
        respond: |routes, call| Box::pin(routes.web.recent(call, &routes.repositories)),
    },
    #[cfg(feature = "web")]
    Endpoint {
        path: Path::OfRepository("recent.atom"),
        methods: READ,
        access: Access::Readers,
        kind: "page",
        respond: |routes, call| Box::pin(routes.web.feed(call, &routes.repositories)),
    },
    #[cfg(feature = "web")]
    Endpoint {
        path: Path::OfRepository("policies"),
        methods: READ,
        access: Access::Readers,
        kind: "page",
        respond: |routes, call| Box::pin(routes.web.policies(call, &routes.repositories)),
    },
    #[cfg(feature = "web")]
    Endpoint {
        path: Path::OfRepository("search"),
        methods: FORM,
        access: Access::Readers,
        kind: "page",
        respond: |routes, call| Box::pin(routes.web.search(call, &routes.repositories)),
    },
    // Where a repository is mounted at `/`, the lines before have matched.
    #[cfg(feature = "web")]
    Endpoint {
        path: Path::OfServer("/"),
        methods: READ,
        access: Access::Readers,
        kind: "page",
        respond: |routes, call| Box::pin(routes.web.index(call, &routes.repositories)),
    },
    #[cfg(feature = "web")]
    Endpoint {
        path: Path::OfServer("/suggestions"),
        methods: READ,
        access: Access::Readers,
        kind: "page",
        respond: |routes, call| Box::pin(routes.web.suggestions(call, &routes.repositories)),
    },
    #[cfg(feature = "web")]
    Endpoint {
        path: Path::OfServer("/search"),
        methods: FORM,
        access: Access::Readers,
        kind: "page",
        respond: |routes, call| Box::pin(routes.web.search(call, &routes.repositories)),
    },
];

/// The only path of the listener for Prometheus.
pub(super) const METRICS: &str = "/metrics";

/// What browsers ask for beside each page. There is none, which is no error.
#[cfg(feature = "web")]
pub(super) const FAVICON: &str = "/favicon.ico";

/// The methods that read.
pub(super) const READ: &[Method] = &[Method::GET, Method::HEAD];

/// The methods of a page that takes a form. Nothing is changed by it.
#[cfg(feature = "web")]
const FORM: &[Method] = &[Method::GET, Method::HEAD, Method::POST];

/// Those of documentation, whose scripts ask before they read.
#[cfg(feature = "web")]
pub(super) const DOCS_METHODS: &[Method] = &[Method::GET, Method::HEAD, Method::OPTIONS];

/// The parts of the server that answer requests.
pub(super) struct Routes {
    pub repositories: Vec<Arc<Repository>>,
    pub files: Arc<Files>,
    pub health: Health,
    #[cfg(feature = "web")]
    pub web: Web,
    #[cfg(feature = "web")]
    pub docs: Docs,
}

/// What answers a path.
pub(super) enum Route<'a> {
    /// A file of a repository: every path that [`Asset`] names.
    File(&'a Repository, Asset),
    /// A line of [`ENDPOINTS`], and the repository if the path is of one.
    Endpoint(&'static Endpoint, Option<&'a Repository>),
}

/// A path that is not a file of a repository.
pub(super) struct Endpoint {
    path: Path,
    methods: &'static [Method],
    access: Access,
    /// The label in the metrics.
    kind: &'static str,
    respond: for<'a> fn(&'a Routes, Call<'a>) -> ResponseFuture<'a>,
}

type ResponseFuture<'a> = Pin<Box<dyn Future<Output = Response<Body>> + Send + 'a>>;

/// A path of the table.
#[cfg_attr(not(feature = "web"), expect(dead_code, reason = "all other paths are of the server"))]
enum Path {
    /// The whole path.
    OfServer(&'static str),
    /// The part after `/` or `/repos/NAME/`, whichever the repository has.
    OfRepository(&'static str),
    /// All that follows this part.
    Below(&'static str),
    /// A page of documentation, which is below the folder of the archives.
    Docs,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Everyone, and also on a connection without a slot.
    Anyone,
    /// Those who may read.
    Readers,
}

impl Routes {
    /// The route of a path.
    pub fn find(&self, path: &str) -> Option<Route<'_>> {
        let (name, rest) = split(path)?;
        let repository = self.repository_at(name);
        let matches = |endpoint: &&Endpoint| match endpoint.path {
            Path::OfServer(whole) => whole == path,
            Path::OfRepository(part) => repository.is_some() && part == rest,
            Path::Below(part) => repository.is_some() && rest.starts_with(part),
            Path::Docs => repository.is_some() && is_page_of_docs(rest),
        };
        if let Some(endpoint) = ENDPOINTS.iter().find(matches) {
            return Some(Route::Endpoint(endpoint, repository));
        }
        Some(Route::File(repository?, Asset::at(rest)?))
    }

    /// Whether a client without the right credentials may learn what is at a path: what is of a repository that everyone
    /// may read, or anything if that is true of all.
    pub fn allow_anonymous(&self, path: &str) -> bool {
        match split(path).and_then(|(name, _)| self.repository_at(name)) {
            Some(repository) => !repository.needs_credentials,
            None => self.repositories.iter().all(|one| !one.needs_credentials),
        }
    }

    /// The repository of a page of documentation, and the path below it.
    #[cfg(feature = "web")]
    pub fn find_docs<'a>(&self, path: &'a str) -> Option<(&Repository, &'a str)> {
        let (name, rest) = split(path)?;
        let repository = self.repository_at(name)?;
        is_page_of_docs(rest).then_some((repository, rest))
    }

    fn repository_at(&self, name: Option<&str>) -> Option<&Repository> {
        self.repositories.iter().find(|one| one.mount.is_at(name)).map(|one| &**one)
    }

    /// The response where an upstream's file is of a package of our own, or it is not known whether it is.
    async fn refuse_own_name(
        &self,
        repository: &Repository,
        asset: &Asset,
    ) -> Option<Response<Body>> {
        if !repository.has_upstream() {
            return None;
        }
        let release = asset.release().map(|release| release.package);
        let name = release.or_else(|| asset.package())?;
        match own_names::owner(&self.repositories, repository, &name).await {
            Ownership::Upstream => None,
            Ownership::Own => Some(plain(StatusCode::NOT_FOUND)),
            Ownership::Unknown => Some(unavailable()),
        }
    }

    /// The response of a route.
    pub async fn respond(
        &self,
        route: Route<'_>,
        request: Parts,
        body: Option<&[u8]>,
        client: IpAddr,
        reads_all: bool,
    ) -> Response<Body> {
        match route {
            // The only route without an allocation for its future: most requests are for files.
            Route::File(repository, asset) => {
                if let Some(refused) = self.refuse_own_name(repository, &asset).await {
                    return refused;
                }
                self.files.respond(repository, &asset, &request.method, request.headers).await
            }
            Route::Endpoint(endpoint, repository) => {
                let call = Call { repository, request: &request, body, client, reads_all };
                (endpoint.respond)(self, call).await
            }
        }
    }
}

/// Whether a path below a repository is that of a page of documentation, and not of an archive.
fn is_page_of_docs(path: &str) -> bool {
    path.starts_with("docs/") && Asset::at(path).is_none()
}

impl Route<'_> {
    /// The methods of the path.
    pub fn methods(&self) -> &'static [Method] {
        match self {
            Self::File(..) => READ,
            Self::Endpoint(endpoint, _) => endpoint.methods,
        }
    }

    /// Who may ask.
    pub fn access(&self) -> Access {
        match self {
            Self::File(..) => Access::Readers,
            Self::Endpoint(endpoint, _) => endpoint.access,
        }
    }

    /// The label in the metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::File(_, asset) => asset.kind.as_str(),
            Self::Endpoint(endpoint, _) => endpoint.kind,
        }
    }
}
