//! Which releases exist, where their package changes.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::*;
use crate::serve::files::directory::Directory;
use crate::store::DirStore;

#[tokio::test]
async fn a_package_that_changes_is_cached_once() {
    let directory = tempfile::TempDir::new().unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden/acme/expected");
    fs::create_dir(directory.path().join("packages")).unwrap();
    fs::copy(golden.join("public_key"), directory.path().join("public_key")).unwrap();
    let source = Arc::new(Directory::new(DirStore::new(directory.path())));
    let index = Arc::new(ReleaseIndex::new(source, None));
    let release = |text: &str| text.parse::<FileName>().unwrap();
    let mut stamps = HashSet::new();
    for _ in 0..5 {
        let package = directory.path().join("packages/apple");
        fs::copy(golden.join("packages/apple"), &package).unwrap();
        stamps.insert(
            index
                .source
                .stamp(&RepositoryPath::package(&release("apple-2.0.0.tar").package))
                .unwrap()
                .unwrap(),
        );
        assert!(index.has(&release("apple-2.0.0.tar"), false).await.unwrap());
        assert!(!index.has(&release("apple-9.9.9.tar"), false).await.unwrap());
        fs::remove_file(package).unwrap();
    }
    assert!(stamps.len() > 1);
    assert_eq!(lock(&index.packages).len(), 1);
}
