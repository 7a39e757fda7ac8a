//! The address of a git repository, and each spelling of it.

use std::iter;

use url::Url;

use crate::credentials;
use crate::repository;

/// A repository on a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Remote {
    transport: Transport,
    /// The user of ssh.
    user: Option<String>,
    host: String,
    /// `None` if it is the default port of the transport.
    port: Option<u16>,
    /// Without a slash at either end.
    path: String,
    /// The user in whose home directory the path begins, if the host has one for each user.
    home: Option<String>,
    /// The spelling in the lock file, without credentials.
    spelt: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Http,
    Https,
    Ssh,
    Git,
}

impl Transport {
    fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            "ssh" | "git+ssh" | "ssh+git" => Some(Self::Ssh),
            "git" => Some(Self::Git),
            _ => None,
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Ssh => 22,
            Self::Git => 9418,
        }
    }
}

const TRANSPORTS: &str =
    "only repositories at https://, http://, ssh://, git:// and USER@HOST:PATH are mirrored";
/// The user of ssh at hosts that keep all repositories under one user.
const SHARED_USER: &str = "git";
const NOT_PLAIN: &str = "it is not made of plain names";

impl Remote {
    /// Parses a URL, or `USER@HOST:PATH`.
    ///
    /// # Errors
    /// Why a repository with this spelling is not mirrored.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let remote = match text.split_once("://") {
            Some((scheme, _)) => {
                let transport = Transport::of_scheme(&scheme.to_ascii_lowercase());
                Self::of_url(text, transport.ok_or(TRANSPORTS)?)
            }
            None => Self::of_scp(text)?,
        };
        let remote = remote.ok_or(NOT_PLAIN)?;
        // Git or ssh would take this for an option.
        let is_option = |part: &str| part.starts_with('-');
        let is_option = is_option(&remote.host)
            || is_option(&remote.path)
            || remote.user.as_deref().is_some_and(is_option);
        // A shell would interpret other characters when the line for clients is copied.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/@._-~+%*".contains(&byte);
        let is_plain = !text.is_empty() && remote.spelt.bytes().all(is_plain);
        if is_option || !is_plain || remote.mirror_path().is_none() {
            Err(NOT_PLAIN)
        } else {
            Ok(remote)
        }
    }

    fn of_url(text: &str, transport: Transport) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        if url.query().is_some() || url.fragment().is_some() {
            return None;
        }
        let user = Some(url.username()).filter(|user| !user.is_empty());
        let user = user.filter(|_| transport == Transport::Ssh).map(str::to_owned);
        let is_of_home = url.path().starts_with("/~/");
        Some(Self {
            transport,
            home: user.clone().filter(|user| is_of_home && *user != SHARED_USER),
            user,
            host: url.host_str()?.to_ascii_lowercase(),
            port: url.port().filter(|port| *port != transport.port()),
            path: url.path().trim_matches('/').to_owned(),
            spelt: credentials::hide(text),
        })
    }

    /// The syntax of scp: the host ends at the first colon, and has no slash.
    fn of_scp(text: &str) -> Result<Option<Self>, &'static str> {
        let Some((authority, path)) = text.split_once(':') else { return Err(TRANSPORTS) };
        if authority.contains('/') || path.starts_with(':') || authority.is_empty() {
            return Err(TRANSPORTS);
        }
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if path.contains('@') && user.is_none() {
            // This is USER:PASSWORD@HOST, and ssh takes no password.
            return Ok(None);
        }
        let home = user.filter(|user| !path.starts_with('/') && *user != SHARED_USER);
        Ok(Some(Self {
            transport: Transport::Ssh,
            home: home.map(str::to_owned),
            user: user.map(str::to_owned),
            host: host.to_ascii_lowercase(),
            port: None,
            path: path.trim_matches('/').to_owned(),
            spelt: text.to_owned(),
        }))
    }

    /// Its path below the mirror.
    pub fn mirror_path(&self) -> Option<String> {
        repository::git::repository_path(&self.host, self.port, &self.path)
    }

    /// The user in whose home directory it is. `git` is not such a user: hosts keep all repositories under it.
    pub fn home(&self) -> Option<&str> {
        self.home.as_deref()
    }

    /// Each spelling by which projects may name it: the lock file's first, then each transport and user.
    pub fn spellings(&self) -> Vec<String> {
        let Self { transport, user, host, port, path, spelt, .. } = self;
        let stem = path.strip_suffix(".git").unwrap_or(path);
        // Other projects may spell it with another user, or with none.
        let user = user.as_deref().map(|user| user.split(':').next().unwrap_or(user));
        let own = format!("{}@", user.unwrap_or("git"));
        let others = ["git@", ""].into_iter().filter(|other| *other != own).map(str::to_owned);
        let users: Vec<String> = iter::once(own.clone()).chain(others).collect();
        let ssh = |authority: &str| {
            let schemes = ["ssh", "git+ssh", "ssh+git"].into_iter();
            let spellings = schemes.flat_map(|scheme| {
                users.iter().map(move |user| format!("{scheme}://{user}{authority}/"))
            });
            spellings.collect::<Vec<_>>()
        };
        let paths = [format!("{stem}.git"), path.clone()];
        let mut spellings = vec![spelt.clone()];
        for path in &paths {
            let bases: Vec<String> = match port {
                None => {
                    let schemes = ["https", "http", "git"].into_iter();
                    let schemes = schemes.map(|scheme| format!("{scheme}://{host}/"));
                    let scp = users.iter().map(|user| format!("{user}{host}:"));
                    schemes.chain(scp).chain(ssh(host)).collect()
                }
                // A port belongs to one transport.
                Some(port) => match transport {
                    Transport::Http => vec![format!("http://{host}:{port}/")],
                    Transport::Https => vec![format!("https://{host}:{port}/")],
                    Transport::Git => vec![format!("git://{host}:{port}/")],
                    Transport::Ssh => ssh(&format!("{host}:{port}")),
                },
            };
            for spelling in bases.into_iter().map(|base| format!("{base}{path}")) {
                if !spellings.contains(&spelling) {
                    spellings.push(spelling);
                }
            }
        }
        spellings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_has_a_path_of_its_url() {
        for (url, path) in [
            ("https://git.example/org/repo.git", "git/git.example/org/repo.git"),
            ("https://git.example/org/repo", "git/git.example/org/repo.git"),
            ("https://GIT.example/org/repo", "git/git.example/org/repo.git"),
            ("http://git.example:8080/a/b/c/", "git/git.example_8080/a/b/c.git"),
            ("https://git.example:443/a", "git/git.example/a.git"),
            ("https://SECRET@git.example/a", "git/git.example/a.git"),
            ("https://ci:SEC=RET!$@git.example/a", "git/git.example/a.git"),
            ("git@git.example:org/repo.git", "git/git.example/org/repo.git"),
            ("git@git.example:/srv/repo", "git/git.example/srv/repo.git"),
            ("git.example:org/repo.git", "git/git.example/org/repo.git"),
            ("org-1@git.example:~me/repo.git", "git/git.example/~me/repo.git"),
            ("ssh://git@git.example/org/repo.git", "git/git.example/org/repo.git"),
            ("ssh://git@git.example:22/org/repo.git", "git/git.example/org/repo.git"),
            ("ssh://git@git.example:2222/org/repo.git", "git/git.example_2222/org/repo.git"),
            ("git+ssh://git@git.example/org/repo.git", "git/git.example/org/repo.git"),
            ("SSH://git.example/org/repo.git", "git/git.example/org/repo.git"),
            ("git://git.example/org/repo.git", "git/git.example/org/repo.git"),
            ("git://git.example:9418/org/repo", "git/git.example/org/repo.git"),
            ("git://git.example:9419/org/repo", "git/git.example_9419/org/repo.git"),
        ] {
            let remote = Remote::parse(url).unwrap_or_else(|why| panic!("{url}: {why}"));
            assert_eq!(remote.mirror_path().unwrap(), path, "{url}");
        }
    }

    #[test]
    fn a_url_that_leads_elsewhere_is_refused() {
        for url in [
            "",
            "/srv/repo.git",
            "./a:b",
            "file:///etc",
            "ftp://git.example/a",
            "ext::sh -c x",
            "ext::sh -c 'echo git@git.example:a'",
            "fd::7",
            "--upload-pack=x",
            "-oProxyCommand=x:a",
            "-oProxyCommand=x@git.example:a",
            "git@-oProxyCommand=x:a",
            "git@git.example:-a",
            "git@git.example:--upload-pack=x",
            "ssh://-oProxyCommand=x/a",
            "ssh://-l@git.example/a",
            "ssh://git@git.example/-a",
            "ssh://git@git.example:org/repo.git",
            "ssh://git.example",
            "git:SECRET@git.example:a",
            "git@[git.example:2222]:a",
            "git@git.example:",
            "git@git.example:a/../b",
            "git@git.example:a b",
            "git@git.example:$(x)",
            "https://git.example/",
            "https://git.example/a%2fb",
            "https://git.example/.git/x",
            "https://git.example/a?b",
            "https://git.example/a#b",
            "https://git.example/a.git/objects",
            "https://$(x)/a",
            "https://git.example/a\nb",
            "https://git.example/a ",
            "https://git.example/*",
        ] {
            assert!(Remote::parse(url).is_err(), "{url}");
        }
        // The URL is normalised before the path is taken.
        for url in ["https://git.example/../../x", "https://git.example/%2e%2e/x"] {
            assert_eq!(Remote::parse(url).unwrap().mirror_path().unwrap(), "git/git.example/x.git");
        }
    }

    #[test]
    fn a_path_relative_to_a_home_directory_has_a_user() {
        for (url, home) in [
            ("alice@git.example:repo.git", Some("alice")),
            ("alice@git.example:~/repo.git", Some("alice")),
            ("ssh://alice@git.example/~/repo.git", Some("alice")),
            ("alice@git.example:/srv/repo.git", None),
            ("ssh://alice@git.example/srv/repo.git", None),
            ("git@git.example:org/repo.git", None),
            ("git.example:org/repo.git", None),
            ("https://alice@git.example/repo.git", None),
        ] {
            assert_eq!(Remote::parse(url).unwrap().home(), home, "{url}");
        }
    }

    #[test]
    fn a_repository_has_each_of_its_spellings() {
        let of = |url: &str| Remote::parse(url).unwrap().spellings();
        insta::assert_snapshot!(of("git@git.example:org/repo.git").join("\n"), @r"
        git@git.example:org/repo.git
        https://git.example/org/repo.git
        http://git.example/org/repo.git
        git://git.example/org/repo.git
        git.example:org/repo.git
        ssh://git@git.example/org/repo.git
        ssh://git.example/org/repo.git
        git+ssh://git@git.example/org/repo.git
        git+ssh://git.example/org/repo.git
        ssh+git://git@git.example/org/repo.git
        ssh+git://git.example/org/repo.git
        ");
        insta::assert_snapshot!(of("https://SECRET@git.example/org/repo").join("\n"), @r"
        https://******@git.example/org/repo
        https://git.example/org/repo.git
        http://git.example/org/repo.git
        git://git.example/org/repo.git
        git@git.example:org/repo.git
        git.example:org/repo.git
        ssh://git@git.example/org/repo.git
        ssh://git.example/org/repo.git
        git+ssh://git@git.example/org/repo.git
        git+ssh://git.example/org/repo.git
        ssh+git://git@git.example/org/repo.git
        ssh+git://git.example/org/repo.git
        https://git.example/org/repo
        http://git.example/org/repo
        git://git.example/org/repo
        git@git.example:org/repo
        git.example:org/repo
        ssh://git@git.example/org/repo
        ssh://git.example/org/repo
        git+ssh://git@git.example/org/repo
        git+ssh://git.example/org/repo
        ssh+git://git@git.example/org/repo
        ssh+git://git.example/org/repo
        ");
        insta::assert_snapshot!(of("ssh://me@git.example:2222/org/repo.git").join("\n"), @r"
        ssh://me@git.example:2222/org/repo.git
        ssh://git@git.example:2222/org/repo.git
        ssh://git.example:2222/org/repo.git
        git+ssh://me@git.example:2222/org/repo.git
        git+ssh://git@git.example:2222/org/repo.git
        git+ssh://git.example:2222/org/repo.git
        ssh+git://me@git.example:2222/org/repo.git
        ssh+git://git@git.example:2222/org/repo.git
        ssh+git://git.example:2222/org/repo.git
        ");
        insta::assert_snapshot!(of("git.example:org/repo/").join("\n"), @r"
        git.example:org/repo/
        https://git.example/org/repo.git
        http://git.example/org/repo.git
        git://git.example/org/repo.git
        git@git.example:org/repo.git
        git.example:org/repo.git
        ssh://git@git.example/org/repo.git
        ssh://git.example/org/repo.git
        git+ssh://git@git.example/org/repo.git
        git+ssh://git.example/org/repo.git
        ssh+git://git@git.example/org/repo.git
        ssh+git://git.example/org/repo.git
        https://git.example/org/repo
        http://git.example/org/repo
        git://git.example/org/repo
        git@git.example:org/repo
        git.example:org/repo
        ssh://git@git.example/org/repo
        ssh://git.example/org/repo
        git+ssh://git@git.example/org/repo
        git+ssh://git.example/org/repo
        ssh+git://git@git.example/org/repo
        ssh+git://git.example/org/repo
        ");
    }
}
