//! Private keys that would be served, in whichever form.

use std::fs;

use data_encoding::BASE64;

use super::{finds, sound, verify};
use crate::support::{gzip, read_fixture};

#[test]
fn private_keys_in_any_file() {
    for key in
        ["golden/keys/acme-2048.pem", "golden/keys/acme-2048-encrypted.pem", "keys/openssh.pem"]
    {
        let repository = sound();
        for path in ["key.pem", "docs/deep/er/.key", "packages/x-y", "tarballs/k.tar", "installs/k"]
        {
            repository.write(&format!("public/{path}"), &read_fixture(key));
        }
        finds(
            &repository,
            &[],
            &[
                "docs/deep/er/.key private_key",
                "installs/k private_key",
                "key.pem private_key",
                "packages/x-y private_key",
                "tarballs/k.tar private_key",
            ],
        );
    }
    // In documentation, in place of a package, and far behind.
    let repository = sound();
    let key = read_fixture("golden/keys/acme-2048.pem");
    repository.write("public/docs/foo-1.0.0.tar.gz", &key);
    repository.write("public/installs/far", &[vec![b'\n'; 70_000], key.clone()].concat());
    repository.write("public/tarballs/foo-1.0.0.tar", &key);
    let ran = verify(&repository, &[]);
    for path in ["docs/foo-1.0.0.tar.gz", "installs/far", "tarballs/foo-1.0.0.tar"] {
        let told = format!("public/{path}: it holds a PRIVATE KEY");
        assert!(ran.stdout.contains(&told), "{}", ran.stdout);
    }
    // In place of the public one, too.
    let repository = sound();
    repository.write("public/public_key", &read_fixture("golden/keys/acme-2048.pem"));
    let ran = finds(&repository, &[], &["public_key not_a_key", "public_key private_key"]);
    insta::assert_snapshot!(ran.stdout, @r"
    public/public_key: it is not a public key: it is a private key: expected the public key that belongs to it
    public/public_key: it holds a PRIVATE KEY, and is published: replace that key
    acme: 2 packages, 3 releases; 2 problems
    ");
    // Through a link, as a web server would follow it.
    let repository = sound();
    fs::create_dir(repository.path("secrets")).unwrap();
    fs::rename(repository.path("key.pem"), repository.path("secrets/key.pem")).unwrap();
    std::os::unix::fs::symlink("../secrets", repository.path("public/link")).unwrap();
    finds(&repository, &["--follow-links"], &["link/key.pem private_key"]);
}

/// What is between the lines of a PEM file.
fn der(file: &str) -> Vec<u8> {
    let pem = String::from_utf8(read_fixture(file)).unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    BASE64.decode(base64.as_bytes()).unwrap()
}

#[test]
fn private_keys_in_other_forms_than_pem() {
    for file in [
        "golden/keys/acme-2048-pkcs1.pem",
        "golden/keys/acme-2048.pem",
        "golden/keys/acme-2048-encrypted.pem",
        "keys/rsa-1024.pem",
        "keys/rsa-8192.pem",
        "keys/ec-p256.pem",
        "keys/pbes2-aes128-scrypt.pem",
    ] {
        let repository = sound();
        repository.write("public/installs/key.der", &der(file));
        repository.write("public/key.der", &[der(file), b"\n".to_vec()].concat());
        finds(&repository, &[], &["installs/key.der private_key", "key.der private_key"]);
    }
    let repository = sound();
    repository.write("public/installs/x.ppk", b"PuTTY-User-Key-File-3: ssh-rsa\r\n");
    repository.write(
        "public/installs/ssh",
        format!("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n{}\n", "P2/5".repeat(16)).as_bytes(),
    );
    finds(&repository, &[], &["installs/ssh private_key", "installs/x.ppk private_key"]);

    // As OpenSSL 1.0 wrote it, and what PKCS#8 has inside.
    let repository = sound();
    let pkcs8 = der("keys/ec-p256.pem");
    let sec1 = pkcs8.windows(5).position(|bytes| bytes == [0x30, 0x6B, 2, 1, 1]).unwrap();
    repository.write("public/installs/key.der", &pkcs8[sec1..]);
    repository.write("public/key.p12", &read_fixture("keys/acme-2048.p12"));
    finds(&repository, &[], &["installs/key.der private_key", "key.p12 private_key"]);

    // Public ones, half ones, and what only speaks of them.
    let repository = sound();
    repository.write("public/installs/public.der", &der("golden/keys/hexpm-public.pem"));
    repository.write("public/installs/half.der", &der("golden/keys/acme-2048.pem")[..600]);
    repository.write("public/installs/README", b"a PuTTY-User-Key-File-3 is no PRIVATE KEY");
    verify(&repository, &[]).ok();
}

/// What is written about keys and what reads them may be served.
#[test]
fn texts_about_private_keys() {
    let repository = sound();
    let readme = "Give it a key, which begins with\n\n    -----BEGIN PRIVATE KEY-----\n\n\
                  and `-----BEGIN RSA PRIVATE KEY-----` will do.\n";
    repository.write("public/installs/README.md", readme.as_bytes());
    let binary = fs::read(assert_cmd::cargo::cargo_bin!("hexreg")).unwrap();
    repository.write("public/installs/hexreg", &binary);
    verify(&repository, &[]).ok();
}

#[test]
fn private_keys_in_utf_16() {
    let pem = String::from_utf8(read_fixture("golden/keys/acme-2048.pem")).unwrap();
    let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let repository = sound();
    repository.write("public/installs/a", &little(&format!("\u{FEFF}{pem}")));
    repository.write("public/installs/b", &big(&format!("\u{FEFF}{pem}")));
    repository.write("public/installs/c", &[b"x".to_vec(), little(&pem)].concat());
    repository.write("public/installs/d", &big(&pem.replace('\n', "\r\n")));
    repository.write("public/installs/e", &little("-----BEGIN PRIVATE KEY-----\n"));
    let found = ["a", "b", "c", "d"].map(|file| format!("installs/{file} private_key"));
    finds(&repository, &[], &found.each_ref().map(String::as_str));
}

/// In whichever form; but documentation, like packages, may print one.
#[test]
fn private_keys_that_are_gzipped() {
    let pem = read_fixture("golden/keys/acme-2048.pem");
    let repository = sound();
    repository.write("public/installs/pem.gz", &gzip(&pem));
    repository.write("public/installs/der", &gzip(&der("golden/keys/acme-2048.pem")));
    let damaged = gzip(&[&pem[..], &vec![b'\n'; 100_000]].concat());
    repository.write("public/installs/damaged.gz", &damaged[..damaged.len() - 20]);
    repository.write("public/installs/two.gz", &[gzip(b"one\n"), gzip(&pem)].concat());
    let far = gzip(&[vec![b'\n'; 1 << 20], pem.clone()].concat());
    repository.write("public/installs/far.gz", &far);
    repository.write("public/installs/twice.gz", &gzip(&gzip(&pem)));
    repository.write("public/docs/foo-1.0.0.tar.gz", &gzip(&pem));
    repository.write("public/docs/foo-9.0.0.tar.gz", &gzip(&pem));
    repository.write("public/tarballs/foo-9.0.0.tar", &gzip(&pem));
    finds(
        &repository,
        &[],
        &[
            "docs/foo-9.0.0.tar.gz private_key",
            "installs/damaged.gz private_key",
            "installs/der private_key",
            "installs/pem.gz private_key",
            "installs/two.gz private_key",
            "tarballs/foo-9.0.0.tar private_key",
        ],
    );
}
