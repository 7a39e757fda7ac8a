//! Documentation of packages: what is in an archive `docs/NAME-VERSION.tar.gz`, as a reader's browser needs it.
//!
//! It knows no HTTP, no clock and no pages of hexreg. The server and the site of static files say through
//! [`DocsLinks`](links::DocsLinks) what is here.
//!
//! Documentation is of strangers: HTML and scripts of any form and size. Nothing here fails because of them, and the
//! time and the memory that they take grow with their size alone.

pub mod links;
pub mod pack;
#[cfg(feature = "web")]
pub mod records;
pub mod rewrite;
#[cfg(feature = "web")]
pub mod search;
