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
//!  → byte_cache   the bytes of it, in two blocks
//! search    which packages a search finds, and in which order
//! catalog   all packages, as a search looks at them
//! upload_places   how many uploads there are at once, of each address and each user
//!
//! service   the way of a request: which repository, which endpoint, whether the client may
//!  → endpoints  the table of the API
//!     → lookup, changes, accounts, oauth   what answers, as functions of a call
//!        → publisher   makes the changes to one repository, all that wait in one transaction
//! ```

mod accounts;
pub(super) mod body;
mod byte_cache;
mod call;
pub(super) mod catalog;
mod changes;
mod endpoints;
pub(super) mod error;
pub(super) mod form;
pub(super) mod format;
mod lookup;
pub(super) mod metadata;
mod oauth;
pub(super) mod packages;
pub(super) mod publisher;
pub(super) mod search;
pub(super) mod service;
mod upload_places;
pub(super) mod views;
