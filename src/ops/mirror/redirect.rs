//! Which redirects are followed.

use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode};
use url::{Host, Url};

use super::public_address::{NotPublic, is_public};
use crate::proxy::Proxies;
use crate::repository::Folder;

/// How many redirects of one request are followed.
const MAX_REDIRECTS: usize = 5;

/// Hosts of hex.pm. The first redirects requests for lists of installs to the second.
const HEXPM: (&str, &str) = ("repo.hex.pm", "builds.hex.pm");

/// Why a redirect is not followed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RedirectError {
    #[error("it redirects more than {MAX_REDIRECTS} times")]
    TooMany,
    #[error("it redirects from https to http")]
    Downgrade,
    #[error("it redirects to neither http nor https")]
    Scheme,
    #[error("it redirects to {0}, which is no URL")]
    Url(String),
    #[error("it redirects to {to}: this list is taken from upstream's own host alone")]
    OtherHost { to: String },
    #[error(transparent)]
    NotPublic(#[from] NotPublic),
    #[error("it redirects to {to}, a proxy of this machine")]
    Proxy { to: String },
}

/// The redirects of one request.
pub(super) struct RedirectChain<'a> {
    proxies: &'a Proxies,
    /// Whether the file is a list of installs or its signature, which is signed with a key that hexreg does not
    /// know.
    is_list: bool,
    hops: usize,
    /// Whether a server at a public address has answered so far.
    pub was_public: bool,
}

impl<'a> RedirectChain<'a> {
    pub fn of(path: &str, proxies: &'a Proxies) -> Self {
        let is_list = Folder::Installs.strip_from(path).is_some()
            && [".csv", ".csv.signed"].iter().any(|end| path.ends_with(end));
        Self { proxies, is_list, hops: 0, was_public: false }
    }

    /// The URL that a response redirects to, if it does.
    ///
    /// # Errors
    /// Why the redirect is not followed.
    pub fn next(&mut self, from: &Url, response: &Response) -> Result<Option<Url>, RedirectError> {
        if !is_redirect(response.status()) {
            return Ok(None);
        }
        let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
        let location = String::from_utf8_lossy(location.as_bytes());
        let to = from.join(&location).map_err(|_| RedirectError::Url(location.into_owned()))?;
        // With a proxy, the remote address is the proxy's.
        self.was_public |= match response.remote_addr() {
            Some(address) if !self.proxies.are_used_for(from) => is_public(address.ip()),
            _ => literal(from).is_none_or(is_public),
        };
        self.hops = self.hops.saturating_add(1);
        self.check(from, &to)?;
        Ok(Some(to))
    }

    fn check(&self, from: &Url, to: &Url) -> Result<(), RedirectError> {
        if self.hops > MAX_REDIRECTS {
            return Err(RedirectError::TooMany);
        }
        match (from.scheme(), to.scheme()) {
            (_, "https") | ("http", "http") => {}
            (_, "http") => return Err(RedirectError::Downgrade),
            _ => return Err(RedirectError::Scheme),
        }
        if self.is_list && !is_same_host(from, to) && !is_hexpm(from, to) {
            return Err(RedirectError::OtherHost { to: origin(to) });
        }
        if self.was_public {
            // Names are checked when they are resolved.
            if let Some(address) = literal(to).filter(|address| !is_public(*address)) {
                let host = to.host_str().unwrap_or_default().to_owned();
                return Err(NotPublic { host, address }.into());
            }
            let host = to.host_str().unwrap_or_default();
            if self.proxies.hosts().any(|proxy| proxy.eq_ignore_ascii_case(host)) {
                return Err(RedirectError::Proxy { to: origin(to) });
            }
        }
        Ok(())
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    )
}

/// The address in a URL, if it names one.
fn literal(url: &Url) -> Option<std::net::IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        // A resolver need not know this name, and to a proxy it is the proxy itself.
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let is_localhost = name == "localhost" || name.ends_with(".localhost");
            is_localhost.then_some(std::net::Ipv4Addr::LOCALHOST.into())
        }
    }
}

/// Whether host and port are the same, or the redirect leads from http to https at their usual ports.
fn is_same_host(from: &Url, to: &Url) -> bool {
    let ports = (from.port_or_known_default(), to.port_or_known_default());
    from.host() == to.host() && (ports.0 == ports.1 || ports == (Some(80), Some(443)))
}

fn is_hexpm(from: &Url, to: &Url) -> bool {
    to.scheme() == "https"
        && to.port().is_none()
        && (from.host_str(), to.host_str()) == (Some(HEXPM.0), Some(HEXPM.1))
}

/// Scheme, host and port of a URL. Its path may contain a secret.
fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(path: &str, was_public: bool, from: &str, to: &str) -> Result<(), String> {
        let variables =
            |name: &str| (name == "HTTP_PROXY").then(|| "http://proxy.corp:3128".to_owned());
        let proxies = Proxies::read(&variables).unwrap();
        let redirects = RedirectChain { was_public, hops: 1, ..RedirectChain::of(path, &proxies) };
        let checked = redirects.check(&from.parse().unwrap(), &to.parse().unwrap());
        checked.map_err(|error| error.to_string())
    }

    #[test]
    fn a_public_server_redirects_to_no_internal_address() {
        let from = "https://repo.example/tarballs/a-1.0.0.tar";
        for to in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:7f00:1]/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[fd00:ec2::254]/",
            "https://localhost/",
            "https://LOCALHOST./",
            "https://x.localhost:8000/",
        ] {
            let error = checked("tarballs/a-1.0.0.tar", true, from, to).unwrap_err();
            assert!(error.contains("which is no public address"), "{to}: {error}");
            // A company's own server knows its network.
            assert_eq!(checked("tarballs/a-1.0.0.tar", false, from, to), Ok(()), "{to}");
        }
        assert_eq!(checked("tarballs/a-1.0.0.tar", true, from, "https://cdn.example/a"), Ok(()));
        let error =
            checked("tarballs/a-1.0.0.tar", true, from, "https://proxy.corp:3128/").unwrap_err();
        assert_eq!(error, "it redirects to https://proxy.corp:3128, a proxy of this machine");
    }

    #[test]
    fn a_list_of_installs_comes_from_one_host() {
        let hexpm = "https://repo.hex.pm/installs/hex-1.x.csv";
        for (from, to, follows) in [
            (hexpm, "https://repo.hex.pm/elsewhere", true),
            (hexpm, "https://builds.hex.pm/installs/hex-1.x.csv", true),
            (hexpm, "https://builds.hex.pm:8443/installs/hex-1.x.csv", false),
            (hexpm, "https://evil.example/installs/hex-1.x.csv", false),
            ("https://builds.hex.pm/x", "https://repo.hex.pm/x", false),
            ("http://a.example/x", "https://a.example/x", true),
            ("http://a.example:8080/x", "https://a.example/x", false),
            ("https://a.example/x", "https://a.example:8443/x", false),
            ("https://a.example/x", "https://b.example/x", false),
            ("http://127.0.0.1:80/x", "http://127.0.0.2:80/x", false),
        ] {
            for list in ["installs/hex-1.x.csv", "installs/rebar.csv.signed"] {
                let checked = checked(list, false, from, to);
                assert_eq!(checked.is_ok(), follows, "{list}: {from} {to}: {checked:?}");
            }
            assert_eq!(
                checked("installs/1.18.0/hex-2.1.1.ez", false, from, to),
                Ok(()),
                "{from} {to}"
            );
        }
    }
}
