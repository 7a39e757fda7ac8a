//! What `hexreg serve` prints when it has started: what its users need next.

use std::fmt::Write;
use std::path::Path;

use hexreg::ops;
use hexreg::registry::PUBLIC_REPOSITORY;
use hexreg::serve::overview::{Overview, OverviewError, RepositoryState};
use hexreg::serve::snippets::{self, ClientConfig};
use hexreg::serve::{Mount, Options, Started, StartedRepository};

use super::spelling::Spelling;
use crate::cli::failure::chain;

fn is_empty(auth_file: &Path) -> bool {
    ops::auth::read(auth_file).is_ok_and(|readers| readers.is_empty())
}

/// The instructions that a user needs next.
pub fn announcement(started: &Started, options: &Options, spelling: Spelling) -> String {
    let (is_open, is_unspecified) =
        (!options.listen.ip().is_loopback(), options.listen.ip().is_unspecified());
    let Started { url, address, metrics, repositories } = started;
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
            "clients look for the name in the certificate, and take no address: give {url}\n\n"
        );
    }
    if is_open && needs_some_token && url.starts_with("http:") {
        let certificate = spelling.option("tls-cert");
        let _ = write!(
            text,
            "credentials travel in the clear: give {certificate}, or put a proxy that has one in front\n\n"
        );
    }
    // With HTTPS, the note on the certificate says it.
    if url == address && is_unspecified && url.starts_with("http:") {
        let url = spelling.option("url");
        let _ = write!(text, "clients need a name or an address of this machine: give {url}\n\n");
    }
    let url_of = |mount: &Mount| format!("{url}{}", mount.path()).trim_end_matches('/').to_owned();
    // The repository with the packages of hex.pm, for clients of the others.
    let public = repositories.iter().find_map(|one| match &*one.state {
        RepositoryState::Built(overview) if overview.repository.as_str() == PUBLIC_REPOSITORY => {
            Some((url_of(&one.mount), overview, one.needs_token))
        }
        _ => None,
    });
    let public = public.as_ref().map(|(url, Overview { repository, key, .. }, needs_token)| {
        ClientConfig { repository, url, key, needs_token: *needs_token }
    });
    for StartedRepository { mount, location, state, needs_token, .. } in repositories {
        let (url, needs_token) = (&url_of(mount), *needs_token);
        match &**state {
            RepositoryState::Built(overview) => {
                let Overview { repository, key, .. } = overview;
                let config = ClientConfig { repository, url, key, needs_token };
                let _ = write!(
                    text,
                    "serving {repository} at {url}\nfingerprint {}\n\nfor mix, in a shell:\n\n{}\n\n{}",
                    key.fingerprint(),
                    snippets::mix(&config),
                    for_rebar3(&config, public.as_ref()),
                );
            }
            RepositoryState::NotBuilt => {
                let _ = write!(text, "serving {url}, where no registry was built yet\n\n");
            }
            RepositoryState::Unsound(OverviewError::Unreadable(error)) => {
                let error = chain(error);
                let _ = write!(text, "serving {url}, whose files cannot be read now: {error}\n\n");
            }
            RepositoryState::Unsound(reason) => {
                let _ = write!(
                    text,
                    "serving {url}, which clients will refuse: {}\nsee what `hexreg verify {}` says\n\n",
                    chain(reason),
                    location
                );
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
    if let Some(metrics) = metrics {
        let _ = write!(text, "metrics at {metrics}\n\n");
    }
    text.push_str("Ctrl-C ends it");
    text
}

/// The configurations of rebar3, each with its risk. `public` has the packages of hex.pm.
fn for_rebar3(config: &ClientConfig<'_>, public: Option<&ClientConfig<'_>>) -> String {
    let plain = snippets::rebar3(config);
    if let Some(line) = snippets::rebar3_public(config) {
        return format!(
            "for rebar3, in rebar.config and in a shell, as it goes by no repo_url of `hexpm`:\n\n{plain}\n\n\
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
