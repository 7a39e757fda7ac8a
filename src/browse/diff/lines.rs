//! Two texts, line by line.

use std::time::Instant;

use similar::{Algorithm, DiffOp, capture_diff_slices_deadline, group_diff_ops};

use crate::printable::is_hidden;

/// Lines around a change that are shown with it.
const CONTEXT: usize = 3;

/// Changed lines, and those around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// The first of these lines in the old file, counted from 1; the line before it, if it has none.
    pub old_start: usize,
    /// How many of them the old file has.
    pub old_lines: usize,
    /// The first of these lines in the new file, as [`old_start`](Self::old_start).
    pub new_start: usize,
    /// How many of them the new file has.
    pub new_lines: usize,
    /// All of them, of a replacement the removed ones first. Fewer than the numbers say if the file was cut.
    pub lines: Vec<DiffLine>,
}

/// A line of a hunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// Which file has it.
    pub kind: LineKind,
    /// Its number in the old file, from 1.
    pub old: Option<usize>,
    /// Its number in the new file, from 1.
    pub new: Option<usize>,
    /// Its text, without the newline. Hidden characters are escaped, and what is not UTF-8 is replaced.
    pub text: String,
    /// Whether it ends with a newline. Only the last line of a file may not.
    pub is_terminated: bool,
}

/// Which file has a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// Both.
    Context,
    /// The old one.
    Removed,
    /// The new one.
    Added,
}

/// The changes from one text to another.
pub(super) struct Changes {
    pub hunks: Vec<Hunk>,
    pub added: usize,
    pub removed: usize,
    /// Whether lines were left out.
    pub is_cut: bool,
}

/// Compares two texts. After the deadline, whatever is left counts as replaced. At most `most_lines` are given.
pub(super) fn compare(old: &[u8], new: &[u8], deadline: Instant, most_lines: usize) -> Changes {
    let (old, new) = (lines(old), lines(new));
    let operations = capture_diff_slices_deadline(Algorithm::Patience, &old, &new, Some(deadline));
    let (mut added, mut removed) = (0_usize, 0_usize);
    for operation in &operations {
        if !matches!(operation, DiffOp::Equal { .. }) {
            removed = removed.saturating_add(operation.old_range().len());
            added = added.saturating_add(operation.new_range().len());
        }
    }
    let mut writer = HunkWriter { old: &old, new: &new, left: most_lines, is_cut: false };
    let groups = group_diff_ops(operations, CONTEXT);
    let hunks = groups.iter().map_while(|group| writer.hunk(group)).collect();
    Changes { hunks, added, removed, is_cut: writer.is_cut }
}

/// The lines of a text, each with its newline.
pub(super) fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

struct HunkWriter<'a> {
    old: &'a [&'a [u8]],
    new: &'a [&'a [u8]],
    /// How many lines may follow.
    left: usize,
    is_cut: bool,
}

impl HunkWriter<'_> {
    /// A hunk; `None` if no line of it may follow.
    fn hunk(&mut self, group: &[DiffOp]) -> Option<Hunk> {
        let (first, last) = (group.first()?, group.last()?);
        if self.left == 0 {
            self.is_cut = true;
            return None;
        }
        let (old, new) = (first.old_range().start, first.new_range().start);
        let old_lines = last.old_range().end.saturating_sub(old);
        let new_lines = last.new_range().end.saturating_sub(new);
        let start =
            |from: usize, lines: usize| if lines == 0 { from } else { from.saturating_add(1) };
        let mut hunk = Hunk {
            old_start: start(old, old_lines),
            old_lines,
            new_start: start(new, new_lines),
            new_lines,
            lines: Vec::new(),
        };
        for operation in group {
            let (old, new) = (operation.old_range(), operation.new_range());
            if matches!(operation, DiffOp::Equal { .. }) {
                for (old, new) in old.zip(new) {
                    self.line(&mut hunk, LineKind::Context, Some(old), Some(new));
                }
            } else {
                old.for_each(|at| self.line(&mut hunk, LineKind::Removed, Some(at), None));
                new.for_each(|at| self.line(&mut hunk, LineKind::Added, None, Some(at)));
            }
        }
        Some(hunk)
    }

    fn line(&mut self, hunk: &mut Hunk, kind: LineKind, old: Option<usize>, new: Option<usize>) {
        let Some(left) = self.left.checked_sub(1) else {
            self.is_cut = true;
            return;
        };
        self.left = left;
        let bytes = old.and_then(|at| self.old.get(at)).or(new.and_then(|at| self.new.get(at)));
        let Some(bytes) = bytes else { return };
        let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        hunk.lines.push(DiffLine {
            kind,
            old: old.map(|at| at.saturating_add(1)),
            new: new.map(|at| at.saturating_add(1)),
            text: shown(&String::from_utf8_lossy(text)),
            is_terminated: text.len() < bytes.len(),
        });
    }
}

/// A text in which nothing is hidden: a reader of a change has to see marks of direction and control characters. Tabs
/// stay, and what joins or separates letters.
pub(super) fn shown(text: &str) -> String {
    let is_plain = |one: char| matches!(one, '\t' | '\u{200C}' | '\u{200D}') || !is_hidden(one);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_plain(character) {
            shown.push(character);
        } else if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::ops::Range;
    use std::time::Duration;

    use super::*;

    fn far() -> Instant {
        Instant::now().checked_add(Duration::from_secs(60)).unwrap()
    }

    /// `START`, `START + 1` … `END - 1`, a number a line.
    fn numbers(range: Range<usize>) -> String {
        range.map(|number| number.to_string() + "\n").collect()
    }

    fn changes(old: &str, new: &str, most_lines: usize) -> Changes {
        let deadline = far();
        compare(old.as_bytes(), new.as_bytes(), deadline, most_lines)
    }

    /// As `diff -u` writes it, without the names of the files.
    fn unified(changes: &Changes) -> String {
        let mut text = String::new();
        for hunk in &changes.hunks {
            let Hunk { old_start, old_lines, new_start, new_lines, lines } = hunk;
            let (old, new) =
                (format!("{old_start},{old_lines}"), format!("{new_start},{new_lines}"));
            writeln!(text, "@@ -{old} +{new} @@").unwrap();
            for DiffLine { kind, text: line, is_terminated, .. } in lines {
                text.push(match kind {
                    LineKind::Context => ' ',
                    LineKind::Removed => '-',
                    LineKind::Added => '+',
                });
                text += line;
                text += if *is_terminated { "\n" } else { "\n\\ No newline at end of file\n" };
            }
        }
        text
    }

    #[test]
    fn changes_have_three_lines_around_them() {
        let old = numbers(1..31);
        let new = old.replace("\n5\n", "\nfive\n").replace("\n20\n", "\n");
        let changes = changes(&old, &new, 1_000);
        assert_eq!((changes.added, changes.removed, changes.is_cut), (1, 2, false));
        assert_eq!(
            unified(&changes),
            "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n\
             @@ -17,7 +17,6 @@\n 17\n 18\n 19\n-20\n 21\n 22\n 23\n"
        );
        let first = &changes.hunks[0].lines;
        assert_eq!((first[0].old, first[0].new), (Some(2), Some(2)));
        assert_eq!((first[3].old, first[3].new), (Some(5), None));
        assert_eq!((first[4].old, first[4].new), (None, Some(5)));
    }

    #[test]
    fn a_new_file_and_a_missing_newline_are_told() {
        assert_eq!(unified(&changes("", "a\nb\n", 10)), "@@ -0,0 +1,2 @@\n+a\n+b\n");
        assert_eq!(unified(&changes("a\n", "", 10)), "@@ -1,1 +0,0 @@\n-a\n");
        assert_eq!(
            unified(&changes("a\n", "a", 10)),
            "@@ -1,1 +1,1 @@\n-a\n+a\n\\ No newline at end of file\n"
        );
        assert_eq!(unified(&changes("a\n", "a\n", 10)), "");
    }

    #[test]
    fn hidden_characters_and_bad_utf8_are_seen() {
        let deadline = far();
        let changes = compare(b"", b"if \xE2\x80\xAEadmin\x1b[2J\tx\r\n\xff\n", deadline, 10);
        let texts: Vec<_> = changes.hunks[0].lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["if \\u{202e}admin\\u{1b}[2J\tx\\r", "\u{FFFD}"]);
    }

    #[test]
    fn lines_that_are_too_many_are_counted_and_left_out() {
        let old = numbers(0..1_000);
        let changes = changes(&old, "", 10);
        assert_eq!((changes.removed, changes.is_cut), (1_000, true));
        assert_eq!(changes.hunks[0].lines.len(), 10);
        assert_eq!(changes.hunks[0].old_lines, 1_000);
    }

    #[test]
    fn after_the_deadline_the_rest_counts_as_replaced() {
        let text = |step: usize| -> String {
            (0..40_000_usize).map(|line| ((line * step) % 257).to_string() + "\n").collect()
        };
        let (old, new) = (text(3), text(7));
        let changes = compare(old.as_bytes(), new.as_bytes(), Instant::now(), 100);
        assert!(changes.added > 20_000, "{}", changes.added);
        assert!(changes.is_cut);
    }
}
