//! Limits of a document before it is parsed, so that the time grows with its size.

use std::borrow::Cow;

/// In bytes: how much of a document is shown.
pub(super) const MAX_SOURCE: usize = 512 << 10;

/// The most markers of lists, quotes and footnotes at the beginning of a line.
const MAX_MARKERS: usize = 32;

/// The most columns of white space before and between them.
const MAX_INDENT: usize = 128;

/// A document of limited size, and whether its end was left out. It is cut at the end of a line, if there is one.
pub(super) fn cut(text: &str) -> (&str, bool) {
    if text.len() <= MAX_SOURCE {
        return (text, false);
    }
    let end = (0..=MAX_SOURCE).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let part = text.get(..end).unwrap_or_default();
    let line = part.rfind('\n').filter(|line| *line > 0);
    (line.and_then(|line| part.get(..line)).unwrap_or(part), true)
}

/// A document whose lines do not begin with more markers than nest in what is shown. The parser looks at each container
/// of a line in each line that follows: 100,000 quotes in one line and as many empty lines would take minutes.
pub(super) fn flatten(text: &str) -> Cow<'_, str> {
    let mut flat = String::new();
    // Up to here `text` is copied, except for the markers that go.
    let mut copied = 0_usize;
    let mut start = 0_usize;
    for line in text.split_inclusive('\n') {
        if let Some(range) = surplus(line) {
            let from = start.saturating_add(range.start);
            flat.push_str(text.get(copied..from).unwrap_or_default());
            copied = start.saturating_add(range.end);
        }
        start = start.saturating_add(line.len());
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    flat.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(flat)
}

/// The part of the markers at the beginning of a line that is too much.
fn surplus(line: &str) -> Option<std::ops::Range<usize>> {
    let (mut at, mut markers, mut indent) = (0_usize, 0_usize, 0_usize);
    let mut limit = None;
    while let Some(length) = marker(line.get(at..).unwrap_or_default()) {
        let is_space =
            length == 1 && line.get(at..).is_some_and(|rest| rest.starts_with([' ', '\t']));
        if is_space {
            let is_tab = line.get(at..).is_some_and(|rest| rest.starts_with('\t'));
            indent = indent.saturating_add(if is_tab { 4 } else { 1 });
        } else {
            markers = markers.saturating_add(1);
        }
        if limit.is_none() && (markers > MAX_MARKERS || indent > MAX_INDENT) {
            limit = Some(at);
        }
        at = at.saturating_add(length);
    }
    limit.map(|limit| limit..at)
}

/// The length of the white space or marker at the beginning of a text.
fn marker(text: &str) -> Option<usize> {
    let ends = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']);
    match text.bytes().next()? {
        b' ' | b'\t' | b'>' => Some(1),
        b'-' | b'+' | b'*' => ends(text.get(1..)?).then_some(1),
        b'0'..=b'9' => {
            let digits = text.bytes().take(9).take_while(u8::is_ascii_digit).count();
            let rest = text.get(digits..)?.strip_prefix(['.', ')'])?;
            ends(rest).then(|| digits.saturating_add(1))
        }
        b'[' => {
            // The label of a footnote is short.
            let label = text.strip_prefix("[^")?;
            let end = label.bytes().take(1000).position(|next| next == b']')?;
            label.get(end..)?.starts_with("]:").then(|| end.saturating_add(4))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_document_is_cut_at_a_line() {
        assert_eq!(cut("a\nb"), ("a\nb", false));
        let lines = "éé\n".repeat(MAX_SOURCE);
        let (part, is_cut) = cut(&lines);
        assert!(
            is_cut
                && part.ends_with('é')
                && part.len() > MAX_SOURCE - 10
                && part.len() <= MAX_SOURCE
        );
        let one_line = "é".repeat(MAX_SOURCE);
        let (part, is_cut) = cut(&one_line);
        assert!(is_cut && part.len() == MAX_SOURCE);
    }

    #[test]
    fn lines_begin_with_a_few_markers() {
        for same in [
            "",
            "a\n> > - b\n",
            "-----------------------------------------\n",
            "1. 2. 3) a",
            "    code\n\n* * *\n",
        ] {
            assert!(matches!(flatten(same), Cow::Borrowed(text) if text == same), "{same}");
        }
        let markers = |many: &str| flatten(many).len();
        assert_eq!(markers(&">".repeat(10_000)), MAX_MARKERS);
        assert_eq!(markers(&"- ".repeat(10_000)), 2 * MAX_MARKERS);
        assert_eq!(markers(&"1. ".repeat(10_000)), 3 * MAX_MARKERS);
        assert_eq!(markers(&"[^a]: ".repeat(10_000)), 6 * MAX_MARKERS);
        assert_eq!(markers(&" ".repeat(10_000)), MAX_INDENT);
        assert_eq!(markers(&"\t".repeat(10_000)), MAX_INDENT / 4);
        let line = format!("{}a - b\n", "> ".repeat(10_000));
        let flat = flatten(&line).into_owned();
        assert_eq!(flat, format!("{}a - b\n", "> ".repeat(MAX_MARKERS)));
        assert_eq!(flatten(&format!("x\n{line}y\n{line}")), format!("x\n{flat}y\n{flat}"));
    }
}
