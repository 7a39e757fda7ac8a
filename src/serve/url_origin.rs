//! Origins of URLs: what a browser keeps apart (RFC 6454).

use axum::http::Uri;

/// Whether both URLs have one origin (RFC 6454).
pub(super) fn is_same_origin(one: &str, other: &str) -> bool {
    let scheme = |url: &str| url.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let host = |url| authority_of(url).map(|authority| authority.to_ascii_lowercase());
    scheme(one) == scheme(other) && host(one) == host(other)
}

/// The port of a URL, also where it is the one of its scheme.
pub(super) fn port_of(url: &str) -> Option<u16> {
    let default = if url.starts_with("https:") { 443 } else { 80 };
    let url = url.parse::<Uri>().ok()?;
    Some(url.port_u16().unwrap_or(default))
}

/// The host of a URL, with its port unless it is the one of the scheme.
pub(super) fn authority_of(url: &str) -> Option<String> {
    let parsed: Uri = url.parse().ok()?;
    Some(without_default_port(parsed.authority()?.as_str(), url).to_owned())
}

/// The authority without the port, if that is the one of the scheme of a URL.
pub(super) fn without_default_port<'a>(authority: &'a str, url: &str) -> &'a str {
    let port = if url.starts_with("https:") { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (one, other) in [
            ("https://hex.example.com", "https://HEX.example.com:443/docs"),
            ("http://127.0.0.1:80/a", "http://127.0.0.1"),
            ("http://[::1]:8000", "http://[::1]:8000/"),
        ] {
            assert!(is_same_origin(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("https://hex.example.com", "http://hex.example.com"),
            ("https://hex.example.com", "https://hex.example.com:80"),
            ("https://hex.example.com", "https://docs.hex.example.com"),
            ("http://localhost:8000", "http://127.0.0.1:8000"),
        ] {
            assert!(!is_same_origin(one, other), "{one} {other}");
        }
        assert_eq!(port_of("https://hex.example.com/x"), Some(443));
        assert_eq!(port_of("http://hex.example.com:8001"), Some(8001));
    }
}
