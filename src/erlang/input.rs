//! The input of the parsers, and what they share.

use winnow::combinator::{cut_err, fail};
use winnow::error::{ContextError, StrContext};
use winnow::stream::Stateful;
use winnow::token::take_while;
use winnow::{ModalResult, Parser};

/// The depth to which terms may nest. That of packages on hex.pm is at most 5.
pub const MAX_DEPTH: usize = 64;

/// The rest of the text, and the number of terms around it.
pub(crate) type Input<'i> = Stateful<&'i str, usize>;

pub(crate) fn label(expected: &'static str) -> StrContext {
    StrContext::Label(expected)
}

/// Skips white space: to Hex's tokenizer, all characters up to and including the space.
pub(super) fn space(input: &mut Input<'_>) -> ModalResult<()> {
    take_while(0.., '\0'..=' ').void().parse_next(input)
}

pub(super) fn token<'i>(
    symbol: char,
) -> impl Parser<Input<'i>, (), winnow::error::ErrMode<ContextError>> {
    (symbol, space).void()
}

/// Parses one level deeper, up to [`MAX_DEPTH`].
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
