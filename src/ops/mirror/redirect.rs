//! Where upstream may send a request on to.

use reqwest::header::LOCATION;
use reqwest::{Response, StatusCode};
use url::{Host, Url};

use super::public_address::{NotPublic, is_public};
use crate::proxy::Proxies;
use crate::repository::Folder;

/// How many times upstream may send a request elsewhere.
const MOST: usize = 5;

/// Hosts of hex.pm: the first sends requests for lists of what can be installed on to the second.
const HEXPM: (&str, &str) = ("repo.hex.pm", "builds.hex.pm");

/// Why a redirect is not followed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RedirectError {
    #[error("it redirects again and again")]
    Again,
    #[error("it redirects from https to http")]
    Plain,
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

/// A request that goes from one server to the next.
pub(super) struct RedirectChain<'a> {
    proxies: &'a Proxies,
    /// Whether what is asked for is a list that others sign, with keys that are not known here.
    is_list: bool,
    hops: usize,
    /// Whether a server at a public address was asked so far.
    pub was_public: bool,
}

impl<'a> RedirectChain<'a> {
    pub fn of(path: &str, proxies: &'a Proxies) -> Self {
        let is_list = Folder::Installs.strip_from(path).is_some()
            && [".csv", ".csv.signed"].iter().any(|end| path.ends_with(end));
        Self { proxies, is_list, hops: 0, was_public: false }
    }

    /// Where a response sends on to; none where it is an answer.
    ///
    /// # Errors
    /// Why it does not lead there.
    pub fn next(&mut self, from: &Url, response: &Response) -> Result<Option<Url>, RedirectError> {
        if !is_redirect(response.status()) {
            return Ok(None);
        }
        let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
        let location = String::from_utf8_lossy(location.as_bytes());
        let to = from.join(&location).map_err(|_| RedirectError::Url(location.into_owned()))?;
        // Through a proxy, the address is the proxy's.
        self.was_public |= match response.remote_addr() {
            Some(address) if !self.proxies.are_used_for(from) => is_public(address.ip()),
            _ => literal(from).is_none_or(is_public),
        };
        self.hops = self.hops.saturating_add(1);
        self.check(from, &to)?;
        Ok(Some(to))
    }

    fn check(&self, from: &Url, to: &Url) -> Result<(), RedirectError> {
        if self.hops > MOST {
            return Err(RedirectError::Again);
        }
        match (from.scheme(), to.scheme()) {
            (_, "https") | ("http", "http") => {}
            (_, "http") => return Err(RedirectError::Plain),
            _ => return Err(RedirectError::Scheme),
        }
        if self.is_list && !is_same_host(from, to) && !is_hexpm(from, to) {
            return Err(RedirectError::OtherHost { to: origin(to) });
        }
        if self.was_public {
            // Names are looked up by who connects, which has the resolver refuse them.
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

/// The address that a URL is at without any look-up.
fn literal(url: &Url) -> Option<std::net::IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        // No resolver has to know it, and a proxy is itself there.
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let is_localhost = name == "localhost" || name.ends_with(".localhost");
            is_localhost.then_some(std::net::Ipv4Addr::LOCALHOST.into())
        }
    }
}

/// The same port too, or from http to https at the ports of these.
fn is_same_host(from: &Url, to: &Url) -> bool {
    let ports = (from.port_or_known_default(), to.port_or_known_default());
    from.host() == to.host() && (ports.0 == ports.1 || ports == (Some(80), Some(443)))
}

fn is_hexpm(from: &Url, to: &Url) -> bool {
    to.scheme() == "https"
        && to.port().is_none()
        && (from.host_str(), to.host_str()) == (Some(HEXPM.0), Some(HEXPM.1))
}

/// The server, without what follows: a path may hold a secret.
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
        let route = RedirectChain { was_public, hops: 1, ..RedirectChain::of(path, &proxies) };
        let checked = route.check(&from.parse().unwrap(), &to.parse().unwrap());
        checked.map_err(|error| error.to_string())
    }

    #[test]
    fn a_public_server_leads_to_no_address_inside() {
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
            let told = checked("tarballs/a-1.0.0.tar", true, from, to).unwrap_err();
            assert!(told.contains("which is no public address"), "{to}: {told}");
            // A company's own server knows its network.
            assert_eq!(checked("tarballs/a-1.0.0.tar", false, from, to), Ok(()), "{to}");
        }
        assert_eq!(checked("tarballs/a-1.0.0.tar", true, from, "https://cdn.example/a"), Ok(()));
        let told =
            checked("tarballs/a-1.0.0.tar", true, from, "https://proxy.corp:3128/").unwrap_err();
        assert_eq!(told, "it redirects to https://proxy.corp:3128, a proxy of this machine");
    }

    #[test]
    fn a_list_comes_from_one_host() {
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
