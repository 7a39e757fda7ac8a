//! The text that a parser reads, and parts that all parsers share.

use winnow::combinator::{cut_err, fail};
use winnow::error::{ContextError, StrContext};
use winnow::stream::Stateful;
use winnow::token::take_while;
use winnow::{ModalResult, Parser};

/// How deep terms may nest. Real metadata goes five deep.
pub const MAX_DEPTH: usize = 64;

/// The text yet to be read and how many terms enclose this place.
pub(crate) type Input<'i> = Stateful<&'i str, usize>;

pub(crate) fn label(expected: &'static str) -> StrContext {
    StrContext::Label(expected)
}

/// The tokenizer skips everything up to and including the space character.
pub(super) fn space(input: &mut Input<'_>) -> ModalResult<()> {
    take_while(0.., '\0'..=' ').void().parse_next(input)
}

pub(super) fn token<'i>(
    symbol: char,
) -> impl Parser<Input<'i>, (), winnow::error::ErrMode<ContextError>> {
    (symbol, space).void()
}

/// One level deeper, where there is one.
pub(crate) fn nested<'i, T>(
    mut inner: impl FnMut(&mut Input<'i>) -> ModalResult<T>,
) -> impl FnMut(&mut Input<'i>) -> ModalResult<T> {
    move |input| {
        if input.state == MAX_DEPTH {
            let too_deep = label("at most 64 levels of nesting");
            return cut_err(fail.context(too_deep)).parse_next(input);
        }
        let depth = input.state;
        input.state = depth.saturating_add(1);
        let term = inner(input)?;
        input.state = depth;
        Ok(term)
    }
}
