//! Errors of the parsers.

use winnow::error::{ContextError, StrContext};

/// The position at which a text is not a term: an Erlang term, or in `mix.lock` an Elixir term.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, found {found}")]
pub struct SyntaxError {
    /// The line, counted from 1.
    pub line: usize,
    /// What the parser expected.
    pub expected: &'static str,
    /// The text at that position, shortened.
    pub found: String,
}

impl SyntaxError {
    /// The error that winnow found at a byte of a text.
    pub(crate) fn at(text: &str, offset: usize, context: &ContextError) -> Self {
        let expected = context.context().find_map(|context| match context {
            StrContext::Label(label) => Some(*label),
            _ => None,
        });
        let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
        let found = match after.char_indices().nth(20) {
            Some((end, _)) => format!("{:?}…", after.get(..end).unwrap_or_default()),
            None if after.is_empty() => "the end".to_owned(),
            None => format!("{after:?}"),
        };
        Self {
            line: before.matches('\n').count().saturating_add(1),
            expected: expected.unwrap_or("a term"),
            found,
        }
    }
}
