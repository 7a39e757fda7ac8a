//! Erlang terms: as text, the format of `metadata.config` and `rebar.lock`, and as bytes ([`etf`]), that of the API.
//!
//! The grammar of the text is that of Hex's tokenizer (`safe_erl_term`) and `erl_parse:parse_term/1`: no comments, no
//! floats, no funs. Hex also limits which atoms may occur: see `tarball/metadata.rs`. Two limits are ours: terms nest at
//! most [`MAX_DEPTH`] deep and integers fit 64 bits, so that no input overflows the stack or takes more than linear time.

pub mod etf;
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
