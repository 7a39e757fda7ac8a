//! What `hexreg serve` prints when it has started: what its users need next.

use std::fmt::Write;
use std::path::Path;

use hexreg::key::PublicKey;
use hexreg::name::RepositoryName;
use hexreg::ops;
use hexreg::registry::PUBLIC_REPOSITORY;
use hexreg::serve::overview::{Overview, OverviewError, RepositoryState};
use hexreg::serve::{Mount, Options, Started, StartedRepository, StartedUpstream};
use hexreg::snippets::{self, ClientConfig};

use super::spelling::Spelling;
use crate::cli::failure::chain;

fn is_empty(auth_file: &Path) -> bool {
    ops::auth::read(auth_file).is_ok_and(|readers| readers.is_empty())
}

/// The instructions that a user needs next.
pub fn announcement(started: &Started, options: &Options, spelling: Spelling) -> String {
    let (is_open, is_unspecified) =
        (!options.listen.ip().is_loopback(), options.listen.ip().is_unspecified());
    let Started { url, address, metrics, docs, repositories } = started;
    let needs_some_token = repositories.iter().any(|one| one.needs_token);
    let mut text = format!("listening on {address}\n\n");
    let readers = options.auth_file.as_ref();
    if let Some(file) = readers.filter(|file| is_empty(file)) {
        let file = file.display();
        let _ = write!(
            text,
            "{file} has no entries: make a token with `hexreg auth add {file} NAME`\n\n"
        );
    }
    if url == address && url.starts_with("https:") {
        let url = spelling.with_value("url", "https://NAME");
        let _ = write!(
            text,
            "clients expect the host of the URL in the certificate, which usually has a name and no address: give {url}\n\n"
        );
    }
    if is_open && needs_some_token && url.starts_with("http:") {
        let certificate = spelling.option("tls-cert");
        let _ = write!(
            text,
            "credentials are sent without encryption: give {certificate}, or put a proxy with a certificate in front\n\n"
        );
    }
    // With HTTPS, the note on the certificate says it.
    if url == address && is_unspecified && url.starts_with("http:") {
        let url = spelling.option("url");
        let _ = write!(text, "clients need a name or an address of this machine: give {url}\n\n");
    }
    let known: Vec<_> = repositories.iter().map(|one| KnownRepository::of(one, url)).collect();
    // The repository with the packages of hex.pm, for clients of the others.
    let public = known
        .iter()
        .flatten()
        .find(|known| known.config().repository.as_str() == PUBLIC_REPOSITORY);
    for (StartedRepository { mount, location, state, .. }, known) in repositories.iter().zip(&known)
    {
        let url = url_of(url, mount);
        match (known, &**state) {
            (_, RepositoryState::Unsound(OverviewError::Unreadable(error))) => {
                let error = chain(error);
                let _ = write!(text, "serving {url}, whose files cannot be read now: {error}\n\n");
            }
            (_, RepositoryState::Unsound(reason)) => {
                let _ = write!(
                    text,
                    "serving {url}, which clients will refuse: {}\nsee what `hexreg verify {}` says\n\n",
                    chain(reason),
                    location
                );
            }
            (Some(known), _) => text.push_str(&for_clients(known, public)),
            (None, _) => {
                let _ = write!(text, "serving {url}, where no registry was built yet\n\n");
            }
        }
    }
    text.push_str(&how_to_publish(url, repositories, options));
    if url == address && !is_open && !needs_some_token {
        let url = spelling.option("url");
        let _ = write!(
            text,
            "it answers to localhost and 127.0.0.1 alone: for another name, as behind a proxy, give {url}\n\n"
        );
    }
    text.push_str(&where_docs_are(docs.as_deref(), needs_some_token, spelling));
    if let Some(metrics) = metrics {
        let _ = write!(text, "metrics at {metrics}\n\n");
    }
    text.push_str("Ctrl-C ends it");
    text
}

/// Where documentation is shown, if that is not in the registry.
fn where_docs_are(docs: Option<&str>, needs_some_token: bool, spelling: Spelling) -> String {
    match docs {
        Some(url) => format!("documentation at {url}\n\n"),
        // It is a part of the pages.
        None if !cfg!(feature = "web") || !needs_some_token => String::new(),
        None => format!(
            "documentation is not shown where reading needs credentials: give {}\n\n",
            spelling.with_value("docs-listen", "ADDRESS")
        ),
    }
}

/// A repository of which clients can be told the name and the key.
struct KnownRepository<'a> {
    url: String,
    repository: &'a RepositoryName,
    key: &'a PublicKey,
    needs_token: bool,
    /// Whether it is at `/`.
    is_root: bool,
    /// Its name below `/repos/`.
    name: Option<&'a RepositoryName>,
    upstream: Option<&'a StartedUpstream>,
}

impl<'a> KnownRepository<'a> {
    /// What is pulled through is known before anything of it is there.
    fn of(one: &'a StartedRepository, server: &str) -> Option<Self> {
        let upstream = one.upstream.as_ref();
        let (repository, key) = match &*one.state {
            RepositoryState::Built(Overview { repository, key, .. }) => (repository, key),
            RepositoryState::NotBuilt => {
                upstream.map(|upstream| (&upstream.repository, &upstream.key))?
            }
            RepositoryState::Unsound(_) => return None,
        };
        let (url, needs_token) = (url_of(server, &one.mount), one.needs_token);
        let (is_root, name) = (one.mount.is_root(), one.mount.name());
        Some(Self { url, repository, key, needs_token, is_root, name, upstream })
    }

    fn config(&self) -> ClientConfig<'_> {
        let Self { repository, url, key, needs_token, .. } = self;
        ClientConfig { repository, url, key, needs_token: *needs_token }
    }

    /// Whether clients have its key without being told.
    fn has_key_of_hexpm(&self) -> bool {
        self.upstream.is_some_and(|upstream| upstream.is_known_to_clients)
    }

    /// Whether mix takes it for an organisation of `public`: it is at `/repos/NAME` below it, under its own name.
    fn is_organization_of(&self, public: &Self) -> bool {
        public.is_root && !self.is_root && self.name == Some(self.repository)
    }
}

fn url_of(server: &str, mount: &Mount) -> String {
    format!("{server}{}", mount.path()).trim_end_matches('/').to_owned()
}

/// What a repository is, and how its clients are configured. `public` has the packages of hex.pm.
fn for_clients(known: &KnownRepository<'_>, public: Option<&KnownRepository<'_>>) -> String {
    let config = known.config();
    let ClientConfig { repository, url, key, .. } = config;
    let from = known.upstream.map(|upstream| format!(", pulled through from {}", upstream.url));
    let mut text = format!(
        "serving {repository} at {url}{}\nfingerprint {}\n\n",
        from.unwrap_or_default(),
        key.fingerprint()
    );
    // Both variables send no token, and clients check what they get with the key of hex.pm that they have.
    let cdn = snippets::rebar3_public(&config).filter(|_| known.has_key_of_hexpm());
    if let Some(cdn) = cdn.filter(|_| !known.needs_token) {
        let mirror = snippets::mix_mirror(&config);
        let _ = write!(text, "for mix and rebar3, in a shell:\n\n{mirror}\n{cdn}\n\n");
        return text;
    }
    let of_public = public.map(KnownRepository::config);
    let _ = write!(
        text,
        "for mix, in a shell:\n\n{}\n\n{}",
        snippets::mix(&config),
        for_rebar3(&config, of_public.as_ref())
    );
    if let Some(public) = public.filter(|public| known.is_organization_of(public)) {
        let lines =
            snippets::mix_organization(&config, &public.config(), public.has_key_of_hexpm());
        let _ = write!(
            text,
            "or, for mix, as the organisation {repository} of hexpm (`organization: \"{repository}\"` in mix.exs, \
             `hexpm:{repository}` in mix.lock):\n\n{lines}\n\n"
        );
    }
    text
}

/// The configurations of rebar3, each with its risk. `public` has the packages of hex.pm.
fn for_rebar3(config: &ClientConfig<'_>, public: Option<&ClientConfig<'_>>) -> String {
    let plain = snippets::rebar3(config);
    if let Some(line) = snippets::rebar3_public(config) {
        return format!(
            "for rebar3, in rebar.config and in a shell, as rebar3 ignores `repo_url` of `hexpm`:\n\n{plain}\n\n\
             {line}\n\n"
        );
    }
    let replace = snippets::rebar3_replace(config, public);
    let line = public.and_then(snippets::rebar3_public);
    let line = line.map(|line| format!("{line}\n\n")).unwrap_or_default();
    format!(
        "for rebar3, in rebar.config ({}):\n\n{plain}\n\n\
         or, for a project whose dependencies are all here ({}):\n\n{replace}\n\n{line}",
        snippets::REBAR3_RISK,
        snippets::REBAR3_REPLACE_RISK,
    )
}

/// How clients publish to each repository with a private key, if they can.
fn how_to_publish(url: &str, repositories: &[StartedRepository], options: &Options) -> String {
    let published: Vec<_> = repositories.iter().filter(|one| one.is_published).collect();
    let mut text = String::new();
    // Without a file, `serve` has warned that its keys have no effect.
    let Some(file) = options.auth_file.as_ref().filter(|_| !published.is_empty()) else {
        return text;
    };
    if !ops::auth::read(file).is_ok_and(|users| users.can_publish()) {
        let file = file.display();
        let _ = write!(
            text,
            "no token may publish yet: make one with `hexreg auth add {file} NAME --can publish`\n\n"
        );
    }
    for StartedRepository { mount, .. } in published {
        let path = mount.path();
        let api = format!("{url}/api{}", path.trim_end_matches('/'));
        let to = mount.name().map(|name| format!(" to {name}")).unwrap_or_default();
        let _ = write!(
            text,
            "to publish{to}:\n\nHEX_API_URL={api} HEX_API_KEY=TOKEN mix hex.publish\n\n"
        );
    }
    text
}
