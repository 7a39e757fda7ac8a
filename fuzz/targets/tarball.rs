//! Tarballs and their contents: unpacked or refused, and of what is accepted other readers make the
//! same.
//!
//! An archive that begins with an entry named `VERSION` is taken for a whole tarball, any other for the
//! contents of one. Checksums are put right first.

#![no_main]

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use hexreg::checksum::OuterChecksum;
use hexreg::tarball::{self, DocsLimits, EntryType, Limits, Unpacker};
use hexreg_fuzz::{gunzip, gzip, pack, repair_headers, repair_tarball};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { tarball: 1 << 20, contents: 2 << 20, ..Limits::HEX };

thread_local! {
    static UNPACKER: RefCell<Unpacker> = RefCell::new(Unpacker::new(LIMITS));
}

fuzz_target!(|data: &[u8]| {
    let mut archive = data.to_vec();
    if archive.starts_with(b"VERSION\0") {
        // As it came, too: other programs repair nothing.
        check(&archive);
        repair_tarball(&mut archive);
        check(&archive);
    } else {
        repair_headers(&mut archive);
        let gzipped = gzip(&archive);
        check(&pack(&gzipped));
        check_docs(&archive, &gzipped);
    }
});

fn check(tarball: &[u8]) {
    match UNPACKER.with_borrow_mut(|unpacker| unpacker.unpack(tarball)) {
        Ok(read) => {
            assert_eq!(read.outer_checksum, OuterChecksum::of(tarball));
            let again = UNPACKER.with_borrow_mut(|unpacker| unpacker.unpack(tarball));
            assert_eq!(again.ok(), Some(read), "the unpacker remembers");
            let faults = tarball::metadata_faults(tarball, &LIMITS);
            drop(faults.expect("what was unpacked can be judged").map(|all| all.to_string()));
            let contents = same_entries(tarball).expect("an accepted tarball has contents");
            // libdeflate takes symbols that deflate does not define, where zlib refuses the stream: known,
            // and no tool writes them (docs/reliability.md).
            if let Some((inner, trailing)) = gunzip(&contents) {
                assert_eq!(trailing, 0, "bytes follow the gzip stream");
                same_entries(&inner);
                stays_inside(&inner);
            }
        }
        Err(error) => drop(error.to_string()),
    }
}

/// Documentation is read piece by piece. What is accepted is so in memory, too.
fn check_docs(archive: &[u8], gzipped: &[u8]) {
    match tarball::check_docs(gzipped, &DocsLimits { compressed: 1 << 20, uncompressed: 2 << 20 }) {
        Ok(checked) => {
            let entries = tarball::entries(archive);
            let kinds = entries.map(|entry| entry.expect("what was accepted has no faults").kind);
            let files = kinds.filter(|kind| *kind != EntryType::Directory).count();
            assert_eq!(files as u64, checked.files);
            stays_inside(archive);
            each_path_once(archive);
        }
        Err(error) => drop(error.to_string()),
    }
}

/// The tar crate sees the same entries, with the same bytes. Hands back `contents.tar.gz`.
fn same_entries(archive: &[u8]) -> Option<Vec<u8>> {
    let mut contents = None;
    let mut reader = tar::Archive::new(archive);
    let mut theirs = reader.entries().expect("the tar crate reads what was accepted");
    for ours in tarball::entries(archive) {
        let ours = ours.expect("what was accepted has no faults");
        let mut theirs = theirs.next().expect("as many entries").expect("a sound entry");
        assert_eq!(theirs.path_bytes(), ours.path.as_bytes());
        assert_eq!(theirs.header().entry_type(), ours.kind);
        if ours.kind == EntryType::Symlink {
            assert_eq!(theirs.link_name_bytes().unwrap_or_default(), ours.link.as_bytes());
        }
        let mut data = Vec::new();
        theirs.read_to_end(&mut data).expect("memory does not fail");
        assert_eq!(data, ours.data);
        if ours.path == "contents.tar.gz" {
            contents = Some(data);
        }
    }
    assert!(theirs.next().is_none(), "the tar crate sees more entries");
    contents
}

/// By the standard library's reading of paths: no file has the path of another file, or of a folder.
fn each_path_once(archive: &[u8]) {
    let (mut files, mut folders) = (HashSet::new(), HashSet::new());
    for entry in tarball::entries(archive).flatten() {
        let parts = Path::new(&*entry.path).components();
        let path: PathBuf = parts.filter(|part| *part != Component::CurDir).collect();
        folders.extend(path.ancestors().skip(1).map(Path::to_owned));
        if entry.kind == EntryType::Directory {
            folders.insert(path);
        } else {
            assert!(!entry.path.contains(char::is_control), "{:?}", entry.path);
            assert!(files.insert(path), "{:?} is there twice", entry.path);
        }
    }
    assert!(files.is_disjoint(&folders), "{:?}", files.intersection(&folders));
}

/// By the standard library's reading of paths, and without following links.
fn stays_inside(archive: &[u8]) {
    for entry in tarball::entries(archive).flatten() {
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        assert!(Path::new(&*entry.path).components().all(inside), "{:?}", entry.path);
        let known = matches!(
            entry.kind,
            EntryType::Regular | EntryType::Continuous | EntryType::Directory | EntryType::Symlink
        );
        assert!(known, "{:?} is {:?}", entry.path, entry.kind);
    }
}
