//! Packages, releases and accounts, as clients read them.
//!
//! The fields are those of hex.pm, in its own words. Clients crash without some of them and on some values, which the
//! files below say where they avoid it. What a repository does not know (downloads, e-mail addresses) is left out or
//! empty, never made up.

mod account;
mod configs;
mod escaped;
mod package;
mod release;
mod site;

pub(crate) use account::{AccountPackage, Key, KeyPermission, auth, keys, me, owners};
pub(crate) use package::{PackageFacts, listed_package, package};
pub(crate) use release::{ReleaseFacts, release};
pub(crate) use site::{Site, date};

#[cfg(test)]
mod tests;
