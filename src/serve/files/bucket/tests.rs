//! The cache in front of a bucket, before storage in memory.

use std::fs;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::cache::Known;
use super::counters::BucketCounters;
use super::folder::CacheFolder;
use super::requests::Wanted;
use super::shared_bucket::SharedBucket;
use super::source::BucketSource;
use crate::repository::{Folder, RepositoryPath};
use crate::serve::files::source::FileSource;
use crate::store::Stamp;
use crate::store::test_client::{Answering, TestClient};

/// Larger than what is kept in memory.
pub(crate) const LARGE: usize = 300_000;

/// Longer than a file is used without a request.
pub(crate) const AGED: Duration = Duration::from_millis(2_100);

pub(crate) struct Served {
    pub(crate) client: TestClient,
    pub(crate) bucket: Arc<SharedBucket>,
    directory: TempDir,
}

impl Served {
    pub(crate) fn new() -> Self {
        Self::with_cache(1 << 30)
    }

    pub(crate) fn with_cache(size: u64) -> Self {
        let (client, directory) = (TestClient::new(), TempDir::new().unwrap());
        let folder = Arc::new(CacheFolder::create(directory.path()).unwrap());
        let store = Arc::new(client.store());
        let bucket = SharedBucket::new(store, size, folder, BucketCounters::default());
        Self { client, bucket: Arc::new(bucket), directory }
    }

    pub(crate) fn source(&self) -> Arc<BucketSource> {
        Arc::new(BucketSource::new(Arc::clone(&self.bucket)))
    }

    /// All bytes of a file; `None` if there is none.
    pub(crate) fn read(&self, path: &RepositoryPath) -> io::Result<Option<Vec<u8>>> {
        let Some(opened) = self.bucket.open_blocking(path)? else { return Ok(None) };
        opened.read(1 << 30).map(Some)
    }

    pub(crate) fn stamp(&self, path: &RepositoryPath) -> Option<Stamp> {
        self.bucket.look_up_blocking(path, Wanted::Stamp).unwrap().stamp()
    }
}

/// Asks until a change is seen. A request that begins once it is due sees it, however long the machine takes.
#[track_caller]
pub(crate) fn is_seen_in_time(is_seen: impl FnMut() -> bool) {
    is_seen_each(Duration::from_millis(20), is_seen);
}

#[track_caller]
fn is_seen_each(pause: Duration, mut is_seen: impl FnMut() -> bool) {
    let changed = Instant::now();
    loop {
        let asked = changed.elapsed();
        if is_seen() {
            return;
        }
        assert!(asked < AGED, "it was not seen after {asked:?}");
        thread::sleep(pause);
    }
}

pub(crate) fn package() -> RepositoryPath {
    Folder::Packages.file("acme")
}

fn policy() -> RepositoryPath {
    Folder::Policies.file("acme")
}

pub(crate) fn tarball() -> RepositoryPath {
    Folder::Tarballs.file("acme-1.0.0.tar")
}

pub(crate) fn large(byte: u8) -> Vec<u8> {
    vec![byte; LARGE]
}

#[test]
fn many_clients_make_one_request() {
    for size in [10, LARGE] {
        let served = Served::new();
        served.client.write(&tarball(), &vec![7; size]);
        served.client.answer(Answering::HeldBack);
        thread::scope(|scope| {
            let clients: Vec<_> =
                (0..64).map(|_| scope.spawn(|| served.read(&tarball()).unwrap())).collect();
            served.client.wait_for(1);
            thread::sleep(Duration::from_millis(200));
            served.client.answer(Answering::AtOnce);
            for client in clients {
                assert_eq!(client.join().unwrap(), Some(vec![7; size]));
            }
        });
        assert_eq!(served.client.asked(), ["tarballs/acme-1.0.0.tar"]);
    }
}

/// A client that publishes reads what it has published.
#[test]
fn a_request_from_before_a_write_does_not_answer_one_from_after_it() {
    let served = Served::new();
    served.client.write(&policy(), b"before");
    served.client.answer(Answering::HeldBack);
    thread::scope(|scope| {
        let early = scope.spawn(|| served.read(&policy()).unwrap());
        served.client.wait_for(1);
        served.client.write(&policy(), b"after");
        served.bucket.forget(&policy());
        let late = scope.spawn(|| served.read(&policy()).unwrap());
        served.client.wait_for(2);
        served.client.answer(Answering::AtOnce);
        assert_eq!(early.join().unwrap().unwrap(), b"before");
        assert_eq!(late.join().unwrap().unwrap(), b"after");
    });
    assert_eq!(served.read(&policy()).unwrap().unwrap(), b"after");
    // Neither answer took the other's place.
    assert_eq!(served.client.asked().len(), 2);
}

/// The answer to it came before the write, and was not kept yet.
#[test]
fn an_answer_from_before_a_write_is_not_kept() {
    let served = Served::new();
    served.client.write(&policy(), b"before");
    served.client.answer(Answering::HeldBack);
    thread::scope(|scope| {
        let early = scope.spawn(|| served.read(&policy()).unwrap());
        served.client.wait_for(1);
        served.client.write(&policy(), b"after");
        served.bucket.forget(&policy());
        served.client.answer(Answering::AtOnce);
        early.join().unwrap();
    });
    assert_eq!(served.read(&policy()).unwrap().unwrap(), b"after");
}

#[test]
fn a_change_by_another_writer_is_seen_within_two_seconds() {
    let served = Served::new();
    assert_eq!(served.read(&package()).unwrap(), None);
    served.client.write(&package(), b"one");
    served.client.write(&tarball(), &large(1));
    is_seen_in_time(|| served.read(&package()).unwrap().is_some());
    assert_eq!(served.read(&tarball()).unwrap().unwrap(), large(1));
    served.client.write(&tarball(), &large(2));
    served.client.write(&package(), b"two");
    is_seen_in_time(|| {
        served.read(&package()).unwrap().unwrap() != b"one"
            && served.read(&tarball()).unwrap().unwrap() != large(1)
    });
}

/// It has a checksum there, so that another one would show.
#[test]
fn a_tarball_is_asked_for_seldom_while_its_package_is_unchanged() {
    let served = Served::new();
    served.client.write(&tarball(), &large(1));
    served.client.write(&package(), b"one");
    for _ in 0..6 {
        assert_eq!(served.read(&package()).unwrap().unwrap(), b"one");
        assert_eq!(served.read(&tarball()).unwrap().unwrap(), large(1));
        thread::sleep(Duration::from_millis(600));
    }
    let asked = served.client.asked();
    let tarballs = asked.iter().filter(|path| path.starts_with("tarballs/")).count();
    assert!(tarballs == 1 && asked.len() >= 5, "{asked:?}");
}

/// A tarball is written before the package with its checksum, so a client that has read the package gets the new tarball.
#[test]
fn a_tarball_is_never_older_than_its_package() {
    let served = Served::new();
    let read = || (served.read(&package()).unwrap(), served.read(&tarball()).unwrap());
    served.client.write(&tarball(), b"tarball 0");
    served.client.write(&package(), b"package 0");
    read();
    for number in 1..=6 {
        served.client.write(&tarball(), format!("tarball {number}").as_bytes());
        served.client.write(&package(), format!("package {number}").as_bytes());
        // Now and then the tarball was checked more recently than the package.
        let pause = Duration::from_millis(30 * u64::from(number));
        is_seen_each(pause, || {
            let (package, tarball) = read();
            let number_of = |text: Option<Vec<u8>>| text.unwrap().last().copied().unwrap();
            let (package, tarball) = (number_of(package), number_of(tarball));
            assert!(tarball >= package, "tarball {tarball} with package {package}");
            package == b'0' + number
        });
    }
}

#[test]
fn a_cache_folder_that_is_removed_harms_no_client() {
    let served = Served::new();
    served.client.write(&tarball(), &large(1));
    assert_eq!(served.read(&tarball()).unwrap().unwrap(), large(1));
    let opened = served.bucket.open_blocking(&tarball()).unwrap().unwrap();
    for entry in fs::read_dir(served.directory.path()).unwrap() {
        fs::remove_dir_all(entry.unwrap().path()).unwrap();
    }
    assert_eq!(served.read(&tarball()).unwrap().unwrap(), large(1));
    // One that was open before is read to its end.
    assert_eq!(opened.read(1 << 30).unwrap(), large(1));
    let opened = served.source().open(tarball().as_str()).unwrap();
    assert_eq!(opened.read(1 << 30).unwrap(), large(1));
}

/// As on a disk that is full.
#[test]
fn without_room_on_disk_objects_are_received_into_memory() {
    let served = Served::new();
    served.client.write(&tarball(), &large(1));
    fs::remove_dir_all(served.directory.path()).unwrap();
    // The folder cannot be created again.
    fs::write(served.directory.path(), b"").unwrap();
    assert_eq!(served.read(&tarball()).unwrap().unwrap(), large(1));
    let huge = Folder::Tarballs.file("acme-2.0.0.tar");
    served.client.write(&huge, &vec![1; (16 << 20) + 1]);
    let error = served.read(&huge).unwrap_err();
    assert!(error.to_string().contains("no room"), "{error}");
}

#[test]
fn an_object_that_is_evicted_is_read_to_its_end() {
    let served = Served::with_cache(2 << 20);
    served.client.write(&tarball(), &large(1));
    let opened = served.bucket.open_blocking(&tarball()).unwrap().unwrap();
    for number in 0..20 {
        let path = Folder::Tarballs.file(&format!("other-1.0.{number}.tar"));
        served.client.write(&path, &large(2));
        assert_eq!(served.read(&path).unwrap().unwrap(), large(2));
    }
    let count = || {
        let folders = fs::read_dir(served.directory.path()).unwrap();
        let folder = folders.map(|entry| entry.unwrap().path()).next().unwrap();
        fs::read_dir(folder).unwrap().count()
    };
    let began = Instant::now();
    // One of them is the lock.
    while count() > 7 {
        assert!(began.elapsed() < Duration::from_secs(60), "{} files are left", count());
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(opened.read(1 << 30).unwrap(), large(1));
}

#[test]
fn names_that_do_not_exist_take_few_requests_at_once() {
    let served = Served::new();
    served.client.write(&policy(), b"one");
    served.read(&policy()).unwrap();
    served.client.answer(Answering::HeldBack);
    let ask = |name: String| {
        let path = Folder::Policies.file(&name);
        drop(Arc::clone(&served.bucket).known(&path, Wanted::Bytes));
        let looking = Arc::clone(&served.bucket).look_up(path, Wanted::Bytes);
        served.bucket.bucket().handle().spawn(looking)
    };
    let flood: Vec<_> = (0..5_000).map(|number| ask(format!("missing{number}"))).collect();
    served.client.wait_for(65);
    thread::sleep(Duration::from_millis(300));
    assert!(served.client.most_running() <= 64, "{}", served.client.most_running());
    let asked = served.client.asked().len();
    // What is known is asked for beside them.
    thread::sleep(AGED);
    let known = ask("acme".to_owned());
    served.client.wait_for(asked + 1);
    assert_eq!(served.client.asked().last().unwrap(), "policies/acme");
    served.client.answer(Answering::AtOnce);
    let wait = |looking| served.bucket.bucket().handle().block_on(looking);
    assert!(matches!(wait(known).unwrap(), Ok(Known::Object(_))));
    let outcomes: Vec<_> = flood.into_iter().map(|looking| wait(looking).unwrap()).collect();
    let missing = outcomes.iter().filter(|one| matches!(one, Ok(Known::Missing))).count();
    let refused = outcomes.iter().filter(|one| one.is_err()).count();
    assert_eq!((missing + refused, outcomes.len()), (5_000, 5_000));
    assert!(missing >= 4_000 && refused > 0, "{missing} {refused}");
}

/// Any client may make names up.
#[test]
fn packages_that_the_index_does_not_list_take_no_request() {
    let served = Served::new();
    let names = include_bytes!("../../../../fixtures/golden/acme/expected/names");
    served.client.write(&Folder::Root.file("names"), names);
    served.client.write(&Folder::Packages.file("apple"), b"apple");
    for number in 0..1_000 {
        let path = Folder::Packages.file(&format!("missing{number}"));
        assert_eq!(served.read(&path).unwrap(), None);
        assert_eq!(served.stamp(&path), None);
    }
    assert_eq!(served.read(&Folder::Packages.file("apple")).unwrap().unwrap(), b"apple");
    let asked = served.client.asked();
    let others = asked.iter().filter(|path| *path != "names").collect::<Vec<_>>();
    assert_eq!(others, ["packages/apple"]);
    assert!(asked.len() < 30, "{asked:?}");
    // An index that cannot be read says nothing.
    served.client.write(&Folder::Root.file("names"), b"no index");
    served.bucket.forget(&Folder::Root.file("names"));
    served.client.write(&Folder::Packages.file("missing1"), b"there");
    assert_eq!(served.read(&Folder::Packages.file("missing1")).unwrap().unwrap(), b"there");
}

#[test]
fn a_private_key_is_not_served() {
    let served = Served::new();
    let key = include_bytes!("../../../../fixtures/golden/keys/acme-2048.pem");
    for bytes in [key.to_vec(), [&key[..], &large(b'\n')].concat()] {
        served.client.write(&tarball(), &bytes);
        assert!(served.read(&tarball()).unwrap_err().to_string().contains("private key"));
        assert!(served.source().open_now(tarball().as_str()).unwrap().is_err());
        served.bucket.forget(&tarball());
    }
}

/// No object can have such a name, so that storage would refuse the request.
#[test]
fn what_can_be_no_name_of_an_object_is_missing() {
    let served = Served::new();
    for path in ["policies/", "policies//x", "policies/../x", &"x".repeat(1_100)] {
        assert_eq!(served.read(&Folder::Root.file(path)).unwrap(), None, "{path}");
    }
    assert_eq!(served.client.asked(), [""; 0]);
}

#[test]
fn two_servers_know_an_object_by_the_same_stamp() {
    let served = Served::new();
    served.client.write(&tarball(), &large(1));
    let folder = Arc::new(CacheFolder::create(served.directory.path()).unwrap());
    let store = Arc::new(served.client.store());
    let other = Arc::new(SharedBucket::new(store, 1 << 30, folder, BucketCounters::default()));
    let stamp = served.stamp(&tarball());
    assert!(stamp.is_some());
    assert_eq!(other.look_up_blocking(&tarball(), Wanted::Bytes).unwrap().stamp(), stamp);
    // A listing has the same ones.
    let listed = served.source().store().list(Folder::Tarballs).unwrap().unwrap();
    assert_eq!(listed[0].stamp, stamp);
    // Asking for the stamp does not forget the bytes.
    assert!(matches!(other.known(&tarball(), Wanted::Bytes), Some(Known::Object(_))));
    thread::sleep(AGED);
    assert!(other.look_up_blocking(&tarball(), Wanted::Stamp).is_ok());
    assert!(matches!(other.known(&tarball(), Wanted::Bytes), Some(Known::Object(_))));
}
