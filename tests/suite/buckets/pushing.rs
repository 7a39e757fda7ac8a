//! The objects that `push` writes.

use std::collections::BTreeSet;
use std::time::Duration;

use hexreg::ops::push::{self, Options};
use hexreg::store::DirStore;

use super::{PREFIX, Writer};
use crate::support::bucket::PROBE;
use crate::support::moto::{Asked, Moto};
use crate::support::objects::TestBucket;
use crate::support::repository::TestRepository;
use crate::support::tarball::Tarball;

/// A bucket, and a registry of the samples in `public/`.
fn built(moto: &Moto) -> Writer {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    Writer { bucket: moto.bucket("registry"), repository: repository.into() }
}

#[test]
fn a_push_copies_the_registry_to_the_byte() {
    let test = "a_push_copies_the_registry_to_the_byte";
    let Some(moto) = Moto::start(test) else { return };
    let writer = built(&moto);
    writer.push().ok();
    assert_eq!(writer.bucket.files(PREFIX), writer.repository.files("public", |_| true));
    writer.verify(&[]).ok();
}

/// With the key any user could sign in the registry's name.
#[track_caller]
fn has_no_key(writer: &Writer) {
    let secret = writer.repository.read("key.pem");
    for key in writer.bucket.keys() {
        let body = writer.bucket.get(&key).body;
        let part = &secret[secret.len() / 2..][..100];
        assert!(!body.windows(part.len()).any(|window| window == part), "{key} has the key");
    }
}

#[test]
fn a_key_and_files_that_are_no_part_of_a_registry_are_not_pushed() {
    let test = "a_key_and_files_that_are_no_part_of_a_registry_are_not_pushed";
    let Some(moto) = Moto::start(test) else { return };
    let writer = built(&moto);
    let registry = writer.repository.files("public", |_| true);
    for path in ["key.pem", "tarballs/key.pem", "packages/key.pem", ".secret/key.pem"] {
        writer.repository.write_key(&format!("public/{path}"), "golden/keys/acme-2048.pem");
    }
    for path in ["notes.txt", "tarballs/notes.txt", ".env", "tarballs/half.tar.part", "a/b/c"] {
        writer.repository.write(&format!("public/{path}"), b"not for readers");
    }
    writer.push().ok();
    has_no_key(&writer);
    assert_eq!(writer.bucket.files(PREFIX), registry);
    // And the object that conditions are probed with.
    assert_eq!(writer.bucket.keys().len(), registry.len() + 1);
}

/// The command may fail or leave the key out; the key must not arrive.
#[test]
fn a_key_under_a_name_that_clients_ask_for_is_not_pushed() {
    let test = "a_key_under_a_name_that_clients_ask_for_is_not_pushed";
    let Some(moto) = Moto::start(test) else { return };
    let writer = built(&moto);
    let mut samples = writer.repository.files("public/tarballs", |_| true).into_keys();
    let docs = format!("docs/{}.gz", samples.next().unwrap());
    let paths = ["packages/secret", "tarballs/secret-1.0.0.tar", &docs, "installs/hex-1.x.csv"];
    for path in paths.into_iter().chain(["git/host/path.git/HEAD"]) {
        writer.repository.write_key(&format!("public/{path}"), "golden/keys/acme-2048.pem");
        let ran = writer.push();
        assert!(!ran.stderr.contains("panicked"), "{}", ran.transcript());
        // Under a name that no client asks for it is left out.
        let is_refused = ran.stderr.contains(&format!("public/{path} cannot be pushed"));
        assert!(is_refused || path.contains("secret-1.0.0"), "{}", ran.transcript());
        has_no_key(&writer);
        writer.repository.remove(&format!("public/{path}"));
    }
}

#[test]
fn a_push_without_changes_only_lists() {
    let test = "a_push_without_changes_only_lists";
    let Some(moto) = Moto::start(test) else { return };
    let writer = built(&moto);
    writer.push().ok();
    let before = writer.bucket.list();
    let asked = moto.asked_for(|| drop(writer.push().ok()));
    assert!(asked.iter().all(Asked::is_listing), "{asked:#?}");
    assert!(!asked.is_empty());
    assert_eq!(writer.bucket.list(), before);
}

#[test]
fn a_push_writes_only_changes() {
    let test = "a_push_writes_only_changes";
    let Some(moto) = Moto::start(test) else { return };
    let writer = built(&moto);
    writer.push().ok();
    let before = writer.bucket.list();
    let another = Tarball::new("another", "1.0.0").build();
    writer.repository.write_tarball("another-1.0.0.tar", &another);
    writer.repository.build(&[]).ok();
    let asked = moto.asked_for(|| drop(writer.push().ok()));
    let written = asked.iter().filter(|asked| asked.method == "PUT");
    let mut written: Vec<_> = written.map(|asked| asked.path.as_str()).collect();
    // Files are written before the files that name them.
    assert_eq!(written.last(), Some(&"/registry/hex/names"), "{written:?}");
    written.sort_unstable();
    // A write whose condition is not met changes nothing.
    written.retain(|path| !path.ends_with(PROBE));
    let new = ["names", "packages/another", "tarballs/another-1.0.0.tar", "versions"];
    assert_eq!(written, new.map(|path| format!("/registry/hex/{path}")));
    let after = writer.bucket.list();
    assert!(before.keys().all(|key| after.contains_key(key)));
    assert_eq!(writer.bucket.files(PREFIX), writer.repository.files("public", |_| true));
}

/// The objects are as old as their upload; the times in the registry are not.
#[test]
fn a_build_of_a_pushed_registry_changes_nothing() {
    let test = "a_build_of_a_pushed_registry_changes_nothing";
    let Some(moto) = Moto::start(test) else { return };
    let writer = built(&moto);
    let tarballs = writer.repository.files("public/tarballs", |_| true);
    for file in tarballs.keys() {
        writer.repository.set_mtime(file, 1_700_000_000);
    }
    writer.repository.build(&[]).ok();
    writer.push().ok();
    for more in [&[][..], &["--no-cache"], &[]] {
        let said = writer.build(more).ok().stdout;
        assert!(said.contains("nothing has changed"), "{said}");
    }
    let before = writer.repository.files("public", |_| true);
    assert_eq!(writer.bucket.files(PREFIX), before);
    writer.write("greeting-2.0.0.tar", &Tarball::new("greeting", "2.0.0").build());
    writer.add(&["greeting-2.0.0.tar".to_owned()], &[]).ok();
    let said = writer.build(&["--no-cache"]).ok().stdout;
    assert!(said.contains("nothing has changed"), "{said}");
    writer.verify(&[]).ok();
}

/// A registry in `public/` with this many packages of ten releases each.
fn many(packages: usize) -> TestRepository {
    let repository = TestRepository::new();
    for (package, release) in (0..packages).flat_map(|one| (0..10).map(move |two| (one, two))) {
        let (name, version) = (format!("package{package}"), format!("1.{release}.0"));
        let tarball = Tarball::new(&name, &version).build();
        repository.write_tarball(&format!("{name}-{version}.tar"), &tarball);
    }
    repository.build(&[]).ok();
    repository
}

/// More tarballs than a listing has on one page.
#[test]
fn one_change_among_many_is_all_that_is_read_and_written() {
    let test = "one_change_among_many_is_all_that_is_read_and_written";
    let Some(moto) = Moto::start(test) else { return };
    let writer = Writer { bucket: moto.bucket("registry"), repository: many(101).into() };
    writer.push().ok();
    let more = Tarball::new("package7", "2.0.0").build();
    writer.repository.write_tarball("package7-2.0.0.tar", &more);
    writer.repository.build(&[]).ok();
    let asked = moto.asked_for(|| drop(writer.push().ok()));
    let told = |method: &str| {
        let of = asked.iter().filter(|asked| asked.method == method && !asked.is_listing());
        let of = of.filter_map(|asked| asked.path.strip_prefix("/registry/hex/"));
        of.filter(|path| *path != PROBE).collect::<Vec<_>>()
    };
    // The root, packages, and two pages of tarballs.
    assert_eq!(asked.iter().filter(|asked| asked.is_listing()).count(), 4, "{asked:#?}");
    let probes = asked.iter().filter(|asked| asked.path.ends_with(PROBE)).count();
    assert_eq!(probes, 3, "{asked:#?}");
    let written = told("PUT");
    assert_eq!(written, ["tarballs/package7-2.0.0.tar", "packages/package7", "versions", "names"]);
    // A push reads each file that it would replace once, to see what would be lost. It reads `names` only if its size is
    // the same: the times in it decide how many bytes gzip makes of it.
    let mut read = told("GET");
    read.sort_unstable();
    assert!(
        read == ["packages/package7", "versions"]
            || read == ["names", "packages/package7", "versions"],
        "{read:?}"
    );
    assert_eq!(asked.len(), 4 + probes + written.len() + read.len(), "{asked:#?}");
}

#[test]
fn a_first_push_keeps_sixteen_uploads_in_progress() {
    let repository = many(10);
    let bucket = TestBucket::default().slow_fork(Duration::from_millis(30));
    let judged = BTreeSet::new();
    let lock_timeout = Duration::ZERO;
    let options = Options { overwrite: false, judged, lock_timeout, dry_run: false };
    let from = DirStore::new(repository.path("public"));
    let report = push::push(&from, &bucket.store(), &options, &()).unwrap();
    // A hundred tarballs, ten packages, the indexes and the key.
    assert_eq!((report.changes.len(), report.unchanged), (113, 0));
    assert_eq!(bucket.most_under_way(), 16);
}
