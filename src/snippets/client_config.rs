//! The configuration of mix and rebar3 for a repository.
//!
//! The URL may come from a request, and the lines end in a shell or a configuration file. So the URL is quoted to stay
//! one word there.

use super::dependency_lines::{HEXPM, requirement};
use crate::key::PublicKey;
use crate::name::{PackageName, RepositoryName};
use crate::version::Version;

/// What clients need to use a repository.
#[derive(Clone, Copy, Debug)]
pub struct ClientConfig<'a> {
    /// The name in its signed files.
    pub repository: &'a RepositoryName,
    /// Its URL, with or without a slash at the end.
    pub url: &'a str,
    /// The key that signs it.
    pub key: &'a PublicKey,
    /// Whether clients need a token.
    pub needs_token: bool,
}

/// The placeholder of the token.
const TOKEN: &str = "TOKEN";

/// Shell lines that configure mix.
///
/// Where they end in `mix hex.repo list`, nothing has compared the key with its fingerprint yet: the user has to.
#[must_use]
pub fn mix(config: &ClientConfig<'_>) -> String {
    let ClientConfig { repository, key, needs_token, .. } = config;
    let url = url(config);
    let address = shell_word(url);
    if repository.as_str() != HEXPM {
        let fingerprint = key.fingerprint();
        let auth = if *needs_token { format!(" --auth-key {TOKEN}") } else { String::new() };
        return format!(
            "mix hex.repo add {repository} {address} --fetch-public-key {fingerprint}{auth}"
        );
    }
    format!("{}\nmix hex.repo list", mix_set_hexpm(config))
}

/// Shell lines that give mix another URL and key of `hexpm`. It has this repository already: `set` changes it, and cannot
/// fetch a key.
fn mix_set_hexpm(config: &ClientConfig<'_>) -> String {
    let (url, auth) = (url(config), mix_auth_of_hexpm(config));
    let header =
        if config.needs_token { format!(" -H 'authorization: {TOKEN}'") } else { String::new() };
    let key = shell_word(&format!("{url}/public_key"));
    let address = shell_word(url);
    format!(
        "curl -fsS{header} -o {HEXPM}.pem {key}\n\
         mix hex.repo set {HEXPM} --url {address} --public-key {HEXPM}.pem{auth}"
    )
}

/// The token for `hexpm` or an organisation of it. Without the second option, Hex would send the token to its `api_url`,
/// which is hex.pm's by default, to exchange it there.
fn mix_auth_of_hexpm(config: &ClientConfig<'_>) -> String {
    if config.needs_token {
        format!(" --auth-key {TOKEN} --no-oauth-exchange")
    } else {
        String::new()
    }
}

/// The shell line that makes mix fetch the packages of hex.pm from this URL, if it has them as hex.pm signed them. mix
/// checks them with the key that it has, and sends no token.
#[must_use]
pub fn mix_mirror(config: &ClientConfig<'_>) -> String {
    format!("export HEX_MIRROR={}", shell_word(url(config)))
}

/// Shell lines with which `organization: "acme"` in a `mix.exs`, and `hexpm:acme` in a `mix.lock`, are of `organization`,
/// which the same server has below `hexpm`. `has_key` says whether mix has the key of `hexpm`: hex.pm signed it.
///
/// mix takes the name `acme` in signed files only if the URL is that of `hexpm` and `/repos/acme`. So `hexpm` has to be set,
/// and `HEX_MIRROR` does not do.
#[must_use]
pub fn mix_organization(
    organization: &ClientConfig<'_>,
    hexpm: &ClientConfig<'_>,
    has_key: bool,
) -> String {
    let set = if has_key {
        let (address, auth) = (shell_word(url(hexpm)), mix_auth_of_hexpm(hexpm));
        format!("mix hex.repo set {HEXPM} --url {address}{auth}")
    } else {
        mix_set_hexpm(hexpm)
    };
    let (name, fingerprint) = (organization.repository, organization.key.fingerprint());
    let (address, auth) = (shell_word(url(organization)), mix_auth_of_hexpm(organization));
    format!(
        "{set}\nmix hex.repo add {HEXPM}:{name} {address} --fetch-public-key {fingerprint}{auth}"
    )
}

/// A dependency in `mix.exs`.
#[must_use]
pub fn mix_dependency(
    repository: &RepositoryName,
    package: &PackageName,
    latest: Option<&Version>,
) -> String {
    let requirement = requirement(latest);
    match repository.as_str() {
        HEXPM => format!("{{:{package}, \"{requirement}\"}}"),
        repository => format!("{{:{package}, \"{requirement}\", repo: \"{repository}\"}}"),
    }
}

/// The configuration of rebar3 for this repository and, after it, hex.pm, which rebar3 adds.
///
/// [`REBAR3_RISK`] describes its risk.
#[must_use]
pub fn rebar3(config: &ClientConfig<'_>) -> String {
    format!("{{hex, [{{repos, [\n{}\n]}}]}}.", rebar3_repository(config))
}

/// The configuration of rebar3 for this repository and no other, except `public`, if the same server has the packages of
/// hex.pm too.
///
/// [`REBAR3_REPLACE_RISK`] describes its risk.
#[must_use]
pub fn rebar3_replace(config: &ClientConfig<'_>, public: Option<&ClientConfig<'_>>) -> String {
    let public = public.filter(|public| public.repository != config.repository);
    let repositories = [Some(config), public].into_iter().flatten().map(rebar3_repository);
    let repositories = repositories.collect::<Vec<_>>().join(",\n");
    format!("{{hex, [{{repos, replace, [\n{repositories}\n]}}]}}.")
}

/// The risk of [`rebar3`].
pub const REBAR3_RISK: &str = "rebar3 asks hex.pm for whatever this repository does not have, and also while it \
     cannot be reached: of a package that is on hex.pm too, it may then take that one";

/// The risk of [`rebar3_replace`].
pub const REBAR3_REPLACE_RISK: &str = "rebar3 asks no repository but these: it fails where a dependency is not \
     there, so all of them have to be";

/// The shell line that makes rebar3 fetch the packages of hex.pm from this URL, if this repository has them. rebar3
/// ignores `repo_url` of the repository `hexpm`.
#[must_use]
pub fn rebar3_public(config: &ClientConfig<'_>) -> Option<String> {
    let is_public = config.repository.as_str() == HEXPM;
    is_public.then(|| format!("export HEX_CDN={}", shell_word(url(config))))
}

/// One repository in the configuration of rebar3.
fn rebar3_repository(config: &ClientConfig<'_>) -> String {
    let repository = erlang_binary(config.repository.as_str());
    let url = erlang_binary(url(config));
    let pem = config.key.to_pem().trim_end();
    let token = if config.needs_token {
        format!(",\n    repo_key => <<\"{TOKEN}\">>")
    } else {
        String::new()
    };
    format!(
        "  #{{name => {repository},\n    repo_url => {url}{token},\n    \
         repo_public_key => <<\"{pem}\n\">>}}"
    )
}

/// A dependency in `rebar.config`.
#[must_use]
pub fn rebar3_dependency(package: &PackageName, latest: Option<&Version>) -> String {
    format!("{{deps, [{{{package}, \"{}\"}}]}}.", requirement(latest))
}

fn url<'a>(config: &ClientConfig<'a>) -> &'a str {
    config.url.trim_end_matches('/')
}

/// One word of a POSIX shell.
fn shell_word(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn erlang_binary(text: &str) -> String {
    let escaped = text.replace('\\', r"\\").replace('"', r#"\""#);
    let encoding = if text.is_ascii() { "" } else { "/utf8" };
    format!("<<\"{escaped}\"{encoding}>>")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/golden/acme/expected/public_key"
    ));

    fn key() -> PublicKey {
        PublicKey::from_pem(PEM).unwrap()
    }

    fn with<T>(name: &str, url: &str, needs_token: bool, snippet: fn(&ClientConfig<'_>) -> T) -> T {
        let repository = name.parse().unwrap();
        snippet(&ClientConfig { repository: &repository, url, key: &key(), needs_token })
    }

    #[test]
    fn mix_fetches_the_key_and_checks_it() {
        let fingerprint = key().fingerprint().to_owned();
        assert_eq!(
            with("acme", "https://hex.example.com/", false, mix),
            format!(
                "mix hex.repo add acme https://hex.example.com --fetch-public-key {fingerprint}"
            )
        );
        assert_eq!(
            with("acme", "http://localhost:8080/repos/acme", true, mix),
            format!(
                "mix hex.repo add acme http://localhost:8080/repos/acme \
                 --fetch-public-key {fingerprint} --auth-key TOKEN"
            )
        );
    }

    #[test]
    fn mix_changes_hexpm() {
        assert_eq!(
            with("hexpm", "https://hex.example.com", false, mix),
            "curl -fsS -o hexpm.pem https://hex.example.com/public_key\n\
             mix hex.repo set hexpm --url https://hex.example.com --public-key hexpm.pem\n\
             mix hex.repo list"
        );
        let lines = with("hexpm", "https://hex.example.com", true, mix);
        assert!(lines.starts_with("curl -fsS -H 'authorization: TOKEN' -o hexpm.pem "), "{lines}");
        assert!(lines.contains("--public-key hexpm.pem --auth-key TOKEN --no-oauth-exchange\n"));
    }

    #[test]
    fn mix_finds_organisations_below_hexpm() {
        let fingerprint = key().fingerprint().to_owned();
        let lines = |needs_token: bool, has_key: bool| {
            let (acme, hexpm) = ("acme".parse().unwrap(), "hexpm".parse().unwrap());
            let (own, key) = ("https://hex.example.com/repos/acme", key());
            let acme = ClientConfig { repository: &acme, url: own, key: &key, needs_token };
            let url = "https://hex.example.com/";
            let hexpm = ClientConfig { repository: &hexpm, url, key: &key, needs_token: false };
            mix_organization(&acme, &hexpm, has_key)
        };
        let add = format!(
            "mix hex.repo add hexpm:acme https://hex.example.com/repos/acme --fetch-public-key {fingerprint}"
        );
        assert_eq!(
            lines(false, true),
            format!("mix hex.repo set hexpm --url https://hex.example.com\n{add}")
        );
        assert_eq!(
            lines(true, false),
            format!(
                "curl -fsS -o hexpm.pem https://hex.example.com/public_key\n\
                 mix hex.repo set hexpm --url https://hex.example.com --public-key hexpm.pem\n\
                 {add} --auth-key TOKEN --no-oauth-exchange"
            )
        );
    }

    #[test]
    fn rebar3_gets_the_key_itself() {
        let expected = format!(
            "{{hex, [{{repos, [\n  #{{name => <<\"acme\">>,\n    \
             repo_url => <<\"https://hex.example.com\">>,\n    \
             repo_public_key => <<\"{}\n\">>}}\n]}}]}}.",
            key().to_pem().trim_end()
        );
        assert_eq!(with("acme", "https://hex.example.com/", false, rebar3), expected);
        let lines = with("acme", "https://hex.example.com", true, rebar3);
        assert!(lines.contains("\n    repo_key => <<\"TOKEN\">>,\n"), "{lines}");
    }

    #[test]
    fn rebar3_can_be_limited_to_this_server() {
        let both = |config: &ClientConfig<'_>| {
            let name = "hexpm".parse().unwrap();
            let public =
                ClientConfig { repository: &name, url: "http://hex.example.com/", ..*config };
            (
                rebar3_replace(config, None),
                rebar3_replace(config, Some(&public)),
                rebar3_public(&public),
            )
        };
        let pem = key().to_pem().trim_end().to_owned();
        let one = |name: &str, url: &str| {
            format!(
                "  #{{name => <<\"{name}\">>,\n    repo_url => <<\"{url}\">>,\n    \
                 repo_public_key => <<\"{pem}\n\">>}}"
            )
        };
        let acme = one("acme", "http://hex.example.com/repos/acme");
        let hexpm = one("hexpm", "http://hex.example.com");
        let (alone, with_public, line) =
            with("acme", "http://hex.example.com/repos/acme", false, both);
        assert_eq!(alone, format!("{{hex, [{{repos, replace, [\n{acme}\n]}}]}}."));
        assert_eq!(with_public, format!("{{hex, [{{repos, replace, [\n{acme},\n{hexpm}\n]}}]}}."));
        assert_eq!(line.as_deref(), Some("export HEX_CDN=http://hex.example.com"));
        assert_eq!(with("acme", "http://hex.example.com", false, rebar3_public), None);
    }

    #[test]
    fn dependencies_name_a_repository_other_than_hexpm() {
        let (acme, hexpm) = ("acme".parse().unwrap(), "hexpm".parse().unwrap());
        let foo = "foo".parse().unwrap();
        let stable = "1.2.3".parse().unwrap();
        assert_eq!(mix_dependency(&acme, &foo, Some(&stable)), r#"{:foo, "~> 1.2", repo: "acme"}"#);
        assert_eq!(mix_dependency(&hexpm, &foo, Some(&stable)), r#"{:foo, "~> 1.2"}"#);
        assert_eq!(rebar3_dependency(&foo, Some(&stable)), r#"{deps, [{foo, "~> 1.2"}]}."#);
        let early = "2.0.0-rc.1".parse().unwrap();
        assert_eq!(rebar3_dependency(&foo, Some(&early)), r#"{deps, [{foo, "~> 2.0.0-rc.1"}]}."#);
        let zero = "0.1.2".parse().unwrap();
        assert_eq!(mix_dependency(&hexpm, &foo, Some(&zero)), r#"{:foo, "~> 0.1.2"}"#);
        assert_eq!(rebar3_dependency(&foo, None), r#"{deps, [{foo, ">= 0.0.0"}]}."#);
    }

    #[test]
    fn a_url_stays_one_word() {
        let evil = "http://x/$(reboot)'; reboot #\">>.";
        let lines = with("acme", evil, false, mix);
        assert!(lines.contains(r#" 'http://x/$(reboot)'\''; reboot #">>.' --fetch"#), "{lines}");
        let lines = with("acme", evil, false, rebar3);
        assert!(lines.contains(r#"<<"http://x/$(reboot)'; reboot #\">>.">>"#), "{lines}");
        let lines = with("acme", "http://[::1]:80", false, mix);
        assert!(lines.contains(" 'http://[::1]:80' "), "{lines}");
        assert_eq!(erlang_binary("é\\"), "<<\"é\\\\\"/utf8>>");
    }
}
