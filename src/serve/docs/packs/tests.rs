use std::fs;
use std::io::Write as _;

use tempfile::TempDir;

use super::*;
use crate::serve::files::directory::Directory;
use crate::serve::files::source::FileSource as _;
use crate::store::DirStore;
use crate::tarball::samples::docs_archive;

/// A directory with archives.
struct Archives {
    directory: TempDir,
    source: Directory,
}

impl Archives {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("docs")).unwrap();
        let source = Directory::new(DirStore::new(directory.path()));
        Self { directory, source }
    }

    fn write(&self, name: &str, page: &[u8]) -> (PackKey, OpenFile) {
        self.write_bytes(name, &docs_archive(&[("index.html", page)]))
    }

    fn write_bytes(&self, name: &str, bytes: &[u8]) -> (PackKey, OpenFile) {
        let path = format!("docs/{name}");
        let mut file = tempfile::NamedTempFile::new_in(self.directory.path()).unwrap();
        file.write_all(bytes).unwrap();
        file.persist(self.directory.path().join(&path)).unwrap();
        let opened = self.source.open(&path).unwrap();
        (PackKey { location: path, stamp: opened.stamp() }, opened)
    }
}

fn packs(directory: &TempDir) -> Arc<DocsPacks> {
    Arc::new(DocsPacks::new(directory.path()))
}

fn id(known: &KnownPack) -> u64 {
    match known {
        KnownPack::Read(open) => open.id,
        KnownPack::Unusable { .. } => panic!("it cannot be used"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_ask_at_once_wait_for_one_unpacking() {
    let (archives, cache) = (Archives::new(), TempDir::new().unwrap());
    let packs = packs(&cache);
    let (key, opened) = archives.write("a-1.0.0.tar.gz", &vec![b'x'; 100_000]);
    let asked = (0..16).map(|_| {
        let (packs, key, opened) = (Arc::clone(&packs), key.clone(), opened.clone());
        tokio::spawn(async move { id(&packs.get(key, opened).await) })
    });
    for asked in asked.collect::<Vec<_>>() {
        assert_eq!(asked.await.unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_was_replaced_is_read_anew() {
    let (archives, cache) = (Archives::new(), TempDir::new().unwrap());
    let packs = packs(&cache);
    let read = async |(key, opened)| match packs.get(key, opened).await {
        KnownPack::Read(open) => {
            open.pack.read("index.html").unwrap().unwrap().inflated().unwrap().into_owned()
        }
        KnownPack::Unusable { .. } => panic!("it cannot be used"),
    };
    assert_eq!(read(archives.write("a-1.0.0.tar.gz", b"one")).await, b"one");
    assert_eq!(read(archives.write("a-1.0.0.tar.gz", b"two")).await, b"two");
    assert_eq!(packs.lock().packs.len(), 1, "the former one is dropped");
}

#[tokio::test(flavor = "multi_thread")]
async fn few_archives_are_kept() {
    let (archives, cache) = (Archives::new(), TempDir::new().unwrap());
    let packs = packs(&cache);
    let first = archives.write("a-0.0.0.tar.gz", b"first");
    assert_eq!(id(&packs.get(first.0.clone(), first.1.clone()).await), 1);
    for number in 1..2 * MAX_PACKS {
        let (key, opened) = archives.write(&format!("a-{number}.0.0.tar.gz"), b"page");
        packs.get(key, opened).await;
        // It is used again and again.
        assert_eq!(id(&packs.get(first.0.clone(), first.1.clone()).await), 1);
    }
    assert_eq!(packs.lock().packs.len(), MAX_PACKS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_archive_is_read_once() {
    let (archives, cache) = (Archives::new(), TempDir::new().unwrap());
    let packs = packs(&cache);
    let (key, opened) = archives.write_bytes("a-1.0.0.tar.gz", b"damaged");
    let known = packs.get(key.clone(), opened.clone()).await;
    assert!(matches!(known, KnownPack::Unusable { is_passing: false }));
    assert!(packs.lock().find(&key).initialized());
}
