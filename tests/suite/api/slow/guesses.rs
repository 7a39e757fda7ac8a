//! Many wrong tokens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::api::answers::{check, expect};
use crate::api::{Api, Body, Format, Who, tarball};
use crate::support::exchange::Exchange;
use crate::support::peak;

const GUESSES: usize = 10_000;
/// Each has as many connections, because the server lets wrong tokens wait.
const GUESSERS: u8 = 20;
const CONNECTIONS: usize = 25;

/// Each guess is refused as clients understand it; others read and publish meanwhile; memory does not grow with them.
#[test]
fn ten_thousand_wrong_tokens() {
    let api = Api::new();
    expect(&api.publish("acme_tool", &tarball("acme_tool", "1.0.0"), false), 201);
    let before = peak::of(api.server.id()).unwrap();
    let is_over = AtomicBool::new(false);
    let (slowest, published) = thread::scope(|scope| {
        let connections = (0..CONNECTIONS).flat_map(|_| 2..2 + GUESSERS);
        let guessers: Vec<_> = connections
            .map(|number| {
                let api = &api;
                scope.spawn(move || {
                    let mut exchange = Exchange::from(number, &api.server);
                    for guess in 0..GUESSES / CONNECTIONS / usize::from(GUESSERS) {
                        exchange.send(format!(
                            "GET /api/users/me HTTP/1.1\r\nhost: {}\r\nauthorization: hexreg_{number}_{guess}\r\n\r\n",
                            api.server.address
                        ));
                        let answer = exchange.response().expect("each guess is answered");
                        check(&answer);
                        assert_eq!(answer.status, 401);
                    }
                })
            })
            .collect();
        let honest = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            let mut published = 0;
            while !is_over.load(Ordering::Relaxed) {
                let began = Instant::now();
                let package =
                    api.ask(Who::Reader, Format::Etf, "GET /api/packages/acme_tool", &Body::None);
                expect(&package, 200);
                let version = format!("2.{published}.0");
                let tarball = tarball("acme_tool", &version);
                expect(&api.publish("acme_tool", &tarball, false), 201);
                published += 1;
                slowest = slowest.max(began.elapsed());
                thread::sleep(Duration::from_millis(500));
            }
            (slowest, published)
        });
        for guesser in guessers {
            guesser.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        honest.join().unwrap()
    });
    assert!(published > 1, "{published}");
    // mix gives up after 15 s.
    assert!(slowest < Duration::from_secs(15), "{slowest:?}");
    let grown = peak::of(api.server.id()).unwrap() - before;
    assert!(grown < 100, "{grown} MiB");
    api.verify();
}
