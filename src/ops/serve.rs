//! `hexreg serve`: repositories over HTTP.

pub mod page;
pub mod snippets;
