//! The HTML of the page of a repository, and of the one that lists repositories.

use std::error::Error;

use askama::Template;

use crate::browse::pages::{Frame, PackageItem, Paging, counted, grouped};
use crate::name::RepositoryName;
use crate::serve::mirror_note::MirrorNote;
use crate::serve::overview::{Overview, OverviewError, RepositoryState};
use crate::serve::upstream_note::UpstreamNote;
use crate::snippets::{self, ClientConfig};

/// A request for the page of a repository.
pub struct PageRequest<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The URL of the repository for clients.
    pub base_url: &'a str,
    /// Whether clients need a token.
    pub needs_token: bool,
    /// What to say of a mirror that keeps itself up to date.
    pub mirror: Option<&'a MirrorNote>,
    /// What to say of an upstream that files are fetched from when clients ask for them.
    pub upstream: Option<&'a UpstreamNote>,
    /// The names of its policies.
    pub policies: Vec<String>,
    /// Some of its packages.
    pub list: PackageList,
}

/// Some packages: those that a search has found, or a part of all.
#[derive(Debug, Default)]
pub struct PackageList {
    /// What the list is.
    pub caption: String,
    /// Whether it is the beginning of all.
    pub is_first_page: bool,
    /// What the user may have meant, if little was found.
    pub did_you_mean: Option<String>,
    /// How many packages have been read, and of how many, if that goes on.
    pub reading: Option<(usize, usize)>,
    /// The packages.
    pub rows: Vec<PackageItem>,
    /// Which part of them.
    pub paging: Option<Paging>,
}

/// The page of a repository in this state.
#[must_use]
pub fn repository(state: &RepositoryState, request: PageRequest<'_>) -> String {
    let PageRequest { frame, mirror, upstream, .. } = request;
    let page = match state {
        RepositoryState::Built(overview) => built(overview, request),
        RepositoryState::NotBuilt => match upstream {
            Some(upstream) => {
                let (name, key) = (upstream.repository.clone(), upstream.key.clone());
                built(&Overview::of(name, key, Vec::new()), request)
            }
            None => render(&NotBuiltPage { frame, mirror }),
        },
        RepositoryState::Unsound(error) => render(&UnsoundPage { frame, reason: reason(error) }),
    };
    page.unwrap_or_default()
}

/// The page that lists repositories by their names below `/repos/`, with what a search has found.
#[must_use]
pub fn index(
    frame: &Frame<'_>,
    repositories: &[(&RepositoryName, &RepositoryState)],
    list: Option<PackageList>,
) -> String {
    let rows = repositories.iter().map(|(name, state)| RepositoryRow::of(name, state));
    render(&IndexPage {
        frame,
        repositories: rows.collect(),
        found: list.map(|list| FoundList::of(frame, list)),
    })
    .unwrap_or_default()
}

/// A list of packages in a page.
struct FoundList<'a> {
    query: &'a str,
    caption: String,
    did_you_mean: Option<(String, String)>,
    reading: Option<String>,
    rows: Vec<PackageItem>,
    paging: Option<Paging>,
}

impl<'a> FoundList<'a> {
    fn of(frame: &Frame<'a>, list: PackageList) -> Self {
        let suggested = |text: String| (frame.urls.search(&text), text);
        Self {
            query: frame.query,
            caption: list.caption,
            did_you_mean: list.did_you_mean.map(suggested),
            reading: list.reading.map(|(read, of)| format!("{} of {}", grouped(read), grouped(of))),
            rows: list.rows,
            paging: list.paging,
        }
    }
}

#[derive(Template)]
#[template(path = "repository.html")]
struct RepositoryPage<'a> {
    frame: &'a Frame<'a>,
    name: &'a str,
    url: &'a str,
    fingerprint: &'a str,
    packages: String,
    releases: String,
    is_empty: bool,
    mirror: Option<&'a MirrorNote>,
    upstream: Option<&'a UpstreamNote>,
    policies: Vec<String>,
    token: bool,
    /// How clients use the repository; `None` on a page that has only packages.
    lines: Option<ClientLines>,
    found: FoundList<'a>,
}

/// Lines to copy.
struct ClientLines {
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
    frame: &'a Frame<'a>,
    mirror: Option<&'a MirrorNote>,
}

#[derive(Template)]
#[template(path = "unsound.html")]
struct UnsoundPage<'a> {
    frame: &'a Frame<'a>,
    reason: String,
}

#[derive(Template)]
#[template(path = "index.html")]
struct IndexPage<'a> {
    frame: &'a Frame<'a>,
    found: Option<FoundList<'a>>,
    repositories: Vec<RepositoryRow<'a>>,
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

fn built(overview: &Overview, request: PageRequest<'_>) -> Option<String> {
    let PageRequest { frame, base_url: url, needs_token, mirror, upstream, policies, list } =
        request;
    let (repository, key) = (&overview.repository, &overview.key);
    let config = ClientConfig { repository, url, key, needs_token };
    render(&RepositoryPage {
        frame,
        name: repository.as_str(),
        url,
        fingerprint: key.fingerprint(),
        packages: counted(overview.packages.len(), "package"),
        releases: counted(overview.releases, "release"),
        is_empty: overview.packages.is_empty(),
        mirror,
        upstream,
        policies,
        token: needs_token,
        lines: list.is_first_page.then(|| lines(overview, &config)),
        found: FoundList::of(frame, list),
    })
}

fn lines(overview: &Overview, config: &ClientConfig<'_>) -> ClientLines {
    let example = overview.packages.first();
    let mix = snippets::mix(config);
    let rebar3_public = snippets::rebar3_public(config);
    ClientLines {
        compare: !mix.contains(config.key.fingerprint()),
        mix,
        mix_dependency: example
            .map(|one| snippets::mix_dependency(config.repository, &one.name, one.latest.as_ref())),
        rebar3: snippets::rebar3(config),
        rebar3_replace: rebar3_public.is_none().then(|| Rebar3Replace {
            configuration: snippets::rebar3_replace(config, None),
            risk: snippets::REBAR3_REPLACE_RISK,
            plain_risk: snippets::REBAR3_RISK,
        }),
        rebar3_public,
        rebar3_dependency: example
            .map(|one| snippets::rebar3_dependency(&one.name, one.latest.as_ref())),
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

#[cfg(test)]
mod tests;
