//! Slows down peers that send wrong tokens to the API.
//!
//! A token has 256 random bits, so guessing does not find one. But each guess costs the server work and, behind a
//! program with an old token that asks without pause, lines in its log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connections::peer::Peer;

/// How many wrong tokens of a peer are refused at once. One is forgotten each second.
const FREE: u32 = 10;

/// How long a further one waits for its refusal. All requests of a peer can wait side by side.
const DELAY: Duration = Duration::from_secs(1);

/// How many peers are remembered.
const MAX_PEERS: usize = 4096;

/// Counts the wrong tokens of each peer.
#[derive(Default)]
pub(super) struct WrongTokens(Mutex<HashMap<Peer, WrongTokenCount>>);

#[derive(Clone, Copy)]
struct WrongTokenCount {
    tokens: u32,
    since: Instant,
}

impl WrongTokens {
    /// Waits before a wrong token of a client is refused.
    pub async fn delay(&self, client: IpAddr) {
        if self.count(client.into(), Instant::now()) > FREE {
            tokio::time::sleep(DELAY).await;
        }
    }

    /// Counts a wrong token, and returns how many there are.
    fn count(&self, peer: Peer, now: Instant) -> u32 {
        // The map is valid after a panic too.
        let mut peers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if peers.len() >= MAX_PEERS && !peers.contains_key(&peer) {
            peers.retain(|_, count| count.at(now).tokens > 0);
            if peers.len() >= MAX_PEERS {
                peers.clear();
            }
        }
        let count = peers.entry(peer).or_insert(WrongTokenCount { tokens: 0, since: now });
        *count = count.at(now);
        count.tokens = count.tokens.saturating_add(1);
        count.tokens
    }
}

impl WrongTokenCount {
    /// What is left of it: one token less for each second.
    fn at(self, now: Instant) -> Self {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        let forgotten = u32::try_from(seconds).unwrap_or(u32::MAX);
        if forgotten == 0 {
            return self;
        }
        Self { tokens: self.tokens.saturating_sub(forgotten), since: now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> Peer {
        IpAddr::from(number.to_be_bytes()).into()
    }

    #[test]
    fn wrong_tokens_are_forgotten_one_each_second() {
        let (wrong, now) = (WrongTokens::default(), Instant::now());
        for expected in 1..=12 {
            assert_eq!(wrong.count(peer(1), now), expected);
        }
        assert_eq!(wrong.count(peer(2), now), 1, "another peer");
        let later = now + Duration::from_millis(5_500);
        assert_eq!(wrong.count(peer(1), later), 8);
        assert_eq!(wrong.count(peer(1), later + Duration::from_secs(3600)), 1);
    }

    #[test]
    fn a_bounded_number_of_peers_is_remembered() {
        let (wrong, now) = (WrongTokens::default(), Instant::now());
        for number in 0..10_000 {
            wrong.count(peer(number), now);
            assert!(wrong.0.lock().unwrap().len() <= MAX_PEERS);
        }
    }
}
