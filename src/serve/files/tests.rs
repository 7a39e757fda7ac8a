//! Files of a source that answers nothing without waiting, as object storage would be.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::body::to_bytes;
use axum::http::header::{ETAG, IF_NONE_MATCH, RANGE};
use axum::http::{HeaderMap, Method, StatusCode};
use tokio::runtime::Runtime;

use super::Files;
use super::directory::Directory;
use super::secrets::SecretFiles;
use super::source::{FileSource, OpenFile, SourceFile};
use super::tags::EntityTags;
use crate::repository::{Asset, RepositoryPath};
use crate::serve::options::Mount;
use crate::serve::repository::Repository;
use crate::store::{DirStore, Stamp, Store};

struct RemoteSource(Directory);

struct RemoteFile(Arc<dyn SourceFile>);

impl FileSource for RemoteSource {
    fn open_now(&self, _: &str) -> Option<io::Result<OpenFile>> {
        None
    }

    fn open(&self, path: &str) -> io::Result<OpenFile> {
        let opened = self.0.open(path)?;
        let changed = opened.changed().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let file = Arc::new(RemoteFile(Arc::clone(opened.file())));
        Ok(OpenFile::new(file, opened.stamp(), changed.try_into().unwrap()))
    }

    fn stamp_now(&self, _: &RepositoryPath) -> Option<io::Result<Option<Stamp>>> {
        None
    }

    fn stamp(&self, path: &RepositoryPath) -> io::Result<Option<Stamp>> {
        self.0.stamp(path)
    }

    fn store(&self) -> &dyn Store {
        self.0.store()
    }

    fn is_available(&self) -> bool {
        self.0.is_available()
    }
}

impl SourceFile for RemoteFile {
    fn read_now(&self, _: u64, _: &mut [u8]) -> Option<io::Result<usize>> {
        None
    }

    fn read(&self, from: u64, size: usize) -> io::Result<Vec<u8>> {
        self.0.read(from, size)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        self.0.stamp()
    }
}

/// The golden repository, with a large tarball of `apple` 2.0.0, and one of a release that does not exist.
fn repository() -> (tempfile::TempDir, Repository, Vec<u8>) {
    let directory = tempfile::TempDir::new().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/acme/expected");
    for folder in ["packages", "tarballs"] {
        fs::create_dir(directory.path().join(folder)).unwrap();
    }
    for file in ["public_key", "versions", "packages/apple"] {
        fs::copy(golden.join(file), directory.path().join(file)).unwrap();
    }
    let bytes: Vec<u8> = (0..=250).cycle().take(1_000_000).collect();
    for file in ["apple-2.0.0.tar", "apple-9.9.9.tar"] {
        fs::write(directory.path().join("tarballs").join(file), &bytes).unwrap();
    }
    let store = DirStore::new(directory.path());
    let source: Arc<dyn FileSource> = Arc::new(RemoteSource(Directory::new(store.clone())));
    let mount = Mount { name: None, directory: directory.path().to_owned() };
    let repository = Repository::of(&mount, Arc::new(store), source);
    (directory, repository, bytes)
}

#[test]
fn a_source_that_always_waits_serves_the_same_files() {
    let (directory, repository, bytes) = repository();
    let files = Files { tags: EntityTags::new(SecretFiles::none()), is_public: true };
    let runtime = Runtime::new().unwrap();
    let get = |path: &str, headers: HeaderMap| {
        let asset = Asset::at(path).unwrap();
        runtime.block_on(async {
            let response = files.respond(&repository, &asset, &Method::GET, headers).await;
            let tag = response.headers().get(ETAG).cloned();
            let status = response.status();
            (status, tag, to_bytes(response.into_body(), usize::MAX).await.unwrap())
        })
    };

    let (status, tag, body) = get("tarballs/apple-2.0.0.tar", HeaderMap::new());
    assert_eq!((status, body.as_ref()), (StatusCode::OK, bytes.as_slice()));
    let condition = HeaderMap::from_iter([(IF_NONE_MATCH, tag.unwrap())]);
    assert_eq!(get("tarballs/apple-2.0.0.tar", condition).0, StatusCode::NOT_MODIFIED);
    let part = HeaderMap::from_iter([(RANGE, "bytes=999990-".parse().unwrap())]);
    let (status, _, body) = get("tarballs/apple-2.0.0.tar", part);
    assert_eq!((status, body.as_ref()), (StatusCode::PARTIAL_CONTENT, &bytes[999_990..]));

    let (status, _, body) = get("packages/apple", HeaderMap::new());
    let package = fs::read(directory.path().join("packages/apple")).unwrap();
    assert_eq!((status, body.as_ref()), (StatusCode::OK, package.as_slice()));
    for missing in ["tarballs/apple-9.9.9.tar", "tarballs/banana-0.1.0.tar", "names"] {
        assert_eq!(get(missing, HeaderMap::new()).0, StatusCode::NOT_FOUND, "{missing}");
    }
}
