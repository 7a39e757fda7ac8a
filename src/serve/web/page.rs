//! The HTML of the pages: one of a repository, and one that lists repositories. They run no script, and fetch nothing.

use std::error::Error;

use askama::Template;

use crate::name::RepositoryName;
use crate::serve::mirror_note::MirrorNote;
use crate::serve::overview::{Overview, OverviewError, PackageSummary, RepositoryState};
use crate::serve::snippets::{self, ClientConfig};
use crate::serve::upstream_note::UpstreamNote;

/// The `Content-Security-Policy` of every page. It allows the page's own style sheet, by its hash, and its own search
/// form. So content that was injected into a page would neither run nor be fetched.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
     style-src 'sha256-9v/LToixmVNSYtYBekSWuTtNPUrgPg/YzkpYnvWEYBI='; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How many packages a page lists, so that the page of a large registry loads quickly.
pub const MAX_ROWS: usize = 200;

/// A request for the page of a repository.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageRequest<'a> {
    /// The URL of the repository for clients.
    pub base_url: &'a str,
    /// The search: a part of the names of packages; empty for all.
    pub query: &'a str,
    /// Whether clients need a token.
    pub needs_token: bool,
    /// What to say of a mirror that keeps itself up to date.
    pub mirror: Option<&'a MirrorNote>,
    /// What to say of an upstream that files are fetched from when clients ask for them.
    pub upstream: Option<&'a UpstreamNote>,
}

/// The page of a repository in this state.
#[must_use]
pub fn repository(state: &RepositoryState, request: &PageRequest<'_>) -> String {
    let page = match state {
        RepositoryState::Built(overview) => built(overview, request),
        RepositoryState::NotBuilt => match request.upstream {
            Some(upstream) => {
                let (name, key) = (upstream.repository.clone(), upstream.key.clone());
                built(&Overview::of(name, key, Vec::new()), request)
            }
            None => render(&NotBuiltPage { mirror: request.mirror }),
        },
        RepositoryState::Unsound(error) => render(&UnsoundPage { reason: reason(error) }),
    };
    page.unwrap_or_default()
}

/// The page that lists repositories by their names below `/repos/`.
#[must_use]
pub fn index(repositories: &[(&RepositoryName, &RepositoryState)]) -> String {
    let rows = repositories.iter().map(|(name, state)| RepositoryRow::of(name, state));
    render(&IndexPage { repositories: rows.collect() }).unwrap_or_default()
}

#[derive(Template)]
#[template(path = "repository.html")]
struct RepositoryPage<'a> {
    name: &'a str,
    url: &'a str,
    fingerprint: &'a str,
    packages: String,
    releases: String,
    is_empty: bool,
    mirror: Option<&'a MirrorNote>,
    upstream: Option<&'a UpstreamNote>,
    token: bool,
    query: &'a str,
    found: String,
    rows: Vec<PackageRow<'a>>,
    more: Option<String>,
    mix: String,
    mix_dependency: Option<String>,
    rebar3: String,
    /// `None` for `hexpm`, which rebar3 has without a configuration.
    rebar3_replace: Option<Rebar3Replace>,
    /// For `hexpm`: the line of a shell, as rebar3 ignores its `repo_url`.
    rebar3_public: Option<String>,
    rebar3_dependency: Option<String>,
    compare: bool,
}

/// The configuration of rebar3 without hex.pm, and the risks of both configurations.
struct Rebar3Replace {
    configuration: String,
    risk: &'static str,
    plain_risk: &'static str,
}

#[derive(Template)]
#[template(path = "not_built.html")]
struct NotBuiltPage<'a> {
    mirror: Option<&'a MirrorNote>,
}

#[derive(Template)]
#[template(path = "unsound.html")]
struct UnsoundPage {
    reason: String,
}

#[derive(Template)]
#[template(path = "index.html")]
struct IndexPage<'a> {
    repositories: Vec<RepositoryRow<'a>>,
}

/// A package in the table.
struct PackageRow<'a> {
    name: &'a str,
    latest: String,
    releases: String,
}

/// A repository in the list.
struct RepositoryRow<'a> {
    name: &'a str,
    /// Else the reason why clients would refuse the repository.
    fingerprint: Result<&'a str, String>,
    packages: String,
}

/// Writing into memory cannot fail.
fn render(page: &impl Template) -> Option<String> {
    page.render().ok()
}

fn built(overview: &Overview, request: &PageRequest<'_>) -> Option<String> {
    let query = request.query.trim();
    let found = search(&overview.packages, query);
    let (repository, key) = (&overview.repository, &overview.key);
    let PageRequest { base_url: url, needs_token, .. } = *request;
    let config = ClientConfig { repository, url, key, needs_token };
    // A user who searches for a package will depend on it.
    let example = found.first().copied().or(overview.packages.first());
    let more = found.len().saturating_sub(MAX_ROWS);
    let mix = snippets::mix(&config);
    let rebar3_public = snippets::rebar3_public(&config);
    render(&RepositoryPage {
        name: repository.as_str(),
        url,
        fingerprint: key.fingerprint(),
        packages: counted(overview.packages.len(), "package"),
        releases: counted(overview.releases, "release"),
        is_empty: overview.packages.is_empty(),
        mirror: request.mirror,
        upstream: request.upstream,
        token: needs_token,
        query,
        found: counted(found.len(), "package"),
        rows: found.iter().take(MAX_ROWS).map(|package| PackageRow::of(package)).collect(),
        more: (more > 0).then(|| grouped(more)),
        compare: !mix.contains(key.fingerprint()),
        mix,
        mix_dependency: example
            .map(|one| snippets::mix_dependency(repository, &one.name, one.latest.as_ref())),
        rebar3: snippets::rebar3(&config),
        rebar3_replace: rebar3_public.is_none().then(|| Rebar3Replace {
            configuration: snippets::rebar3_replace(&config, None),
            risk: snippets::REBAR3_REPLACE_RISK,
            plain_risk: snippets::REBAR3_RISK,
        }),
        rebar3_public,
        rebar3_dependency: example
            .map(|one| snippets::rebar3_dependency(&one.name, one.latest.as_ref())),
    })
}

/// The packages with `query` in their names: first the one with this name, then those that begin with it.
fn search<'a>(packages: &'a [PackageSummary], query: &str) -> Vec<&'a PackageSummary> {
    // Phones capitalize the first letter, and few packages have a capital in their names.
    let query = query.to_ascii_lowercase();
    let lowered = |package: &PackageSummary| package.name.as_str().to_ascii_lowercase();
    let mut found: Vec<&PackageSummary> =
        packages.iter().filter(|package| lowered(package).contains(&query)).collect();
    found.sort_by_cached_key(|package| {
        let name = lowered(package);
        (name != query, !name.starts_with(&query))
    });
    found
}

impl<'a> PackageRow<'a> {
    fn of(package: &'a PackageSummary) -> Self {
        let latest = package.latest.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        Self { name: package.name.as_str(), latest, releases: grouped(package.releases) }
    }
}

impl<'a> RepositoryRow<'a> {
    fn of(name: &'a RepositoryName, state: &'a RepositoryState) -> Self {
        let (fingerprint, packages) = match state {
            RepositoryState::Built(overview) if overview.repository != *name => {
                (Err(format!("signed for another name: {}", overview.repository)), String::new())
            }
            RepositoryState::Built(overview) => {
                (Ok(overview.key.fingerprint()), counted(overview.packages.len(), "package"))
            }
            RepositoryState::NotBuilt => (Err("not built yet".to_owned()), String::new()),
            RepositoryState::Unsound(error) => (Err(reason(error)), String::new()),
        };
        Self { name: name.as_str(), fingerprint, packages }
    }
}

/// The error with its source, except where the source shows a path on the server.
fn reason(error: &OverviewError) -> String {
    match (error, error.source()) {
        (OverviewError::Unreadable(_), _) | (_, None) => error.to_string(),
        (_, Some(source)) => format!("{error}: {source}"),
    }
}

/// `1,902 packages`
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count))
}

/// `19,800`
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        let rest = digits.len().saturating_sub(index);
        if index > 0 && rest % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests;
