//! The key that clients hold, and what it did not sign.

use std::fs;
use std::process::Command;

use super::{finds, sound, verify};
use crate::support::{gunzip, gzip, read_fixture};

#[test]
fn a_given_key_replaces_the_public_key_file() {
    let repository = sound();
    fs::rename(repository.path("public/public_key"), repository.path("acme.pub")).unwrap();
    verify(&repository, &["--public-key=acme.pub"]).ok();
    let given = repository.read("acme.pub");
    repository.hexreg().input(&given).run(["verify", "public", "--public-key=-"]).ok();
    // Without a key, everything else is checked.
    finds(&repository, &[], &["public_key missing"]);
}

#[test]
fn a_registry_that_cannot_be_listed_is_an_error_of_the_environment() {
    let repository = sound();
    insta::assert_snapshot!(repository.hexreg().run(["verify", "nowhere"]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: failed to verify nowhere: there is no such directory
    hint: name the directory that is served to clients
    ");
    assert!(!repository.path("nowhere").exists());
    assert_eq!(repository.hexreg().run(["verify", "key.pem"]).code, 2);
    let made = Command::new("mkfifo").arg(repository.path("pipe")).status().unwrap();
    assert!(made.success());
    insta::assert_snapshot!(repository.hexreg().run(["verify", "pipe"]).transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: failed to verify pipe: could not lock pipe: Not a directory (os error 20)
    hint: name the directory that is served to clients
    ");
    assert_eq!(verify(&repository, &["--public-key=nowhere"]).code, 2);
    repository.write("junk", b"junk");
    assert_eq!(verify(&repository, &["--public-key=junk"]).code, 2);
    let private = repository.read("key.pem");
    let ran = repository.hexreg().input(&private).run(["verify", "public", "--public-key=-"]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: standard input: it is a private key: expected the public key that belongs to it
    ");
}

#[test]
fn keys_and_signatures() {
    let repository = sound();
    repository.write("public/public_key", b"junk");
    finds(&repository, &[], &["public_key not_a_key"]);

    let repository = sound();
    let key = repository.read("public/public_key");
    repository.write("public/public_key", &["\u{FEFF}".as_bytes(), &key].concat());
    finds(&repository, &[], &["public_key not_a_key"]);

    let repository = sound();
    repository.write("public/public_key", &read_fixture("golden/acme-4096/public_key"));
    finds(
        &repository,
        &[],
        &[
            "names signature",
            "packages/bar signature",
            "packages/foo signature",
            "versions signature",
        ],
    );

    let repository = sound();
    repository.write("other.pem", &read_fixture("golden/acme-4096/public_key"));
    let ran = finds(
        &repository,
        &["--public-key=other.pem"],
        &[
            "names signature",
            "packages/bar signature",
            "packages/foo signature",
            "public_key other_key",
            "versions signature",
        ],
    );
    insta::assert_snapshot!(ran.stdout, @r"
    public/names: its signature is not that of SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs
    public/packages/bar: its signature is not that of SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs
    public/packages/foo: its signature is not that of SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs
    public/public_key: it is the key SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU; clients have SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs
    public/versions: its signature is not that of SHA256:bUESh9wmx18yY9JtcpqOqn6e0Z2Wcb9Ro4nfpdG8MNs
    public: 0 packages, 0 releases; 5 problems
    ");

    // One file alone: its payload changed, its signature kept.
    let repository = sound();
    let message = gunzip(&repository.read("public/packages/foo"));
    let place = message.windows(5).position(|window| window == b"1.1.0").unwrap();
    let mut changed = message.clone();
    changed[place] = b'2';
    repository.write("public/packages/foo", &gzip(&changed));
    finds(&repository, &[], &["packages/foo signature"]);
}
