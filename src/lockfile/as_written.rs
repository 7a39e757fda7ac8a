//! Whether a lock file has the form in which its build tool writes it.
//!
//! A check of what is locked has to read a file as the build tool does. mix takes a `mix.lock` that Elixir cannot evaluate
//! for an empty one, without a message, and resolves anew; rebar3 reads escapes and characters of Erlang. So what a build
//! tool never writes is refused, though it may be harmless.

use winnow::combinator::{
    alt, cut_err, delimited, dispatch, eof, opt, peek, preceded, separated, terminated,
};
use winnow::stream::Stream;
use winnow::token::{any, one_of, take_while};
use winnow::{ModalResult, Parser};

use super::error::Error;
use super::format::Format;
use super::text::{line_at, utf8};
use crate::erlang::{Input, nested};

/// Checks that a file has the form in which its build tool writes it.
///
/// # Errors
/// [`Error::Odd`] with the line.
pub fn check_as_written(format: Format, text: &[u8]) -> Result<(), Error> {
    let tool = match format {
        Format::Mix => "mix",
        Format::Rebar => "rebar3",
        Format::Gleam => "Gleam",
    };
    let at = |offset, expected| Err(Error::Odd { line: line_at(text, offset), tool, expected });
    match format {
        // It is TOML to Gleam and to hexreg.
        Format::Gleam => Ok(()),
        Format::Rebar => {
            let is_odd = |byte: &u8| matches!(byte, b'\\' | b'$') || !is_plain(*byte);
            match text.iter().position(is_odd) {
                Some(offset) => at(offset, "ASCII without escapes and `$`"),
                None => Ok(()),
            }
        }
        Format::Mix => {
            if let Some(offset) = text.iter().position(|byte| !is_plain(*byte)) {
                return at(offset, "ASCII");
            }
            let text = utf8(text)?;
            if let Some((offset, _)) = text.match_indices('\r').find(|(offset, _)| {
                text.get(offset.saturating_add(1)..).is_none_or(|rest| !rest.starts_with('\n'))
            }) {
                return at(offset, "line feeds");
            }
            let input = Input { input: text, state: 0 };
            match terminated(mix_lock, eof).parse(input) {
                Ok(()) => Ok(()),
                Err(error) => at(error.offset(), "the form that `mix deps.get` writes"),
            }
        }
    }
}

/// Visible ASCII, spaces and line ends.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | b' '..=b'~')
}

/// `%{`, an entry a line such as `"app": {:hex, …},`, and `}`.
fn mix_lock(input: &mut Input<'_>) -> ModalResult<()> {
    let entries = separated(0.., mix_entry, (space, ',', space));
    let entries = terminated(entries.map(|()| ()), opt((space, ',')));
    (space, "%{", space, entries, space, '}', space).void().parse_next(input)
}

fn mix_entry(input: &mut Input<'_>) -> ModalResult<()> {
    (quoted, ": ", cut_err(nested(tuple))).void().parse_next(input)
}

/// A term as `inspect` writes it.
fn term(input: &mut Input<'_>) -> ModalResult<()> {
    dispatch! { peek(any);
        '{' => nested(tuple),
        '[' => nested(list),
        '"' => quoted,
        ':' => preceded(':', alt((quoted, identifier))),
        // The depth of a shallow clone.
        '1'..='9' => take_while(1..=9, '0'..='9').void(),
        _ => alt(("true", "false", "nil")).void(),
    }
    .parse_next(input)
}

fn tuple(input: &mut Input<'_>) -> ModalResult<()> {
    let terms = separated(1.., term, ", ").map(|()| ());
    delimited('{', terms, '}').parse_next(input)
}

/// A list of terms, or one of pairs such as `hex: :plug`: Elixir reads no term after a pair.
fn list(input: &mut Input<'_>) -> ModalResult<()> {
    let pair = |input: &mut Input<'_>| -> ModalResult<()> {
        (alt((quoted, identifier)), ": ", term).void().parse_next(input)
    };
    let pairs = separated(1.., pair, ", ").map(|()| ());
    let terms = separated(0.., term, ", ").map(|()| ());
    let start = input.checkpoint();
    let of_pairs = delimited('[', pairs, ']').parse_next(input);
    if of_pairs.is_ok() {
        return Ok(());
    }
    input.reset(&start);
    delimited('[', terms, ']').parse_next(input)
}

/// A text without escapes and interpolation, which begins with `#{`.
fn quoted(input: &mut Input<'_>) -> ModalResult<()> {
    let plain = take_while(0..=MAX_TEXT, |one| !matches!(one, '"' | '\\' | '\n' | '\r'));
    let plain = plain.verify(|text: &str| !text.contains("#{"));
    delimited('"', plain, '"').void().parse_next(input)
}

/// In characters: no name, version, requirement or URL is longer, and Elixir reads atoms of 255.
const MAX_TEXT: usize = 2048;

fn identifier(input: &mut Input<'_>) -> ModalResult<()> {
    let first = one_of(('a'..='z', 'A'..='Z', '_'));
    let rest = take_while(0..=200, ('a'..='z', 'A'..='Z', '0'..='9', '_'));
    (first, rest, opt(one_of(['?', '!']))).void().parse_next(input)
}

fn space(input: &mut Input<'_>) -> ModalResult<()> {
    take_while(0.., [' ', '\r', '\n']).void().parse_next(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn odd(format: Format, text: &str) -> Option<usize> {
        match check_as_written(format, text.as_bytes()) {
            Ok(()) => None,
            Err(Error::Odd { line, .. }) => Some(line),
            Err(other) => panic!("{other}"),
        }
    }

    macro_rules! forms {
        ($($name:ident: $format:ident $text:expr => $line:expr;)*) => {
            $(
                #[test]
                fn $name() {
                    assert_eq!(odd(Format::$format, $text), $line, "{}", $text);
                }
            )*
        };
    }

    forms! {
        what_mix_writes: Mix "%{\n  \"plug\": {:hex, :plug, \"1.18.1\", \"a\", [:mix], [{:mime, \"~> 1.0 or ~> 2.0\", [hex: :mime, repo: \"hexpm\", optional: false]}], \"hexpm\", \"b\"},\n  \"t\": {:git, \"https://h/t.git\", \"c\", [branch: \"main\"]},\n}\n" => None;
        what_mix_wrote_years_ago: Mix "%{\"a\": {:hex, :a, \"1.0.0\"},\n  \"b\": {:hex, :b, \"1.0.0\"}}\n" => None;
        no_dependency: Mix "%{\n}\n" => None;
        line_ends_of_windows: Mix "%{\r\n  \"a\": {:hex, :a, \"1.0.0\"},\r\n}\r\n" => None;
        an_atom_in_quotes: Mix "%{\n  \"a\": {:hex, :\"a-b\", \"1.0.0\"},\n}\n" => None;
        a_shallow_clone: Mix "%{\n  \"t\": {:git, \"https://h/t.git\", \"c\", [branch: \"fix/#12\", depth: 1, submodules: true]},\n}\n" => None;
        // mix takes each of these for an empty file, or crashes.
        a_byte_order_mark: Mix "\u{feff}%{\n}\n" => Some(1);
        a_key_without_a_space: Mix "%{\n  \"a\":{:hex, :a, \"1.0.0\"},\n}\n" => Some(2);
        an_arrow: Mix "%{\n  \"a\" => {:hex, :a, \"1.0.0\"},\n}\n" => Some(2);
        an_arrow_after_a_keyword: Mix "%{\n  \"a\": {:hex, :a, \"1.0.0\"},\n  \"b\" => {:hex, :b, \"1.0.0\"},\n}\n" => Some(3);
        carriage_returns_alone: Mix "%{\r  \"a\": {:hex, :a, \"1.0.0\"},\r}\r" => Some(1);
        a_character_that_turns_text_round: Mix "%{\n  \"a\": {:hex, :a, \"1.0.0\u{202e}\"},\n}\n" => Some(2);
        a_term_after_a_pair: Mix "%{\n  \"a\": {:hex, :a, \"1.0.0\", nil, [a: 1, :b]},\n}\n" => Some(2);
        a_number: Mix "%{\n  \"a\": {:hex, :a, 1.2.3},\n}\n" => Some(2);
        an_escape: Mix "%{\n  \"\\x61\": {:hex, :a, \"1.0.0\"},\n}\n" => Some(2);
        an_interpolation: Mix "%{\n  \"a\": {:hex, :a, \"1.0.0#{x}\"},\n}\n" => Some(2);
        a_comment: Mix "%{\n  # \"a\": {:hex, :a, \"1.0.0\"},\n}\n" => Some(2);
        an_alias: Mix "%{\n  \"a\": {:hex, Foo, \"1.0.0\"},\n}\n" => Some(2);
        something_after_the_map: Mix "%{\n}\n\"a\"" => Some(3);
        an_empty_tuple: Mix "%{\n  \"a\": {},\n}\n" => Some(2);
        what_rebar3_writes: Rebar "{\"1.2.0\",\n[{<<\"a\">>,{pkg,<<\"a\">>,<<\"1.0.0\">>},0}]}.\n[\n{pkg_hash_ext,[\n {<<\"a\">>, <<\"AB\">>}]}\n].\n" => None;
        an_escape_of_erlang: Rebar "[{<<\"a\">>,\n{pkg,<<\"tel\\x65metry\">>,<<\"1.0.0\">>},0}]." => Some(2);
        a_character_of_erlang: Rebar "[\n{<<\"a\">>,{pkg,<<\"a\">>,<<\"1.0.0\">>},$\"}]." => Some(2);
        a_letter_beyond_ascii: Rebar "[].\n%% é" => Some(2);
        toml: Gleam "packages = [\n  # ö\n]" => None;
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("%{{\n  \"a\": {}{},\n}}\n", "{".repeat(100_000), "}".repeat(100_000));
        assert_eq!(odd(Format::Mix, &deep), Some(2));
        let lists = format!("%{{\n  \"a\": {{{}{}}},\n}}\n", "[".repeat(60), "]".repeat(60));
        assert_eq!(odd(Format::Mix, &lists), None);
    }
}
