//! The text of a lock file.

use super::error::Error;
use crate::credentials;

/// A text without the byte order mark that some editors write.
pub(super) fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text)
}

pub(super) fn utf8(text: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(text)
        .map_err(|error| Error::NotUtf8 { line: line_at(text, error.valid_up_to()) })
}

/// The line of a byte, from 1.
pub(super) fn line_at(text: &[u8], offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    memchr::memchr_iter(b'\n', before).count().saturating_add(1)
}

/// Counts lines forwards: to count from the beginning for each of many entries takes the square of the file's size.
pub(super) struct LineCounter<'a> {
    text: &'a [u8],
    offset: usize,
    line: usize,
}

impl<'a> LineCounter<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, offset: 0, line: 1 }
    }

    /// The line of a byte, from 1. It must not be before the last one that was asked for.
    pub fn line_at(&mut self, offset: usize) -> usize {
        let passed = self.text.get(self.offset..offset).unwrap_or_default();
        let breaks = memchr::memchr_iter(b'\n', passed).count();
        self.line = self.line.saturating_add(breaks);
        self.offset = self.offset.max(offset);
        self.line
    }
}

/// The first conflict marker of git, and its line. No format has lines that begin with one.
pub(super) fn merge_conflict(text: &[u8]) -> Option<(usize, &'static str)> {
    let markers = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];
    (1..).zip(text.split(|byte| *byte == b'\n')).find_map(|(line, text)| {
        let marker = markers.into_iter().find(|marker| text.starts_with(marker.as_bytes()))?;
        Some((line, marker))
    })
}

/// A text for a message: shortened and without credentials.
pub(super) fn excerpt(text: &str) -> String {
    let text = credentials::hide_all(text);
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
