//! The files of a package, in memory, as a client has them after it has unpacked the tarball.

use std::collections::BTreeMap;
use std::ops::Range;

use tar::EntryType;

use super::archive;
use super::contents::{ContentsChecker, ContentsError, METADATA_COPY, components};

/// How many links are followed from a path to a file.
const MAX_LINKS: usize = 8;

/// The files of a package. Clients write a copy of `metadata.config` beside them, so it is one of them:
/// `hex_metadata.config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageFiles {
    /// Sorted by path.
    files: Vec<PackageFile>,
    /// The inflated archive, and after it the metadata.
    bytes: Vec<u8>,
}

/// A file or link of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageFile {
    /// The path in the package, with `/` between its parts. It may have any character but a zero byte.
    pub path: String,
    /// What is at the path.
    pub kind: PackageFileKind,
    range: Range<usize>,
}

impl PackageFile {
    /// The size in bytes; of a link, 0.
    #[must_use]
    pub fn size(&self) -> usize {
        self.range.len()
    }
}

/// What is at a path of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackageFileKind {
    /// A file.
    Plain,
    /// A file that may be executed.
    Executable,
    /// A symbolic link to another path of the package, relative to the folder that it lies in.
    Link {
        /// The target, as the link has it.
        target: String,
    },
}

impl PackageFiles {
    /// The name of the copy of `metadata.config`.
    pub const METADATA: &'static str = METADATA_COPY;

    /// Inflates and checks `contents.tar.gz`.
    pub(super) fn read(
        contents: &[u8],
        metadata: &[u8],
        limit: usize,
    ) -> Result<Self, ContentsError> {
        let mut checker = ContentsChecker::new();
        checker.check(contents, limit)?;
        let mut bytes = checker.into_inflated();
        let mut files = BTreeMap::new();
        for entry in archive::entries(&bytes) {
            let entry = entry?;
            let kind = match entry.kind {
                EntryType::Symlink => PackageFileKind::Link { target: entry.link.into_owned() },
                EntryType::Directory => continue,
                _ if entry.executable => PackageFileKind::Executable,
                _ => PackageFileKind::Plain,
            };
            let start = entry.data.as_ptr().addr().saturating_sub(bytes.as_ptr().addr());
            let range = match kind {
                PackageFileKind::Link { .. } => 0..0,
                _ => start..start.saturating_add(entry.data.len()),
            };
            // Of two files with one path, all clients keep the last.
            let path = components(&entry.path).collect::<Vec<_>>().join("/");
            files.insert(path, (kind, range));
        }
        let start = bytes.len();
        bytes.reserve_exact(metadata.len());
        bytes.extend_from_slice(metadata);
        files.insert(METADATA_COPY.to_owned(), (PackageFileKind::Plain, start..bytes.len()));
        let files =
            files.into_iter().map(|(path, (kind, range))| PackageFile { path, kind, range });
        Ok(Self { files: files.collect(), bytes })
    }

    /// All files and links, sorted by path.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &PackageFile> {
        self.files.iter()
    }

    /// The file or link at a path.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<&PackageFile> {
        let index = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        self.files.get(index)
    }

    /// The bytes of a file; of a link, none.
    #[must_use]
    pub fn data(&self, file: &PackageFile) -> &[u8] {
        self.bytes.get(file.range.clone()).unwrap_or_default()
    }

    /// The bytes of the file that is opened at a path: links are followed. None if the path is not of a file.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        let mut file = self.file(path)?;
        for _ in 0..MAX_LINKS {
            let PackageFileKind::Link { target } = &file.kind else {
                return Some(self.data(file));
            };
            file = self.file(&linked(&file.path, target)?)?;
        }
        None
    }

    /// The text of `metadata.config`: Erlang terms.
    #[must_use]
    pub fn metadata(&self) -> &[u8] {
        self.get(METADATA_COPY).unwrap_or_default()
    }
}

/// The path that a link at `path` leads to.
fn linked(path: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in components(target) {
        if part == ".." {
            parts.pop()?;
        } else {
            parts.push(part);
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;
    use crate::tarball::{self, Error, Limits, Unpacker};

    const METADATA: &str = "{<<\"name\">>,<<\"a\">>}.\n";

    /// Of each entry its path, type, mode and data, or the target of a link.
    fn contents(entries: &[(&str, EntryType, u32, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (path, kind, mode, data) in entries {
            let mut header = Header::new_ustar();
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            if *kind == EntryType::Symlink {
                header.set_link_name_literal(data).unwrap();
                header.set_size(0);
                header.set_cksum();
                builder.append(&header, &[][..]).unwrap();
            } else {
                header.set_size(data.len() as u64);
                header.set_cksum();
                builder.append(&header, data.as_bytes()).unwrap();
            }
        }
        let mut stream = GzEncoder::new(Vec::new(), Compression::fast());
        stream.write_all(&builder.into_inner().unwrap()).unwrap();
        stream.finish().unwrap()
    }

    fn read(entries: &[(&str, EntryType, u32, &str)]) -> PackageFiles {
        PackageFiles::read(&contents(entries), METADATA.as_bytes(), 1 << 20).unwrap()
    }

    const FILE: EntryType = EntryType::Regular;
    const LINK: EntryType = EntryType::Symlink;

    #[test]
    fn files_are_listed_by_path_as_a_client_has_them() {
        let files = read(&[
            ("src/b.erl", FILE, 0o644, "b"),
            ("src", EntryType::Directory, 0o755, ""),
            ("./README.md", FILE, 0o644, "first"),
            ("bin//run", FILE, 0o755, "#!"),
            ("README.md", FILE, 0o644, "last"),
            ("empty", FILE, 0o644, ""),
            ("lib/link", LINK, 0o777, "../src/b.erl"),
            (r"win\a", FILE, 0o644, "w"),
            // Clients write over it.
            ("hex_metadata.config", FILE, 0o644, "false"),
        ]);
        let listed: Vec<_> =
            files.iter().map(|file| (file.path.as_str(), file.size(), file.kind.clone())).collect();
        let link = PackageFileKind::Link { target: "../src/b.erl".to_owned() };
        assert_eq!(
            listed,
            [
                ("README.md", 4, PackageFileKind::Plain),
                ("bin/run", 2, PackageFileKind::Executable),
                ("empty", 0, PackageFileKind::Plain),
                ("hex_metadata.config", METADATA.len(), PackageFileKind::Plain),
                ("lib/link", 0, link),
                ("src/b.erl", 1, PackageFileKind::Plain),
                ("win/a", 1, PackageFileKind::Plain),
            ]
        );
        assert_eq!(files.get("README.md"), Some(&b"last"[..]));
        assert_eq!(files.get("empty"), Some(&b""[..]));
        assert_eq!(files.get("bin/run"), Some(&b"#!"[..]));
        assert_eq!(files.metadata(), METADATA.as_bytes());
        for absent in ["src", "", "readme.md", "./README.md", "src/b.erl/", "/README.md"] {
            assert_eq!(files.get(absent), None, "{absent}");
        }
    }

    #[test]
    fn links_are_followed_within_the_package() {
        let files = read(&[
            ("a", LINK, 0o777, "b"),
            ("b", LINK, 0o777, "docs/c"),
            ("docs/c", LINK, 0o777, "../d"),
            ("d", FILE, 0o644, "found"),
            ("self", LINK, 0o777, "self"),
            ("gone", LINK, 0o777, "no/such"),
            ("folder", LINK, 0o777, "docs"),
            ("copy", LINK, 0o777, "hex_metadata.config"),
        ]);
        for path in ["a", "b", "docs/c", "d"] {
            assert_eq!(files.get(path), Some(&b"found"[..]), "{path}");
        }
        for path in ["self", "gone", "folder", "folder/c"] {
            assert_eq!(files.get(path), None, "{path}");
        }
        assert_eq!(files.get("copy"), Some(METADATA.as_bytes()));
        let link = files.file("a").unwrap();
        assert_eq!((files.data(link), link.size()), (&b""[..], 0));
    }

    /// The checks are those of the unpacker, and in the same order.
    #[test]
    fn what_clients_refuse_is_not_read() {
        let metadata = "{<<\"name\">>,<<\"a\">>}.\n{<<\"version\">>,<<\"1.0.0\">>}.\n{<<\"app\">>,<<\"a\">>}.\n\
                        {<<\"requirements\">>,[]}.\n";
        let good = tarball::create(metadata, &[("a.ex", b"a"), ("b.ex", b"bb")]).unwrap();
        let small = Limits { contents: 1024, ..Limits::HEX };
        let tiny = Limits { tarball: 100, ..Limits::HEX };
        let mut cases = vec![
            (good.clone(), Limits::HEX),
            (good.clone(), small),
            (good.clone(), tiny),
            (tarball::create("{", &[]).unwrap(), Limits::HEX),
            (tarball::create(metadata, &[("hex_metadata.config/a", b"")]).unwrap(), Limits::HEX),
            (tarball::create(metadata, &[("a", b""), ("a/b", b"")]).unwrap(), Limits::HEX),
            (Vec::new(), Limits::HEX),
        ];
        for index in (0..good.len()).step_by(97) {
            let mut damaged = good.clone();
            damaged[index] ^= 0x10;
            cases.push((damaged, Limits::HEX));
        }
        let mut accepted = 0;
        for (tarball, limits) in cases {
            let files = tarball::unpack_files(&tarball, &limits);
            let unpacked = Unpacker::new(limits).unpack(&tarball);
            let message = |error: Error| format!("{error:?}");
            assert_eq!(files.as_ref().is_ok(), unpacked.is_ok());
            match files {
                Ok(files) => {
                    accepted += 1;
                    assert_eq!(files.get("b.ex"), Some(&b"bb"[..]));
                    assert_eq!(files.metadata(), metadata.as_bytes());
                }
                Err(error) => assert_eq!(message(error), message(unpacked.unwrap_err())),
            }
        }
        assert!(accepted > 0);
    }
}
