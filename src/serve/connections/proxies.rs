//! The client of a request that came through a proxy.
//!
//! A trusted proxy appends the address of its client to `X-Forwarded-For`. The client may have sent the entries before,
//! so the list is read from its end to the first address that is no trusted proxy. On a connection from any other
//! address the header is ignored.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::HeaderName;
use ipnet::IpNet;

use crate::serve::connections::peer::Peer;

/// The header to which each proxy appends the address of its client.
static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that are believed about the address of a client.
#[derive(Clone, Debug)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

/// The addresses of programs on this machine.
#[must_use]
pub fn loopback() -> Vec<IpNet> {
    let v4 = IpNet::new(Ipv4Addr::new(127, 0, 0, 0).into(), 8);
    let v6 = IpNet::new(Ipv6Addr::LOCALHOST.into(), 128);
    v4.into_iter().chain(v6).collect()
}

impl TrustedProxies {
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.to_vec())
    }

    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client of a request on a connection from `address`: the last address that is no trusted proxy. Where all are
    /// trusted, or an entry cannot be parsed, it is the last address that could be.
    pub fn client(&self, address: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = address.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        for value in headers.get_all(&FORWARDED_FOR).iter().rev() {
            for entry in value.as_bytes().rsplit(|byte| *byte == b',') {
                let entry = entry.trim_ascii();
                // RFC 9110, section 5.6.1.2: an empty element is none.
                if entry.is_empty() {
                    continue;
                }
                let Some(address) = address_of(entry) else { return client };
                client = address;
                if !self.trusts(client) {
                    return client;
                }
            }
        }
        client
    }
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn address_of(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?;
    let address: IpAddr = entry
        .parse()
        .or_else(|_| entry.parse().map(|address: SocketAddr| address.ip()))
        .or_else(|_| {
            let inner = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            inner.unwrap_or_default().parse::<Ipv6Addr>().map(IpAddr::from)
        })
        .ok()?;
    Some(address.to_canonical())
}

/// Counts the running requests of each client behind a proxy, as slots limit connections and the proxy's are no
/// client's.
#[derive(Clone)]
pub(crate) struct ProxiedRequests {
    limit_of_peer: usize,
    counts: Arc<Mutex<HashMap<Peer, usize>>>,
}

/// A running request, until it is dropped.
pub(crate) struct ProxiedRequest {
    requests: ProxiedRequests,
    peer: Peer,
}

impl ProxiedRequests {
    /// Allows one client at most `limit_of_peer` requests.
    pub fn new(limit_of_peer: usize) -> Self {
        Self { limit_of_peer, counts: Arc::default() }
    }

    /// Counts a request; `None` where its client has as many as it may have.
    pub fn begin(&self, client: IpAddr) -> Option<ProxiedRequest> {
        let peer = Peer::from(client);
        let mut counts = self.lock();
        let count = counts.entry(peer).or_default();
        if *count >= self.limit_of_peer {
            return None;
        }
        *count = count.saturating_add(1);
        Some(ProxiedRequest { requests: self.clone(), peer })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Peer, usize>> {
        // The map is whole at any moment.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ProxiedRequest {
    fn drop(&mut self) {
        let mut counts = self.requests.lock();
        if let Some(count) = counts.get_mut(&self.peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(from: &str, lines: &[&[u8]]) -> String {
        let networks = ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "2001:db8:aaaa::/48"];
        let networks: Vec<IpNet> = networks.iter().map(|one| one.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line).unwrap());
        }
        TrustedProxies::new(&networks).client(from.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_client() {
        for (from, lines, expected) in [
            ("127.0.0.1", &[][..], "127.0.0.1"),
            ("127.0.0.1", &[&b"192.0.2.1"[..]][..], "192.0.2.1"),
            // The client has sent the entries before.
            ("127.0.0.1", &[b"10.0.0.9, 203.0.113.9,192.0.2.1"], "192.0.2.1"),
            ("127.0.0.1", &[b"203.0.113.9", b"192.0.2.1"], "192.0.2.1"),
            // Through two proxies.
            ("127.0.0.1", &[b"203.0.113.9, 192.0.2.1", b"10.1.2.3"], "192.0.2.1"),
            ("::ffff:127.0.0.1", &[b"192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &[b"::ffff:192.0.2.1"], "192.0.2.1"),
            // All are trusted: the first entry.
            ("127.0.0.1", &[b"10.0.0.7, 127.0.0.1"], "10.0.0.7"),
            // Some proxies write a port.
            ("127.0.0.1", &[b"192.0.2.1:4711"], "192.0.2.1"),
            ("127.0.0.1", &[b"[2001:db8::1]:4711"], "2001:db8::1"),
            ("127.0.0.1", &[b"[2001:db8::1]"], "2001:db8::1"),
            ("127.0.0.1", &[b"2001:db8::1"], "2001:db8::1"),
            ("2001:db8:aaaa::1", &[b" , 192.0.2.1 ,, "], "192.0.2.1"),
            // Reading ends at an entry that is no address.
            ("127.0.0.1", &[b"192.0.2.1, unknown"], "127.0.0.1"),
            ("127.0.0.1", &[b"192.0.2.1, unix:, 10.0.0.7"], "10.0.0.7"),
            ("127.0.0.1", &[b"192.0.2.1, \xff"], "127.0.0.1"),
            ("127.0.0.1", &[b"192.0.2.1, 10.0.0.1:99999"], "127.0.0.1"),
            ("127.0.0.1", &[b"192.0.2.1, [10.0.0.1]"], "127.0.0.1"),
            // The header of a client that is no proxy is ignored.
            ("203.0.113.5", &[b"192.0.2.1"], "203.0.113.5"),
            ("2001:db8:bbbb::1", &[b"127.0.0.1"], "2001:db8:bbbb::1"),
        ] {
            assert_eq!(client(from, lines), expected, "{from} {lines:?}");
        }
    }

    #[test]
    fn a_client_behind_a_proxy_has_a_limit_of_requests() {
        let requests = ProxiedRequests::new(2);
        let client = |text: &str| -> IpAddr { text.parse().unwrap() };
        let first = requests.begin(client("192.0.2.1"));
        let second = requests.begin(client("192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(requests.begin(client("192.0.2.1")).is_none());
        assert!(requests.begin(client("192.0.2.2")).is_some());
        drop(first);
        assert!(requests.begin(client("192.0.2.1")).is_some());
        drop(second);
        assert!(requests.lock().is_empty());
    }

    #[test]
    fn programs_on_this_machine_are_trusted_by_default() {
        let proxies = TrustedProxies::new(&loopback());
        for (address, expected) in [
            ("127.0.0.1", true),
            ("127.255.0.3", true),
            ("::1", true),
            ("192.0.2.1", false),
            ("::2", false),
        ] {
            assert_eq!(proxies.trusts(address.parse().unwrap()), expected, "{address}");
        }
    }
}
