//! Tests of the check of documentation.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::Header;

use super::*;
use crate::tarball::archive;

/// An entry: its path, type and data.
type Entry<'a> = (&'a str, EntryType, &'a [u8]);

const FILE: EntryType = EntryType::Regular;
const DIRECTORY: EntryType = EntryType::Directory;

fn header(path: &str, kind: EntryType, size: usize) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_mtime(946_684_800);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size as u64);
    if matches!(kind, EntryType::Symlink | EntryType::Link) {
        header.set_link_name_literal("index.html").unwrap();
    }
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn tar(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (path, kind, data) in entries {
        tar.extend(header(path, *kind, data.len()));
        tar.extend(*data);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.extend([0; 1024]);
    tar
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut stream = GzEncoder::new(Vec::new(), Compression::fast());
    stream.write_all(bytes).unwrap();
    stream.finish().unwrap()
}

fn check(file: &[u8]) -> Result<CheckedDocs, DocsError> {
    check_docs(file, &DocsLimits::HEX)
}

fn message(file: &[u8]) -> String {
    check(file).unwrap_err().to_string()
}

fn refusal(entries: &[Entry<'_>]) -> String {
    message(&gzip(&tar(entries)))
}

#[test]
fn documentation_is_files_and_directories() {
    let docs = tar(&[
        ("./", DIRECTORY, b""),
        ("./index.html", FILE, b"<html>"),
        ("dist/", DIRECTORY, b""),
        ("dist/1.0.0/a.js", FILE, &vec![b'a'; 20_000]),
        ("1.0/b", FILE, b""),
        ("v1.0.0", FILE, b""),
    ]);
    assert_eq!(check(&gzip(&docs)).unwrap(), CheckedDocs { has_index: true, files: 4 });
    let without_index = gzip(&tar(&[("api/index.html", FILE, b"")]));
    assert_eq!(check(&without_index).unwrap(), CheckedDocs { has_index: false, files: 1 });
    assert_eq!(check(&gzip(&tar(&[]))).unwrap().files, 0);
    // A reader that gives a byte at a time.
    let bytes = gzip(&docs);
    let slow = bytes.iter().fold(Box::new(io::empty()) as Box<dyn Read>, |read, byte| {
        Box::new(read.chain(Cursor::new([*byte]))) as Box<dyn Read>
    });
    assert_eq!(check_docs(slow, &DocsLimits::HEX).unwrap().files, 4);
}

#[test]
fn long_names_of_both_kinds_are_read() {
    let long = format!("{}/index.html", "a".repeat(200));
    let gnu = [long.as_bytes(), b"\0"].concat();
    let pax = format!("path={long}\n");
    let pax = format!("{} {pax}", pax.len() + 4);
    for (kind, data) in [(EntryType::GNULongName, gnu), (EntryType::XHeader, pax.into_bytes())] {
        let docs = tar(&[("x", kind, &data), ("index.html", FILE, b"")]);
        // The entry is not at the top: its name is the long one.
        assert_eq!(check(&gzip(&docs)).unwrap(), CheckedDocs { has_index: false, files: 1 });
        let alone = tar(&[("x", kind, &data)]);
        assert!(matches!(check(&gzip(&alone)), Err(DocsError::Archive(_))));
    }
    let evil = tar(&[("x", EntryType::GNULongName, b"../up\0"), ("index.html", FILE, b"")]);
    assert_eq!(message(&gzip(&evil)), r#""../up" has `..` in its path"#);
    let four = [("x", EntryType::GNULongName, b"a".as_slice()); 4];
    assert!(matches!(check(&gzip(&tar(&four))), Err(DocsError::Archive(_))));
    let huge = tar(&[("x", EntryType::XHeader, &vec![b'a'; 65_537])]);
    assert!(matches!(check(&gzip(&huge)), Err(DocsError::Archive(ArchiveError::BadHeader { .. }))));
}

#[test]
fn unsafe_entries_are_refused() {
    for (path, kind, expected) in [
        ("/etc/passwd", FILE, r#""/etc/passwd" is an absolute path"#),
        ("C:a", FILE, r#""C:a" is an absolute path"#),
        ("../a", FILE, r#""../a" has `..` in its path"#),
        ("a/../b", FILE, r#""a/../b" has `..` in its path"#),
        ("a/..", DIRECTORY, r#""a/.." has `..` in its path"#),
        (r"a\b", FILE, r#""a\\b" has a backslash"#),
        ("a\u{1b}[31m", FILE, r#""a\u{1b}[31m" has a control character"#),
        ("a\nb", FILE, r#""a\nb" has a control character"#),
        ("a\u{202e}b", DIRECTORY, r#""a\u{202e}b" has a control character"#),
        ("", FILE, "an entry has a path that cannot be created"),
        (".", FILE, "an entry has a path that cannot be created"),
        ("1.2.3/index.html", FILE, r#""1.2.3/index.html" begins with a version"#),
        ("./1.2.3-rc.1", DIRECTORY, r#""./1.2.3-rc.1" begins with a version"#),
        ("1.2.3+b", FILE, r#""1.2.3+b" begins with a version"#),
        ("a", EntryType::Symlink, r#""a" is a link"#),
        ("a", EntryType::Link, r#""a" is a link"#),
        ("a", EntryType::Fifo, r#""a" is neither a file nor a directory"#),
        ("a", EntryType::Char, r#""a" is neither a file nor a directory"#),
        ("a", EntryType::GNUSparse, r#""a" is neither a file nor a directory"#),
    ] {
        let found = refusal(&[("index.html", FILE, b"x"), (path, kind, b"")]);
        assert!(found.starts_with(expected), "{found}");
    }
}

/// What is unpacked of such documentation depends on who unpacks it.
#[test]
fn each_path_is_of_one_file_or_of_one_folder() {
    let index = ("index.html", FILE, b"".as_slice());
    for (first, second, expected) in [
        (index, ("index.html", FILE, b"x".as_slice()), r#""index.html" is in it twice"#),
        (index, ("./index.html", FILE, b""), r#""index.html" is in it twice"#),
        (("a/b", FILE, b""), ("a//b", FILE, b""), r#""a/b" is in it twice"#),
        (("a", FILE, b""), ("a/b", FILE, b""), r#""a" is in it as a file and as a folder"#),
        (("a/b/c", FILE, b""), ("a/b", FILE, b""), r#""a/b" is in it as a file and as a folder"#),
        (("a", FILE, b""), ("a/", DIRECTORY, b""), r#""a" is in it as a file and as a folder"#),
        (("a", DIRECTORY, b""), ("a", FILE, b""), r#""a" is in it as a file and as a folder"#),
    ] {
        assert_eq!(refusal(&[first, second]), expected);
    }
    let folders = [("a/", DIRECTORY, b"".as_slice()), ("a/b", FILE, b""), ("./a", DIRECTORY, b"")];
    let others = [("./", DIRECTORY, b"".as_slice()), ("A/b", FILE, b""), ("a/bc", FILE, b"")];
    let all: Vec<Entry<'_>> =
        folders.into_iter().chain(others).chain(folders.into_iter().take(1)).collect();
    assert_eq!(check(&gzip(&tar(&all))).unwrap().files, 3);
}

#[test]
fn what_is_no_single_gzip_stream_is_refused() {
    let docs = gzip(&tar(&[("index.html", FILE, b"<html>")]));
    for bytes in [b"".as_slice(), b"\x1f\x8b", b"PK\x03\x04", &tar(&[])] {
        assert!(matches!(check(bytes), Err(DocsError::NotGzip)), "{bytes:?}");
    }
    for trailing in [&[0][..], &docs] {
        let more = [&docs, trailing].concat();
        assert!(matches!(check(&more), Err(DocsError::TrailingBytes)));
    }
    for end in 4..docs.len() {
        assert!(check(&docs[..end]).is_err(), "{end}");
    }
    let mut flags = docs.clone();
    flags[3] = 2;
    assert!(matches!(check(&flags), Err(DocsError::GzipFlags)));
    let mut checksum = docs.clone();
    let at = docs.len() - 8;
    checksum[at] ^= 1;
    assert!(matches!(check(&checksum), Err(DocsError::Damaged)));
    assert!(matches!(check(&gzip(b"<html>")), Err(DocsError::Archive(ArchiveError::NotTar))));
    assert!(matches!(check(&gzip(b"")), Err(DocsError::Archive(ArchiveError::Empty))));
}

#[test]
fn an_archive_ends_once_and_is_whole() {
    let whole = tar(&[("index.html", FILE, b"<html>")]);
    let archive = |bytes: &[u8]| match check(&gzip(bytes)) {
        Err(DocsError::Archive(error)) => error,
        other => panic!("{other:?}"),
    };
    // One empty block is enough, and more are padding.
    assert!(check(&gzip(&whole[..1536])).is_ok());
    assert!(check(&gzip(&[&whole[..], &[0; 9000]].concat())).is_ok());
    assert_eq!(archive(&whole[..1024]), ArchiveError::TruncatedEnd);
    assert_eq!(archive(&whole[..1600]), ArchiveError::TruncatedEnd);
    assert_eq!(archive(&whole[..600]), ArchiveError::TruncatedEntry(r#""index.html""#.to_owned()));
    assert_eq!(archive(&[&whole[..], b"x"].concat()), ArchiveError::TrailingBytes(1));
    assert_eq!(archive(&[&whole[..1536], b"x"].concat()), ArchiveError::TruncatedEnd);
    let block = [b'x'; 512].as_slice();
    assert_eq!(archive(&[&whole[..1536], block].concat()), ArchiveError::TrailingBytes(512));
    let mut dirty = whole.clone();
    dirty[600] = 1;
    assert_eq!(archive(&dirty), ArchiveError::DirtyPadding("index.html".to_owned()));
    let mut damaged = whole;
    damaged[1024] = 1;
    assert_eq!(archive(&damaged), ArchiveError::DamagedHeader { offset: 1024 });
}

#[test]
fn a_bomb_ends_at_the_limit() {
    let limits = DocsLimits { compressed: 1 << 20, uncompressed: 1 << 20 };
    let docs = gzip(&tar(&[("index.html", FILE, &vec![0; 2 << 20])]));
    assert!(docs.len() < 64 << 10, "{}", docs.len());
    let error = check_docs(&docs[..], &limits).unwrap_err();
    assert!(matches!(error, DocsError::TooLargeUncompressed { limit: 1_048_576 }), "{error}");
    assert!(error.to_string().starts_with("too big (uncompressed)"), "{error}");
    // The same in the padding after the end.
    let padded = gzip(&[tar(&[]), vec![0; 2 << 20]].concat());
    let error = check_docs(&padded[..], &limits).unwrap_err();
    assert!(matches!(error, DocsError::TooLargeUncompressed { .. }), "{error}");
    let limits = DocsLimits { compressed: docs.len() as u64 - 1, ..DocsLimits::HEX };
    let error = check_docs(&docs[..], &limits).unwrap_err();
    assert!(error.to_string().starts_with("too big: it has more than"), "{error}");
    let limits = DocsLimits { compressed: docs.len() as u64, ..DocsLimits::HEX };
    assert!(check_docs(&docs[..], &limits).is_ok());
}

/// An archive that is read piece by piece is read as one that lies in memory.
#[test]
fn damage_is_seen_as_in_memory() {
    let whole = tar(&[
        ("x", EntryType::GNULongName, b"a\0"),
        ("index.html", FILE, b"<html>"),
        ("x", EntryType::XHeader, b"10 path=b\n"),
        ("dir", DIRECTORY, b""),
    ]);
    assert!(check(&gzip(&whole)).is_ok());
    let mut cut = 0;
    let mut compare = |archive: &[u8]| {
        let in_memory = archive::entries(archive).find_map(Result::err);
        match check(&gzip(archive)) {
            Ok(_) => assert_eq!(in_memory, None),
            Err(DocsError::Archive(_)) => assert!(in_memory.is_some()),
            // A path that is refused, at which the walk ends.
            Err(_) => cut += 1,
        }
    };
    for index in 0..whole.len() {
        for bits in [0x01, 0x10, 0x80] {
            let mut damaged = whole.clone();
            damaged[index] ^= bits;
            compare(&damaged);
        }
        compare(&whole[..index]);
    }
    assert!(cut < 100, "{cut}");
}
