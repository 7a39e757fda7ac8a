//! The HTTP API of Hex, with which mix and rebar3 publish packages and people look them up.
//!
//! ```text
//! format    ETF or JSON: what an answer is written in
//! body      the fields in the body of a request
//! form      the fields of a query or a form
//! error     every refusal: its status, its text, and how clients print it
//! views     packages, releases and accounts, as clients read them
//! packages  looks packages and releases up
//! metadata  what a tarball says for people, read once
//! search    which packages a search finds, and in which order
//! catalog   all packages, as a search looks at them
//! ```

pub(super) mod body;
pub(super) mod catalog;
pub(super) mod error;
pub(super) mod form;
pub(super) mod format;
pub(super) mod metadata;
pub(super) mod packages;
pub(super) mod search;
pub(super) mod views;
