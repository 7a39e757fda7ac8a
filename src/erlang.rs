//! Erlang terms as text: the format of `metadata.config` and `rebar.lock`.
//!
//! Read is what Hex's own tokenizer (`safe_erl_term`) and `erl_parse:parse_term/1` read, and nothing
//! more: no comments, no floats, no funs. (Which atoms Hex knows is another matter, see
//! `tarball/metadata.rs`.) Where those set no bound, this does: terms nest at most
//! [`MAX_DEPTH`] deep and integers fit 64 bits, so that no input overflows the stack or takes more
//! than linear time.

mod input;
mod parser;
mod quoted;
mod syntax_error;
mod term;

pub use input::MAX_DEPTH;
pub use parser::{decode, parse_terms};
pub use syntax_error::SyntaxError;
pub use term::Term;

pub(crate) use input::{Input, label, nested};
pub(crate) use quoted::Fragment;
