//! The hosts that requests may be for.
//!
//! A web page that a user opens can have its own name resolved to 127.0.0.1 (DNS rebinding), and then read what a server
//! there sends to everyone who can reach it. The browser sends the name of the page as `Host`. So where only the
//! listening address keeps others out, the server answers only for names that cannot be taken over: `localhost`,
//! addresses of the loopback interface, and the host of `--url`.

use std::net::IpAddr;

use axum::http::Uri;
use axum::http::header::{self, HeaderValue};
use axum::http::request::Parts;
use axum::http::uri::Authority;

use super::options::Options;

/// The hosts that requests may be for.
pub(super) enum AllowedHosts {
    All,
    /// Those of the loopback interface, and the host of `url`.
    Loopback {
        url: Option<String>,
    },
}

impl AllowedHosts {
    /// All, if the server asks for credentials or listens for other machines anyway.
    pub fn of(options: &Options) -> Self {
        if options.auth_file.is_some() || !options.listen.ip().is_loopback() {
            return Self::All;
        }
        Self::Loopback { url: options.url.as_deref().and_then(host_of) }
    }

    /// Those of documentation, where it has an origin of its own.
    #[cfg(feature = "web")]
    pub fn of_docs(options: &Options) -> Self {
        let listen = options.docs.listen.unwrap_or(options.listen);
        if options.auth_file.is_some() || !listen.ip().is_loopback() {
            return Self::All;
        }
        Self::Loopback { url: options.docs.url.as_deref().and_then(host_of) }
    }

    /// Those of metrics at an address: all, if it is one for other machines.
    pub fn of_metrics(address: IpAddr) -> Self {
        if address.to_canonical().is_loopback() { Self::Loopback { url: None } } else { Self::All }
    }

    /// Whether a request is for an allowed host. A request without a host, which HTTP/1.0 allows, is not from a browser.
    pub fn include(&self, request: &Parts) -> bool {
        let Self::Loopback { url } = self else { return true };
        let is_ours = |authority: &str| {
            host(authority).is_some_and(|host| {
                is_loopback(host) || url.as_ref().is_some_and(|url| host.eq_ignore_ascii_case(url))
            })
        };
        let of_target = request.uri.authority().map(Authority::as_str);
        let of_header = request.headers.get(header::HOST).map(HeaderValue::to_str);
        of_target.is_none_or(is_ours) && of_header.is_none_or(|host| host.is_ok_and(is_ours))
    }
}

/// The host of a URL.
fn host_of(url: &str) -> Option<String> {
    let url = url.parse::<Uri>().ok()?;
    host(url.authority()?.as_str()).map(str::to_owned)
}

/// The host of an authority, without port, brackets and trailing dot.
fn host(authority: &str) -> Option<&str> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let is_port = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
    is_port.then(|| host.strip_suffix('.').unwrap_or(host))
}

fn is_loopback(host: &str) -> bool {
    let is_address = |address: IpAddr| address.to_canonical().is_loopback();
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(is_address)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::http::Request;

    use super::*;

    fn includes(hosts: &AllowedHosts, target: &str, host: Option<&str>) -> bool {
        let request = Request::builder().uri(target);
        let request = match host {
            Some(host) => request.header(header::HOST, host),
            None => request,
        };
        hosts.include(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn names_that_others_can_own_are_refused() {
        let named = AllowedHosts::Loopback { url: Some("hex.example.com".to_owned()) };
        for host in [
            "localhost",
            "LOCALHOST:8000",
            "localhost.",
            "127.0.0.1",
            "127.8.9.1:80",
            "[::1]",
            "[::1]:8000",
            "[::ffff:127.0.0.1]",
            "hex.example.com",
            "Hex.Example.Com:443",
            "hex.example.com.",
        ] {
            assert!(includes(&named, "/names", Some(host)), "{host}");
        }
        for host in [
            "",
            "attacker.example",
            "localhost.attacker.example",
            "127.0.0.1.attacker.example",
            "localhost:80@attacker.example",
            "localhost@attacker.example",
            "localhost:x",
            "192.0.2.1",
            "0.0.0.0",
            "[::]",
            "[::1",
            "[::1]x",
            "[localhost]x",
            "::1",
            "2130706433",
            "0x7f.1",
            "hex.example.com.attacker.example",
            "ahex.example.com",
        ] {
            assert!(!includes(&named, "/names", Some(host)), "{host}");
        }
        assert!(!includes(
            &AllowedHosts::of_metrics(Ipv4Addr::LOCALHOST.into()),
            "/names",
            Some("hex.example.com")
        ));
        assert!(includes(&AllowedHosts::All, "/names", Some("attacker.example")));
        let of_pod = AllowedHosts::of_metrics(Ipv4Addr::new(10, 0, 0, 7).into());
        assert!(includes(&of_pod, "/metrics", Some("10.0.0.7:9568")));
    }

    #[test]
    fn the_host_in_the_request_target_is_checked_too() {
        let hosts = AllowedHosts::of_metrics(Ipv4Addr::LOCALHOST.into());
        assert!(includes(&hosts, "http://localhost:8000/names", Some("localhost:8000")));
        assert!(!includes(&hosts, "http://attacker.example/names", Some("localhost")));
        assert!(!includes(&hosts, "http://localhost/names", Some("attacker.example")));
        assert!(includes(&hosts, "/names", None));
    }
}
