//! What a browser is shown: a page for a repository, and one that lists several. Nothing in them runs,
//! and nothing is fetched for them.

use std::error::Error;

use askama::Template;

use crate::name::RepositoryName;
use crate::serve::overview::{Overview, State, Summary, Unsound};
use crate::serve::snippets::{self, Access};

/// The `Content-Security-Policy` to send with either page: its own style sheet, known by its hash, its
/// own search form, and nothing else, whatever found its way into it.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
     style-src 'sha256-9v/LToixmVNSYtYBekSWuTtNPUrgPg/YzkpYnvWEYBI='; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How many packages a page lists: a registry of many thousands stays quick to load.
pub const MAX_ROWS: usize = 200;

/// What is asked for, and how it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Visit<'a> {
    /// The repository's URL as clients should be given it.
    pub base_url: &'a str,
    /// What the names of packages must contain; nothing for all of them.
    pub query: &'a str,
    /// Whether clients need a token.
    pub token: bool,
}

/// The page of a repository in this state.
#[must_use]
pub fn render(state: &State, visit: &Visit<'_>) -> String {
    let page = match state {
        State::Built(overview) => built(overview, visit),
        State::NotBuilt => written(&NotBuiltPage),
        State::Unsound(unsound) => written(&UnsoundPage { reason: reason(unsound) }),
    };
    page.unwrap_or_default()
}

/// The page that lists repositories, each by the name under which it is served in `repos/`.
#[must_use]
pub fn index(repositories: &[(&RepositoryName, &State)]) -> String {
    let shelves = repositories.iter().map(|(name, state)| Shelf::of(name, state));
    written(&IndexPage { repositories: shelves.collect() }).unwrap_or_default()
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
    token: bool,
    query: &'a str,
    found: String,
    rows: Vec<Row<'a>>,
    more: Option<String>,
    mix: String,
    mix_dependency: Option<String>,
    rebar3: String,
    /// What it risks, and the configuration that does not; of `hexpm`, which rebar3 knows already, neither.
    rebar3_replace: Option<Rebar3Replace>,
    /// What rebar3 goes by in the place of the URL of `hexpm`.
    rebar3_public: Option<String>,
    rebar3_dependency: Option<String>,
    compare: bool,
}

/// The two configurations of rebar3 against each other.
struct Rebar3Replace {
    configuration: String,
    risk: &'static str,
    plain_risk: &'static str,
}

#[derive(Template)]
#[template(path = "not_built.html")]
struct NotBuiltPage;

#[derive(Template)]
#[template(path = "unsound.html")]
struct UnsoundPage {
    reason: String,
}

#[derive(Template)]
#[template(path = "index.html")]
struct IndexPage<'a> {
    repositories: Vec<Shelf<'a>>,
}

/// A package in the table.
struct Row<'a> {
    name: &'a str,
    latest: String,
    releases: String,
}

/// A repository in the list.
struct Shelf<'a> {
    name: &'a str,
    /// Or else why there is none that counts.
    fingerprint: Result<&'a str, String>,
    packages: String,
}

/// Nothing fails that writes into memory.
fn written(page: &impl Template) -> Option<String> {
    page.render().ok()
}

fn built(overview: &Overview, visit: &Visit<'_>) -> Option<String> {
    let query = visit.query.trim();
    let found = search(&overview.packages, query);
    let (repository, key) = (&overview.repository, &overview.key);
    let access = Access { repository, url: visit.base_url, key, token: visit.token };
    // What was looked for is what will be wanted.
    let example = found.first().copied().or(overview.packages.first());
    let more = found.len().saturating_sub(MAX_ROWS);
    let mix = snippets::mix(&access);
    let rebar3_public = snippets::rebar3_public(&access);
    written(&RepositoryPage {
        name: repository.as_str(),
        url: visit.base_url,
        fingerprint: key.fingerprint(),
        packages: counted(overview.packages.len(), "package"),
        releases: counted(overview.releases, "release"),
        is_empty: overview.packages.is_empty(),
        token: visit.token,
        query,
        found: counted(found.len(), "package"),
        rows: found.iter().take(MAX_ROWS).map(|package| Row::of(package)).collect(),
        more: (more > 0).then(|| grouped(more)),
        compare: !mix.contains(key.fingerprint()),
        mix,
        mix_dependency: example
            .map(|one| snippets::mix_dependency(repository, &one.name, one.latest.as_ref())),
        rebar3: snippets::rebar3(&access),
        rebar3_replace: rebar3_public.is_none().then(|| Rebar3Replace {
            configuration: snippets::rebar3_replace(&access, None),
            risk: snippets::REBAR3_REPLACE_RISK,
            plain_risk: snippets::REBAR3_RISK,
        }),
        rebar3_public,
        rebar3_dependency: example
            .map(|one| snippets::rebar3_dependency(&one.name, one.latest.as_ref())),
    })
}

/// The packages with `query` in their names: first the one of that very name, then those that begin
/// with it.
fn search<'a>(packages: &'a [Summary], query: &str) -> Vec<&'a Summary> {
    // A phone begins every word with a capital, and few packages have one in their names.
    let query = query.to_ascii_lowercase();
    let lowered = |package: &Summary| package.name.as_str().to_ascii_lowercase();
    let mut found: Vec<&Summary> =
        packages.iter().filter(|package| lowered(package).contains(&query)).collect();
    found.sort_by_cached_key(|package| {
        let name = lowered(package);
        (name != query, !name.starts_with(&query))
    });
    found
}

impl<'a> Row<'a> {
    fn of(package: &'a Summary) -> Self {
        let latest = package.latest.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        Self { name: package.name.as_str(), latest, releases: grouped(package.releases) }
    }
}

impl<'a> Shelf<'a> {
    fn of(name: &'a RepositoryName, state: &'a State) -> Self {
        let (fingerprint, packages) = match state {
            State::Built(overview) if overview.repository != *name => {
                (Err(format!("signed for another name: {}", overview.repository)), String::new())
            }
            State::Built(overview) => {
                (Ok(overview.key.fingerprint()), counted(overview.packages.len(), "package"))
            }
            State::NotBuilt => (Err("not built yet".to_owned()), String::new()),
            State::Unsound(unsound) => (Err(reason(unsound)), String::new()),
        };
        Self { name: name.as_str(), fingerprint, packages }
    }
}

/// With what lies behind it; save where that says where files lie on the server.
fn reason(unsound: &Unsound) -> String {
    match (unsound, unsound.source()) {
        (Unsound::Unreadable(_), _) | (_, None) => unsound.to_string(),
        (_, Some(source)) => format!("{unsound}: {source}"),
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
