//! Files of a source that answers nothing without waiting, as object storage would be; and files that are kept in memory.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use axum::body::{Bytes, to_bytes};
use axum::http::header::{CONTENT_LENGTH, ETAG, IF_NONE_MATCH, RANGE};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use tokio::runtime::Runtime;

use super::Files;
use super::directory::Directory;
use super::secrets::SecretFiles;
use super::source::{FileSource, OpenFile, SourceFile};
use super::tags::EntityTags;
use crate::repository::{Asset, RepositoryPath};
use crate::serve::mount::Mount;
use crate::serve::options::{CacheOptions, RepositoryLocation, RepositoryOptions};
use crate::serve::repository::Repository;
use crate::store::{DirStore, Links, Stamp, Store};

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

/// A directory that counts how often a file is opened, and whose files look old.
struct OldSource {
    directory: Directory,
    opened: AtomicUsize,
}

struct OldFile(Arc<dyn SourceFile>);

/// The stamp of the same file if it had been changed a minute before.
fn older(stamp: Stamp) -> Stamp {
    match stamp {
        Stamp::File { size, modified, changed, inode, device } => {
            let changed = changed.saturating_sub(60_000_000_000);
            Stamp::File { size, modified, changed, inode, device }
        }
        Stamp::Object { .. } => stamp,
    }
}

impl OldSource {
    fn opened(&self, opened: io::Result<OpenFile>) -> io::Result<OpenFile> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        let opened = opened?;
        let file = Arc::new(OldFile(Arc::clone(opened.file())));
        Ok(OpenFile::new(file, older(opened.stamp()), 1_700_000_000_000_000_000))
    }
}

impl FileSource for OldSource {
    fn open_now(&self, path: &str) -> Option<io::Result<OpenFile>> {
        // A kernel that cannot be asked would make the test depend on it.
        Some(self.open(path))
    }

    fn open(&self, path: &str) -> io::Result<OpenFile> {
        self.opened(self.directory.open(path))
    }

    fn stamp_now(&self, path: &RepositoryPath) -> Option<io::Result<Option<Stamp>>> {
        Some(self.stamp(path))
    }

    fn stamp(&self, path: &RepositoryPath) -> io::Result<Option<Stamp>> {
        Ok(self.directory.stamp(path)?.map(older))
    }

    fn store(&self) -> &dyn Store {
        self.directory.store()
    }

    fn is_available(&self) -> bool {
        self.directory.is_available()
    }
}

impl SourceFile for OldFile {
    fn read_now(&self, from: u64, buffer: &mut [u8]) -> Option<io::Result<usize>> {
        let bytes = self.0.read(from, buffer.len());
        Some(bytes.map(|bytes| {
            buffer[..bytes.len()].copy_from_slice(&bytes);
            bytes.len()
        }))
    }

    fn read(&self, from: u64, size: usize) -> io::Result<Vec<u8>> {
        self.0.read(from, size)
    }

    fn stamp(&self) -> io::Result<Stamp> {
        Ok(older(self.0.stamp()?))
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
    let location = RepositoryLocation::Directory(directory.path().to_owned());
    let options = RepositoryOptions::new(Mount::root(), location);
    let repository = Repository::of(&options, &CacheOptions::default(), Arc::new(store), source);
    (directory, repository, bytes)
}

/// The repository in a directory, at `/`.
fn at_root(directory: &Path) -> RepositoryOptions {
    RepositoryOptions::new(Mount::root(), RepositoryLocation::Directory(directory.to_owned()))
}

#[test]
fn a_source_that_always_waits_serves_the_same_files() {
    let (directory, repository, bytes) = repository();
    let files = Files { tags: EntityTags::new(SecretFiles::none()) };
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

#[test]
fn a_small_file_is_opened_once_until_it_changes() {
    let (directory, _, _) = repository();
    let source = Arc::new(OldSource {
        directory: Directory::new(DirStore::new(directory.path()).with_links(Links::Inside)),
        opened: AtomicUsize::new(0),
    });
    let store = Arc::new(DirStore::new(directory.path()));
    let repository = Repository::of(
        &at_root(directory.path()),
        &CacheOptions::default(),
        store,
        Arc::clone(&source) as Arc<dyn FileSource>,
    );
    let files = Files { tags: EntityTags::new(SecretFiles::none()) };
    let runtime = Runtime::new().unwrap();
    let ask = |path: &str, method: Method, headers: HeaderMap| {
        let asset = Asset::at(path).unwrap();
        let asked = source.opened.load(Ordering::Relaxed);
        let response: Response<Bytes> = runtime.block_on(async {
            let response = files.respond(&repository, &asset, &method, headers).await;
            let (parts, body) = response.into_parts();
            Response::from_parts(parts, to_bytes(body, usize::MAX).await.unwrap())
        });
        (response, source.opened.load(Ordering::Relaxed) - asked)
    };
    let get = |path: &str| ask(path, Method::GET, HeaderMap::new());
    let path = directory.path().join("packages/apple");
    let package = fs::read(&path).unwrap();

    let (first, opened) = get("packages/apple");
    assert_eq!((first.body().as_ref(), opened), (package.as_slice(), 1));
    let (second, opened) = get("packages/apple");
    assert_eq!(opened, 0, "it is kept");
    assert_eq!(second.body(), first.body());
    assert!(first.headers().iter().all(|(name, value)| second.headers()[name] == value));
    let (head, opened) = ask("packages/apple", Method::HEAD, HeaderMap::new());
    assert_eq!((head.body().len(), opened), (0, 0));
    assert_eq!(head.headers()[CONTENT_LENGTH], package.len().to_string());
    let condition = HeaderMap::from_iter([(IF_NONE_MATCH, first.headers()[ETAG].clone())]);
    let (unchanged, opened) = ask("packages/apple", Method::GET, condition);
    assert_eq!((unchanged.status(), opened), (StatusCode::NOT_MODIFIED, 0));
    let part = HeaderMap::from_iter([(RANGE, "bytes=1-2".parse().unwrap())]);
    let (part, _) = ask("packages/apple", Method::GET, part);
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.body().as_ref(), &package[1..=2]);

    // The large one is read anew each time.
    for _ in 0..2 {
        assert_eq!(get("tarballs/apple-2.0.0.tar").1, 1);
    }

    // Another file in its place, a link to a file outside, and nothing.
    fs::write(&path, b"not a package").unwrap();
    assert_eq!(get("packages/apple").0.status(), StatusCode::NOT_FOUND);
    fs::write(&path, &package).unwrap();
    assert_eq!(get("packages/apple").0.body().as_ref(), package);
    let outside = tempfile::TempDir::new().unwrap();
    fs::write(outside.path().join("apple"), &package).unwrap();
    fs::remove_file(&path).unwrap();
    symlink(outside.path().join("apple"), &path).unwrap();
    assert_eq!(get("packages/apple").0.status(), StatusCode::NOT_FOUND);
    fs::remove_file(&path).unwrap();
    assert_eq!(get("packages/apple").0.status(), StatusCode::NOT_FOUND);

    let key = directory.path().join("public_key");
    assert_eq!(get("public_key").0.status(), StatusCode::OK);
    assert_eq!(get("public_key").1, 0);
    fs::write(&key, "PuTTY-User-Key-File-3: ssh-ed25519\n").unwrap();
    assert_eq!(get("public_key").0.status(), StatusCode::NOT_FOUND);
}

#[test]
fn a_release_that_is_no_more_takes_its_kept_tarball_along() {
    let (directory, _, _) = repository();
    let tarball = directory.path().join("tarballs/apple-2.0.0.tar");
    fs::write(&tarball, b"small").unwrap();
    let store = DirStore::new(directory.path());
    let source = Arc::new(OldSource {
        directory: Directory::new(store.clone()),
        opened: AtomicUsize::new(0),
    });
    let repository = Repository::of(
        &at_root(directory.path()),
        &CacheOptions::default(),
        Arc::new(store),
        source,
    );
    let files = Files { tags: EntityTags::new(SecretFiles::none()) };
    let asset = Asset::at("tarballs/apple-2.0.0.tar").unwrap();
    let runtime = Runtime::new().unwrap();
    let status = || {
        let headers = HeaderMap::new();
        let response = files.respond(&repository, &asset, &Method::GET, headers);
        runtime.block_on(response).status()
    };
    assert_eq!((status(), status()), (StatusCode::OK, StatusCode::OK));
    fs::remove_file(directory.path().join("packages/apple")).unwrap();
    assert_eq!(status(), StatusCode::NOT_FOUND);
}
