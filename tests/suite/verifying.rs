//! Every kind of damage is found, and nothing is reported of an intact registry.
//!
//! Changed files are signed again if the signature would reveal the change: a registry may also be wrong if its owner
//! signed it.

mod indexes;
mod keys;
mod links;
mod looking;
mod secrets;

use std::fs;

use flate2::{Compression, GzBuilder};
use hexreg::checksum::{InnerChecksum, OuterChecksum};
use hexreg::key::PrivateKey;
use hexreg::name::PackageName;
use hexreg::registry::{Gzip, Names, Payload, Releases, Signed, Versions};

use crate::support::hexreg::Ran;
use crate::support::protobuf::field;
use crate::support::raw_tar::Entry;
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;
use crate::support::{fixture, gunzip, gzip, read_fixture};

/// `bar` 1.0.0, and `foo` 1.0.0 and 1.1.0, which needs `bar`.
fn sound() -> TestRepository {
    let needy = Tarball::new("foo", "1.1.0").requires("bar", "~> 1.0").build();
    let repository = TestRepository::new()
        .release("bar", "1.0.0")
        .release("foo", "1.0.0")
        .tarball("foo-1.1.0.tar", &needy);
    repository.build(&[]).ok();
    repository
}

fn verify(repository: &TestRepository, more: &[&str]) -> Ran {
    repository.hexreg().run(["verify", "public"].iter().chain(more).copied())
}

/// The problems of a damaged registry, which are these: `path kind`.
#[track_caller]
fn finds(repository: &TestRepository, more: &[&str], expected: &[&str]) -> Ran {
    let json = verify(repository, &[more, &["--json"]].concat());
    assert_eq!(json.code, 1, "{}", json.transcript());
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let problems = report["problems"].as_array().unwrap().iter().map(|problem| {
        let text = |key: &str| problem[key].as_str().unwrap().to_owned();
        format!("{} {}", text("path").trim_start_matches("public/"), text("kind"))
    });
    assert_eq!(problems.collect::<Vec<_>>(), expected, "{}", json.stdout);
    let ran = verify(repository, more);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
    ran
}

fn key() -> PrivateKey {
    let pem = String::from_utf8(read_fixture("golden/keys/acme-2048.pem")).unwrap();
    PrivateKey::from_pem(&pem, None).unwrap()
}

fn payload(repository: &TestRepository, path: &str) -> Payload {
    let file = repository.read(&format!("public/{path}"));
    Signed::from_gzip(&file).unwrap().verify(key().public_key()).unwrap()
}

fn sign(repository: &TestRepository, path: &str, payload: &Payload) {
    let file = payload.sign(&key()).unwrap().to_gzip(&mut Gzip::new());
    repository.write(&format!("public/{path}"), &file);
}

/// Changes what a package says, and signs it.
fn change_package(repository: &TestRepository, package: &str, change: impl Fn(&mut Releases)) {
    let path = format!("packages/{package}");
    let mut releases = Releases::decode(&payload(repository, &path)).unwrap();
    change(&mut releases);
    sign(repository, &path, &releases.encode());
}

fn change_versions(repository: &TestRepository, change: impl Fn(&mut Versions)) {
    let mut versions = Versions::decode(&payload(repository, "versions")).unwrap();
    change(&mut versions);
    sign(repository, "versions", &versions.encode());
}

fn change_names(repository: &TestRepository, change: impl Fn(&mut Names)) {
    let mut names = Names::decode(&payload(repository, "names")).unwrap();
    change(&mut names);
    sign(repository, "names", &names.encode());
}

fn name(name: &str) -> PackageName {
    name.parse().unwrap()
}

#[test]
fn a_sound_registry_has_no_problem() {
    let repository = sound();
    for more in [&[][..], &["--name=acme"], &["--check-contents"], &["--jobs=1"]] {
        let ran = verify(&repository, more).ok();
        assert_eq!(
            ran.transcript(),
            "exit code: 0\n--- stdout\nacme: 2 packages, 3 releases; no problem\n--- stderr\n"
        );
    }
    insta::assert_snapshot!(verify(&repository, &["--json"]).ok().stdout, @r#"{"repository":"acme","fingerprint":"SHA256:roYMrL1Q60Kv7n0/VbgT2yw879NgEa+QKFvEt0/wKtU","packages":2,"releases":3,"problems":[],"warnings":[]}"#);
}

/// By the real Hex client, which orders packages and gzips in its own way.
#[test]
fn a_registry_that_mix_wrote_has_no_problem() {
    for registry in ["golden/acme/expected", "golden/acme-4096", "golden/empty"] {
        let repository = TestRepository::new();
        let copy = |from: &str, to: &str| {
            for entry in walkdir::WalkDir::new(fixture(from)).into_iter().flatten() {
                let path = entry.path().strip_prefix(fixture(from)).unwrap().to_str().unwrap();
                if entry.file_type().is_file() {
                    repository.write(&format!("{to}/{path}"), &fs::read(entry.path()).unwrap());
                }
            }
        };
        copy(registry, "public");
        if registry != "golden/empty" {
            copy("golden/acme/tarballs", "public/tarballs");
        }
        let ran = verify(&repository, &["--name=acme", "--check-contents"]);
        assert_eq!(ran.code, 0, "{registry}: {}", ran.transcript());
    }
}

#[test]
fn files_that_are_not_signed_resources() {
    for (damage, kind) in
        [(&b"junk"[..], "not_signed"), (b"", "not_signed"), (&gzip(b"\xFF\xFF"), "not_signed")]
    {
        let repository = sound();
        repository.write("public/names", damage);
        finds(&repository, &[], &[&format!("names {kind}")]);
    }
    // Bytes after the end; a field that is not signed.
    let repository = sound();
    let file = repository.read("public/versions");
    repository.write("public/versions", &[&file[..], b"x"].concat());
    finds(&repository, &[], &["versions not_signed"]);
    let repository = sound();
    let message = [gunzip(&file), vec![0x1A, 1, b'x']].concat();
    let mut stream = GzBuilder::new().write(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut stream, &message).unwrap();
    repository.write("public/versions", &stream.finish().unwrap());
    finds(&repository, &[], &["versions not_signed"]);
    // A few kilobytes that inflate beyond the limit are not inflated to the end.
    let repository = sound();
    let bomb = gzip(&field(1, vec![0; (64 << 20) + 1]));
    repository.write("public/packages/foo", &bomb);
    repository.write("public/public_key", &vec![b'\n'; 1 << 20]);
    let ran = finds(&repository, &[], &["packages/foo too_large", "public_key not_a_key"]);
    let told = "packages/foo: it has more than 67108864 bytes, gzipped or inflated: no such file of a \
                registry is that large\n";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    // Validly signed, and another message.
    let repository = sound();
    sign(&repository, "packages/foo", &Payload::from_bytes(b"\x0A\x01x"[..].into()));
    finds(&repository, &[], &["packages/foo not_the_resource"]);
}

#[test]
fn missing_files_and_other_kinds_of_file() {
    let repository = sound();
    fs::remove_file(repository.path("public/names")).unwrap();
    finds(&repository, &[], &["names missing"]);

    let repository = sound();
    fs::remove_file(repository.path("public/versions")).unwrap();
    finds(&repository, &[], &["versions missing"]);

    let repository = sound();
    fs::remove_file(repository.path("public/packages/bar")).unwrap();
    finds(&repository, &[], &["packages/bar named_but_missing", "tarballs/bar-1.0.0.tar unnamed"]);

    let repository = sound();
    repository.remove_tarball("foo-1.0.0.tar");
    finds(&repository, &[], &["tarballs/foo-1.0.0.tar missing"]);

    let repository = sound();
    fs::remove_file(repository.path("public/names")).unwrap();
    fs::create_dir(repository.path("public/names")).unwrap();
    let ran = finds(&repository, &[], &["names unreadable"]);
    let told = "public/names: it cannot be read: it is not a file\n";
    assert!(ran.stdout.starts_with(told), "{}", ran.stdout);

    let repository = sound();
    std::os::unix::fs::symlink("nowhere", repository.path("public/tarballs/link")).unwrap();
    finds(&repository, &[], &["tarballs/link unreadable"]);

    // More paths than can be followed.
    let repository = sound();
    for level in 0..30 {
        let folder = repository.path(&format!("public/installs/{level}"));
        fs::create_dir_all(&folder).unwrap();
        for link in ["a", "b"] {
            std::os::unix::fs::symlink(format!("../{}", level + 1), folder.join(link)).unwrap();
        }
    }
    // Each folder is entered once, by whichever way; the last two links lead nowhere.
    let ran = verify(&repository, &[]);
    assert!(ran.stdout.ends_with("; 2 problems\n"), "{}", ran.stdout);
}

#[test]
fn names_that_clients_refuse() {
    finds(
        &sound(),
        &["--name=other"],
        &[
            "names other_repository",
            "packages/bar other_repository",
            "packages/foo other_repository",
            "versions other_repository",
        ],
    );
    let repository = sound();
    change_names(&repository, |names| names.repository = "other".parse().unwrap());
    finds(&repository, &[], &["names other_repository"]);

    let repository = sound();
    change_package(&repository, "foo", |package| package.repository = "other".parse().unwrap());
    finds(&repository, &[], &["packages/foo other_repository"]);

    let repository = sound();
    let other = repository.read("public/packages/foo");
    repository.write("public/packages/bar", &other);
    finds(&repository, &[], &["packages/bar other_package"]);
}

#[test]
fn tarballs_that_are_not_what_the_registry_says() {
    let repository = sound();
    let other = Tarball::new("foo", "1.0.0").more_metadata("{<<\"x\">>,1}.").build();
    repository.write_tarball("foo-1.0.0.tar", &other);
    finds(
        &repository,
        &[],
        &["tarballs/foo-1.0.0.tar outer_checksum", "tarballs/foo-1.0.0.tar inner_checksum"],
    );

    let repository = sound();
    change_package(&repository, "foo", |package| {
        package.releases[0].inner_checksum = InnerChecksum::from_bytes([7; 32]);
    });
    finds(&repository, &[], &["tarballs/foo-1.0.0.tar inner_checksum"]);

    let repository = sound();
    let bytes = repository.read("public/tarballs/foo-1.0.0.tar");
    let truncated = &bytes[..bytes.len() - 1];
    repository.write_tarball("foo-1.0.0.tar", truncated);
    change_package(&repository, "foo", |package| {
        package.releases[0].outer_checksum = OuterChecksum::of(truncated);
    });
    finds(&repository, &[], &["tarballs/foo-1.0.0.tar tarball"]);

    // What clients do not read either has no checksum.
    let repository = sound();
    repository.write_tarball("foo-1.0.0.tar", &vec![0; (16 << 20) + 1]);
    finds(&repository, &[], &["tarballs/foo-1.0.0.tar tarball"]);

    let repository = sound();
    let other = repository.read("public/tarballs/bar-1.0.0.tar");
    repository.write_tarball("foo-1.0.0.tar", &other);
    let inner = Releases::decode(&payload(&repository, "packages/bar")).unwrap();
    change_package(&repository, "foo", |package| {
        package.releases[0].inner_checksum = inner.releases[0].inner_checksum;
        package.releases[0].outer_checksum = inner.releases[0].outer_checksum;
    });
    finds(&repository, &[], &["tarballs/foo-1.0.0.tar file_name"]);

    let repository = sound();
    change_package(&repository, "foo", |package| {
        package.releases[1].dependencies[0].optional = true;
    });
    let ran = finds(&repository, &[], &["tarballs/foo-1.1.0.tar dependencies"]);
    insta::assert_snapshot!(ran.stdout, @r"
    public/tarballs/foo-1.1.0.tar: it needs bar ~> 1.0, and the registry says bar ~> 1.0 (optional)
    acme: 2 packages, 3 releases; 1 problem
    ");
    let repository = sound();
    change_package(&repository, "foo", |package| package.releases[1].dependencies.clear());
    finds(&repository, &[], &["tarballs/foo-1.1.0.tar dependencies"]);

    // The contents of a package are checked on request.
    let outside = Tarball::new("foo", "1.0.0").files(&[Entry::file("/etc/passwd", b"")]).build();
    let repository = TestRepository::new().tarball("foo-1.0.0.tar", &outside);
    repository.build(&["--no-check-contents"]).ok();
    verify(&repository, &[]).ok();
    finds(&repository, &["--check-contents"], &["tarballs/foo-1.0.0.tar tarball"]);
}

#[test]
fn files_that_no_release_names() {
    let repository = sound();
    for path in [
        "README",
        ".git/config",
        "packages/Foo",
        "packages/deep/file",
        "packages/.hexreg-x.tmp",
        "tarballs/foo-9.0.0.tar",
        "tarballs/README",
        "docs/foo-1.0.0.tar.gz",
        "docs/foo-9.0.0.tar.gz",
        "installs/hex-1.x.csv",
    ] {
        repository.write(&format!("public/{path}"), b"junk");
    }
    finds(
        &repository,
        &[],
        &[
            ".git/config stray",
            "README stray",
            "docs/foo-9.0.0.tar.gz unnamed",
            "packages/.hexreg-x.tmp leftover",
            "packages/Foo stray",
            "packages/deep/file stray",
            "tarballs/README unnamed",
            "tarballs/foo-9.0.0.tar unnamed",
        ],
    );
    // A package that no index lists.
    let repository = sound();
    let mut new = Releases::decode(&payload(&repository, "packages/foo")).unwrap();
    new.package = name("new");
    new.releases.clear();
    sign(&repository, "packages/new", &new.encode());
    finds(
        &repository,
        &[],
        &["names not_in_names", "packages/new no_releases", "versions not_in_versions"],
    );
}

/// A damaged package is one problem: its tarballs are not reported as unnamed.
#[test]
fn a_damaged_package_is_one_problem() {
    let repository = sound();
    repository.write("public/packages/foo", b"junk");
    finds(&repository, &[], &["packages/foo not_signed"]);
}
