//! Our bytes against those of the real Hex client, gunzipped: `fixtures/README.md` has their origin.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hexreg::key::PublicKey;
use hexreg::policy::Policy;
use hexreg::registry::{DecodeError, Names, Payload, Releases, Signed, Versions};
use walkdir::WalkDir;

use crate::support::repository::TestRepository;
use crate::support::{fixture, gunzip, read_fixture};

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

/// Metadata without `name`, without `app` or without both, CHECKSUM with a newline at its end, requirements as
/// maps: what hex.pm took years ago.
#[test]
fn equals_hex_with_tarballs_of_years_ago() {
    let repository = TestRepository::golden_old();
    repository.build(&[]).ok();
    assert_golden(&repository, "golden/old/expected");
    let verified = repository.hexreg().run(["verify", "public", "--check-contents"]).ok();
    assert_eq!(verified.stdout, "acme: 4 packages, 5 releases; no problem\n");
    assert_eq!(verified.stderr, "");
}

/// Their packages come out the same when they are added one by one, by the names of their files.
#[test]
fn additions_equal_hex_with_tarballs_of_years_ago() {
    let repository = TestRepository::golden_old();
    let tarballs = ["elm-1.2.0", "fir-0.1.0", "oak-1.0.0", "oak-1.0.1", "yew-3.0.0"];
    let mut warnings = String::new();
    for tarball in tarballs {
        let file = format!("public/tarballs/{tarball}.tar");
        let [usual, at] = ["--private-key=key.pem", "--published-at=none"];
        let add = ["add", &file, "--to=added", "--name=acme", usual, at];
        warnings += &repository.hexreg().run(add).ok().stderr;
    }
    assert_eq!(
        warnings,
        "warning: public/tarballs/oak-1.0.1.tar has no package name in its metadata: using oak, from the file \
         name; its app is oak_app\n"
    );
    let packages = |path: &Path| path.starts_with("packages");
    let built = comparable(repository.files("added", packages));
    let mut expected = expected("golden/old/expected");
    expected.retain(|path, _| path.starts_with("packages"));
    assert_eq!(expected.len(), 4);
    assert!(built == expected, "{:?}", built.keys());
}

#[test]
fn equals_hex_without_checking_contents() {
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

/// What Hex signed with the key of these vectors.
fn signed(path: &str) -> Payload {
    let pem = String::from_utf8(read_fixture("golden/acme/expected/public_key")).unwrap();
    let file = read_fixture(path);
    let signed = Signed::from_gzip(&file).unwrap();
    signed.verify(&PublicKey::from_pem(&pem).unwrap()).unwrap()
}

/// Decoded and encoded again, it is the same bytes.
#[track_caller]
fn is_read_and_written_as_hex_does<T>(
    path: &str,
    decode: impl Fn(&Payload) -> Result<T, DecodeError>,
    encode: impl Fn(&T) -> Payload,
) -> T {
    let payload = signed(path);
    let read = decode(&payload).unwrap();
    assert_eq!(encode(&read), payload, "{path}");
    read
}

#[test]
fn remarks_are_read_and_written_as_by_hex() {
    let package =
        is_read_and_written_as_hex_does("golden/remarked/foo", Releases::decode, Releases::encode);
    let published_at = package.releases[0].remarks.published_at.clone().unwrap();
    assert_eq!((published_at.seconds.0, published_at.nanos), (1_700_000_000, 123_456_000));
    is_read_and_written_as_hex_does("golden/remarked/names", Names::decode, Names::encode);
    is_read_and_written_as_hex_does("golden/remarked/versions", Versions::decode, Versions::encode);
}

#[test]
fn a_policy_is_read_and_written_as_by_hex() {
    let policy =
        is_read_and_written_as_hex_does("golden/policy/strict", Policy::decode, Policy::encode);
    assert_eq!(policy.repositories[0].overrides.len(), 5);
    assert_eq!(policy.inert_parts(), []);
}
