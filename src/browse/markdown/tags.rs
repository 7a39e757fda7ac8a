//! Splits HTML at its tags, in linear time.
//!
//! It need not agree with browsers on what is a tag: what it takes for text is escaped, and what it takes for a tag is
//! written anew.

use std::borrow::Cow;

use memchr::{memchr, memmem};

/// The most attributes of a tag that are read.
const MAX_ATTRIBUTES: usize = 32;

/// How many bytes are read in vain, after tags that never end, until tags may only have [`SHORT_TAG`] bytes.
const MAX_WASTE: usize = 1 << 20;

/// In bytes: a tag that is read whatever was wasted before.
const SHORT_TAG: usize = 256;

/// A piece of HTML.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text with its entities. It has no `<`.
    Text(&'a str),
    Open(OpenTag<'a>),
    /// The name of a tag that closes an element.
    Close(&'a str),
}

/// A tag that opens an element.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OpenTag<'a> {
    pub name: &'a str,
    /// Names and values, as they are written.
    attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> OpenTag<'a> {
    /// The value of an attribute, without its entities. Of two with one name, the first counts.
    pub fn attribute(&self, name: &str) -> Option<Cow<'a, str>> {
        let found = self.attributes.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| decoded(value))
    }
}

/// The tokens of HTML. Comments, declarations and processing instructions are left out.
pub(super) struct Tokens<'a> {
    rest: &'a str,
    wasted: usize,
    /// Set once no `>` is left.
    has_no_end: bool,
    /// Set once no `-->` is left.
    has_no_comment_end: bool,
}

impl<'a> Tokens<'a> {
    pub fn new(html: &'a str) -> Self {
        Self { rest: html, wasted: 0, has_no_end: false, has_no_comment_end: false }
    }

    /// Skips to the end of an element whose content is no HTML. Returns false, and stays, if it is never closed.
    pub fn skip_content(&mut self, name: &str) -> bool {
        let end = memmem::find_iter(self.rest.as_bytes(), "</").find(|at| {
            let after = self.rest.get(at.saturating_add(2)..).unwrap_or_default();
            let next = after.get(name.len()..).unwrap_or_default().bytes().next();
            after.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
                && next.is_none_or(|next| !next.is_ascii_alphanumeric())
        });
        let Some(end) = end else { return false };
        self.skip(end);
        true
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// Skips past the next `>`.
    fn skip_to_end(&mut self) -> bool {
        let end = if self.has_no_end { None } else { memchr(b'>', self.rest.as_bytes()) };
        self.has_no_end = end.is_none();
        end.is_some_and(|end| {
            self.skip(end.saturating_add(1));
            true
        })
    }

    fn skip_comment(&mut self) -> bool {
        // `<!-->` is a comment too.
        let from = self.rest.get(2..).unwrap_or_default();
        let end =
            if self.has_no_comment_end { None } else { memmem::find(from.as_bytes(), b"-->") };
        self.has_no_comment_end = end.is_none();
        end.is_some_and(|end| {
            self.skip(end.saturating_add(5));
            true
        })
    }

    /// Reads what begins with `<`. None if it is no token.
    fn markup(&mut self) -> Option<Token<'a>> {
        let start = self.rest;
        if let Some(after) = start.strip_prefix("</") {
            let name = name(after)?;
            return self.skip_to_end().then_some(Token::Close(name));
        }
        let after = start.strip_prefix('<')?;
        let name = name(after)?;
        let most = if self.wasted > MAX_WASTE { SHORT_TAG } else { usize::MAX };
        let mut attributes =
            Attributes { bytes: start.as_bytes(), at: name.len().saturating_add(1), most };
        let mut found = Vec::new();
        loop {
            match attributes.next_attribute() {
                Next::Attribute(name, value) => {
                    if found.len() < MAX_ATTRIBUTES {
                        found.push((start.get(name)?, start.get(value)?));
                    }
                }
                Next::End => break,
                Next::Unfinished => {
                    self.wasted = self.wasted.saturating_add(attributes.at);
                    return None;
                }
            }
        }
        self.skip(attributes.at);
        Some(Token::Open(OpenTag { name, attributes: found }))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let at = memchr(b'<', self.rest.as_bytes()).unwrap_or(self.rest.len());
            if at > 0 {
                let text = self.rest.get(..at).unwrap_or_default();
                self.skip(at);
                return Some(Token::Text(text));
            }
            let is_skipped = if self.rest.starts_with("<!--") {
                self.skip_comment()
            } else if self.rest.starts_with("<!") || self.rest.starts_with("<?") {
                self.skip_to_end()
            } else {
                false
            };
            if is_skipped {
                continue;
            }
            let token = self.markup();
            if token.is_none() {
                self.skip(1);
                return Some(Token::Text("&lt;"));
            }
            return token;
        }
    }
}

/// The name of a tag at the beginning of a text.
fn name(text: &str) -> Option<&str> {
    let end = text.find(|next: char| next.is_ascii_whitespace() || "/><".contains(next));
    let name = text.get(..end.unwrap_or(text.len()))?;
    name.starts_with(|first: char| first.is_ascii_alphabetic()).then_some(name)
}

/// The attributes of a tag, up to its `>`.
struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The most bytes of the tag.
    most: usize,
}

enum Next {
    /// The ranges of a name and of its value.
    Attribute(std::ops::Range<usize>, std::ops::Range<usize>),
    /// After `>`.
    End,
    /// The text ends within the tag, or the tag is too long.
    Unfinished,
}

impl Attributes<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied().filter(|_| self.at < self.most)
    }

    fn skip_while(&mut self, matches: impl Fn(u8) -> bool) -> std::ops::Range<usize> {
        let start = self.at;
        while self.peek().is_some_and(&matches) {
            self.at = self.at.saturating_add(1);
        }
        start..self.at
    }

    fn next_attribute(&mut self) -> Next {
        self.skip_while(|next| next.is_ascii_whitespace() || next == b'/');
        match self.peek() {
            None => return Next::Unfinished,
            Some(b'>') => {
                self.at = self.at.saturating_add(1);
                return Next::End;
            }
            Some(_) => {}
        }
        let start = self.at;
        // A name may begin with `=`.
        self.at = self.at.saturating_add(1);
        self.skip_while(|next| !next.is_ascii_whitespace() && !b"/>=".contains(&next));
        let name = start..self.at;
        self.skip_while(|next| next.is_ascii_whitespace());
        if self.peek() != Some(b'=') {
            return Next::Attribute(name, start..start);
        }
        self.at = self.at.saturating_add(1);
        self.skip_while(|next| next.is_ascii_whitespace());
        let value = match self.peek() {
            Some(quote @ (b'"' | b'\'')) => {
                self.at = self.at.saturating_add(1);
                let value = self.skip_while(|next| next != quote);
                if self.peek().is_none() {
                    return Next::Unfinished;
                }
                self.at = self.at.saturating_add(1);
                value
            }
            _ => self.skip_while(|next| !next.is_ascii_whitespace() && next != b'>'),
        };
        Next::Attribute(name, value)
    }
}

/// Entities that hide the characters of a URL, or that a title has. Others stay as they are written: the value is
/// escaped again, so that what was judged here is what a browser reads.
const ENTITIES: [(&str, char); 18] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("colon", ':'),
    ("sol", '/'),
    ("bsol", '\\'),
    ("lpar", '('),
    ("rpar", ')'),
    ("num", '#'),
    ("period", '.'),
    ("nbsp", '\u{A0}'),
    ("copy", '©'),
    ("mdash", '—'),
    ("ndash", '–'),
];

/// A value without its entities.
fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains('&') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        let (character, length) = entity(after).unwrap_or(('&', 0));
        text.push(character);
        rest = after.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// The character of an entity, and how many bytes it has after `&`.
fn entity(text: &str) -> Option<(char, usize)> {
    let Some(number) = text.strip_prefix('#') else {
        return ENTITIES.iter().find_map(|(name, character)| {
            let after = text.strip_prefix(name)?;
            after.starts_with(';').then_some((*character, name.len().saturating_add(1)))
        });
    };
    let (digits, radix) = match number.strip_prefix(['x', 'X']) {
        Some(hexadecimal) => (hexadecimal, 16),
        None => (number, 10),
    };
    let end = digits.find(|next: char| !next.is_digit(radix)).unwrap_or(digits.len());
    let character = u32::from_str_radix(digits.get(..end)?.trim_start_matches('0'), radix);
    let character = character.ok().and_then(char::from_u32).unwrap_or('\u{FFFD}');
    let has_end = digits.get(end..)?.starts_with(';');
    let before = text.len().saturating_sub(digits.len());
    let length = before.saturating_add(end).saturating_add(usize::from(has_end));
    (end > 0).then_some((character, length))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// Tokens in a short form: `[name a=b]`, `[/name]` and text.
    fn tokens(html: &str) -> String {
        Tokens::new(html).fold(String::new(), |mut all, token| {
            match token {
                Token::Text(text) => all.push_str(text),
                Token::Close(name) => write!(all, "[/{name}]").unwrap(),
                Token::Open(tag) => {
                    write!(all, "[{}", tag.name).unwrap();
                    for (name, _) in &tag.attributes {
                        write!(all, " {name}={}", tag.attribute(name).unwrap()).unwrap();
                    }
                    all.push(']');
                }
            }
            all
        })
    }

    #[test]
    fn html_is_split_at_its_tags() {
        for (html, expected) in [
            ("a<b>c</b>d", "a[b]c[/b]d"),
            ("<a href=x title='y z' id=\"q\"checked>", "[a href=x title=y z id=q checked=]"),
            ("<br/><img/src=a/onerror=b>", "[br][img src=a/onerror=b]"),
            ("<A\nHREF = \"a>b\" >", "[A HREF=a>b]"),
            ("<a href=a href=b>", "[a href=a href=a]"),
            ("1 < 2 <3 <- </ <> a<", "1 &lt; 2 &lt;3 &lt;- &lt;/ &lt;> a&lt;"),
            ("<a <b>", "[a <b=]"),
            ("<a href=\"x", "&lt;a href=\"x"),
            ("</a", "&lt;/a"),
            ("a<!-- <b> -->c<!-->d<!x>e<?php x ?>f<![CDATA[<b>g]]>", "acdefg]]>"),
            ("a<!-- b", "a&lt;!-- b"),
            ("<!a", "&lt;!a"),
            ("<a =x>", "[a =x=]"),
            ("<svg:a/>", "[svg:a]"),
        ] {
            assert_eq!(tokens(html), expected, "{html}");
        }
    }

    #[test]
    fn values_are_without_entities() {
        for (value, expected) in [
            ("a&amp;b&lt;&gt;&quot;&apos;", "a&b<>\"'"),
            ("java&#115;cript&#x3A;&#0000058;&colon;", "javascript:::"),
            ("&#115cript&#x3ax", "script:x"),
            ("java&Tab;&NewLine;", "java\t\n"),
            ("&#0;&#x110000;&#99999999999999;", "\u{FFFD}\u{FFFD}\u{FFFD}"),
            ("&&&#;&#x;&unknown;&amp", "&&&#;&#x;&unknown;&amp"),
            ("&amp;lt;", "&lt;"),
        ] {
            assert_eq!(decoded(value), expected, "{value}");
        }
    }

    #[test]
    fn content_is_skipped_up_to_the_tag_that_closes_it() {
        let mut tokens = Tokens::new("a</scripts>b</ScRiPt >c");
        assert!(tokens.skip_content("script"));
        assert_eq!(tokens.next(), Some(Token::Close("ScRiPt")));
        assert_eq!(tokens.next(), Some(Token::Text("c")));
        let mut tokens = Tokens::new("a</scripts");
        assert!(!tokens.skip_content("script"));
        assert_eq!(tokens.next(), Some(Token::Text("a")));
    }

    /// Each of these has many beginnings of a tag that never ends.
    #[test]
    fn what_never_ends_is_read_a_few_times_at_most() {
        for piece in ["<a ", "<a b=\"", "<a '", "<!--", "<!a", "</a", "<a b='\"", "<?"] {
            let html = piece.repeat(100_000);
            let mut tokens = Tokens::new(&html);
            let count = tokens.by_ref().count();
            assert!(count >= 1, "{piece}");
            assert!(tokens.wasted < MAX_WASTE + html.len() + count * SHORT_TAG, "{piece}");
        }
    }
}
