//! Whose credentials a request carries.

use super::grant::Grant;
use super::name::UserName;
use super::token::TokenId;

/// A user whose credentials are right: who it is, and what they permit. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name in the file, whatever name a client sent beside a token.
    pub name: UserName,
    /// What the password or the token permits.
    pub grant: Grant,
    /// The token, also if a bearer token was made from it; `None` for a password.
    pub token: Option<TokenId>,
}
