//! Packages, releases and accounts, as clients read them.
//!
//! The fields are those of hex.pm, in its own words. Clients crash without some of them and on some values, which the
//! files below say where they avoid it. What a repository does not know (downloads, e-mail addresses) is left out or
//! empty, never made up.

mod account;
mod configs;
mod package;
mod release;
mod site;

pub(in crate::serve) use account::{AccountPackage, Key, KeyPermission, auth, keys, me, owners};
pub(in crate::serve) use package::{PackageFacts, listed_package, package};
pub(in crate::serve) use release::{ReleaseFacts, release};
pub(in crate::serve) use site::Site;

#[cfg(test)]
mod tests;
