//! Who may read a registry: names, their passwords and tokens, and the credentials that clients send.
//!
//! An [`AuthFile`] is parsed from text. An [`Authenticator`] holds it and says whose credentials an `Authorization`
//! header carries. Nothing here uses a file system, a clock or a thread; [`ops::auth`](crate::ops::auth) reads and
//! changes files.
//!
//! # The file
//!
//! One entry a line. Blank lines and lines that begin with `#` are skipped.
//!
//! ```text
//! # htpasswd -B, which is bcrypt; or argon2id as a PHC string
//! ann:$2y$05$…
//! bob:$argon2id$v=19$m=19456,t=2,p=1$…$…
//! # the SHA-256 of a token, in unpadded base64url or in hex
//! ci:$sha256$…
//! ```
//!
//! A name has at most one password, and any number of tokens besides. A token belongs to one name.
//! Any other line is an error: an entry that was skipped silently would lock its user out.
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
//! A token is accepted in each of these; as the second part of a pair only beside its own name. A password is
//! accepted in a pair alone. mix asks through Erlang's `httpc`, which sends the user part of a URL as it is:
//! percent-encoding is not decoded, and with a second `:` nothing is sent at all. So tokens hold no character that
//! has to be encoded.

mod authenticator;
mod credentials;
mod edit;
mod file;
mod invalid;
mod memory;
mod name;
mod password;
mod random;
mod token;

pub use authenticator::{Authentication, Authenticator, PasswordCheck};
pub use edit::{with_password, with_token, without};
pub use file::AuthFile;
pub use invalid::{InvalidAuthFile, InvalidLine, LineError};
pub use memory::NotEnoughMemory;
pub use name::{InvalidUserName, UserName};
pub use password::{InvalidPassword, PasswordHash};
pub use random::NoRandomness;
pub use token::{AccessToken, TokenDigest};
