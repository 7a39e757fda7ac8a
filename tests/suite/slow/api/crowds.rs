//! Servers that are killed, or shut down, at random moments while eight clients publish, replace and revert, and store
//! documentation. Whatever was answered is there.
//!
//! `scripts/kill` kills more of them than CI has time for.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use hexreg::checksum::OuterChecksum;

use super::{
    Known, Ledger, Published, Request, compare, connect, docs_path, documentation, read_status,
};
use crate::support::items::{Item, file_name, tarball};
use crate::support::random::{Random, setting};
use crate::support::witness::Tree;

const CLIENTS: usize = 8;

const BAR: Item<'_> = ("bar", "1.0.0", 0);

/// The kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Publish,
    Replace,
    Revert,
    PublishDocs,
}

/// A release, and what is asked for of it.
#[derive(Clone, Copy, Debug)]
struct Asked {
    kind: Kind,
    /// Its version.
    number: usize,
    edition: u8,
}

/// A client, which publishes releases of a package of its own.
struct Client {
    package: String,
    random: Random,
    /// The version of the next release.
    next: usize,
    ledger: Ledger,
    /// The documentation that was acknowledged.
    docs: Vec<Asked>,
    /// The request that was not answered.
    pending: Option<Asked>,
    answered: usize,
}

impl Client {
    fn new(number: usize, seed: u64) -> Self {
        Self {
            package: format!("client{number}"),
            random: Random::new(seed),
            next: 0,
            ledger: Ledger::new(),
            docs: Vec::new(),
            pending: None,
            answered: 0,
        }
    }

    fn file(&self, asked: Asked) -> String {
        file_name((&self.package, &version(asked.number), 0))
    }

    /// A new release, or something to do with the last one.
    fn choose(&mut self) -> Asked {
        let last = self.next.checked_sub(1);
        let last = last.filter(|number| {
            let asked = Asked { kind: Kind::Revert, number: *number, edition: 0 };
            matches!(self.ledger.get(&self.file(asked)), Some(Known::Has(_)))
        });
        let edition = u8::try_from(self.random.below(20)).unwrap();
        match (last, self.random.below(6)) {
            (Some(number), 0) => Asked { kind: Kind::Replace, number, edition },
            (Some(number), 1) => Asked { kind: Kind::Revert, number, edition },
            (Some(number), 2) => Asked { kind: Kind::PublishDocs, number, edition },
            _ => {
                self.next += 1;
                Asked { kind: Kind::Publish, number: self.next - 1, edition }
            }
        }
    }

    /// Asks for one thing after the other until the server is gone, or `enough` were answered.
    fn work(&mut self, published: &Published, server: SocketAddr, enough: usize) {
        for _ in 0..enough {
            let (asked, is_again) = match self.pending.take() {
                Some(asked) => (asked, true),
                None => (self.choose(), false),
            };
            let (file, version) = (self.file(asked), version(asked.number));
            let item = (&*self.package, &*version, asked.edition);
            let request = match asked.kind {
                Kind::Publish => Request::Publish(item),
                Kind::Replace => Request::Replace(item),
                Kind::Revert => Request::Revert(item),
                Kind::PublishDocs => Request::PublishDocs(item),
            };
            let Some(status) = published.ask(server, request) else {
                // Documentation does not change what is known of the release.
                if asked.kind != Kind::PublishDocs {
                    self.ledger.insert(file, Known::Unanswered);
                }
                self.docs.retain(|docs| docs.number != asked.number);
                self.pending = Some(asked);
                return;
            };
            self.answered += 1;
            let is_right = match (asked.kind, status) {
                (Kind::Publish | Kind::PublishDocs, 201)
                | (Kind::Replace, 200)
                | (Kind::Revert, 204) => true,
                // It had been done, and the server was killed before it said so.
                (Kind::Publish, 422) | (Kind::Revert, 404) => is_again,
                _ => false,
            };
            assert!(is_right, "{request:?}, again {is_again}: {status}");
            match asked.kind {
                Kind::Publish | Kind::Replace => {
                    let checksum = OuterChecksum::of(&tarball(item));
                    self.ledger.insert(file, Known::Has(checksum));
                }
                Kind::Revert => {
                    self.ledger.insert(file, Known::Gone);
                    self.docs.retain(|docs| docs.number != asked.number);
                }
                Kind::PublishDocs => {
                    self.docs.retain(|docs| docs.number != asked.number);
                    self.docs.push(asked);
                }
            }
        }
    }

    /// Nothing that this client was told is lost.
    fn examine(&self, published: &Published, tree: &Tree) {
        compare(tree, &self.ledger);
        for docs in &self.docs {
            let path = docs_path((&self.package, &version(docs.number), 0));
            let stored = fs::read(published.repository.path(&path)).ok();
            assert_eq!(stored, Some(documentation(docs.edition)), "{path}");
        }
    }

    /// The release that is being replaced, if any.
    fn replaced(&self) -> Option<String> {
        let asked = self.pending.filter(|asked| asked.kind == Kind::Replace)?;
        Some(self.file(asked))
    }
}

fn version(number: usize) -> String {
    format!("1.{number}.0")
}

fn clients(seed: u64) -> Vec<Client> {
    (0..CLIENTS).map(|number| Client::new(number, seed * 100 + number as u64)).collect()
}

/// All clients at once. `meanwhile` is done while they work.
fn work(
    published: &Published,
    clients: &mut [Client],
    server: SocketAddr,
    enough: usize,
    meanwhile: impl FnOnce(),
) {
    thread::scope(|scope| {
        for client in clients {
            scope.spawn(move || client.work(published, server, enough));
        }
        meanwhile();
    });
}

/// All that was answered is there, and nothing else is left once each client has its answer.
fn end(published: &Published, clients: &mut [Client]) {
    let server = published.serve();
    work(published, clients, server.address, 2, || {});
    let tree = published.agrees();
    for client in &*clients {
        client.examine(published, &tree);
    }
    let named: BTreeSet<_> = tree.releases().into_iter().collect();
    assert_eq!(named, tree.tarballs.keys().cloned().collect(), "no tarball is left over");
}

fn kill_at_random_moments(seed: u64) {
    let kills = setting("HEXREG_KILLS", 12_usize).div_ceil(4);
    let published = Published::with(&[BAR]);
    let mut random = Random::new(setting("HEXREG_SEED", 1) + seed);
    let mut clients = clients(seed);
    let mut unanswered = 0;
    for _ in 0..kills {
        let server = published.serve();
        let address = server.address;
        let delay = Duration::from_millis(400).mul_f64(random.fraction());
        work(&published, &mut clients, address, usize::MAX, || {
            thread::sleep(delay);
            server.signal("-KILL");
        });
        assert_eq!(server.ended(), -1, "it was killed");
        let replaced = clients.iter().filter_map(Client::replaced).collect();
        let tree = published.examine(&replaced);
        for client in &clients {
            client.examine(&published, &tree);
        }
        unanswered += clients.iter().filter(|client| client.pending.is_some()).count();
    }
    let (leftovers, uploads) = (published.leftovers(), published.uploads());
    end(&published, &mut clients);
    let answered: usize = clients.iter().map(|client| client.answered).sum();
    eprintln!(
        "{kills} servers killed: {answered} requests were answered and {unanswered} were not; \
         {leftovers} temporary files and {uploads} uploads were left"
    );
    assert!(answered > kills && unanswered > 0, "{answered} answered, {unanswered} not");
    assert!(uploads <= unanswered, "each request leaves at most one upload");
}

macro_rules! a_server_killed_at_a_random_moment_loses_nothing_that_it_has_acknowledged {
    ($($name:ident: $seed:literal;)+) => {
        mod random_kills {
            $(#[test] fn $name() { super::kill_at_random_moments($seed); })+
        }
    };
}

a_server_killed_at_a_random_moment_loses_nothing_that_it_has_acknowledged! {
    first_seed: 0;
    second_seed: 1;
    third_seed: 2;
    fourth_seed: 3;
}

/// A client that was not answered has not been served at all: its connection was not accepted any more.
#[test]
fn a_server_that_is_shut_down_at_a_random_moment_leaves_no_request_half_done() {
    let rounds = setting("HEXREG_ROUNDS", 4);
    let published = Published::with(&[BAR]);
    let mut random = Random::new(setting("HEXREG_SEED", 1));
    let mut clients = clients(7);
    for _ in 0..rounds {
        let server = published.serve();
        let delay = Duration::from_millis(300).mul_f64(random.fraction());
        work(&published, &mut clients, server.address, usize::MAX, || {
            thread::sleep(delay);
            server.signal("-TERM");
        });
        assert_eq!(server.ended(), 0);
        assert_eq!((published.leftovers(), published.uploads()), (0, 0));
        let tree = published.agrees();
        for client in &clients {
            client.examine(&published, &tree);
            let Some(asked) = client.pending else { continue };
            let file = client.file(asked);
            let is_done = match asked.kind {
                Kind::Publish => tree.lists(&file),
                Kind::Revert => !tree.lists(&file),
                Kind::Replace | Kind::PublishDocs => false,
            };
            assert!(!is_done, "{asked:?} of {file} was done, and not answered");
        }
    }
    end(&published, &mut clients);
}

/// Clients whose requests the server has begun to receive.
#[test]
fn a_server_that_is_shut_down_answers_the_publications_that_it_has_begun_to_receive() {
    let published = Published::with(&[BAR]);
    let server = published.serve();
    let address = server.address;
    let packages: Vec<_> = (0..CLIENTS).map(|number| format!("client{number}")).collect();
    let begun: Vec<_> = packages
        .iter()
        .map(|package| {
            let (method, path, body) = Request::Publish((package, "1.0.0", 0)).parts();
            let more = "Expect: 100-continue\r\n";
            let head = published.head(address, method, &path, body.len(), more);
            let mut stream = connect(address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            let mut interim = [0; 25];
            stream.read_exact(&mut interim).unwrap();
            assert_eq!(interim, *b"HTTP/1.1 100 Continue\r\n\r\n");
            (stream, body)
        })
        .collect();
    server.signal("-TERM");
    // No connection is accepted any more.
    while connect(address).is_some() {
        thread::sleep(Duration::from_millis(10));
    }
    for (mut stream, body) in begun {
        stream.write_all(&body).unwrap();
        assert_eq!(read_status(&mut stream), Some(201));
    }
    assert_eq!(server.ended(), 0);
    let tree = published.agrees();
    for package in &packages {
        assert!(tree.lists(&file_name((package, "1.0.0", 0))));
    }
    assert_eq!((published.leftovers(), published.uploads()), (0, 0));
}
