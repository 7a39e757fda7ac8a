//! Finds comments, strings and words in source, in one pass. Every byte is looked at a few times at most.

use memchr::memmem;

use super::languages::{Kind, Language, Quotes};

/// In bytes: the longest word.
const MAX_WORD: usize = 200;

/// What a piece of source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Plain,
    Keyword,
    String,
    Comment,
    Number,
    /// An atom, a constant, a key, an attribute or a variable of a shell.
    Atom,
    Function,
    /// A type or a module.
    Type,
}

/// Hands over the pieces of source, in order.
pub(super) fn scan<'a>(language: &Language, text: &'a str, take: &mut dyn FnMut(Class, &'a str)) {
    match language.kind {
        Kind::Markdown => lines(text, take, markdown_line),
        Kind::Diff => lines(text, take, |line, _| diff_line(line)),
        _ => {
            let mut scanner = Scanner {
                language,
                text,
                at: 0,
                before: '\n',
                is_line_start: true,
                is_in_tag: false,
                after_def: false,
            };
            while let Some((class, piece)) = scanner.next_piece() {
                take(class, piece);
            }
        }
    }
}

fn lines<'a>(
    text: &'a str,
    take: &mut dyn FnMut(Class, &'a str),
    classify: impl Fn(&str, &mut bool) -> Class,
) {
    let mut is_fenced = false;
    for line in text.split_inclusive('\n') {
        take(classify(line, &mut is_fenced), line);
    }
}

fn markdown_line(line: &str, is_fenced: &mut bool) -> Class {
    let trimmed = line.trim_start();
    if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
        *is_fenced = !*is_fenced;
        return Class::String;
    }
    match trimmed.chars().next() {
        _ if *is_fenced => Class::String,
        Some('#') => Class::Keyword,
        Some('>') => Class::Comment,
        _ if line.starts_with("    ") => Class::String,
        _ => Class::Plain,
    }
}

fn diff_line(line: &str) -> Class {
    match line.bytes().next() {
        Some(b'+') => Class::String,
        Some(b'-') => Class::Keyword,
        Some(b'@') => Class::Function,
        _ => Class::Plain,
    }
}

struct Scanner<'l, 'a> {
    language: &'l Language,
    text: &'a str,
    at: usize,
    /// The last character.
    before: char,
    /// Whether the line has only white space up to here.
    is_line_start: bool,
    /// In markup: between `<` and `>`.
    is_in_tag: bool,
    /// Whether the next word is the name of what is defined.
    after_def: bool,
}

impl<'a> Scanner<'_, 'a> {
    fn next_piece(&mut self) -> Option<(Class, &'a str)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let (class, length) = self.classify(rest);
        // At least one character.
        let first = rest.chars().next()?;
        let piece = rest.get(..length.max(first.len_utf8()))?;
        self.at = self.at.saturating_add(piece.len());
        self.before = piece.chars().next_back()?;
        for character in piece.chars().rev().take(MAX_WORD) {
            if character == '\n' {
                self.is_line_start = true;
                break;
            }
            if !character.is_whitespace() {
                self.is_line_start = false;
                break;
            }
        }
        Some((class, piece))
    }

    /// The class and the length of the piece at the beginning of `rest`.
    fn classify(&mut self, rest: &'a str) -> (Class, usize) {
        if let Some(length) = self.comment(rest) {
            return (Class::Comment, length);
        }
        let kind = self.language.kind;
        let found = if kind == Kind::Markup { self.tag(rest) } else { self.special(rest) };
        if let Some(found) = found {
            return found;
        }
        let has_strings = kind != Kind::Markup || self.is_in_tag;
        if let Some(length) = self.string(rest).filter(|_| has_strings) {
            let is_key = kind == Kind::Data && is_key(rest.get(length..));
            return (if is_key { Class::Atom } else { Class::String }, length);
        }
        let first = rest.chars().next().unwrap_or(' ');
        if first.is_ascii_digit() && !is_word(self.before) {
            return (Class::Number, number(rest));
        }
        if first.is_alphabetic() || first == '_' {
            return self.word(rest);
        }
        // White space and signs of one kind are one piece.
        (Class::Plain, rest.bytes().take_while(|next| *next == b' ').count())
    }

    fn comment(&self, rest: &str) -> Option<usize> {
        for (open, close) in self.language.block_comments {
            if let Some(inner) = rest.strip_prefix(open) {
                let end = memmem::find(inner.as_bytes(), close.as_bytes());
                let end = end.map(|end| end.saturating_add(close.len()));
                return Some(open.len().saturating_add(end.unwrap_or(inner.len())));
            }
        }
        let opens = self.language.line_comments.iter().any(|open| rest.starts_with(open));
        // In a shell and in YAML, `a#b` is a word.
        let is_word_only = matches!(self.language.kind, Kind::Shell | Kind::Data);
        let begins = !is_word_only || self.before.is_whitespace() || ",{[]})".contains(self.before);
        (opens && begins).then(|| line_length(rest))
    }

    fn string(&self, rest: &str) -> Option<usize> {
        // An apostrophe in a word begins nothing.
        if is_word(self.before) && rest.starts_with('\'') {
            return None;
        }
        let quotes = self.language.strings.iter().find(|quotes| rest.starts_with(quotes.open))?;
        if quotes.open.starts_with(char::is_alphabetic) && is_word(self.before) {
            return None;
        }
        let interpolates = self.language.kind == Kind::Elixir;
        Some(string_length(rest, quotes, interpolates))
    }

    /// What only this language has.
    fn special(&mut self, rest: &str) -> Option<(Class, usize)> {
        let mut characters = rest.chars();
        let (first, second) = (characters.next()?, characters.next().unwrap_or(' '));
        let after_first = rest.get(first.len_utf8()..)?;
        let word = |start: usize| {
            start.saturating_add(word_length(rest.get(start..).unwrap_or_default(), ""))
        };
        match (self.language.kind, first) {
            (Kind::Elixir, '~') if second.is_ascii_alphabetic() => {
                let letters = after_first.bytes().take_while(u8::is_ascii_alphabetic).count();
                let start = letters.saturating_add(1);
                let after = rest.get(start..)?;
                let quotes = SIGILS.iter().find(|quotes| after.starts_with(quotes.open))?;
                Some((
                    Class::String,
                    start.saturating_add(string_length(after, quotes, letters == 1)),
                ))
            }
            (Kind::Elixir, ':')
                if self.before != ':' && (second.is_alphabetic() || second == '_') =>
            {
                let end = rest.get(1..).map_or(0, |rest| word_length(rest, "?!@"));
                Some((Class::Atom, end.saturating_add(1)))
            }
            (Kind::Elixir, ':') if self.before != ':' && second == '"' => {
                Some((Class::Atom, string_length(after_first, &ATOM, true).saturating_add(1)))
            }
            (Kind::Elixir, '?') if !is_word(self.before) && !second.is_whitespace() => {
                Some((Class::String, character_length(rest, first)))
            }
            (Kind::Erlang, '$') if !is_word(self.before) => {
                Some((Class::String, character_length(rest, first)))
            }
            (Kind::Erlang, '\'') => Some((Class::Atom, string_length(rest, &QUOTED_ATOM, false))),
            (Kind::Erlang, '?') if is_word(second) => Some((Class::Atom, word(1))),
            (Kind::Erlang, '#') if second.is_lowercase() => Some((Class::Type, word(1))),
            (Kind::Erlang, '-') if self.is_line_start && second.is_lowercase() => {
                Some((Class::Keyword, word(1)))
            }
            (Kind::Elixir | Kind::Braces, '@') if second.is_alphabetic() => {
                Some((Class::Atom, word(1)))
            }
            (Kind::C, '#') if self.is_line_start => Some((Class::Keyword, word(1))),
            (Kind::Rust, '\'') => {
                let third = characters.next();
                let is_character = second == '\\' || third == Some('\'');
                let length =
                    if is_character { string_length(rest, &CHARACTER, false) } else { word(1) };
                Some((if is_character { Class::String } else { Class::Atom }, length))
            }
            (Kind::Shell, '$') => match second {
                '{' | '(' => Some((Class::Atom, 1)),
                second if is_word(second) => Some((Class::Atom, word(1))),
                _ => None,
            },
            _ => None,
        }
    }

    fn tag(&mut self, rest: &str) -> Option<(Class, usize)> {
        for mark in ["<%=", "<%", "%>", "/>", ">"] {
            if rest.starts_with(mark) {
                self.is_in_tag = mark.starts_with('<');
                return Some((
                    if mark == ">" || mark == "/>" { Class::Type } else { Class::Keyword },
                    mark.len(),
                ));
            }
        }
        let name = rest.strip_prefix("</").or_else(|| rest.strip_prefix('<'))?;
        if !name.starts_with(|next: char| next.is_alphabetic() || ".:!?".contains(next)) {
            return None;
        }
        self.is_in_tag = true;
        let before = rest.len().saturating_sub(name.len());
        Some((Class::Type, before.saturating_add(word_length(name, ".:-!?"))))
    }

    fn word(&mut self, rest: &str) -> (Class, usize) {
        let language = self.language;
        let more = match language.kind {
            Kind::Elixir => "?!",
            Kind::Erlang => "@",
            Kind::Data | Kind::Markup => "-",
            _ => "",
        };
        let length = word_length(rest, more);
        let word = rest.get(..length).unwrap_or_default();
        let after = rest.get(length..).unwrap_or_default();
        let after_def = std::mem::take(&mut self.after_def);
        let is_field = self.before == '.' && language.kind != Kind::Data;
        let is_capital = word.starts_with(char::is_uppercase);
        let class = match language.kind {
            Kind::Markup => {
                let is_attribute = self.is_in_tag && after.starts_with('=');
                if is_attribute { Class::Atom } else { Class::Plain }
            }
            // `name: value`, and not `Module::name`.
            Kind::Elixir if after.starts_with(": ") || after.starts_with(":\n") => Class::Atom,
            Kind::Data if is_key(Some(after)) => Class::Atom,
            _ if !is_field && language.keywords.binary_search(&word).is_ok() => {
                self.after_def = DEFINING.contains(&word);
                Class::Keyword
            }
            _ if !is_field && language.constants.binary_search(&word).is_ok() => Class::Atom,
            Kind::Data | Kind::Shell => Class::Plain,
            // A module, and in Erlang's grammar a variable.
            Kind::Erlang if after.starts_with(':') && !is_capital => Class::Type,
            Kind::Erlang if is_capital => Class::Plain,
            Kind::Rust if after.starts_with('!') => Class::Function,
            _ if is_capital => Class::Type,
            _ if after_def || after.starts_with('(') => Class::Function,
            _ => Class::Plain,
        };
        (class, length)
    }
}

/// Keywords that the name of a function follows.
const DEFINING: [&str; 9] =
    ["def", "defdelegate", "defguard", "defmacro", "defmacrop", "defp", "fn", "func", "function"];

const ATOM: Quotes = Quotes { open: "\"", close: "\"", lines: true, escapes: true };
const QUOTED_ATOM: Quotes = Quotes { open: "'", close: "'", lines: false, escapes: true };
const CHARACTER: Quotes = QUOTED_ATOM;

/// What the text of a sigil is between.
static SIGILS: [Quotes; 10] = [
    Quotes { open: "\"\"\"", close: "\"\"\"", lines: true, escapes: true },
    Quotes { open: "'''", close: "'''", lines: true, escapes: true },
    Quotes { open: "\"", close: "\"", lines: true, escapes: true },
    Quotes { open: "'", close: "'", lines: true, escapes: true },
    Quotes { open: "(", close: ")", lines: true, escapes: true },
    Quotes { open: "[", close: "]", lines: true, escapes: true },
    Quotes { open: "{", close: "}", lines: true, escapes: true },
    Quotes { open: "<", close: ">", lines: true, escapes: true },
    Quotes { open: "/", close: "/", lines: true, escapes: true },
    Quotes { open: "|", close: "|", lines: true, escapes: true },
];

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether a key ends before this text: `: value` or ` = value`.
fn is_key(after: Option<&str>) -> bool {
    let after = after.unwrap_or_default();
    let next = after.bytes().take(MAX_WORD).find(|next| *next != b' ');
    matches!(next, Some(b':' | b'='))
}

fn word_length(text: &str, more: &str) -> usize {
    let end = text
        .char_indices()
        .find(|(at, next)| *at > MAX_WORD || !(is_word(*next) || more.contains(*next)));
    end.map_or(text.len(), |(at, _)| at)
}

/// Digits, letters as in `0xff` and `1e3`, and a point before a digit.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = 0_usize;
    while let Some(next) = bytes.get(end).filter(|_| end < MAX_WORD) {
        let after = bytes.get(end.saturating_add(1)).copied().unwrap_or(b' ');
        let is_part = next.is_ascii_alphanumeric()
            || *next == b'_'
            || (*next == b'.' && after.is_ascii_digit());
        if !is_part {
            break;
        }
        end = end.saturating_add(1);
    }
    end
}

fn line_length(text: &str) -> usize {
    memchr::memchr(b'\n', text.as_bytes()).unwrap_or(text.len())
}

/// `?a`, `$a` or `?\n`.
fn character_length(text: &str, first: char) -> usize {
    let mut characters = text.chars().skip(1);
    let second = characters.next().unwrap_or(' ');
    let third = characters.next().filter(|_| second == '\\');
    let length =
        [Some(first), Some(second), third].into_iter().flatten().map(char::len_utf8).sum::<usize>();
    length.min(text.len())
}

/// The length of a string, or up to the end of its line or of the text if it is not closed.
fn string_length(text: &str, quotes: &Quotes, interpolates: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = quotes.open.len();
    let mut depth = 0_usize;
    while let Some(next) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        if *next == b'\n' && !quotes.lines {
            return at;
        }
        if *next == b'\\' && quotes.escapes {
            // What is escaped may be a line feed, and the rest of a longer character is no quote.
            at = at.saturating_add(2);
            continue;
        }
        if depth > 0 {
            match next {
                b'{' => depth = depth.saturating_add(1),
                b'}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        } else if rest.starts_with(quotes.close.as_bytes()) {
            return at.saturating_add(quotes.close.len());
        } else if interpolates && rest.starts_with(b"#{") {
            depth = 1;
            at = at.saturating_add(1);
        }
        at = at.saturating_add(1);
    }
    text.len()
}
