//! Parses terms.

use std::borrow::Cow;

use winnow::ascii::digit1;
use winnow::combinator::{
    alt, cut_err, delimited, dispatch, eof, fail, opt, peek, preceded, repeat, separated,
    separated_pair, terminated,
};
use winnow::token::{any, one_of, take_till, take_while};
use winnow::{ModalResult, Parser};

use super::input::{Input, label, nested, space, token};
use super::quoted::{quoted, strings};
use super::term::is_in_atom;
use super::{SyntaxError, Term};

/// The bytes of a term file as text: UTF-8, or else Latin-1, as in Hex.
#[must_use]
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// Parses terms that each end in a dot, as `file:consult/1` does.
///
/// # Errors
/// [`SyntaxError`] at the first position that is not part of a term.
pub fn parse_terms(text: &str) -> Result<Vec<Term>, SyntaxError> {
    let input = Input { input: text, state: 0 };
    let form = terminated(term, cut_err(token('.')).context(label("a dot after the term")));
    delimited(space, repeat(0.., form), eof.context(label("a term")))
        .parse(input)
        .map_err(|error| SyntaxError::at(text, error.offset(), error.inner()))
}

/// Decides on the first character, so that an error has the position of the fault.
fn term(input: &mut Input<'_>) -> ModalResult<Term> {
    let body = dispatch! { peek(any);
        '{' => nested(tuple),
        '[' => nested(list),
        '#' => nested(map),
        '<' => cut_err(alt((plain_binary, binary))),
        '"' => strings.map(Term::String),
        '\'' => quoted('\'').map(Term::Atom),
        'a'..='z' => atom.map(Term::Atom),
        '0'..='9' | '-' | '+' => cut_err(integer).map(Term::Integer),
        _ => fail,
    };
    terminated(body, space).context(label("a term")).parse_next(input)
}

fn tuple(input: &mut Input<'_>) -> ModalResult<Term> {
    let close = cut_err('}').context(label("`,` or `}`"));
    delimited(token('{'), separated(0.., term, token(',')), close)
        .map(Term::Tuple)
        .parse_next(input)
}

fn list(input: &mut Input<'_>) -> ModalResult<Term> {
    let close = cut_err(']').context(label("`,` or `]`"));
    delimited(token('['), separated(0.., term, token(',')), close).map(Term::List).parse_next(input)
}

fn map(input: &mut Input<'_>) -> ModalResult<Term> {
    let arrow = cut_err(("=>", space)).context(label("`=>`"));
    let pair = separated_pair(term, arrow, cut_err(term));
    let open = (token('#'), cut_err(token('{')).context(label("`{`")));
    let close = cut_err('}').context(label("`,` or `}`"));
    delimited(open, separated(0.., pair, token(',')), close).map(Term::Map).parse_next(input)
}

/// One string without escapes: nearly all binaries. [`binary`] would read the same.
fn plain_binary(input: &mut Input<'_>) -> ModalResult<Term> {
    let text = take_till(0.., ('"', '\\')).verify(str::is_ascii);
    delimited("<<\"", text, ("\"", opt("/utf8"), ">>"))
        .map(|text: &str| Term::Binary(text.as_bytes().to_vec()))
        .parse_next(input)
}

fn binary(input: &mut Input<'_>) -> ModalResult<Term> {
    let open = ("<<", space).context(label("`<<`"));
    let close = ">>".context(label("`,` or `>>`"));
    let segments = separated(0.., terminated(segment, space), token(','));
    delimited(open, segments, close)
        .map(|segments: Vec<Vec<u8>>| Term::Binary(segments.concat()))
        .parse_next(input)
}

/// A string, with or without `/utf8`, or one byte as a number.
fn segment(input: &mut Input<'_>) -> ModalResult<Vec<u8>> {
    dispatch! { peek(any);
        '"' => text_segment,
        '0'..='9' => cut_err(byte_segment),
        _ => fail,
    }
    .parse_next(input)
}

fn text_segment(input: &mut Input<'_>) -> ModalResult<Vec<u8>> {
    let utf8 = preceded(token('/'), cut_err("utf8").context(label("the type `utf8`")));
    let (text, (), utf8) = (strings, space, opt(utf8)).parse_next(input)?;
    Ok(match utf8 {
        Some(_) => text.into_bytes(),
        None => text.chars().map(low_byte).collect(),
    })
}

fn byte_segment(input: &mut Input<'_>) -> ModalResult<Vec<u8>> {
    digit1
        .parse_to()
        .map(|byte: u8| vec![byte])
        .context(label("a byte from 0 to 255"))
        .parse_next(input)
}

/// Without `/utf8` a character is its lowest eight bits, as in Erlang's `<<"…">>`.
#[expect(clippy::cast_possible_truncation, reason = "Erlang drops the upper bits")]
fn low_byte(character: char) -> u8 {
    u32::from(character) as u8
}

fn atom(input: &mut Input<'_>) -> ModalResult<String> {
    (one_of('a'..='z'), take_while(0.., is_in_atom)).take().map(str::to_owned).parse_next(input)
}

fn integer(input: &mut Input<'_>) -> ModalResult<i64> {
    let negative = terminated(opt(one_of(['-', '+'])), space).parse_next(input)? == Some('-');
    digit1
        .verify_map(|digits: &str| {
            let magnitude: i128 = digits.parse().ok()?;
            i64::try_from(if negative { magnitude.checked_neg()? } else { magnitude }).ok()
        })
        .context(label("an integer of 64 bits"))
        .parse_next(input)
}

#[cfg(test)]
mod tests {
    use super::super::MAX_DEPTH;
    use super::*;

    fn one(text: &str) -> Term {
        let mut terms = parse_terms(&format!("{text}.")).unwrap();
        assert_eq!(terms.len(), 1, "{text}");
        terms.remove(0)
    }

    fn binary_of(text: &str) -> Vec<u8> {
        match one(text) {
            Term::Binary(bytes) => bytes,
            other => panic!("{text} is {other:?}"),
        }
    }

    fn error(text: &str) -> String {
        parse_terms(text).unwrap_err().to_string()
    }

    #[test]
    fn reads_every_kind_of_term() {
        assert_eq!(
            one(r#"{true, 'q w', -12, "s", [], [1,2], #{a => <<"b">>}, <<>>}"#),
            Term::Tuple(vec![
                Term::Atom("true".into()),
                Term::Atom("q w".into()),
                Term::Integer(-12),
                Term::String("s".into()),
                Term::List(vec![]),
                Term::List(vec![Term::Integer(1), Term::Integer(2)]),
                Term::Map(vec![(Term::Atom("a".into()), Term::Binary(b"b".to_vec()))]),
                Term::Binary(vec![]),
            ])
        );
    }

    #[test]
    fn forms_may_share_a_line_and_be_spaced_oddly() {
        assert_eq!(parse_terms("a.b . \n\tc.\r\n").unwrap().len(), 3);
        assert_eq!(parse_terms(" \n").unwrap(), []);
        assert_eq!(parse_terms("").unwrap(), []);
    }

    // The expected bytes are those of Hex's own reader.
    #[test]
    fn binaries_hold_the_bytes_that_hex_reads() {
        assert_eq!(binary_of(r#"<<"é">>"#), [0xE9]);
        assert_eq!(binary_of(r#"<<"ā">>"#), [0x01]);
        assert_eq!(binary_of(r#"<<"ā"/utf8>>"#), "ā".as_bytes());
        assert_eq!(binary_of(r#"<<"x", 10, "y" / utf8>>"#), b"x\ny");
        assert_eq!(binary_of("<<\"x\"\n \"y\">>"), b"xy");
    }

    #[test]
    fn escapes_are_those_of_hex() {
        assert_eq!(
            binary_of(r#"<<"\n\r\t\v\b\f\e\s\d\"\\.">>"#),
            b"\n\r\t\x0B\x08\x0C\x1B \x7F\"\\."
        );
        assert_eq!(binary_of(r#"<<"\x41\12\0\1234">>"#), b"x41120S4");
        assert_eq!(binary_of("<<\"\\^Ax\\ \\\ny\">>"), b"\x01xy");
    }

    #[test]
    fn a_text_with_two_readings_is_refused() {
        for text in [r#"<<"x\\">>."#, r#""x\^\"."#, r#""x\\^"."#, r"'x\\'."] {
            assert!(error(text).contains("no backslash before the closing quote"), "{text}");
        }
        assert_eq!(one(r#""x\\ ""#), Term::String("x\\ ".into()));
    }

    #[test]
    fn errors_say_where_and_what() {
        assert_eq!(error("{a}.\n{b"), "line 2: expected `,` or `}`, found the end");
        assert_eq!(error("{a}"), "line 1: expected a dot after the term, found the end");
        assert_eq!(error("% c\n"), "line 1: expected a term, found \"% c\\n\"");
        assert_eq!(error("[a,]."), "line 1: expected `,` or `]`, found \",].\"");
        assert_eq!(error("<<300>>."), "line 1: expected a byte from 0 to 255, found \"300>>.\"");
        assert_eq!(error("\"abc"), "line 1: expected a closing quote, found the end");
        assert_eq!(
            error("99999999999999999999."),
            "line 1: expected an integer of 64 bits, found \"99999999999999999999\"…"
        );
        for text in ["--1.", "1.0.5", "$a.", "<<1:8>>.", "[a|b].", "x. .", "Var.", "<<x>>."] {
            assert!(parse_terms(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nesting_has_a_bound_and_the_stack_holds() {
        let nested = |depth: usize| format!("{}{}.", "[".repeat(depth), "]".repeat(depth));
        assert!(parse_terms(&nested(MAX_DEPTH)).is_ok());
        assert!(error(&nested(MAX_DEPTH + 1)).contains("64 levels"));
        for opening in ["[", "{", "#{a =>", "{a,["] {
            assert!(parse_terms(&opening.repeat(300_000)).is_err());
        }
    }

    #[test]
    fn latin1_is_read_where_utf8_is_not_valid() {
        assert_eq!(decode(b"caf\xE9"), "café");
        assert_eq!(decode("café".as_bytes()), "café");
    }
}
