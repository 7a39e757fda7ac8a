//! Independent programs read what we wrote.

use std::fs;
use std::process::Command;

use hexpm::version::Version;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::pkcs8::{EncodePublicKey, LineEnding};

use crate::support::repository::TestRepository;
use crate::support::{gunzip, tools};

/// `public_key` in SPKI, the only form that the hexpm crate takes.
fn spki(repository: &TestRepository) -> Vec<u8> {
    let pem = String::from_utf8(repository.read("public/public_key")).unwrap();
    let key = rsa::RsaPublicKey::from_pkcs1_pem(pem.trim()).unwrap();
    key.to_public_key_pem(LineEnding::LF).unwrap().into_bytes()
}

/// The hexpm crate is Gleam's own client.
#[test]
fn the_hexpm_crate_reads_and_verifies_the_registry() {
    for key in ["acme-2048.pem", "acme-4096.pem"] {
        let repository = TestRepository::golden().key(key);
        repository.build(&[]).ok();
        let key = spki(&repository);

        let body = gunzip(&repository.read("public/versions"));
        let versions = hexpm::repository_v2_get_versions_body(&body, &key).unwrap();
        assert_eq!(versions.len(), 7);
        let apple: Vec<String> = versions["apple"].iter().map(Version::to_string).collect();
        assert_eq!(apple.first().map(String::as_str), Some("1.9.0"));
        assert_eq!(apple.last().map(String::as_str), Some("2.0.0"));

        let body = gunzip(&repository.read("public/packages/banana"));
        let banana = hexpm::repository_v2_package_parse_body(&body, &key).unwrap();
        assert_eq!((banana.name.as_str(), banana.repository.as_str()), ("banana", "acme"));
        let release = &banana.releases[0];
        let tarball = repository.read("public/tarballs/banana-0.1.0.tar");
        let checksum = hexreg::checksum::OuterChecksum::of(&tarball);
        assert_eq!(release.outer_checksum, checksum.as_bytes());
        let mut needed: Vec<&String> = release.requirements.keys().collect();
        needed.sort();
        assert_eq!(needed, ["apple", "cherry", "telemetry"]);
    }
}

#[test]
fn the_hexpm_crate_refuses_another_key() {
    let repository = TestRepository::golden();
    repository.build(&[]).ok();
    let other = TestRepository::golden().key("acme-4096.pem");
    other.build(&[]).ok();
    let body = gunzip(&repository.read("public/packages/banana"));
    assert!(hexpm::repository_v2_package_parse_body(&body, &spki(&repository)).is_ok());
    let refused = hexpm::repository_v2_package_parse_body(&body, &spki(&other));
    assert!(matches!(refused, Err(hexpm::ApiError::IncorrectPayloadSignature)));
}

#[test]
fn ssh_keygen_prints_the_same_fingerprint() {
    let Some(ssh_keygen) = tools::find("ssh-keygen", "ssh_keygen_prints_the_same_fingerprint")
    else {
        return;
    };
    let repository = TestRepository::new();
    repository.build(&[]).ok();
    let convert = Command::new(&ssh_keygen)
        .args(["-i", "-m", "PEM", "-f"])
        .arg(repository.path("public/public_key"))
        .output()
        .unwrap();
    assert!(convert.status.success());
    fs::write(repository.path("key.pub"), convert.stdout).unwrap();
    let shown =
        Command::new(ssh_keygen).arg("-lf").arg(repository.path("key.pub")).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let ours = repository.hexreg().run(["key", "show", "public/public_key"]).ok().stdout;
    let fingerprint = ours.split_whitespace().last().unwrap();
    assert!(shown.contains(fingerprint), "{shown} has not {fingerprint}");
}
