//! The users who may read a registry and publish to it: names, their passwords and tokens, and the credentials that
//! clients send.
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
//! # what it may besides, and its last day in UTC
//! release:$sha256$…:can=publish:packages=acme_*,tools:until=2027-01-31
//! ```
//!
//! A name has at most one password, and any number of tokens besides. A token belongs to one name.
//! A password only reads, and so does a token without `can=`. `can=publish` without `packages=` means all packages.
//! Any other line is an error: an entry that was skipped silently would lock its user out, and a field that was would
//! permit too much.
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
//! | rebar3, `rebar3 hex user auth` with a token as the password | `Basic` of `ANY:KEY` |
//! | Gleam | `Bearer KEY` |
//! | mix, after OAuth's exchange | `Bearer` and what [`Authenticator::exchange`] made |
//!
//! A token is accepted in each of these, beside any name: the user is the token's. A password is accepted in a pair
//! alone, beside its name. mix asks through Erlang's `httpc`, which sends the user part of a URL as it is:
//! percent-encoding is not decoded, and with a second `:` nothing is sent at all. So tokens hold no character that
//! has to be encoded.

mod authenticator;
mod bearer;
mod credentials;
mod date;
mod edit;
mod file;
mod grant;
mod invalid;
mod memory;
mod name;
mod package_patterns;
mod password;
mod permission;
mod random;
mod token;
mod tokens;
mod user;

pub use authenticator::{Authentication, Authenticator, PasswordCheck};
pub use bearer::{BearerKey, BearerToken, is_bearer_token};
pub use credentials::sent_secret;
pub use date::{Date, InvalidDate};
pub use edit::{with_password, with_token, without, without_token};
pub use file::AuthFile;
pub use grant::Grant;
pub use invalid::{InvalidAuthFile, InvalidLine, LineError};
pub use memory::NotEnoughMemory;
pub use name::{InvalidUserName, UserName};
pub use package_patterns::{
    InvalidPackagePattern, NoPackagePattern, PackagePattern, PackagePatterns,
};
pub use password::{InvalidPassword, PasswordHash};
pub use permission::{InvalidPermission, Permission};
pub use random::NoRandomness;
pub use token::{AccessToken, InvalidTokenId, TokenDigest, TokenId};
pub use tokens::{ExchangeError, Exchanged, ExpiredToken};
pub use user::User;
