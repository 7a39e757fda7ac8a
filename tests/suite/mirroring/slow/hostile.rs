//! Responses that would use up the memory. They are not signed, so that any attacker on the network can send them.

use std::process::Command;

use crate::mirroring::upstream;
use crate::support::peak;
use crate::support::protobuf::field;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::signed::{policy, write_policy};
use crate::support::unruly::{Fault, Unruly};
use crate::support::{gzip, random};

/// In MiB: the memory that a mirror, or a command that reads a directory, may use.
const MOST: u64 = 250;

/// The number of packages and of concurrent requests, up to 256. CI runs a short form; the variable sets more.
fn packages() -> usize {
    random::setting("HEXREG_BOMBS", 32)
}

/// In MiB: the inflated size of a package, up to 63.
fn size() -> usize {
    random::setting("HEXREG_BOMB_MIB", 30)
}

/// A message whose payload inflates to this many MiB, without a valid signature.
fn bomb(mib: usize) -> Vec<u8> {
    gzip(&[field(1, vec![0; mib << 20]), field(2, [b'x'; 256])].concat())
}

fn upstreams() -> (TestRepository, Server) {
    let names: Vec<_> = (0..packages()).map(|number| format!("p{number}")).collect();
    let repository = names.iter().fold(TestRepository::new(), |it, name| it.release(name, "1.0.0"));
    repository.build(&[]).ok();
    write_policy(&repository, "public/policies/strict", &policy("strict"), "acme-2048.pem");
    let server = Server::of(&repository, &[]);
    (repository, server)
}

/// The peak memory of a mirror in MiB, if each path with this prefix is answered with these bytes.
#[track_caller]
fn peak_of_mirror(prefix: &'static str, body: Vec<u8>, refused: &str) -> u64 {
    let (repository, server) = upstreams();
    let unruly = Unruly::before(server.address, move |path, _| {
        if path.starts_with(prefix) { Fault::Replace(body.clone()) } else { Fault::None }
    });
    let mut command = repository.hexreg().command();
    let jobs = format!("--jobs={}", packages());
    command.args(["mirror", "copy", "--all", "--docs", "--retries=1", "--policy=strict", &jobs]);
    command.args(upstream(&unruly.url()));
    let (ran, peak) = peak::run(command, repository.root());
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains(refused), "{}", ran.transcript());
    println!("{prefix}: {} packages, peak {peak} MiB", packages());
    peak
}

#[test]
fn bombs_in_place_of_packages_use_little_memory() {
    let peak = peak_of_mirror("/packages/", bomb(size()), "its signature is not that of");
    assert!(peak <= MOST, "{peak} MiB");
}

#[test]
fn a_bomb_in_place_of_an_index_uses_little_memory() {
    for index in ["/names", "/versions"] {
        let peak = peak_of_mirror(index, bomb(200), "its signature is not that of");
        assert!(peak <= MOST / 2, "{index}: {peak} MiB");
    }
}

#[test]
fn a_bomb_in_place_of_a_policy_uses_little_memory() {
    let peak = peak_of_mirror("/policies/", bomb(7), "its signature is not that of");
    assert!(peak <= MOST, "{peak} MiB");
}

/// Files at the limit of size that do not compress.
#[test]
fn large_bodies_share_the_memory() {
    let mut bytes = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3];
    let mut random = random::Random::new(7);
    bytes.extend((0..15 << 17).flat_map(|_| random.next().to_le_bytes()));
    for (prefix, refused) in
        [("/packages/", "packages/p1: "), ("/tarballs/", "tarballs/p1-1.0.0.tar: ")]
    {
        let peak = peak_of_mirror(prefix, bytes.clone(), refused);
        assert!(peak <= MOST, "{prefix}: {peak} MiB");
    }
}

/// An attacker may write into a directory that is built, checked, pushed or served.
#[test]
fn bombs_in_a_directory_use_little_memory() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    for file in ["versions", "names"] {
        repository.write(&format!("public/{file}"), &bomb(200));
    }
    repository.write("public/packages/foo", &bomb(60));
    let run = |arguments: &[&str]| {
        let mut command: Command = repository.hexreg().command();
        command.args(arguments);
        peak::run(command, repository.root())
    };
    for (arguments, code) in [
        (&["verify", "public"][..], 1),
        (&["inspect", "public/versions", "--public-key=public/public_key"], 1),
        (&["push", "public", "copy"], 1),
        (
            &[
                "retire",
                "--to=public",
                "foo",
                "1.0.0",
                "--reason=security",
                "--private-key=key.pem",
                "--name=acme",
            ],
            1,
        ),
        (
            &["build", "public", "--name=acme", "--private-key=key.pem", "--no-cache", "--dry-run"],
            0,
        ),
    ] {
        let (ran, peak) = run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.transcript());
        println!("{arguments:?}: peak {peak} MiB");
        // `inspect` shows a file with a wrong signature, so it has it in memory, once.
        let most = if arguments[0] == "inspect" { MOST } else { MOST / 2 };
        assert!(peak <= most, "{arguments:?}: {peak} MiB");
    }
    let server = Server::of(&repository, &[]);
    let page = server.get("/", &["Accept: text/html"]);
    assert!(page.text().contains("signature"), "{}", page.text());
    let peak = peak::of(server.id()).unwrap();
    assert!(peak <= MOST / 2, "{peak} MiB");
}
