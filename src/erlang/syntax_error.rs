//! Where a text stops being terms.

use winnow::error::{ContextError, StrContext};

/// Where a text stops being terms: Erlang's, or Elixir's in a lock file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected {expected}, found {found}")]
pub struct SyntaxError {
    /// Counted from 1.
    pub line: usize,
    /// What could have stood there.
    pub expected: &'static str,
    /// What stands there, shortened.
    pub found: String,
}

impl SyntaxError {
    /// What winnow says of a text at a byte of it.
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
