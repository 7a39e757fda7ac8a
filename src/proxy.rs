//! The proxies of the environment: requests go through them, and messages name them.
//!
//! `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` mean the same as in curl, wget, Go and Python, in upper or lower
//! case. `*` in `NO_PROXY` means every name and every address.

use std::env;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{ClientBuilder, Proxy};
use url::{Host, Url};

use crate::credentials;

/// The proxies of the environment.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<NamedProxy>,
    https: Option<NamedProxy>,
    no_proxy: String,
}

/// A proxy, and the variable that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NamedProxy {
    variable: &'static str,
    /// The URL with its credentials.
    url: Url,
}

/// A variable whose value is no proxy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {value:?}, which is no proxy: expected http://HOST:PORT, or nothing")]
pub struct InvalidProxy {
    /// The variable.
    pub variable: &'static str,
    /// Its value, without credentials.
    pub value: String,
}

impl Proxies {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`InvalidProxy`]: a request without the proxy could reach another server.
    pub fn from_env() -> Result<Self, InvalidProxy> {
        Self::read(&|name| env::var(name).ok())
    }

    /// Reads the variables that `variable` returns.
    pub(crate) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, InvalidProxy> {
        // This is a CGI program: the web server sets HTTP_PROXY to the client's `Proxy` header.
        if variable("REQUEST_METHOD").is_some() {
            return Ok(Self::default());
        }
        let all = NamedProxy::read(variable, ["ALL_PROXY", "all_proxy"])?;
        let http = NamedProxy::read(variable, ["HTTP_PROXY", "http_proxy"])?;
        let https = NamedProxy::read(variable, ["HTTPS_PROXY", "https_proxy"])?;
        let no_proxy = ["NO_PROXY", "no_proxy"].into_iter().find_map(variable);
        Ok(Self {
            http: http.or_else(|| all.clone()),
            https: https.or(all),
            no_proxy: no_proxy.unwrap_or_default(),
        })
    }

    /// Configures a client with these proxies and no others.
    pub fn apply(&self, builder: ClientBuilder) -> ClientBuilder {
        if self.http.is_none() && self.https.is_none() {
            // Without variables, reqwest uses the settings of the system.
            return if self.are_disabled() { builder.no_proxy() } else { builder };
        }
        let proxies = self.clone();
        builder.proxy(Proxy::custom(move |url| proxies.of(url).map(|named| named.url.clone())))
    }

    /// The proxy for a URL and its variable, for messages: without credentials.
    #[must_use]
    pub fn shown(&self, url: &Url) -> Option<String> {
        let NamedProxy { variable, url } = self.of(url)?;
        let url = credentials::hide(url.as_str());
        Some(format!("{} ({variable})", url.trim_end_matches('/')))
    }

    /// Whether requests for a URL go through a proxy.
    #[must_use]
    pub fn are_used_for(&self, url: &Url) -> bool {
        self.of(url).is_some()
    }

    /// The hosts of the proxies.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.http.iter().chain(&self.https).filter_map(|named| named.url.host_str())
    }

    /// Whether `NO_PROXY` has an asterisk, which disables all proxies.
    #[must_use]
    pub fn are_disabled(&self) -> bool {
        self.no_proxy.split([',', ' ']).any(|entry| entry.trim() == "*")
    }

    fn of(&self, url: &Url) -> Option<&NamedProxy> {
        let named = match url.scheme() {
            "http" => self.http.as_ref()?,
            "https" => self.https.as_ref()?,
            _ => return None,
        };
        if self.are_disabled() || is_link_local(url) {
            return None;
        }
        // The matcher is asked only whether `NO_PROXY` excludes the URL, so that it may have any proxy.
        let any = Matcher::builder().all("http://proxy.invalid").no(self.no_proxy.as_str()).build();
        let uri: Uri = url.as_str().parse().ok()?;
        any.intercept(&uri).map(|_| named)
    }
}

/// Whether a URL leads to the metadata server of a cloud, which hands out the credentials of the machine. Through a proxy,
/// it would be the metadata server of the proxy.
fn is_link_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        // Amazon's machines, and containers in them.
        Some(Host::Ipv6(address)) => {
            address.is_unicast_link_local() || matches!(address.segments(), [0xfd00, 0x0ec2, ..])
        }
        Some(Host::Domain(name)) => name == "metadata.google.internal",
        None => false,
    }
}

impl NamedProxy {
    /// The first of the two spellings that is set counts, even if it is empty.
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
    fn variables_mean_the_same_as_in_other_programs() {
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
    fn an_asterisk_in_no_proxy_means_names_and_addresses() {
        for (no_proxy, url, goes_through) in [
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
            let variables = [("HTTP_PROXY", "p:1"), ("NO_PROXY", no_proxy)];
            assert_eq!(shown(&variables, url).is_some(), goes_through, "{no_proxy} {url}");
        }
    }

    #[test]
    fn an_invalid_proxy_is_named_by_its_variable() {
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
