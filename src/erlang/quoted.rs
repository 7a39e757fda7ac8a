//! Texts in quotes, and the escapes in them.

use winnow::combinator::{alt, cut_err, delimited, opt, peek, preceded, repeat};
use winnow::error::{ContextError, ErrMode};
use winnow::token::{any, take_till, take_while};
use winnow::{ModalResult, Parser};

use super::input::{Input, label, space};

/// Adjacent strings are one string: `io_lib_pretty` breaks long ones this way.
pub(super) fn strings(input: &mut Input<'_>) -> ModalResult<String> {
    let mut text = quoted('"').parse_next(input)?;
    while let Some(more) = opt(preceded((space, peek('"')), quoted('"'))).parse_next(input)? {
        text.push_str(&more);
    }
    Ok(text)
}

/// Hex's tokenizer takes the longest match of `"(\\\^.|\\.|[^"])*"`, in which a lone backslash is also an ordinary
/// character. After `\` or `\^` it takes a closing quote for an escaped one and reads on to the next quote. Such a text
/// has two readings, so it is refused.
pub(super) fn quoted<'i>(quote: char) -> impl Parser<Input<'i>, String, ErrMode<ContextError>> {
    let plain = take_till(1.., (quote, '\\')).map(Fragment::Text);
    let escape = preceded('\\', cut_err(escape)).map(Fragment::Character);
    let text = repeat(0.., alt((plain, escape)))
        .fold(String::new, Fragment::append)
        .with_taken()
        .verify_map(|(text, raw): (String, &str)| {
            (!raw.ends_with('\\') && !raw.ends_with("\\^")).then_some(text)
        })
        .context(label("no backslash before the closing quote, where Hex reads on"));
    let close = cut_err(quote).context(label("a closing quote"));
    delimited(quote, cut_err(text), close)
}

/// A piece of a text in quotes: plain text, or an escape.
#[derive(Clone, Copy)]
pub(crate) enum Fragment<'i> {
    /// Text without an escape.
    Text(&'i str),
    /// The character that an escape means, if it means any.
    Character(Option<char>),
}

impl Fragment<'_> {
    /// Appends the text that the fragment means.
    pub fn append(mut text: String, fragment: Self) -> String {
        match fragment {
            Self::Text(more) => text.push_str(more),
            Self::Character(character) => text.extend(character),
        }
        text
    }
}

/// The rest of an escape after the backslash. An escaped control character or space means no character.
fn escape(input: &mut Input<'_>) -> ModalResult<Option<char>> {
    let octal = take_while(3, '0'..='7')
        .verify_map(|digits| char::from_u32(u32::from_str_radix(digits, 8).ok()?));
    let control = preceded('^', any).verify_map(|of| char::from_u32(u32::from(of) & 31));
    let named = any.map(|name| match name {
        '\0'..=' ' => None,
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0B'),
        'b' => Some('\x08'),
        'f' => Some('\x0C'),
        'e' => Some('\x1B'),
        's' => Some(' '),
        'd' => Some('\x7F'),
        other => Some(other),
    });
    alt((octal.map(Some), control.map(Some), named))
        .context(label("the rest of an escape"))
        .parse_next(input)
}
