//! Several servers on one directory, and commands that change it meanwhile: every publication that is acknowledged is
//! there, and a reader misses nothing.
//!
//! `scripts/kill` runs more rounds than CI has time for.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hexreg::checksum::OuterChecksum;
use hexreg::registry::{Releases, Signed};

use super::{Known, Ledger, Published, Request, compare};
use crate::support::items::{Item, file_name, tarball};
use crate::support::options;
use crate::support::random::{Random, setting};

const BAR: Item<'_> = ("bar", "1.0.0", 0);

const CLIENTS: usize = 6;

fn rounds() -> usize {
    setting("HEXREG_ROUNDS", 4)
}

/// Lets those who go on until it is over come to an end, if a test fails too.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Publishes releases of a package one after the other, each to another server.
fn publish(published: &Published, servers: &[SocketAddr], client: usize) -> Ledger {
    let package = format!("client{client}");
    let mut ledger = Ledger::new();
    for number in 0..rounds() * 5 {
        let version = format!("1.{number}.0");
        let item = (&*package, &*version, 0);
        let server = servers[(client + number) % servers.len()];
        let status = published.ask(server, Request::Publish(item));
        assert_eq!(status, Some(201), "{package} {version}");
        ledger.insert(file_name(item), Known::Has(OuterChecksum::of(&tarball(item))));
    }
    ledger
}

/// Reads the file of a package, and then each tarball that it names. Returns how many those are.
fn read(published: &Published, package: &str) -> usize {
    let public = published.repository.path("public");
    let Ok(bytes) = fs::read(public.join("packages").join(package)) else { return 0 };
    let signed = Signed::from_gzip(&bytes).unwrap();
    let payload = signed.verify(options().key.public_key()).unwrap();
    let releases = Releases::decode(&payload).unwrap().releases;
    for release in &releases {
        let file = format!("{package}-{}.tar", release.version);
        let stored = fs::read(public.join("tarballs").join(&file));
        let stored =
            stored.unwrap_or_else(|error| panic!("packages/{package} names {file}: {error}"));
        assert_eq!(OuterChecksum::of(&stored), release.outer_checksum, "{file}");
    }
    releases.len()
}

#[test]
fn two_servers_and_builds_additions_and_removals_lose_nothing_that_was_acknowledged() {
    let published = Published::with(&[BAR]);
    let (one, other) = (published.serve(), published.serve());
    let servers = [one.address, other.address];
    let is_over = AtomicBool::new(false);
    let (seen, commands) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let usual = ["--to=public", "--name=acme", "--private-key=key.pem"];
    let ledgers: Vec<Ledger> = thread::scope(|scope| {
        let (published, servers, is_over) = (&published, &servers, &is_over);
        let (seen, commands) = (&seen, &commands);
        let go_on = move || !is_over.load(Ordering::SeqCst);
        let over = Over(is_over);
        scope.spawn(move || {
            let mut random = Random::new(1);
            while go_on() {
                let package = format!("client{}", random.below(CLIENTS));
                seen.fetch_add(read(published, &package), Ordering::SeqCst);
            }
        });
        scope.spawn(move || {
            while go_on() {
                published.repository.build(&[]).ok();
                commands.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(50));
            }
        });
        scope.spawn(move || {
            let mut number = 0;
            while go_on() {
                let (version, file) = (format!("1.{number}.0"), format!("added-{number}.tar"));
                published.repository.write(&file, &tarball(("added", &version, 0)));
                let hexreg = published.repository.hexreg();
                hexreg.run(["add", &file].into_iter().chain(usual)).ok();
                if number % 3 > 0 {
                    let hexreg = published.repository.hexreg();
                    hexreg.run(["remove", "added", &version].into_iter().chain(usual)).ok();
                }
                commands.fetch_add(1, Ordering::SeqCst);
                number += 1;
                thread::sleep(Duration::from_millis(50));
            }
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| scope.spawn(move || publish(published, servers, client)))
            .collect();
        let ledgers = clients.into_iter().map(|client| client.join().unwrap()).collect();
        drop(over);
        ledgers
    });
    let tree = published.agrees();
    for ledger in &ledgers {
        compare(&tree, ledger);
    }
    assert!(tree.lists("added-1.0.0.tar") && !tree.lists("added-1.1.0.tar"));
    let (seen, commands) = (seen.into_inner(), commands.into_inner());
    eprintln!(
        "{} releases published beside {commands} commands; a reader found {seen} tarballs",
        ledgers.iter().map(Ledger::len).sum::<usize>()
    );
    assert!(seen > 0 && commands > 2, "{seen} {commands}");
}

/// Clients replace and revert the same release at two servers, and publish it again. What is there in the end is what
/// one of them published, whole, or nothing.
#[test]
fn replacements_and_reverts_of_one_release_leave_what_one_of_them_published() {
    const NAME: &str = "disputed";
    let published = Published::with(&[BAR]);
    let (one, other) = (published.serve(), published.serve());
    let servers = [one.address, other.address];
    for round in 0..rounds() {
        let statuses: Vec<Vec<u16>> = thread::scope(|scope| {
            let published = &published;
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    scope.spawn(move || {
                        let mut random = Random::new((round * CLIENTS + client) as u64);
                        let statuses = (0..8).map(|number| {
                            let edition = u8::try_from(client * 10 + number).unwrap();
                            let item = (NAME, "1.0.0", edition);
                            let request = match random.below(4) {
                                0 => Request::Revert(item),
                                1 => Request::Publish(item),
                                _ => Request::Replace(item),
                            };
                            let status = published.ask(servers[number % 2], request).unwrap();
                            let allowed: &[u16] = match request {
                                Request::Revert(_) => &[204, 404],
                                Request::Publish(_) => &[201, 422],
                                _ => &[200, 201],
                            };
                            assert!(allowed.contains(&status), "{request:?}: {status}");
                            status
                        });
                        statuses.collect()
                    })
                })
                .collect();
            clients.into_iter().map(|client| client.join().unwrap()).collect()
        });
        published.agrees();
        let statuses: BTreeSet<_> = statuses.into_iter().flatten().collect();
        assert!(statuses.is_superset(&[200, 201, 204].into()), "{statuses:?}");
        // All replace it at once: it is the tarball of one of them.
        let editions = 0..u8::try_from(CLIENTS).unwrap();
        thread::scope(|scope| {
            for edition in editions.clone() {
                let published = &published;
                scope.spawn(move || {
                    let item = (NAME, "1.0.0", 100 + edition);
                    let server = servers[usize::from(edition) % 2];
                    let status = published.ask(server, Request::Replace(item));
                    assert!(matches!(status, Some(200 | 201)), "{status:?}");
                });
            }
        });
        let tree = published.agrees();
        let stored = tree.tarballs["disputed-1.0.0.tar"];
        let mut all = editions.map(|edition| tarball((NAME, "1.0.0", 100 + edition)));
        assert!(all.any(|tarball| OuterChecksum::of(&tarball) == stored));
    }
}
