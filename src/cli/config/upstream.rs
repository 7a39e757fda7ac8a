//! The repository that another one comes from: as a mirror, or pulled through.

use std::collections::BTreeSet;

use hexreg::name::{PackageName, RepositoryName};
use hexreg::ops::mirror::Upstream;
use hexreg::serve::WatchedFile;
use url::Url;

use super::section::{Section, Text};
use super::values::from_str;
use crate::cli::failure::Failure;
use crate::cli::mirror::upstream::{self, UpstreamName};
use crate::cli::upstream_auth::AuthSource;

/// The keys of a repository that has an upstream.
pub const UPSTREAM_KEYS: [&str; 5] =
    ["upstream", "upstream-name", "upstream-key", "upstream-auth", "accept"];

/// What a repository says of its upstream.
pub struct ConfiguredUpstream {
    /// Without credentials; `None` if there is none, or if it cannot be used.
    pub repository: Option<Upstream>,
    /// The source of the credentials.
    pub authorization: Option<AuthSource>,
    /// Packages that are taken as they are now.
    pub accept: BTreeSet<PackageName>,
}

impl ConfiguredUpstream {
    /// Reads the keys of a repository that is called `name` here.
    pub fn read(repository: &Section<'_>, name: Option<&RepositoryName>) -> Self {
        let has_upstream = repository.has("mirror") || repository.has("pull-through");
        for key in UPSTREAM_KEYS.into_iter().filter(|key| !has_upstream && repository.has(key)) {
            let hint = "add pull-through = true or mirror = { every = \"1h\", … }, or leave it out";
            let message = format!("`{key}` has no effect without `mirror` or `pull-through`");
            repository.problem(repository.place_of(key), message, hint);
        }
        Self {
            repository: upstream(repository, name, has_upstream),
            authorization: authorization(repository),
            accept: repository.list("accept", from_str).into_iter().collect(),
        }
    }
}

fn upstream(
    repository: &Section<'_>,
    name: Option<&RepositoryName>,
    has_upstream: bool,
) -> Option<Upstream> {
    let given = repository.parsed::<UpstreamName>("upstream-name");
    let url = repository.text("upstream");
    let key = repository.text("upstream-key");
    if !has_upstream {
        return None;
    }
    let own = || Some(UpstreamName { source: None, name: name?.clone() });
    let name = given.or_else(own)?;
    // A problem with a key that is missing is at the key that needs it: `mirror` or `pull-through`.
    let asking = if repository.has("mirror") { "mirror" } else { "pull-through" };
    let place_of = |key| repository.place_of(if repository.has(key) { key } else { asking });
    let failed = |key, failure| repository.failure(place_of(key), in_file(failure));
    let url = upstream::url(url.as_ref().map(|url| url.value.as_str()), &name);
    let url = url.map_err(|failure| failed("upstream", failure)).ok()?;
    if is_hexpm(&url) && name.name.as_str() != Upstream::HEXPM_NAME {
        let key = if repository.has("upstream-name") { "upstream-name" } else { "upstream" };
        let message = format!("the files of {url} are of `hexpm`, and not of `{}`", name.name);
        let hint = "write upstream-name = \"hexpm\", or for an organisation upstream-name = \"hexpm:NAME\" without `upstream`";
        repository.problem(place_of(key), message, hint);
        return None;
    }
    let path = key.as_ref().map(|key| repository.resolve(key));
    if let Some(path) = &path {
        repository.depend_on(WatchedFile::note(path));
    }
    let place = if path.is_some() { "upstream-key" } else { "upstream" };
    let key = upstream::key(path.as_deref(), &name, &url);
    let unusable = |failure: Failure| {
        let (message, hint) = in_file(failure).into_parts();
        let hint = hint.unwrap_or_else(|| "give the file of its public key, in PEM".to_owned());
        repository.problem(place_of(place), message, hint);
    };
    let key = key.map_err(unusable).ok()?;
    Some(Upstream { url, name: name.name, source: name.source, key, authorization: None })
}

/// Whether a URL is that of hex.pm's own repository.
fn is_hexpm(url: &Url) -> bool {
    url.as_str().trim_end_matches('/') == Upstream::HEXPM_URL
}

/// The failure, with the keys of the file in place of the arguments of the same names.
pub fn in_file(failure: Failure) -> Failure {
    let written = |text: String| {
        [
            ("--upstream-key=PATH", "upstream-key = \"PATH\""),
            ("--upstream=URL", "upstream = \"URL\""),
            ("--upstream-name=hexpm:NAME", "upstream-name = \"hexpm:NAME\""),
            ("--upstream-auth", "`upstream-auth`"),
            ("--upstream", "`upstream`"),
            ("--prune", "`prune`"),
        ]
        .iter()
        .fold(text, |text, (argument, key)| text.replace(argument, key))
    };
    let (message, hint) = failure.into_parts();
    let failure = Failure::environment(written(message));
    match hint {
        Some(hint) => failure.hint(written(hint)),
        None => failure,
    }
}

/// The failure as a line of the server's log.
pub fn in_log(failure: Failure) -> String {
    let (message, hint) = in_file(failure).into_parts();
    match hint {
        Some(hint) => format!("{message}; {hint}"),
        None => message,
    }
}

/// The source of the credentials for upstream.
fn authorization(repository: &Section<'_>) -> Option<AuthSource> {
    let given = repository.text("upstream-auth")?;
    let parsed = AuthSource::parse(&given.value).ok();
    // A value out of a variable is the secret itself, if it is not file:${DIRECTORY}/NAME.
    if parsed.is_none() && given.has_variables {
        return Some(AuthSource::Given(given.value.into()));
    }
    let parsed = parsed.map(|source| match source {
        AuthSource::File(path) => {
            let value = path.to_string_lossy().into_owned();
            AuthSource::File(repository.resolve(&Text { value, ..given.clone() }))
        }
        source => source,
    });
    if parsed.is_none() {
        let message = "`upstream-auth` is neither env:NAME, file:PATH, ${NAME} nor netrc";
        let hint = "keep the secret in a variable or in a file of its own, and not in this file";
        repository.problem(given.place, message, hint);
    }
    parsed
}
