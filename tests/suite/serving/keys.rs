//! Private keys and the server's own secrets are not served under any name.

use std::fs;

use data_encoding::BASE64;

use super::{GIT_REFS, repository};
use crate::support::read_fixture;
use crate::support::server::Server;

/// The bytes that a PEM file encodes.
fn der(file: &str) -> Vec<u8> {
    let pem = String::from_utf8(read_fixture(file)).unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    BASE64.decode(base64.as_bytes()).unwrap()
}

/// Paths whose files are served with any content but a secret.
const PATHS: [&str; 8] = [
    "names",
    "versions",
    "public_key",
    "policies/strict-1.0",
    "docs/welcome-0.1.0.tar.gz",
    "tarballs/welcome-0.1.0.tar",
    "installs/public_keys.pem",
    GIT_REFS[0],
];

#[test]
fn a_private_key_is_not_served_under_any_name() {
    let keys = [
        read_fixture("golden/keys/acme-2048.pem"),
        read_fixture("golden/keys/acme-2048-pkcs1.pem"),
        read_fixture("golden/keys/acme-2048-encrypted.pem"),
        read_fixture("keys/openssh.pem"),
        read_fixture("keys/ec-p256.pem"),
        read_fixture("keys/acme-2048.p12"),
        der("golden/keys/acme-2048.pem"),
        der("golden/keys/acme-2048-pkcs1.pem"),
        [b"# the key of acme\n".to_vec(), read_fixture("golden/keys/acme-2048.pem")].concat(),
        // A larger file is read in pieces.
        [read_fixture("golden/keys/acme-2048.pem"), vec![b'\n'; 300_000]].concat(),
    ];
    let repository = repository();
    let server = Server::of(&repository, &["--repo=acme=public"]);
    for path in PATHS {
        let file = format!("public/{path}");
        let right = repository.path(&file).exists().then(|| repository.read(&file));
        for key in &keys {
            repository.write(&file, key);
            for request in [format!("/{path}"), format!("/repos/acme/{path}")] {
                for headers in [&[][..], &["If-None-Match: *"], &["Range: bytes=0-99"]] {
                    let answer = server.get(&request, headers);
                    assert_eq!(answer.status, 404, "{request} {headers:?}");
                    assert_eq!(answer.header("etag"), None);
                }
            }
        }
        match right {
            Some(right) => repository.write(&file, &right),
            None => repository.remove(&file),
        }
    }
    let log = String::from_utf8(repository.read("serve.log")).unwrap();
    let told =
        |line: &&str| line.contains("ERROR") && line.contains("public/installs/public_keys.pem");
    assert!(log.lines().find(told).unwrap().contains("private key"), "{log}");
    // A public key is served.
    repository.write("public/installs/public_keys.pem", &repository.read("public/public_key"));
    assert_eq!(server.get("/installs/public_keys.pem", &[]).status, 200);
}

/// The refusal is cached once the stamp is settled.
#[test]
fn a_key_is_refused_from_the_cache_too() {
    let repository = repository();
    repository.write("public/installs/hex-1.x.csv", &read_fixture("keys/openssh.pem"));
    let server = Server::of(&repository, &[]);
    for _ in 0..30 {
        assert_eq!(server.get("/installs/hex-1.x.csv", &[]).status, 404);
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// A hard link cannot be recognized by its path.
#[test]
fn the_auth_file_is_not_served_under_any_name() {
    let repository = repository();
    let added = repository.hexreg().run(["auth", "add", "readers", "ci"]).ok();
    let token = format!("Authorization: {}", added.stdout.trim_end());
    let server = Server::of(&repository, &["--auth-file=readers"]);
    let hard_link = |path: &str| {
        let place = repository.path(&format!("public/{path}"));
        let _ = fs::remove_file(&place);
        fs::hard_link(repository.path("readers"), place).unwrap();
    };
    for path in PATHS {
        hard_link(path);
        let answer = server.get(&format!("/{path}"), &[&token]);
        assert_eq!(answer.status, 404, "{path}");
    }
    // It is replaced by another file.
    repository.hexreg().run(["auth", "add", "readers", "ann"]).ok();
    hard_link("policies/strict-1.0");
    assert_eq!(server.get("/policies/strict-1.0", &[&token]).status, 404);
    repository.remove("public/policies/strict-1.0");
    repository.write("public/policies/strict-1.0", b"policy");
    assert_eq!(server.get("/policies/strict-1.0", &[&token]).status, 200);
}
