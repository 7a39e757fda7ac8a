//! `mix.lock`: an Elixir expression that evaluates to a map. hexreg reads the literals that Elixir's `inspect` writes, with
//! every spelling of a key, and refuses what would have to be evaluated.

use winnow::combinator::{
    alt, cut_err, delimited, dispatch, eof, not, opt, peek, preceded, repeat, separated, terminated,
};
use winnow::error::{ContextError, ErrMode};
use winnow::stream::Stream;
use winnow::token::{any, one_of, take_till, take_while};
use winnow::{ModalResult, Parser};

use super::builder::{LockFileBuilder, Precedence, RawEntry};
use super::error::{EntryError, Error};
use super::pins::{HEXPM, LockFile, OtherSource};
use super::text::{LineCounter, excerpt};
use crate::erlang::{Fragment, Input, SyntaxError, label, nested};

/// An Elixir literal.
#[derive(Clone, Debug, PartialEq)]
enum Literal {
    /// `:name`, `true`, `Module`
    Atom(String),
    /// `"text"`
    Text(String),
    /// `{a, b}`
    Tuple(Vec<Literal>),
    /// `[a, b]`
    List,
    /// Numbers, maps, charlists, `key: value`: no pin has them.
    Other,
}

/// An application and its value. `rest` is the number of bytes from the beginning of its name to the end of the text.
struct MixEntry {
    app: String,
    value: Literal,
    rest: usize,
}

pub(super) fn parse(text: &str) -> Result<LockFile, Error> {
    let input = Input { input: text, state: 0 };
    // A blank file evaluates to nil, which mix takes for an empty map.
    let lock = alt((peek(eof).map(|_| Vec::new()), lock));
    let entries = delimited(space, lock, eof.context(label("nothing after the map")))
        .parse(input)
        .map_err(|error| SyntaxError::at(text, error.offset(), error.inner()))?;
    let mut builder = LockFileBuilder::new(Precedence::Last);
    let mut lines = LineCounter::new(text.as_bytes());
    for MixEntry { app, value, rest } in entries {
        let line = Some(lines.line_at(text.len().saturating_sub(rest)));
        let added = entry_of(&value).and_then(|entry| builder.add(&app, line, entry));
        if let Err(error) = added {
            return Err(Error::Entry { line, app, error });
        }
    }
    Ok(builder.finish())
}

/// The entry in a tuple that begins with its SCM. Hex takes missing elements for nil and ignores those after the eighth.
fn entry_of(value: &Literal) -> Result<RawEntry<'_>, EntryError> {
    let Literal::Tuple(elements) = value else {
        return Err(unexpected("a tuple such as `{:hex, :name, \"1.0.0\", …}`", Some(value)));
    };
    let Some(Literal::Atom(scm)) = elements.first() else {
        return Err(unexpected("the name of an SCM such as `:hex`", elements.first()));
    };
    let element = |index: usize| elements.get(index);
    match scm.as_str() {
        "hex" => Ok(RawEntry::Hex {
            package: name(element(1)).ok_or_else(|| unexpected("a package's name", element(1)))?,
            version: text(element(2)).ok_or_else(|| unexpected("a version", element(2)))?,
            inner: optional("its inner checksum or nil", element(3), text)?,
            repository: optional("a repository's name or nil", element(6), name)?.or(Some(HEXPM)),
            outer: optional("its outer checksum or nil", element(7), text)?,
        }),
        "git" => Ok(RawEntry::Git {
            url: text(element(1)).ok_or_else(|| unexpected("a URL", element(1)))?,
            revision: text(element(2)).ok_or_else(|| unexpected("a commit", element(2)))?,
        }),
        "path" => Ok(RawEntry::Other(OtherSource::Path)),
        "hg" => Ok(RawEntry::Other(OtherSource::Hg)),
        other => Ok(RawEntry::Other(OtherSource::Other(excerpt(other)))),
    }
}

fn text(literal: Option<&Literal>) -> Option<&str> {
    match literal? {
        Literal::Text(text) => Some(text),
        _ => None,
    }
}

/// Hex accepts an atom as a name.
fn name(literal: Option<&Literal>) -> Option<&str> {
    match literal? {
        Literal::Atom(name) | Literal::Text(name) => Some(name),
        _ => None,
    }
}

fn optional<'a>(
    expected: &'static str,
    literal: Option<&'a Literal>,
    read: impl Fn(Option<&'a Literal>) -> Option<&'a str>,
) -> Result<Option<&'a str>, EntryError> {
    match literal {
        None => Ok(None),
        Some(Literal::Atom(nil)) if nil == "nil" => Ok(None),
        Some(_) => read(literal).map(Some).ok_or_else(|| unexpected(expected, literal)),
    }
}

fn unexpected(expected: &'static str, found: Option<&Literal>) -> EntryError {
    let found = match found {
        None => "nothing".to_owned(),
        Some(Literal::Atom(name)) => format!("the atom `{}`", excerpt(name)),
        Some(Literal::Text(text)) => format!("{:?}", excerpt(text)),
        Some(Literal::Tuple(_)) => "a tuple".to_owned(),
        Some(Literal::List) => "a list".to_owned(),
        Some(Literal::Other) => "something else".to_owned(),
    };
    EntryError::Part { expected, found }
}

fn lock(input: &mut Input<'_>) -> ModalResult<Vec<MixEntry>> {
    let open = ("%{", space).context(label("a map, which begins with `%{`"));
    let entries = terminated(separated(0.., entry, token(',')), opt(token(',')));
    let close = cut_err(token('}')).context(label("`,` or `}`"));
    delimited(open, entries, close).parse_next(input)
}

fn entry(input: &mut Input<'_>) -> ModalResult<MixEntry> {
    // A key is parsed only where one can begin, so that the error names the right place.
    peek(one_of(|first| first != '}')).void().parse_next(input)?;
    let rest = input.eof_offset();
    let arrow = (space, "=>", space);
    let app = alt((keyword, terminated(alt((quoted('"'), atom)), arrow)));
    let app = cut_err(app).context(label("an application's name")).parse_next(input)?;
    let value = cut_err(literal).parse_next(input)?;
    Ok(MixEntry { app, value, rest })
}

fn literal(input: &mut Input<'_>) -> ModalResult<Literal> {
    let body = dispatch! { peek(any);
        '{' => nested(tuple),
        '[' => nested(list),
        '%' => nested(map),
        '"' => quoted('"').map(Literal::Text),
        '\'' => quoted('\'').value(Literal::Other),
        '~' => preceded("~c", quoted('"')).value(Literal::Other),
        ':' => cut_err(atom).map(Literal::Atom),
        'A'..='Z' => take_while(1.., is_in_alias).map(|name: &str| Literal::Atom(name.to_owned())),
        '-' | '0'..='9' => number.value(Literal::Other),
        _ => alt(("true", "false", "nil"))
            .map(|name: &str| Literal::Atom(name.to_owned())),
    };
    terminated(body, space).context(label("a literal")).parse_next(input)
}

/// An item of a list, or of a tuple, which may end with keywords.
fn item(input: &mut Input<'_>) -> ModalResult<Literal> {
    let pair = (keyword, cut_err(literal)).value(Literal::Other);
    alt((pair, literal)).parse_next(input)
}

fn tuple(input: &mut Input<'_>) -> ModalResult<Literal> {
    let close = cut_err('}').context(label("`,` or `}`"));
    delimited(token('{'), items, close).map(Literal::Tuple).parse_next(input)
}

fn list(input: &mut Input<'_>) -> ModalResult<Literal> {
    let close = cut_err(']').context(label("`,` or `]`"));
    delimited(token('['), items, close).value(Literal::List).parse_next(input)
}

fn items(input: &mut Input<'_>) -> ModalResult<Vec<Literal>> {
    terminated(separated(0.., item, token(',')), opt(token(','))).parse_next(input)
}

fn map(input: &mut Input<'_>) -> ModalResult<Literal> {
    let arrow = cut_err(("=>", space)).context(label("`=>`"));
    let pair = alt(((keyword, cut_err(literal)).void(), (literal, arrow, cut_err(literal)).void()));
    let pairs = terminated(separated(0.., pair, token(',')), opt(token(',')));
    let open = ('%', cut_err(token('{')).context(label("`{`")));
    let close = cut_err('}').context(label("`,` or `}`"));
    delimited(open, pairs, close).map(|()| Literal::Other).parse_next(input)
}

/// `name: ` or `"name": `.
fn keyword(input: &mut Input<'_>) -> ModalResult<String> {
    let name = alt((quoted('"'), identifier.map(str::to_owned)));
    terminated(name, (':', not(':'), space)).parse_next(input)
}

fn atom(input: &mut Input<'_>) -> ModalResult<String> {
    preceded(':', alt((quoted('"'), identifier.map(str::to_owned))))
        .context(label("an atom"))
        .parse_next(input)
}

fn identifier<'i>(input: &mut Input<'i>) -> ModalResult<&'i str> {
    let first = one_of(|first: char| first.is_alphabetic() || first == '_');
    let last = opt(one_of(['?', '!']));
    (first, take_while(0.., is_in_identifier), last).take().parse_next(input)
}

fn is_in_identifier(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '@')
}

fn is_in_alias(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.')
}

fn number(input: &mut Input<'_>) -> ModalResult<()> {
    let digits = take_while(1.., ('0'..='9', '_', '.', 'e')).void();
    preceded(opt('-'), digits).context(label("a number")).parse_next(input)
}

fn quoted<'i>(quote: char) -> impl Parser<Input<'i>, String, ErrMode<ContextError>> {
    let plain = take_till(1.., (quote, '\\', '#')).map(Fragment::Text);
    let hash = terminated('#', not('{')).map(|hash| Fragment::Character(Some(hash)));
    let escape = preceded('\\', cut_err(escape)).map(Fragment::Character);
    let text = repeat(0.., alt((plain, hash, escape))).fold(String::new, Fragment::append);
    let close = cut_err(quote).context(label("a closing quote, and no interpolation"));
    delimited(quote, text, close)
}

/// The character after a backslash; `None` for an escaped line break.
fn escape(input: &mut Input<'_>) -> ModalResult<Option<char>> {
    let code = |digits: &str| char::from_u32(u32::from_str_radix(digits, 16).ok()?).map(Some);
    let digits = |count| take_while(count, |digit: char| digit.is_ascii_hexdigit());
    let hex = preceded('x', digits(2..=2)).verify_map(code);
    let unicode = preceded('u', alt((digits(4..=4), delimited('{', digits(1..=6), '}'))));
    let named = any.verify_map(|name| match name {
        '\n' => Some(None),
        'x' | 'u' => None,
        '0' => Some(Some('\0')),
        'a' => Some(Some('\x07')),
        'b' => Some(Some('\x08')),
        'd' => Some(Some('\x7F')),
        'e' => Some(Some('\x1B')),
        'f' => Some(Some('\x0C')),
        'n' => Some(Some('\n')),
        'r' => Some(Some('\r')),
        's' => Some(Some(' ')),
        't' => Some(Some('\t')),
        'v' => Some(Some('\x0B')),
        other => Some(Some(other)),
    });
    alt((hex, unicode.verify_map(code), named))
        .context(label("the rest of an escape"))
        .parse_next(input)
}

/// White space and comments.
fn space(input: &mut Input<'_>) -> ModalResult<()> {
    let blank = take_while(1.., [' ', '\t', '\r', '\n']).void();
    let comment = ('#', take_till(0.., '\n')).void();
    repeat(0.., alt((blank, comment))).parse_next(input)
}

fn token<'i>(symbol: char) -> impl Parser<Input<'i>, (), ErrMode<ContextError>> {
    (symbol, space).void()
}
