//! Terms, and their text.

use std::fmt;

/// One Erlang term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// `true`, `'with space'`
    Atom(String),
    /// `-1`
    Integer(i64),
    /// `<<"text">>`, `<<"text"/utf8>>`, `<<1,2>>`
    Binary(Vec<u8>),
    /// `"text"`, in Erlang a list of code points.
    String(String),
    /// `{A, B}`
    Tuple(Vec<Term>),
    /// `[A, B]`
    List(Vec<Term>),
    /// `#{K => V}`, in the order of the text.
    Map(Vec<(Term, Term)>),
}

/// Writes a term so that [`parse_terms`](super::parse_terms), Hex and Erlang read it back.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Atom(name) if is_plain_atom(name) => f.write_str(name),
            Self::Atom(name) => write!(f, "'{}'", Escaped(name, '\'')),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Binary(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) if text.is_ascii() => write!(f, "<<\"{}\">>", Escaped(text, '"')),
                Ok(text) => write!(f, "<<\"{}\"/utf8>>", Escaped(text, '"')),
                Err(_) => write!(f, "<<{}>>", Separated(bytes)),
            },
            Self::String(text) => write!(f, "\"{}\"", Escaped(text, '"')),
            Self::Tuple(terms) => write!(f, "{{{}}}", Separated(terms)),
            Self::List(terms) => write!(f, "[{}]", Separated(terms)),
            Self::Map(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k} => {v}")).collect();
                write!(f, "#{{{}}}", Separated(&pairs))
            }
        }
    }
}

fn is_plain_atom(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase()) && name.chars().all(is_in_atom)
}

pub(super) fn is_in_atom(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '@')
}

struct Separated<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Separated<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            item.fmt(f)?;
        }
        Ok(())
    }
}

struct Escaped<'a>(&'a str, char);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            quote if quote == self.1 => write!(f, "\\{quote}"),
            // The backslash is escaped as well: before a closing quote Hex would read on.
            '\0'..='\x1F' | '\x7F' | '\\' => write!(f, "\\{:03o}", u32::from(character)),
            plain => write!(f, "{plain}"),
        })
    }
}
