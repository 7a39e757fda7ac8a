//! Which proxy the environment names for a URL: the one that a request goes through, and a message names.
//!
//! `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are read as curl, wget, Go and Python do, in capitals or
//! not. `*` in `NO_PROXY` means every name and every address.

use std::env;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{ClientBuilder, Proxy};
use url::{Host, Url};

use crate::credentials;

/// The proxies that the environment names.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Named>,
    https: Option<Named>,
    /// `NO_PROXY`
    without: String,
}

/// A proxy, and the variable that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    variable: &'static str,
    /// With the credentials that it may want.
    url: Url,
}

/// A variable that names no proxy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {value:?}, which is no proxy: expected http://HOST:PORT, or nothing")]
pub struct InvalidProxy {
    /// Which.
    pub variable: &'static str,
    /// What it holds, without credentials.
    pub value: String,
}

impl Proxies {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`InvalidProxy`]: to go without the proxy would be another mistake.
    pub fn from_env() -> Result<Self, InvalidProxy> {
        Self::read(&|name| env::var(name).ok())
    }

    /// The same, of what `variable` says that each variable holds.
    pub(crate) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, InvalidProxy> {
        // A web server sets HTTP_PROXY for its programs, to what a client says.
        if variable("REQUEST_METHOD").is_some() {
            return Ok(Self::default());
        }
        let all = Named::read(variable, ["ALL_PROXY", "all_proxy"])?;
        let http = Named::read(variable, ["HTTP_PROXY", "http_proxy"])?;
        let https = Named::read(variable, ["HTTPS_PROXY", "https_proxy"])?;
        let without = ["NO_PROXY", "no_proxy"].into_iter().find_map(variable);
        Ok(Self {
            http: http.or_else(|| all.clone()),
            https: https.or(all),
            without: without.unwrap_or_default(),
        })
    }

    /// Has a client use them, and no others.
    pub fn apply(&self, builder: ClientBuilder) -> ClientBuilder {
        if self.http.is_none() && self.https.is_none() {
            // The system may have a setting of its own.
            return if self.is_without_any() { builder.no_proxy() } else { builder };
        }
        let proxies = self.clone();
        builder.proxy(Proxy::custom(move |url| proxies.of(url).map(|named| named.url.clone())))
    }

    /// The proxy that a URL is asked for through, and the variable that names it, to be shown: without credentials.
    #[must_use]
    pub fn shown(&self, url: &Url) -> Option<String> {
        let Named { variable, url } = self.of(url)?;
        let url = credentials::hide(url.as_str());
        Some(format!("{} ({variable})", url.trim_end_matches('/')))
    }

    /// Whether a URL is asked for through one of them.
    #[must_use]
    pub fn are_used_for(&self, url: &Url) -> bool {
        self.of(url).is_some()
    }

    /// The hosts of the proxies themselves.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.http.iter().chain(&self.https).filter_map(|named| named.url.host_str())
    }

    /// Whether `NO_PROXY` has an asterisk: then no proxy is used at all.
    #[must_use]
    pub fn is_without_any(&self) -> bool {
        self.without.split([',', ' ']).any(|entry| entry.trim() == "*")
    }

    fn of(&self, url: &Url) -> Option<&Named> {
        let named = match url.scheme() {
            "http" => self.http.as_ref()?,
            "https" => self.https.as_ref()?,
            _ => return None,
        };
        if self.is_without_any() || is_beside(url) {
            return None;
        }
        // What it holds back from a proxy is what it would not send to any.
        let any = Matcher::builder().all("http://proxy.invalid").no(self.without.as_str()).build();
        let uri: Uri = url.as_str().parse().ok()?;
        any.intercept(&uri).map(|_| named)
    }
}

/// Whether what answers there is the machine itself, or beside it: through a proxy it would be that of the proxy,
/// which clouds hand out credentials at.
fn is_beside(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        // Those of Amazon's machines, and of containers in them.
        Some(Host::Ipv6(address)) => {
            address.is_unicast_link_local() || matches!(address.segments(), [0xfd00, 0x0ec2, ..])
        }
        Some(Host::Domain(name)) => name == "metadata.google.internal",
        None => false,
    }
}

impl Named {
    /// The first of the two spellings that is set counts, also where it is empty.
    fn read(
        variable: &dyn Fn(&str) -> Option<String>,
        names: [&'static str; 2],
    ) -> Result<Option<Self>, InvalidProxy> {
        let set = |name| variable(name).map(|value| (name, value));
        let Some((variable, value)) = names.into_iter().find_map(set) else { return Ok(None) };
        let value = value.trim();
        if value.is_empty() {
            return Ok(None);
        }
        let text = match value.split_once("://") {
            Some(_) => value.to_owned(),
            None => format!("http://{value}"),
        };
        let url = Url::parse(&text).ok().filter(|url| {
            let is_known = matches!(
                url.scheme(),
                "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h"
            );
            is_known && url.host_str().is_some_and(|host| !host.is_empty())
        });
        let is_usable = |url: &Url| Proxy::all(url.as_str()).is_ok();
        let url = url.filter(is_usable).ok_or_else(|| InvalidProxy {
            variable,
            value: credentials::hide(&text).trim_start_matches("http://").to_owned(),
        })?;
        Ok(Some(Self { variable, url }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, InvalidProxy> {
        Proxies::read(&|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn shown(variables: &[(&str, &str)], url: &str) -> Option<String> {
        proxies(variables).unwrap().shown(&url.parse().unwrap())
    }

    #[test]
    fn each_variable_is_read_as_other_programs_do() {
        let http = "http://host.example/names";
        let https = "https://host.example/names";
        for (variables, url, proxy) in [
            (&[][..], http, None),
            (&[("HTTP_PROXY", "http://p:1")][..], http, Some("http://p:1 (HTTP_PROXY)")),
            (&[("http_proxy", "p:1")], http, Some("http://p:1 (http_proxy)")),
            (&[("http_proxy", " http://p:1/\n")], http, Some("http://p:1 (http_proxy)")),
            (&[("HTTP_PROXY", "p:1")], https, None),
            (&[("https_proxy", "p:1")], https, Some("http://p:1 (https_proxy)")),
            (&[("ALL_PROXY", "socks5h://p:1")], https, Some("socks5h://p:1 (ALL_PROXY)")),
            (&[("ALL_PROXY", "a:1"), ("HTTPS_PROXY", "b:1")], http, Some("http://a:1 (ALL_PROXY)")),
            (&[("HTTPS_PROXY", ""), ("https_proxy", "p:1")], https, None),
            (
                &[("HTTPS_PROXY", "http://ci:SECRET@p:1")],
                https,
                Some("http://******@p:1 (HTTPS_PROXY)"),
            ),
            (&[("HTTP_PROXY", "p:1"), ("REQUEST_METHOD", "GET")], http, None),
            (&[("ALL_PROXY", "p:1")], "http://169.254.169.254/latest", None),
            (&[("ALL_PROXY", "p:1")], "http://[fd00:ec2::23]/v1", None),
            (&[("ALL_PROXY", "p:1")], "http://metadata.google.internal/", None),
        ] {
            assert_eq!(shown(variables, url).as_deref(), proxy, "{variables:?} {url}");
        }
    }

    #[test]
    fn an_asterisk_means_names_and_addresses() {
        for (without, url, goes_through) in [
            ("*", "http://host.example/", false),
            ("*", "http://10.0.0.1/", false),
            ("*", "http://[::1]:8000/", false),
            ("a.example, *", "http://10.0.0.1/", false),
            ("a.example *", "http://10.0.0.1/", false),
            ("*.example", "http://10.0.0.1/", true),
            ("host.example", "http://host.example/", false),
            ("example", "http://host.example/", false),
            ("10.0.0.0/8", "http://10.0.0.1/", false),
            ("10.0.0.0/8", "http://11.0.0.1/", true),
            ("", "http://10.0.0.1/", true),
        ] {
            let variables = [("HTTP_PROXY", "p:1"), ("NO_PROXY", without)];
            assert_eq!(shown(&variables, url).is_some(), goes_through, "{without} {url}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_named_by_its_variable() {
        for (value, found) in [
            ("ftp://p:1", "ftp://p:1"),
            ("http://", ""),
            ("two words", "two words"),
            ("ci:SECRET@p:port", "******@p:port"),
        ] {
            let error = proxies(&[("HTTPS_PROXY", value)]).unwrap_err();
            assert_eq!(error, InvalidProxy { variable: "HTTPS_PROXY", value: found.to_owned() });
        }
    }
}
