//! Which hosts a server answers to.
//!
//! A web page that a user opens can have its own name resolved to 127.0.0.1 (DNS rebinding), and then read what
//! a server there gives to all who reach it. The browser sends the page's name as `Host`. So where the address
//! alone keeps others out, only names that cannot be taken over are answered: `localhost`, addresses of the
//! loopback interface, and the host of `--url`.

use std::net::IpAddr;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Response, StatusCode, Uri};

use crate::serve::Options;
use crate::serve::service::plain;

/// Which hosts are answered to.
pub(super) enum Hosts {
    All,
    /// Those of the loopback interface, and one more.
    Local {
        url: Option<String>,
    },
}

impl Hosts {
    /// All, where credentials are asked for, or where other machines reach the server anyway.
    pub fn of(options: &Options) -> Self {
        if options.auth_file.is_some() || !options.listen.ip().is_loopback() {
            return Self::All;
        }
        let url = options.url.as_ref().and_then(|url| url.parse::<Uri>().ok());
        let host = url.as_ref().and_then(Uri::authority).and_then(|one| host(one.as_str()));
        Self::Local { url: host.map(str::to_owned) }
    }

    /// Those of the loopback interface.
    pub fn local() -> Self {
        Self::Local { url: None }
    }

    /// Whether a request is for this server. One that names no host, as HTTP/1.0 allows, is from no browser.
    pub fn include(&self, request: &Parts) -> bool {
        let Self::Local { url } = self else { return true };
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

/// The host of an authority, without port, brackets and a dot at its end.
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

/// What is said where another host is asked for.
pub(super) fn misdirected() -> Response<Body> {
    let mut response = plain(StatusCode::MISDIRECTED_REQUEST);
    *response.body_mut() = Body::from(
        "421 Misdirected Request\n\
         Without --auth-file, a server on a loopback address answers to localhost, to loopback addresses and \
         to the host of --url alone. For another name, start it with --url=http://NAME.\n",
    );
    response
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn includes(hosts: &Hosts, target: &str, host: Option<&str>) -> bool {
        let request = Request::builder().uri(target);
        let request = match host {
            Some(host) => request.header(header::HOST, host),
            None => request,
        };
        hosts.include(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn names_that_others_may_own_are_refused() {
        let named = Hosts::Local { url: Some("hex.example.com".to_owned()) };
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
        assert!(!includes(&Hosts::local(), "/names", Some("hex.example.com")));
        assert!(includes(&Hosts::All, "/names", Some("attacker.example")));
    }

    #[test]
    fn what_the_request_itself_names_counts_too() {
        let hosts = Hosts::local();
        assert!(includes(&hosts, "http://localhost:8000/names", Some("localhost:8000")));
        assert!(!includes(&hosts, "http://attacker.example/names", Some("localhost")));
        assert!(!includes(&hosts, "http://localhost/names", Some("attacker.example")));
        assert!(includes(&hosts, "/names", None));
    }
}
