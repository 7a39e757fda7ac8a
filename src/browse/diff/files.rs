//! The files of two versions.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::lines::{self, Hunk, shown};

/// How much of two versions is compared and shown.
#[derive(Clone, Debug)]
pub struct DiffLimits {
    /// The largest file whose lines are compared, in bytes.
    pub file_bytes: usize,
    /// The longest line of such a file, in bytes.
    pub line_bytes: usize,
    /// The most files that are named.
    pub files: usize,
    /// The most lines that are shown, of all files.
    pub lines: usize,
    /// The time for comparing lines, of all files.
    pub time: Duration,
}

impl Default for DiffLimits {
    fn default() -> Self {
        Self {
            file_bytes: 512 << 10,
            line_bytes: 4 << 10,
            files: 1_000,
            lines: 5_000,
            time: Duration::from_secs(2),
        }
    }
}

/// A file of one version.
#[derive(Clone, Copy, Debug)]
pub struct DiffFile<'a> {
    /// Its path in the package.
    pub path: &'a str,
    /// What it is.
    pub mode: FileMode,
    /// Its contents; of a symbolic link, where it leads to.
    pub bytes: &'a [u8],
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    /// A file that is read.
    Plain,
    /// A file that can be run.
    Executable,
    /// A symbolic link.
    Symlink,
}

/// The files that differ between two versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesDiff {
    /// Those that differ, sorted by path, bytewise; the first of them, if they are too many.
    pub files: Vec<FileDiff>,
    /// How many more there are.
    pub more: usize,
    /// How many files only the new version has.
    pub added: usize,
    /// How many files only the old version has.
    pub removed: usize,
    /// How many files differ.
    pub changed: usize,
    /// How many files are the same.
    pub unchanged: usize,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDiff {
    /// Its path in the package, as it is.
    pub path: String,
    /// The file of the old version.
    pub old: Option<FileFacts>,
    /// The file of the new version.
    pub new: Option<FileFacts>,
    /// What differs.
    pub body: DiffBody,
}

/// What there is to say of a file without its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Its size in bytes.
    pub size: usize,
    /// What it is.
    pub mode: FileMode,
}

/// What differs in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiffBody {
    /// Lines.
    Lines {
        /// The changes.
        hunks: Vec<Hunk>,
        /// How many lines only the new file has.
        added: usize,
        /// How many lines only the old file has.
        removed: usize,
        /// Whether lines were left out.
        is_cut: bool,
    },
    /// The contents are the same: only the mode differs, or both are empty.
    SameContents,
    /// It is not text.
    Binary,
    /// It is too large for its lines to be compared.
    TooLarge,
    /// It has lines that are too long to be read, as generated files have.
    LongLines,
    /// Enough of the files before it was shown.
    NotCompared,
}

/// Compares the files of two versions.
#[must_use]
pub fn diff_files<'a>(
    old: &[DiffFile<'a>],
    new: &[DiffFile<'a>],
    limits: &DiffLimits,
) -> FilesDiff {
    let mut pairs: BTreeMap<&str, (Option<&DiffFile<'a>>, Option<&DiffFile<'a>>)> = BTreeMap::new();
    for file in old {
        pairs.entry(file.path).or_default().0 = Some(file);
    }
    for file in new {
        pairs.entry(file.path).or_default().1 = Some(file);
    }
    let mut comparison = Comparison {
        limits,
        deadline: Instant::now().checked_add(limits.time).unwrap_or_else(Instant::now),
        lines: limits.lines,
    };
    let mut diff =
        FilesDiff { files: Vec::new(), more: 0, added: 0, removed: 0, changed: 0, unchanged: 0 };
    for (path, (old, new)) in pairs {
        let is_same = |(old, new): (&DiffFile<'a>, &DiffFile<'a>)| {
            old.mode == new.mode && old.bytes == new.bytes
        };
        let is_same = old.zip(new).is_some_and(is_same);
        let count = match (old, new) {
            _ if is_same => &mut diff.unchanged,
            (None, _) => &mut diff.added,
            (_, None) => &mut diff.removed,
            _ => &mut diff.changed,
        };
        *count = count.saturating_add(1);
        if is_same {
            continue;
        }
        if diff.files.len() >= limits.files {
            diff.more = diff.more.saturating_add(1);
            continue;
        }
        let facts = |file: &DiffFile<'_>| FileFacts { size: file.bytes.len(), mode: file.mode };
        let contents = |file: Option<&DiffFile<'a>>| file.map_or(&[][..], |file| file.bytes);
        let body = comparison.body(contents(old), contents(new));
        let (old, new) = (old.map(facts), new.map(facts));
        diff.files.push(FileDiff { path: path.to_owned(), old, new, body });
    }
    diff
}

/// What is left of the limits.
struct Comparison<'a> {
    limits: &'a DiffLimits,
    deadline: Instant,
    lines: usize,
}

impl Comparison<'_> {
    fn body(&mut self, old: &[u8], new: &[u8]) -> DiffBody {
        let both = [old, new];
        if old == new {
            return DiffBody::SameContents;
        }
        if both.iter().any(|bytes| bytes.len() > self.limits.file_bytes) {
            return DiffBody::TooLarge;
        }
        if both.iter().any(|bytes| memchr::memchr(0, bytes).is_some()) {
            return DiffBody::Binary;
        }
        let is_long = |line: &[u8]| line.len() > self.limits.line_bytes;
        if both.iter().any(|bytes| lines::lines(bytes).into_iter().any(is_long)) {
            return DiffBody::LongLines;
        }
        if self.lines == 0 || Instant::now() >= self.deadline {
            return DiffBody::NotCompared;
        }
        let changes = lines::compare(old, new, self.deadline, self.lines);
        let shown = changes.hunks.iter().map(|hunk| hunk.lines.len()).sum();
        self.lines = self.lines.saturating_sub(shown);
        let lines::Changes { hunks, added, removed, is_cut } = changes;
        DiffBody::Lines { hunks, added, removed, is_cut }
    }
}

impl FileDiff {
    /// Its path, with hidden characters escaped.
    #[must_use]
    pub fn shown_path(&self) -> String {
        shown(&self.path)
    }

    /// The mode of both, if it differs.
    #[must_use]
    pub fn changed_mode(&self) -> Option<(FileMode, FileMode)> {
        let modes = self.old.zip(self.new).map(|(old, new)| (old.mode, new.mode));
        modes.filter(|(old, new)| old != new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file<'a>(path: &'a str, bytes: &'a [u8]) -> DiffFile<'a> {
        DiffFile { path, mode: FileMode::Plain, bytes }
    }

    fn body<'a>(diff: &'a FilesDiff, path: &str) -> &'a DiffBody {
        &diff.files.iter().find(|file| file.path == path).unwrap().body
    }

    fn is_lines(body: &DiffBody, expected: (usize, usize)) -> bool {
        matches!(body, DiffBody::Lines { added, removed, .. } if (*added, *removed) == expected)
    }

    #[test]
    fn files_are_added_removed_changed_or_the_same() {
        let old = [file("a", b"1\n2\n"), file("gone", b"x\n"), file("same", b"s\n")];
        let new = [file("same", b"s\n"), file("b/new", b"1\n2\n3\n"), file("a", b"1\n3\n")];
        let diff = diff_files(&old, &new, &DiffLimits::default());
        let paths: Vec<_> = diff.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a", "b/new", "gone"]);
        assert_eq!((diff.added, diff.removed, diff.changed, diff.unchanged), (1, 1, 1, 1));
        assert!(is_lines(body(&diff, "a"), (1, 1)));
        assert!(is_lines(body(&diff, "b/new"), (3, 0)));
        assert!(is_lines(body(&diff, "gone"), (0, 1)));
        assert_eq!(diff.files[1].old, None);
        assert_eq!(diff.files[1].new, Some(FileFacts { size: 6, mode: FileMode::Plain }));
    }

    #[test]
    fn a_mode_alone_is_a_change() {
        let old = [file("run", b"x")];
        let new = [DiffFile { mode: FileMode::Executable, ..file("run", b"x") }];
        let diff = diff_files(&old, &new, &DiffLimits::default());
        assert_eq!(diff.files[0].body, DiffBody::SameContents);
        assert_eq!(diff.files[0].changed_mode(), Some((FileMode::Plain, FileMode::Executable)));
        assert_eq!(diff.changed, 1);
        let both = diff_files(&new, &new, &DiffLimits::default());
        assert_eq!((both.files.len(), both.unchanged), (0, 1));
    }

    #[test]
    fn files_that_no_one_reads_are_only_named() {
        let (large, long) = (vec![b'\n'; (512 << 10) + 1], vec![b'a'; 16 << 20]);
        let short_enough = vec![b'a'; 5_000];
        let new = [
            file("binary", b"\x7fELF\0"),
            file("empty", b""),
            file("large", &large),
            file("long", &long),
            file("longer", &short_enough),
            file("latin1", b"caf\xe9\n"),
        ];
        let diff = diff_files(&[], &new, &DiffLimits::default());
        assert_eq!(body(&diff, "binary"), &DiffBody::Binary);
        assert_eq!(body(&diff, "empty"), &DiffBody::SameContents);
        assert_eq!(body(&diff, "large"), &DiffBody::TooLarge);
        assert_eq!(body(&diff, "long"), &DiffBody::TooLarge);
        assert_eq!(body(&diff, "longer"), &DiffBody::LongLines);
        assert!(is_lines(body(&diff, "latin1"), (1, 0)));
    }

    #[test]
    fn ten_thousand_files_are_counted_and_the_first_are_shown() {
        let paths: Vec<String> = (0..10_000).map(|number| format!("f{number:05}")).collect();
        let new: Vec<_> =
            paths.iter().map(|path| file(path, b"1\n2\n3\n4\n5\n6\n7\n8\n")).collect();
        let limits = DiffLimits::default();
        let diff = diff_files(&[], &new, &limits);
        assert_eq!((diff.added, diff.files.len(), diff.more), (10_000, 1_000, 9_000));
        let shown = diff.files.iter().map(|file| match &file.body {
            DiffBody::Lines { hunks, .. } => hunks.iter().map(|hunk| hunk.lines.len()).sum(),
            _ => 0,
        });
        assert_eq!(shown.sum::<usize>(), limits.lines);
        assert_eq!(diff.files[999].body, DiffBody::NotCompared);
    }

    #[test]
    fn no_file_is_compared_once_the_time_is_over() {
        let limits = DiffLimits { time: Duration::ZERO, ..DiffLimits::default() };
        let diff = diff_files(&[file("a", b"1")], &[file("a", b"2")], &limits);
        assert_eq!(diff.files[0].body, DiffBody::NotCompared);
        assert_eq!(diff.changed, 1);
    }

    #[test]
    fn a_path_hides_nothing() {
        let diff = diff_files(&[], &[file("a\u{202e}txt.exe", b"")], &DiffLimits::default());
        assert_eq!(diff.files[0].shown_path(), "a\\u{202e}txt.exe");
    }
}
