//! Values of the options of `hexreg serve`, as arguments and in a configuration file.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::Authority;
use clap::ValueEnum;
use ipnet::IpNet;

/// The address to listen on by default.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);

/// The format of the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
    /// No access log; other messages are for people
    Off,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::value_variants().iter().copied().find(|one| one.name() == text);
        found.ok_or_else(|| "expected text, json or off".to_owned())
    }
}

impl LogFormat {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Off => "off",
        }
    }
}

/// An address, or a name that resolves to one: of several, the first of IPv4.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs();
    let found =
        found.map_err(|error| format!("{error}; expected HOST:PORT, as in 127.0.0.1:8000"))?;
    let found: Vec<_> = found.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| "the name resolves to no address".to_owned())
}

/// A network, or one address.
pub fn network(text: &str) -> Result<IpNet, String> {
    let one = text.parse::<IpAddr>().map(IpNet::from);
    one.or_else(|_| text.parse::<IpNet>())
        .map_err(|_| "expected an address or a network, as in 192.0.2.1 or 192.0.2.0/24".to_owned())
}

/// The URL in the instructions for clients, in a form without user, query and fragment.
pub fn base_url(text: &str) -> Result<String, String> {
    let url: Uri = text.parse().map_err(|error| format!("{error}"))?;
    // The parser lowers the scheme, which clients compare literally.
    let scheme = url.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"));
    let is_plain = url.authority().is_some_and(is_host) && url.query().is_none();
    match scheme.zip(text.split_once(':')) {
        Some((scheme, (_, rest))) if is_plain && !text.contains('#') => {
            Ok(format!("{scheme}:{rest}"))
        }
        _ => {
            Err("expected http://HOST or https://HOST, with nothing but a path after it".to_owned())
        }
    }
}

/// Whether it is a host, with a valid port or none, and without a user.
fn is_host(authority: &Authority) -> bool {
    let (text, host) = (authority.as_str(), authority.host());
    let is_port = text == host || authority.port_u16().is_some();
    !host.is_empty() && is_port && !text.contains('@')
}

/// A number of bytes, as in 512MiB or 10GiB.
pub fn bytes(text: &str) -> Result<u64, String> {
    let expected = || "expected a number of bytes, as in 512MiB or 10GiB".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(expected)?;
    let number: u64 = number.parse().map_err(|_| expected())?;
    let unit: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(expected()),
    };
    number.checked_mul(unit).ok_or_else(expected)
}
