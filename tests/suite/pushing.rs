//! What `hexreg push` reads in the directory that it pushes, and what it does where that is wrong, large, or pushed
//! to meanwhile.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use hexreg::ops::push::{self, Error, Options, Report};
use hexreg::publish::observer::{Observer, Warning};
use hexreg::repository::RepositoryPath;
use hexreg::store::{self, BucketStore, Changed, DirStore, Links, Store, StoreErrorKind};

use crate::support::objects::{Fault, Operation, TestBucket, Wrong};
use crate::support::repository::TestRepository;

const PACK: &str =
    "git/host/path.git/objects/pack/pack-0123456789abcdef0123456789abcdef01234567.pack";

/// A registry of the samples in `public/`.
fn built() -> TestRepository {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    repository
}

fn push(from: &TestRepository, to: &dyn Store, observer: &dyn Observer) -> Result<Report, Error> {
    let lock_timeout = Duration::from_secs(20);
    let judged = BTreeSet::new();
    let options = Options { overwrite: false, judged, lock_timeout, dry_run: false };
    let from = DirStore::new(from.path("public")).with_links(Links::Inside);
    push::push(&from, to, &options, observer)
}

/// A file that is as large as that, and begins and ends with something.
fn large(repository: &TestRepository, path: &str, size: u64) {
    repository.write(&format!("public/{path}"), b"begin");
    let file = File::options().write(true).open(repository.path(&format!("public/{path}")));
    let mut file = file.unwrap();
    file.set_len(size).unwrap();
    file.seek(SeekFrom::Start(size - 3)).unwrap();
    file.write_all(b"end").unwrap();
}

#[test]
fn a_tarball_that_is_not_the_signed_one_is_told_before_anything_is_written() {
    let repository = built();
    let mut other = repository.read("public/tarballs/greeting-1.0.0.tar");
    *other.last_mut().unwrap() ^= 1;
    repository.write_tarball("greeting-1.0.0.tar", &other);
    let ran = repository.hexreg().run(["push", "public", "served"]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to push public to served: public/tarballs/greeting-1.0.0.tar cannot be pushed: its outer checksum is 568388831A1D…, and the registry says 4193C45D0D3C…
    hint: nothing was written; `hexreg build` makes a registry, and `hexreg verify` checks one
    ");
    assert_eq!(repository.files("served", |_| true).len(), 0);
    let bucket = TestBucket::default();
    assert!(matches!(push(&repository, &bucket.store(), &()), Err(Error::Unsound { .. })));
    assert_eq!(bucket.objects().len(), 0);
}

/// Writes over a tarball as soon as anything was changed.
struct Meddler(PathBuf);

impl Observer for Meddler {
    fn changed(&self, _: &RepositoryPath, _: Changed) {
        fs::write(&self.0, "another").unwrap();
    }
}

#[test]
fn a_tarball_that_becomes_another_one_meanwhile_is_named_and_not_where_it_was_to_go() {
    let repository = built();
    let tarball = repository.path("public/tarballs/greeting-1.0.0.tar");
    let bucket = TestBucket::default();
    let error = push(&repository, &bucket.store(), &Meddler(tarball.clone())).unwrap_err();
    let Error::Write(error) = error else { panic!("{error:?}") };
    assert!(error.is_source_changed(), "{error:?}");
    assert_eq!(
        (error.operation, error.location),
        (store::Operation::Read, tarball.display().to_string())
    );
    assert!(bucket.get("acme/names").is_none());
}

/// Says when it is waited for a lock.
struct Waits<'a>(&'a Barrier);

impl Observer for Waits<'_> {
    fn warn(&self, warning: Warning) {
        if matches!(warning, Warning::Waiting { .. }) {
            self.0.wait();
        }
    }
}

#[test]
fn two_that_push_to_and_fro_do_not_wait_for_each_other() {
    let (one, other) = (built(), built());
    let [first, second] = [&one, &other].map(|one| DirStore::new(one.path("public")));
    let readers = (first.lock_shared().unwrap(), second.lock_shared().unwrap());
    let waiting = Barrier::new(3);
    thread::scope(|scope| {
        for (from, to) in [(&one, &second), (&other, &first)] {
            let waiting = &waiting;
            scope.spawn(move || push(from, to, &Waits(waiting)).unwrap());
        }
        // Both have what they had first, and wait for what is left.
        waiting.wait();
        drop(readers);
    });
}

/// A store that holds no more than four parts of a file in memory.
fn narrow(bucket: &TestBucket) -> BucketStore {
    bucket.store().memory(1)
}

#[test]
fn a_large_pack_of_git_is_written_part_by_part() {
    const SIZE: u64 = (40 << 20) + 7;
    let repository = built();
    large(&repository, PACK, SIZE);
    let bucket = TestBucket::default();
    push(&repository, &narrow(&bucket), &()).unwrap();
    let asked = bucket.asked();
    let of_pack: Vec<_> = asked.iter().filter(|(_, what)| what.ends_with(PACK)).collect();
    let part = (Operation::Put, format!("part acme/{PACK}"));
    let whole = (Operation::Put, format!("whole acme/{PACK}"));
    assert_eq!(of_pack, [&part, &part, &part, &whole]);
    let written = bucket.get(&format!("acme/{PACK}")).unwrap();
    assert!(written == repository.read(&format!("public/{PACK}")));
    // It is there, and is not read again.
    let again = push(&repository, &narrow(&bucket), &()).unwrap();
    assert!(again.changes.is_empty(), "{again:?}");
}

#[test]
fn of_a_pack_whose_parts_are_refused_none_is_left() {
    let repository = built();
    // More of them than are under way at once.
    large(&repository, PACK, 100 << 20);
    let bucket = TestBucket::default();
    push(&built(), &bucket.store(), &()).unwrap();
    // The probe takes three, as its file was listed.
    let (of, kind) = (Some(Operation::Put), Wrong::Forbidden);
    let bucket = bucket.fork().failing(Fault { at: 4, of, kind, torn: false, lasting: true });
    let error = push(&repository, &bucket.store(), &()).unwrap_err();
    let Error::Write(error) = error else { panic!("{error:?}") };
    assert_eq!(error.location, format!("s3://bucket/acme/{PACK}"));
    let asked = bucket.asked();
    assert_eq!(asked.last(), Some(&(Operation::Delete, format!("parts acme/{PACK}"))));
    assert!(bucket.get(&format!("acme/{PACK}")).is_none());
}

#[test]
fn a_file_that_no_request_takes_is_named_before_anything_is_written() {
    const SIZE: u64 = (1 << 30) + 1;
    let repository = built();
    let docs = "docs/greeting-1.0.0.tar.gz";
    large(&repository, docs, SIZE);
    let bucket = TestBucket::default();
    let error = push(&repository, &bucket.store(), &()).unwrap_err();
    let Error::TooLarge { location, size: SIZE, limit } = error else { panic!("{error:?}") };
    assert_eq!(location, repository.path(&format!("public/{docs}")).display().to_string());
    assert_eq!(limit, 1 << 30);
    assert_eq!(bucket.objects().len(), 0);
}

#[test]
fn a_key_far_in_a_large_file_stays_at_home() {
    let repository = built();
    large(&repository, PACK, 9 << 20);
    let key = repository.read("key.pem");
    let path = repository.path(&format!("public/{PACK}"));
    for at in [0, (4 << 20) - 100, 8 << 20] {
        let mut file = File::options().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&key).unwrap();
        let error = push(&repository, &TestBucket::default().store(), &()).unwrap_err();
        assert!(matches!(error, Error::Unsound { .. }), "{at}: {error:?}");
        large(&repository, PACK, 9 << 20);
    }
}

/// A registry with documentation, whose folder or file is a link out of the directory.
fn with_link(path: &str) -> TestRepository {
    let repository = built();
    repository.write("public/docs/greeting-1.0.0.tar.gz", b"documentation");
    let (place, out) = (repository.path(&format!("public/{path}")), repository.path("out"));
    fs::rename(&place, &out).unwrap();
    symlink(&out, &place).unwrap();
    repository
}

#[test]
fn nothing_is_pushed_through_a_link_out_of_the_directory() {
    let repository = with_link("docs/greeting-1.0.0.tar.gz");
    let ran = repository.hexreg().run(["push", "public", "served"]);
    insta::assert_snapshot!(ran.transcript(), @r"
    exit code: 1
    --- stdout
    --- stderr
    error: failed to push public to served: public/docs/greeting-1.0.0.tar.gz cannot be pushed: it is a link that leads out of the directory: `hexreg serve` does not follow it
    hint: nothing was written; put the file itself there, or give --follow-links if what links lead to is to be published
    ");
    assert_eq!(repository.files("served", |_| true).len(), 0);
    let all = ["docs/greeting-1.0.0.tar.gz", "tarballs/greeting-1.0.0.tar", "packages/greeting"];
    let all = all.into_iter().chain(["names", "public_key", "docs", "tarballs", "packages"]);
    for path in all {
        let repository = with_link(path);
        let bucket = TestBucket::default();
        let error = push(&repository, &bucket.store(), &()).unwrap_err();
        let Error::Unsound { location, source } = error else { panic!("{path}: {error:?}") };
        assert_eq!(location, repository.path(&format!("public/{path}")).display().to_string());
        assert_eq!(source.kind(), "leads_out", "{path}");
        assert_eq!(bucket.objects().len(), 0, "{path}");
        // What is behind it is pushed by those who want that.
        let ran = repository.hexreg().run(["push", "public", "served", "--follow-links"]);
        ran.ok();
        assert_eq!(repository.read("served/docs/greeting-1.0.0.tar.gz"), b"documentation");
    }
    // What no client asks for is left where it is, wherever it leads.
    let repository = built();
    symlink("/etc", repository.path("public/notes")).unwrap();
    let ran = repository.hexreg().run(["push", "public", "served"]).ok();
    assert_eq!(ran.stderr, "warning: public/notes left out: no client asks for it\n");
    // A link that stays within is followed.
    let repository = built();
    let [place, within] = ["public/tarballs/greeting-1.0.0.tar", "public/.greeting"]
        .map(|path| repository.path(path));
    fs::rename(&place, &within).unwrap();
    symlink("../.greeting", &place).unwrap();
    push(&repository, &TestBucket::default().store(), &()).unwrap();
}

/// Puts a link to a secret in the place of files as soon as anything was changed.
struct Swaps<'a>(&'a TestRepository, &'a [&'a str]);

impl Observer for Swaps<'_> {
    fn changed(&self, _: &RepositoryPath, _: Changed) {
        for path in self.1 {
            let new = self.0.path("new");
            if symlink(self.0.path("secret"), &new).is_ok() {
                fs::rename(new, self.0.path(&format!("public/{path}"))).unwrap();
            }
        }
    }
}

#[test]
fn a_link_that_is_swapped_in_meanwhile_is_not_pushed_through() {
    for path in ["docs/greeting-1.0.0.tar.gz", PACK] {
        let repository = built();
        large(&repository, path, 20 << 20);
        repository.write("secret", b"SECRET");
        let bucket = TestBucket::default();
        let error = push(&repository, &bucket.store(), &Swaps(&repository, &[path])).unwrap_err();
        let Error::Write(error) = error else { panic!("{error:?}") };
        assert!(matches!(error.kind, StoreErrorKind::LeadsOut(_)), "{error:?}");
        assert!(error.location.ends_with(path), "{error:?}");
        let secrets = bucket.objects().into_values().filter(|bytes| bytes.ends_with(b"SECRET"));
        assert_eq!(secrets.count(), 0);
    }
}
