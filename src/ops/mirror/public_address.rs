//! Which addresses are public, and a resolver that returns no others.
//!
//! Upstream is another company's server. If a redirect to a name or an address inside this network were followed, the
//! mirror would fetch what an internal server answers there and, for an unsigned file, store and serve it. So a
//! redirect from a public address leads to public addresses alone. The check is on the address that is connected to:
//! a name may resolve to another address each time.

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether an address belongs to the public internet: neither loopback, private, multicast, nor in another range of
/// IANA's registries of special-purpose addresses.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            embedded(address).map_or_else(|| is_public_v6(address), is_public_v4)
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    match address.octets() {
        [172, second, ..] => !(16..=31).contains(&second),
        // Shared by the customers of one carrier.
        [100, second, ..] => !(64..=127).contains(&second),
        // This host, private, loopback, and multicast, reserved, broadcast; link-local, where clouds hand out
        // credentials; private; protocols and documentation; benchmarks; documentation.
        [0 | 10 | 127 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 168, ..]
        | [192, 0, 0 | 2, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => false,
        _ => true,
    }
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Other addresses are loopback, link-local, site-local, unique local, multicast, or unassigned.
    matches!(segments, [0x2000..=0x3FFF, ..])
        // Protocols, with Teredo; documentation.
        && !matches!(segments, [0x2001, 0..=0x01FF | 0x0DB8, ..] | [0x3FFF, 0..=0x0FFF, ..])
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, behind NAT64, or in 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xFFFF, high, low] | [0x64, 0xFF9B, 0, 0, 0, 0, high, low] => {
            Some(v4(high, low))
        }
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// A name that resolves to no public address.
#[derive(Debug, thiserror::Error)]
#[error("{host} is at {address}, which is no public address, and a public server redirected to it")]
pub(super) struct NotPublic {
    pub host: String,
    pub address: IpAddr,
}

type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// A resolver that returns public addresses alone.
#[derive(Clone)]
pub(super) struct PublicResolver {
    resolve: Arc<dyn Fn(String) -> Lookup + Send + Sync>,
    /// The hosts of proxies, which may be at any address: the user has named them.
    proxies: Vec<String>,
}

impl PublicResolver {
    /// A resolver that asks the system.
    pub fn new(proxies: Vec<String>) -> Self {
        Self::with(proxies, |host| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        })
    }

    fn with(
        proxies: Vec<String>,
        resolve: impl Fn(String) -> Lookup + Send + Sync + 'static,
    ) -> Self {
        Self { resolve: Arc::new(resolve), proxies }
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Box<dyn Error + Send + Sync>> {
        let found = (self.resolve)(host.to_owned()).await?;
        if self.proxies.iter().any(|proxy| proxy.eq_ignore_ascii_case(host)) {
            return Ok(found);
        }
        let (public, others): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|address| is_public(*address));
        match others.first() {
            Some(address) if public.is_empty() => {
                Err(NotPublic { host: host.to_owned(), address: *address }.into())
            }
            _ => Ok(public),
        }
    }
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let found = this.addresses(name.as_str()).await?;
            // reqwest replaces port 0 by the URL's.
            let found: Addrs =
                Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_networks_are_not_public() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.170",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::10.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::10.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2002:a9fe:a9fe::",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "100::1",
            "2001::1",
            "2001:2::1",
            "2001:db8::1",
            "3fff:fff::1",
            "5f00::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.1",
            "100.63.255.255",
            "100.128.0.1",
            "151.101.1.2",
            "169.253.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "192.169.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a04:4e42::2",
            "2001:200::1",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
            "3fff:1000::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    /// The addresses that are connected to for a name that resolves to these.
    fn resolved(name: &str, addresses: &[&str]) -> Result<Vec<String>, String> {
        let addresses: Vec<IpAddr> = addresses.iter().map(|one| one.parse().unwrap()).collect();
        let resolver = PublicResolver::with(vec!["proxy.corp".to_owned()], move |_| {
            let addresses = addresses.clone();
            Box::pin(async move { Ok(addresses) })
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(resolver.resolve(name.parse().unwrap()));
        found
            .map(|found| found.map(|address| address.ip().to_string()).collect())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_resolves_to_its_public_addresses_alone() {
        let public = Ok(vec!["1.1.1.1".to_owned()]);
        assert_eq!(resolved("cdn.example", &["1.1.1.1"]), public);
        assert_eq!(resolved("cdn.example", &["127.0.0.1", "1.1.1.1", "fd00::1"]), public);
        let expected = "intranet.example is at 10.0.0.5, which is no public address, and a public server redirected to it";
        assert_eq!(resolved("intranet.example", &["10.0.0.5", "::1"]), Err(expected.to_owned()));
        // The host of a proxy may be at a private address.
        assert_eq!(resolved("Proxy.corp", &["10.0.0.5"]), Ok(vec!["10.0.0.5".to_owned()]));
    }
}
