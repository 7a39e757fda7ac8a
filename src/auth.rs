//! Who may read a registry: names, their passwords and tokens, and what clients send of them.
//!
//! An [`AuthFile`] is parsed from text; a [`Gate`] holds it and answers what an `Authorization` header
//! is worth. Nothing here knows a file system, a clock or a thread; [`ops::auth`](crate::ops::auth)
//! reads and changes files.
//!
//! # The file
//!
//! One entry a line; blank lines and lines that begin with `#` say nothing.
//!
//! ```text
//! # htpasswd -B, which is bcrypt; or argon2id as a PHC string
//! ann:$2y$05$…
//! bob:$argon2id$v=19$m=19456,t=2,p=1$…$…
//! # the SHA-256 of a token, in unpadded base64url or in hex
//! ci:$sha256$…
//! ```
//!
//! A name has at most one password, and any number of tokens besides; a token belongs to one name.
//! Whatever else a line holds is an error rather than passed over: an entry that silently does not
//! count is found out about by whoever is locked out.
//!
//! # What clients send
//!
//! | client | header |
//! | --- | --- |
//! | mix, `--auth-key KEY` | `KEY`, verbatim |
//! | rebar3, `repo_key => <<"KEY">>` | `KEY`, verbatim |
//! | mix, `https://NAME:SECRET@host` | `Basic` of `NAME:SECRET` |
//! | mix, `https://KEY@host` or `https://:KEY@host` | `Basic` of `KEY:` |
//! | mix, `.netrc` | `Basic` of `NAME:SECRET` |
//! | Gleam | `Bearer KEY` |
//!
//! A token is good in every one of these, in the second place of a pair only beside its own name. A
//! password is good in a pair alone. Erlang's `httpc`, by which mix asks, takes what a URL says of the
//! user as it is: what is percent-encoded there stays so, and with a second `:` nothing is sent at all.
//! Tokens hold no character that has to be encoded.

mod authenticator;
mod credentials;
mod edit;
mod file;
mod memory;
mod name;
mod password;
mod token;

pub use authenticator::{Answer, Gate, PasswordCheck};
pub use edit::{with_password, with_token, without};
pub use file::{AuthFile, BadLine, InvalidAuthFile, Problem};
pub use memory::NotEnoughMemory;
pub use name::{InvalidUserName, UserName};
pub use password::{InvalidPassword, PasswordHash};
pub use token::{Token, TokenDigest};

/// The operating system has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system has no randomness to give")]
pub struct NoRandomness;

fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}
