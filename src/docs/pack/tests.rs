use std::fs;

use tempfile::TempDir;

use super::*;
use crate::tarball::samples::docs_archive;

fn unpack(files: &[(&str, &[u8])]) -> DocsPack {
    let directory = TempDir::new().unwrap();
    DocsPack::unpack(&*docs_archive(files), &DocsLimits::HEX, directory.path()).unwrap()
}

#[test]
fn every_file_is_read_as_it_was() {
    let page = "<p>Enum.map/2</p>".repeat(1_000);
    let image: Vec<u8> = (0..2_000_u32)
        .flat_map(|n| blake3::hash(&n.to_le_bytes()).as_bytes()[..4].to_vec())
        .collect();
    let pack = unpack(&[
        ("index.html", page.as_bytes()),
        ("./assets/logo.png", &image),
        ("empty.js", b""),
    ]);
    assert_eq!(pack.paths().collect::<Vec<_>>(), ["assets/logo.png", "empty.js", "index.html"]);
    for (path, expected) in
        [("index.html", page.as_bytes()), ("assets/logo.png", &image), ("empty.js", b"")]
    {
        let file = pack.read(path).unwrap().unwrap();
        assert_eq!(file.inflated().unwrap(), expected, "{path}");
        assert_eq!(file.size(), expected.len());
        assert_eq!(file.as_gzip().is_some(), path == "index.html", "{path}");
    }
    let mut inflated = Vec::new();
    let stored = pack.read("index.html").unwrap().unwrap().into_stored();
    flate2::read::GzDecoder::new(&*stored).read_to_end(&mut inflated).unwrap();
    assert_eq!(inflated, page.as_bytes());
    assert!(stored.len() < page.len() / 20);
    assert_eq!(pack.read("missing.html").unwrap(), None);
    assert_eq!(pack.read("../index.html").unwrap(), None);
}

#[test]
fn a_pack_has_no_name_in_its_directory() {
    let directory = TempDir::new().unwrap();
    let archive = docs_archive(&[("index.html", b"<p>")]);
    let pack = DocsPack::unpack(&*archive, &DocsLimits::HEX, directory.path()).unwrap();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    assert_eq!(pack.size(), 3);
    assert!(pack.table_size() > 0);
}

#[test]
fn other_bytes_have_another_tag() {
    let pack = unpack(&[("a", b"one"), ("b", b"two"), ("c", b"one")]);
    assert_eq!(pack.tag("a"), pack.tag("c"));
    assert_ne!(pack.tag("a"), pack.tag("b"));
    assert_eq!(pack.tag("d"), None);
}

#[test]
fn damaged_and_unsafe_archives_are_refused() {
    let directory = TempDir::new().unwrap();
    let unpack = |bytes: &[u8]| DocsPack::unpack(bytes, &DocsLimits::HEX, directory.path());
    let whole = docs_archive(&[("index.html", &[7_u8; 9_999])]);
    let error = unpack(whole.get(..whole.len() / 2).unwrap()).unwrap_err();
    assert!(matches!(error, PackError::Archive(DocsError::Damaged)) && !error.is_passing());
    assert!(matches!(unpack(b"not gzip"), Err(PackError::Archive(DocsError::NotGzip))));
    let error = unpack(&docs_archive(&[("1.0.0/index.html", b"")])).unwrap_err();
    assert!(matches!(error, PackError::Archive(DocsError::VersionAtTop(_))));
    let limits = DocsLimits { compressed: 1 << 20, uncompressed: 4_096 };
    let error = DocsPack::unpack(&*whole, &limits, directory.path()).unwrap_err();
    assert!(matches!(error, PackError::Archive(DocsError::TooLargeUncompressed { .. })));
}

#[test]
fn a_directory_that_cannot_be_written_is_no_fault_of_the_archive() {
    let directory = TempDir::new().unwrap();
    let archive = docs_archive(&[("index.html", b"")]);
    let missing = directory.path().join("missing");
    let error = DocsPack::unpack(&*archive, &DocsLimits::HEX, &missing).unwrap_err();
    assert!(error.is_passing(), "{error}");
}
