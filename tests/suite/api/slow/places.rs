//! The places for uploads, of which no token has all.

use std::time::{Duration, Instant};

use crate::api::answers::{check, expect};
use crate::api::{Api, Who, tarball};
use crate::support::exchange::Exchange;

/// How many uploads of a token there are at once.
const OF_TOKEN: u8 = 32;

/// From several addresses, each of which has places left.
#[test]
fn a_token_has_a_quarter_of_the_places() {
    let api = Api::new();
    let upload = |number: u8| {
        let mut exchange = Exchange::from(2 + number / 10, &api.server);
        exchange.send(format!(
            "POST /api/publish?replace=false HTTP/1.1\r\nhost: {}\r\naccept: application/json\r\n{}\
             expect: 100-continue\r\ncontent-length: 1000000\r\n\r\n",
            api.server.address,
            api.authorization(Who::Publisher),
        ));
        exchange
    };
    let held: Vec<Exchange> = (0..OF_TOKEN)
        .map(|number| {
            let mut exchange = upload(number);
            assert_eq!(exchange.response().expect("it is answered").status, 100, "{number}");
            exchange
        })
        .collect();
    let began = Instant::now();
    let mut one_more = upload(OF_TOKEN + 10);
    // Meanwhile another token publishes. Without a place of its own it would be refused, as none is given back.
    expect(&api.publish("acme_tool", &tarball("acme_tool", "1.0.0"), false), 201);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let answer = one_more.response().expect("it is answered");
    check(&answer);
    assert_eq!(expect(&answer, 500)["message"], "too many uploads at once: try again");
    drop(held);
    // The server has to see that the connections are closed. Each upload waits five seconds for that.
    let again = || upload(OF_TOKEN + 10).response().expect("it is answered").status;
    assert!((0..6).any(|_| again() == 100), "no place is given back");
}
