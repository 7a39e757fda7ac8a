//! Tests of the cache of descriptions.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tempfile::TempDir;

use super::*;
use crate::serve::files::directory::Directory;
use crate::serve::files::source::OpenFile;
use crate::serve::watched_store::WatchedStore;
use crate::store::{DirStore, Stamp, Store};

/// A directory, and the store that its files are read from.
struct WatchedSource {
    directory: Directory,
    store: WatchedStore,
}

impl FileSource for WatchedSource {
    fn open_now(&self, path: &str) -> Option<io::Result<OpenFile>> {
        self.directory.open_now(path)
    }

    fn open(&self, path: &str) -> io::Result<OpenFile> {
        self.directory.open(path)
    }

    fn stamp_now(&self, path: &RepositoryPath) -> Option<io::Result<Option<Stamp>>> {
        self.directory.stamp_now(path)
    }

    fn stamp(&self, path: &RepositoryPath) -> io::Result<Option<Stamp>> {
        self.directory.stamp(path)
    }

    fn store(&self) -> &dyn Store {
        &self.store
    }

    fn is_available(&self) -> bool {
        true
    }
}

/// A cache over a directory with one tarball, its release and checksum, and the number of reads.
struct Setup {
    directory: TempDir,
    cache: Arc<MetadataCache>,
    reads: Arc<AtomicUsize>,
    release: FileName,
    checksum: OuterChecksum,
}

impl Setup {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let name = "tarballs/banana-0.1.0.tar";
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/acme");
        fs::create_dir(directory.path().join("tarballs")).unwrap();
        fs::copy(golden.join(name), directory.path().join(name)).unwrap();
        let checksum = OuterChecksum::of(&fs::read(golden.join(name)).unwrap());
        let reads: Arc<AtomicUsize> = Arc::default();
        let counted = Arc::clone(&reads);
        let store = WatchedStore::new(directory.path(), move || {
            counted.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(100));
        });
        let files = Directory::new(DirStore::new(directory.path()));
        let source = WatchedSource { directory: files, store };
        let cache = Arc::new(MetadataCache::new(Arc::new(source)));
        let release = "banana-0.1.0".parse().unwrap();
        Self { directory, cache, reads, release, checksum }
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn requests_at_once_share_one_read_and_later_ones_need_none() {
    let setup = Setup::new();
    let requests: Vec<_> = (0..10)
        .map(|_| {
            let (cache, release) = (Arc::clone(&setup.cache), setup.release.clone());
            let checksum = setup.checksum;
            tokio::spawn(async move { cache.get(&release, checksum).await })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap().app.as_deref(), Some("banana"));
    }
    assert_eq!(setup.reads(), 1);
    assert!(setup.cache.get_blocking(&setup.release, setup.checksum).is_some());
    assert!(setup.cache.known(&setup.checksum).is_some());
    assert_eq!(setup.reads(), 1);
    assert!(lock(&setup.cache.running).is_empty());
}

#[tokio::test]
async fn another_tarball_than_the_signed_one_is_not_believed() {
    let setup = Setup::new();
    let other = OuterChecksum::from_bytes([1; 32]);
    for _ in 0..3 {
        assert!(setup.cache.get(&setup.release, other).await.is_none());
    }
    // Nor is it read again at once.
    assert_eq!(setup.reads(), 1);
    fs::remove_file(setup.directory.path().join("tarballs/banana-0.1.0.tar")).unwrap();
    assert!(setup.cache.get(&setup.release, setup.checksum).await.is_none());
    assert!(setup.cache.get(&setup.release, setup.checksum).await.is_none());
    // A missing one is looked for each time.
    assert_eq!(setup.reads(), 3);
}

#[tokio::test]
async fn a_request_that_is_given_up_leaves_nothing_behind() {
    let setup = Setup::new();
    let request = setup.cache.get(&setup.release, setup.checksum);
    // It has begun when the time is over.
    let given_up = tokio::time::timeout(Duration::ZERO, request).await;
    assert!(given_up.is_err());
    assert!(lock(&setup.cache.running).is_empty());
    // What it began is kept.
    while setup.cache.known(&setup.checksum).is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(setup.reads(), 1);
}

/// A reader of a package that is being reverted meets no tarball. The same tarball may be published again at once.
#[tokio::test]
async fn a_tarball_that_was_missing_is_read_once_it_is_back() {
    let setup = Setup::new();
    let tarball = setup.directory.path().join("tarballs/banana-0.1.0.tar");
    let away = setup.directory.path().join("away");
    fs::rename(&tarball, &away).unwrap();
    assert!(setup.cache.get(&setup.release, setup.checksum).await.is_none());
    assert!(setup.cache.get_blocking(&setup.release, setup.checksum).is_none());
    fs::rename(&away, &tarball).unwrap();
    assert!(setup.cache.get(&setup.release, setup.checksum).await.is_some());
}

#[tokio::test]
async fn what_was_read_of_a_published_tarball_is_not_read_again() {
    let setup = Setup::new();
    // Another server has seen the release without it.
    assert!(setup.cache.get(&setup.release, OuterChecksum::from_bytes([1; 32])).await.is_none());
    let reads = setup.reads();
    let description = Description { app: Some("banana".to_owned()), ..Description::default() };
    for checksum in [setup.checksum, OuterChecksum::from_bytes([1; 32])] {
        setup.cache.keep(checksum, &description);
        let kept = setup.cache.get(&setup.release, checksum).await;
        assert_eq!(kept.as_deref(), Some(&description));
    }
    assert_eq!(setup.reads(), reads);
}
