//! Our bytes against those of the real Hex client, gunzipped: `fixtures/README.md` has their origin.

use std::collections::BTreeMap;
use std::fs;

use walkdir::WalkDir;

use crate::support::repository::TestRepository;
use crate::support::{fixture, gunzip};

/// Files by path: gunzipped, save `public_key`.
fn comparable(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> BTreeMap<String, Vec<u8>> {
    let plain =
        |path: &str, bytes: Vec<u8>| if path == "public_key" { bytes } else { gunzip(&bytes) };
    files.into_iter().map(|(path, bytes)| (path.clone(), plain(&path, bytes))).collect()
}

fn expected(directory: &str) -> BTreeMap<String, Vec<u8>> {
    let root = fixture(directory);
    let files = WalkDir::new(&root).into_iter().map(Result::unwrap);
    let files = files.filter(|entry| entry.file_type().is_file()).map(|entry| {
        let path = entry.path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        (path, fs::read(entry.path()).unwrap())
    });
    comparable(files)
}

#[track_caller]
fn assert_golden(repository: &TestRepository, directory: &str) {
    let expected = expected(directory);
    assert!(expected.len() >= 3, "{directory} holds a registry");
    let built = comparable(repository.served());
    assert_eq!(built.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, bytes) in &expected {
        assert!(built[path] == *bytes, "{path} differs from {directory}");
    }
}

#[test]
fn equals_hex_with_a_2048_bit_key() {
    let repository = TestRepository::golden();
    repository.build(&[]).ok();
    assert_golden(&repository, "golden/acme/expected");
}

#[test]
fn equals_hex_with_a_4096_bit_key() {
    let repository = TestRepository::golden().key("acme-4096.pem");
    repository.build(&[]).ok();
    assert_golden(&repository, "golden/acme-4096");
}

#[test]
fn equals_hex_without_a_tarball() {
    let repository = TestRepository::new();
    repository.build(&[]).ok();
    assert_golden(&repository, "golden/empty");
}

#[test]
fn equals_hex_without_looking_into_contents() {
    let repository = TestRepository::golden();
    repository.build(&["--no-check-contents"]).ok();
    assert_golden(&repository, "golden/acme/expected");
}

/// Changing over from the mix task touches nothing, though the gzip bytes are another program's.
#[test]
fn a_registry_that_hex_built_is_left_as_it_is() {
    let repository = TestRepository::golden();
    let root = fixture("golden/acme/expected");
    for (path, _) in expected("golden/acme/expected") {
        repository.write(&format!("public/{path}"), &fs::read(root.join(&path)).unwrap());
    }
    let before = repository.served();
    let ran = repository.build(&[]).ok();
    assert_eq!(ran.stdout, "acme: 7 packages, 14 releases; nothing has changed\n");
    assert_eq!(repository.served(), before);
}
