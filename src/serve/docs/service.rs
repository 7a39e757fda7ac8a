//! Documentation, as responses: which origin it is in, and who may read it.
//!
//! | reading needs | documentation has an origin of its own | it has none |
//! | --- | --- | --- |
//! | no credentials | there | in the origin of the registry |
//! | credentials | there, with a pass in the path | nowhere |
//!
//! Everywhere it is in a sandbox ([`response`](super::response)).

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Response, StatusCode};

use super::links::LinkedRepositories;
use super::origin::{DocsOrigin, ListeningAddresses, RequestOrigin};
use super::packs::DocsPacks;
use super::pass::MARK;
use super::path::DocsPath;
use super::response::{SentDocs, preflight, redirect};
use super::rewritten::RewrittenFiles;
use super::shown::ShownDocs;
use super::visit::{DocsVisit, query};
use crate::docs::rewrite::{PACKAGES_JSON, content_type, packages_json};
use crate::name::PackageName;
use crate::serve::authorize::Authorizer;
use crate::serve::base_url::BaseUrl;
use crate::serve::call::Call;
use crate::serve::clock;
use crate::serve::connections::refusals::Refusals;
use crate::serve::options::Options;
use crate::serve::repository::Repository;
use crate::serve::request_path::split;
use crate::serve::responses::plain;

/// The folder of documentation in a repository.
pub(crate) const FOLDER: &str = "docs/";

/// Answers requests for documentation.
pub(crate) struct Docs {
    pub origin: DocsOrigin,
    base_url: BaseUrl,
    authorizer: Arc<Authorizer>,
    packs: Arc<DocsPacks>,
    rewritten: Arc<RewrittenFiles>,
    shown: ShownDocs,
}

/// Who asks for documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DocsReader {
    /// The path has a pass of this package.
    Pass(PackageName),
    /// Their credentials are those of a user, or the server asks for none.
    User,
    /// They have none, or wrong ones.
    Anyone,
}

impl Docs {
    /// What was kept is taken over from the former one.
    pub fn new(
        options: &Options,
        addresses: &ListeningAddresses,
        authorizer: &Arc<Authorizer>,
        refusals: Arc<Refusals>,
        former: Option<&Self>,
    ) -> Self {
        let cache = &options.cache.directory;
        let former = former.filter(|former| former.packs.are_in(cache));
        let packs = former
            .map_or_else(|| Arc::new(DocsPacks::new(cache)), |former| Arc::clone(&former.packs));
        let rewritten = former.map_or_else(
            || Arc::new(RewrittenFiles::new()),
            |former| Arc::clone(&former.rewritten),
        );
        Self {
            origin: DocsOrigin::of(options, addresses),
            base_url: BaseUrl::new(options),
            authorizer: Arc::clone(authorizer),
            shown: ShownDocs::new(Arc::clone(&packs), Arc::clone(&rewritten), refusals),
            packs,
            rewritten,
        }
    }

    /// Whether documentation of a repository is shown.
    pub fn are_shown(&self, repository: &Repository) -> bool {
        self.origin.is_own() || !repository.needs_credentials
    }

    /// The package whose documentation may be read with the pass in a path below a repository.
    pub fn pass_of(&self, path: &str, repository: &Repository) -> Option<PackageName> {
        let pass = path.strip_prefix(FOLDER)?.split('/').next()?;
        let passes = self.authorizer.docs_passes()?;
        passes.package(pass, &repository.mount.label(), clock::now())
    }

    /// The response to a request for the origin of the registry, whose client may read the repository.
    pub async fn respond_in_registry(
        &self,
        call: Call<'_>,
        repositories: &[Arc<Repository>],
    ) -> Response<Body> {
        let Some(repository) = call.of(repositories) else { return plain(StatusCode::NOT_FOUND) };
        if !self.are_shown(&repository) {
            return plain(StatusCode::NOT_FOUND);
        }
        if !self.origin.is_own() {
            return self.show(&call, repositories, &repository, RequestOrigin::Registry).await;
        }
        let Some(path) = asked_path(&call).and_then(DocsPath::parse) else {
            return plain(StatusCode::NOT_FOUND);
        };
        // A page of another package must not get the pass by a script, a style sheet or a frame.
        if !is_opened_by_reader(&call.request.headers, &path) {
            return plain(StatusCode::FORBIDDEN);
        }
        let pass = self.issue(&path, &repository);
        let below = below_server(&call);
        let (base, query) = (self.origin.docs_url(call.request), query(&call));
        redirect(&format!("{base}{below}/{FOLDER}{pass}{}{query}", path.asked))
    }

    /// The response to a request for the origin of documentation.
    pub async fn respond(
        &self,
        call: Call<'_>,
        repositories: &[Arc<Repository>],
        reader: &DocsReader,
    ) -> Response<Body> {
        let Some(repository) = call.of(repositories) else { return plain(StatusCode::NOT_FOUND) };
        if !repository.needs_credentials {
            // A pass is of no use here. Links of a page with one lead here.
            return match without_pass(&call) {
                Some(location) => redirect(&location),
                None => self.show(&call, repositories, &repository, RequestOrigin::Docs).await,
            };
        }
        let asked = asked_path(&call);
        if let (DocsReader::Pass(package), Some(asked)) = (reader, asked) {
            let path = DocsPath::parse(asked);
            let is_of_names = asked.split_once('/').is_some_and(|(_, rest)| rest == PACKAGES_JSON);
            if is_of_names || path.is_some_and(|path| path.package == *package) {
                return self.show(&call, repositories, &repository, RequestOrigin::Docs).await;
            }
        }
        let Some(path) = asked.and_then(DocsPath::parse) else {
            return plain(StatusCode::NOT_FOUND);
        };
        if !is_opened_by_reader(&call.request.headers, &path) {
            return plain(StatusCode::FORBIDDEN);
        }
        let query = query(&call);
        if path.pass.is_some() {
            // It is of another package, or has expired. The registry knows the reader.
            let (below, base) = (below_server(&call), self.origin.registry_url(call.request));
            return redirect(&format!("{base}{below}/{FOLDER}{}{query}", path.asked));
        }
        let pass = self.issue(&path, &repository);
        redirect(&format!("{}{pass}{}{query}", path.way_up(), path.asked))
    }

    /// A pass with a slash at its end, or nothing where none is needed.
    fn issue(&self, path: &DocsPath, repository: &Repository) -> String {
        let passes = self.authorizer.docs_passes().filter(|_| repository.needs_credentials);
        let label = repository.mount.label();
        let pass = passes.map(|passes| passes.issue(&label, &path.package, clock::now()));
        pass.map(|pass| format!("{pass}/")).unwrap_or_default()
    }

    async fn show(
        &self,
        call: &Call<'_>,
        repositories: &[Arc<Repository>],
        repository: &Arc<Repository>,
        origin: RequestOrigin,
    ) -> Response<Body> {
        let Some(asked) = asked_path(call) else { return plain(StatusCode::NOT_FOUND) };
        // Service workers outlive their page. No origin of a sandbox has them.
        if call.request.headers.contains_key("service-worker") {
            return plain(StatusCode::FORBIDDEN);
        }
        let (registry, base) = match origin {
            RequestOrigin::Registry => (None, self.base_url.of(call.request)),
            RequestOrigin::Docs => {
                (Some(self.origin.registry_url(call.request)), self.origin.asked_url(call.request))
            }
        };
        let names = asked.strip_suffix(PACKAGES_JSON).filter(|rest| {
            rest.is_empty() || rest.starts_with(MARK) && rest.matches('/').count() == 1
        });
        if names.is_some() {
            let linked = LinkedRepositories::of(repositories, repository, "").await;
            let query = call.request.uri.query().unwrap_or_default();
            let query = percent_encoding::percent_decode_str(query).decode_utf8_lossy();
            let text = packages_json(&query, linked.names());
            return SentDocs {
                method: &call.request.method,
                headers: &call.request.headers,
                form_action: "'none'",
                is_public: !repository.needs_credentials,
            }
            .made("application/json", text);
        }
        let Some(path) = DocsPath::parse(asked) else { return plain(StatusCode::NOT_FOUND) };
        if call.request.method == Method::OPTIONS {
            return preflight();
        }
        let visit = DocsVisit::new(call, repository, path, registry, &base);
        self.shown.respond(visit, repositories).await
    }
}

/// The part of a path below `docs/`. A path with empty parts has none: links of its page would lead elsewhere.
fn asked_path<'a>(call: &Call<'a>) -> Option<&'a str> {
    let whole = call.request.uri.path();
    let (_, rest) = split(whole)?;
    rest.strip_prefix(FOLDER).filter(|_| !whole.contains("//"))
}

/// The path of a repository on its server, without a slash at its end.
fn below_server(call: &Call<'_>) -> String {
    let (name, _) = split(call.request.uri.path()).unwrap_or_default();
    name.map(|name| format!("/repos/{name}")).unwrap_or_default()
}

/// The way to the same path without a pass, if it has one.
fn without_pass(call: &Call<'_>) -> Option<String> {
    let (pass, rest) = asked_path(call)?.split_once('/')?;
    let up = "../".repeat(rest.matches('/').count().saturating_add(1));
    pass.starts_with(MARK).then(|| format!("{up}{rest}{}", query(call)))
}

/// Whether a request may come from a reader who opens a page, and not from a page that loads something.
///
/// Browsers say so over HTTPS and on this machine (Fetch Metadata). Where they do not, what a page can run or read of
/// another origin is refused: scripts and style sheets.
fn is_opened_by_reader(headers: &HeaderMap, path: &DocsPath) -> bool {
    match headers.get("sec-fetch-dest") {
        Some(destination) => destination == "document",
        None => !matches!(content_type(path.file()), "text/javascript" | "text/css"),
    }
}
