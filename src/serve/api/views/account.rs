//! Tokens, as accounts, keys and owners.

use serde::Serialize;
use serde_json::{Map, Value};

use super::site::{date, key_url, user_url};
use crate::name::{PackageName, RepositoryName};
use crate::package::UnixSeconds;

/// A package that an account may publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccountPackage<'a> {
    pub repository: &'a RepositoryName,
    pub name: &'a PackageName,
    /// The package in the API.
    pub url: String,
    /// Its page.
    pub html_url: String,
}

/// The account of a token, as the answer to `GET users/me`.
///
/// mix asks for it before each publication, so `packages` should be short: only `mix hex.owner packages` reads it.
pub(crate) fn me(api: &str, username: &str, packages: &[AccountPackage<'_>]) -> Value {
    let packages = packages.iter().map(|one| AccountPackageView {
        repository: one.repository.as_str(),
        name: one.name.as_str(),
        url: &one.url,
        html_url: &one.html_url,
    });
    // There is no `full_name` or `email`: rebar3 crashes where they are nil.
    let view = MeView {
        username,
        url: user_url(api, username),
        handles: Map::new(),
        organizations: [],
        packages: packages.collect(),
    };
    to_value(&view)
}

/// The tokens that may publish a package, as the answer to `GET packages/NAME/owners`.
pub(crate) fn owners(api: &str, usernames: &[&str]) -> Value {
    let owners = usernames.iter().map(|username| OwnerView {
        username,
        email: username,
        level: "full",
        url: user_url(api, username),
    });
    to_value(&owners.collect::<Vec<_>>())
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    pub name: &'a str,
    /// The token itself, in the answer to its creation alone.
    pub secret: Option<&'a str>,
    /// Whether the request was made with it.
    pub is_authing: bool,
    pub permissions: Vec<KeyPermission<'a>>,
    /// The first second in which it is not valid, if it has an end.
    pub revoke_at: Option<UnixSeconds>,
}

/// What a token may do, in the words of hex.pm: `api:write`, `repository:acme`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct KeyPermission<'a> {
    pub domain: &'a str,
    pub resource: Option<&'a str>,
}

/// When a token was made: its file does not say. Clients show the text as it is, and rebar3 crashes without one.
const UNKNOWN: &str = "unknown";

impl Key<'_> {
    /// The token, as the answer to `POST keys` and `GET keys/NAME`.
    pub fn view(&self, api: &str) -> Value {
        to_value(&self.fields(api))
    }

    fn fields<'a>(&'a self, api: &str) -> KeyView<'a> {
        KeyView {
            name: self.name,
            authing_key: self.is_authing,
            secret: self.secret,
            permissions: &self.permissions,
            revoke_at: self.revoke_at.and_then(date),
            inserted_at: UNKNOWN,
            updated_at: UNKNOWN,
            url: key_url(api, self.name),
        }
    }
}

/// The tokens that an account sees, as the answer to `GET keys`.
pub(crate) fn keys(api: &str, keys: &[Key<'_>]) -> Value {
    to_value(&keys.iter().map(|key| key.fields(api)).collect::<Vec<_>>())
}

/// The token of a request, as the answer to `GET auth`.
pub(crate) fn auth(name: &str) -> Value {
    let owner = AuthOwner { kind: "user", name };
    to_value(&AuthView { key: AuthKey { name, owner } })
}

/// Keys are text, and nothing else can fail.
fn to_value(view: &impl Serialize) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}

#[derive(Serialize)]
struct MeView<'a> {
    username: &'a str,
    url: String,
    handles: Map<String, Value>,
    /// Always there, and empty: mix crashes without it, and asks who is to own the package if it is not empty.
    organizations: [(); 0],
    packages: Vec<AccountPackageView<'a>>,
}

#[derive(Serialize)]
struct AccountPackageView<'a> {
    repository: &'a str,
    name: &'a str,
    url: &'a str,
    html_url: &'a str,
}

#[derive(Serialize)]
struct OwnerView<'a> {
    username: &'a str,
    /// The name: tokens have no address, and `mix hex.owner list` shows this and the level alone.
    email: &'a str,
    level: &'static str,
    url: String,
}

#[derive(Serialize)]
struct KeyView<'a> {
    name: &'a str,
    authing_key: bool,
    secret: Option<&'a str>,
    permissions: &'a [KeyPermission<'a>],
    revoke_at: Option<String>,
    inserted_at: &'static str,
    updated_at: &'static str,
    url: String,
}

#[derive(Serialize)]
struct AuthView<'a> {
    key: AuthKey<'a>,
}

#[derive(Serialize)]
struct AuthKey<'a> {
    name: &'a str,
    owner: AuthOwner<'a>,
}

#[derive(Serialize)]
struct AuthOwner<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
}
