//! Finds the tags of HTML, in one pass over its bytes.
//!
//! It reads as a browser's tokenizer does, and never goes back: a tag or a comment without an end lasts to the end of
//! the page. No encoding is asked for, as long as it has ASCII's characters at their places.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memmem};

/// The most attributes of a tag that are kept.
const MAX_ATTRIBUTES: usize = 128;

/// Elements whose content is text. In `noscript` a browser without scripts finds tags.
const TEXT_ELEMENTS: [&[u8]; 8] =
    [b"script", b"style", b"title", b"textarea", b"xmp", b"iframe", b"noembed", b"noframes"];

/// A tag that opens or closes an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub is_end: bool,
    /// From its `<` to after its `>`.
    pub at: Range<usize>,
    pub name: Range<usize>,
}

/// An attribute, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub name: Range<usize>,
    /// Without quotes. Empty if there is none.
    pub value: Range<usize>,
    pub is_quoted: bool,
}

impl Attribute {
    /// All of it, quotes included.
    pub fn at(&self) -> Range<usize> {
        let end = self.value.end.saturating_add(usize::from(self.is_quoted));
        self.name.start..end.max(self.name.end)
    }
}

/// The tags of a page, one after the other.
pub(super) struct Tags<'a> {
    bytes: &'a [u8],
    at: usize,
    attributes: Vec<Attribute>,
    text_at: Option<usize>,
}

impl<'a> Tags<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, attributes: Vec::new(), text_at: None }
    }

    /// The attributes of the last tag. Of two with one name, the first counts.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Where the first text is, which is no white space, of what was read so far.
    pub fn text_at(&self) -> Option<usize> {
        self.text_at
    }

    /// The next tag that is whole.
    pub fn next_tag(&mut self) -> Option<Tag> {
        loop {
            let text = self.rest();
            let Some(start) = memchr(b'<', text) else {
                self.note_text(text);
                self.at = self.bytes.len();
                return None;
            };
            self.note_text(text.get(..start).unwrap_or_default());
            let start = self.at.saturating_add(start);
            self.at = start.saturating_add(1);
            match self.rest() {
                [b'/', next, ..] if next.is_ascii_alphabetic() => {
                    self.at = self.at.saturating_add(1);
                    return self.tag(start, true);
                }
                [b'/', b'>', ..] => self.at = self.at.saturating_add(2),
                [b'!', b'-', b'-', ..] => self.skip_comment(),
                [b'!' | b'?' | b'/', ..] => self.skip_past(b'>'),
                [next, ..] if next.is_ascii_alphabetic() => {
                    let tag = self.tag(start, false)?;
                    self.skip_text_of(&tag);
                    return Some(tag);
                }
                _ => self.text_at = self.text_at.or(Some(start)),
            }
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn note_text(&mut self, text: &[u8]) {
        if self.text_at.is_some() {
            return;
        }
        // A byte order mark is no text.
        let mark = if self.at == 0 && text.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        let is_text = |byte: &u8| !byte.is_ascii_whitespace();
        let found = text.get(mark..).unwrap_or_default().iter().position(is_text);
        self.text_at = found.map(|at| self.at.saturating_add(mark).saturating_add(at));
    }

    fn skip_past(&mut self, end: u8) {
        let length = memchr(end, self.rest()).map_or(usize::MAX, |at| at.saturating_add(1));
        self.at = self.at.saturating_add(length).min(self.bytes.len());
    }

    /// Skips what is after `<` of a comment. `<!-->` and `<!--->` are comments too, and `--!>` ends one.
    fn skip_comment(&mut self) {
        let text = self.rest().get(3..).unwrap_or_default();
        let length = if text.starts_with(b">") {
            1
        } else if text.starts_with(b"->") {
            2
        } else {
            let end = memchr_iter(b'>', text).find(|at| {
                let before = text.get(..*at).unwrap_or_default();
                before.ends_with(b"--") || before.ends_with(b"--!")
            });
            end.map_or(text.len(), |end| end.saturating_add(1))
        };
        self.at = self.at.saturating_add(3).saturating_add(length);
    }

    /// Reads a tag from its name on.
    fn tag(&mut self, start: usize, is_end: bool) -> Option<Tag> {
        self.attributes.clear();
        let is_name = |byte: u8| !byte.is_ascii_whitespace() && byte != b'/' && byte != b'>';
        let name = self.take_while(is_name);
        while let Some(next) = self.peek() {
            match next {
                b'>' => {
                    self.at = self.at.saturating_add(1);
                    return Some(Tag { is_end, at: start..self.at, name });
                }
                b'/' => self.at = self.at.saturating_add(1),
                _ if next.is_ascii_whitespace() => self.at = self.at.saturating_add(1),
                _ => {
                    let attribute = self.attribute()?;
                    if self.attributes.len() < MAX_ATTRIBUTES {
                        self.attributes.push(attribute);
                    }
                }
            }
        }
        None
    }

    /// Reads an attribute. None if the page ends within it.
    fn attribute(&mut self) -> Option<Attribute> {
        let start = self.at;
        // A name may begin with `=`.
        self.at = self.at.saturating_add(1);
        let is_name =
            |byte: u8| !byte.is_ascii_whitespace() && byte != b'/' && byte != b'>' && byte != b'=';
        let name = start..self.take_while(is_name).end;
        self.take_while(|byte| byte.is_ascii_whitespace());
        if self.peek() != Some(b'=') {
            let value = name.end..name.end;
            return Some(Attribute { name, value, is_quoted: false });
        }
        self.at = self.at.saturating_add(1);
        self.take_while(|byte| byte.is_ascii_whitespace());
        let Some(quote @ (b'"' | b'\'')) = self.peek() else {
            let value = self.take_while(|byte| !byte.is_ascii_whitespace() && byte != b'>');
            return Some(Attribute { name, value, is_quoted: false });
        };
        self.at = self.at.saturating_add(1);
        let length = memchr(quote, self.rest())?;
        let value = self.at..self.at.saturating_add(length);
        self.at = value.end.saturating_add(1);
        Some(Attribute { name, value, is_quoted: true })
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take_while(&mut self, matches: impl Fn(u8) -> bool) -> Range<usize> {
        let start = self.at;
        let rest = self.rest();
        let length = rest.iter().position(|byte| !matches(*byte)).unwrap_or(rest.len());
        self.at = start.saturating_add(length);
        start..self.at
    }

    /// Skips the content of an element that has only text, up to the tag that closes it.
    fn skip_text_of(&mut self, tag: &Tag) {
        let name = self.bytes.get(tag.name.clone()).unwrap_or_default();
        let is = |text: &&&[u8]| name.eq_ignore_ascii_case(text);
        let Some(name) = TEXT_ELEMENTS.iter().find(is) else { return };
        let text = self.rest();
        let end = memmem::find_iter(text, "</").find(|at| {
            let after = text.get(at.saturating_add(2)..).unwrap_or_default();
            let next = after.get(name.len());
            after.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
                && next.is_none_or(|next| next.is_ascii_whitespace() || b"/>".contains(next))
        });
        self.at = self.at.saturating_add(end.unwrap_or(text.len()));
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::work_time::timed;

    /// The tags of a page in a short form: `[name a=b]` and `[/name]`, and `~` where text was before.
    fn tags(html: &str) -> String {
        let mut tags = Tags::new(html.as_bytes());
        let mut all = String::new();
        let part = |at: Range<usize>| html.get(at).unwrap();
        while let Some(tag) = tags.next_tag() {
            let end = if tag.is_end { "/" } else { "" };
            let text = if tags.text_at().is_some() { "~" } else { "" };
            write!(all, "{text}[{end}{}", part(tag.name)).unwrap();
            assert!(part(tag.at.clone()).starts_with('<') && part(tag.at).ends_with('>'));
            for attribute in tags.attributes() {
                let value = part(attribute.value.clone());
                write!(all, " {}={value}", part(attribute.name.clone())).unwrap();
                let whole = part(attribute.at());
                assert!(whole.contains(value) && !whole.ends_with(char::is_whitespace), "{whole}");
            }
            all.push(']');
        }
        all
    }

    #[test]
    fn tags_are_found_as_a_browser_finds_them() {
        for (html, expected) in [
            ("<a><b></b>", "[a][b][/b]"),
            ("x<a>", "~[a]"),
            ("\u{FEFF} \n<!doctype html><!-- x --><a>", "[a]"),
            ("<a href=x title='y z' id=\"q\"checked>", "[a href=x title=y z id=q checked=]"),
            ("<br/><img/src=a/onerror=b>", "[br][img src=a/onerror=b]"),
            ("<A\nHREF = \"a>b\" >", "[A HREF=a>b]"),
            ("1 < 2 <3 <- </ <> a<b>", "~[b]"),
            ("<a <b>", "[a <b=]"),
            ("<a =x>", "[a =x=]"),
            ("<a b=c\"d'e>", "[a b=c\"d'e]"),
            ("</a x=y><b>", "[/a x=y][b]"),
            // Without an end.
            ("<a href=\"x><b>", ""),
            ("<a href=x", ""),
            ("<a", ""),
            ("</", ""),
            ("<", ""),
            // Comments.
            ("<!-- <b> --><c>", "[c]"),
            ("<!--><b>", "[b]"),
            ("<!---><b>", "[b]"),
            ("<!----><b>", "[b]"),
            ("<!--x--!><b>", "[b]"),
            ("<!-- --- ---><b>", "[b]"),
            ("<!-- -- > --><b>", "[b]"),
            ("<!-- x", ""),
            ("<!x><?y z?></ w><b>", "[b]"),
            // Text.
            ("<script>\"<a>\"</scripts></SCRIPT ><b>", "[script][/SCRIPT][b]"),
            ("<title><a></title><textarea><b></textarea>", "[title][/title][textarea][/textarea]"),
            ("<style><a>", "[style]"),
            ("<script></script", "[script]"),
            ("<noscript><a></noscript>", "[noscript][a][/noscript]"),
        ] {
            assert_eq!(tags(html), expected, "{html}");
        }
    }

    #[test]
    fn any_bytes_are_read_in_a_time_that_grows_with_their_number() {
        let pieces = [
            "<",
            "<a ",
            "<a b=\"",
            "<a b='\"",
            "<!--",
            "<!-- -",
            "<!---->",
            "<!a",
            "</",
            "</a",
            "<?",
            "<a/",
            "<script>",
            "</script",
            "<script></",
            "<title></",
            "a=",
            "<a>",
            "<a b>",
            "\0",
            "é",
        ];
        for piece in pieces {
            // As many bytes each time, in so many texts.
            let time = |texts: usize| {
                let html = piece.repeat((1 << 22) / texts / piece.len());
                let ((), took) = timed(|| {
                    for _ in 0..texts {
                        let mut tags = Tags::new(html.as_bytes());
                        while tags.next_tag().is_some() {}
                    }
                });
                took
            };
            let (small, large) = (time(16), time(1));
            let limit = small * 8 + std::time::Duration::from_millis(50);
            assert!(large < limit, "{piece}: {small:?}, {large:?}");
        }
    }
}
