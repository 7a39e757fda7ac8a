//! Tokens as Hex's clients see them: as accounts, keys and owners of packages.
//!
//! Only `hexreg auth add` makes tokens. Clients that ask for a key get the token that they sent.

use axum::http::StatusCode;
use axum::http::header::{self, HeaderValue};

use super::call::{Answered, ApiAnswer, ApiCall};
use super::changes::unreadable;
use super::error::{ApiError, ErrorStatus};
use super::views::{self, AccountPackage, Key, KeyPermission};
use crate::auth::{Permission, User, is_bearer_token, sent_secret};

/// The answer to a change of tokens or owners.
const REFUSED_CHANGE: &str = "the owners of a package are the tokens that may publish it: the administrator of the \
                              server changes them with `hexreg auth add` and `hexreg auth remove`";

/// `GET users/me`
pub(super) async fn me(call: ApiCall<'_>) -> Answered {
    let user = call.user()?;
    let none: &[AccountPackage<'_>] = &[];
    Ok(ApiAnswer::ok(views::me(&call.api_url, user.name.as_str(), none)))
}

/// `GET auth`: whether the token may do what the query names.
pub(super) async fn auth(call: ApiCall<'_>) -> Answered {
    let user = call.user()?;
    let query = call.request.uri.query().unwrap_or_default();
    let (mut domain, mut resource) = (String::new(), String::new());
    for (name, value) in super::form::fields(query) {
        match name.as_str() {
            "domain" => domain = value,
            "resource" => resource = value,
            _ => {}
        }
    }
    let may = match (domain.as_str(), resource.as_str()) {
        ("api", "write") => user.grant.may_publish_some(),
        ("api" | "repository" | "repositories" | "", _) => user.grant.may_read(),
        ("package", package) => {
            let name = package.rsplit('/').next().unwrap_or_default();
            name.parse().is_ok_and(|name| user.grant.may_publish(&name))
        }
        _ => false,
    };
    if may {
        Ok(ApiAnswer::ok(views::auth(user.name.as_str())))
    } else {
        Err(ApiError::key_not_authorized())
    }
}

/// `GET keys`
pub(super) async fn keys(call: ApiCall<'_>) -> Answered {
    let user = call.user()?;
    let keys = [key(user, user.name.as_str(), None)];
    Ok(ApiAnswer::ok(views::keys(&call.api_url, &keys)))
}

/// `GET keys/NAME`
pub(super) async fn one_key(call: ApiCall<'_>) -> Answered {
    let user = call.user()?;
    if call.parameters.first().map(String::as_str) != Some(user.name.as_str()) {
        return Err(ApiError::page_not_found());
    }
    Ok(ApiAnswer::ok(key(user, user.name.as_str(), None).view(&call.api_url)))
}

/// `POST keys`, with which `rebar3 hex user auth` asks for keys of a user whose password it was given. The password is
/// a token, and each key is that token.
pub(super) async fn new_key(mut call: ApiCall<'_>) -> Answered {
    let fields = call.fields().await?;
    let user = call.user()?;
    let authorization = call.request.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let secret = user.token.as_ref().and_then(|_| sent_secret(authorization));
    let Some(secret) = secret else {
        return Err(ApiError::new(
            ErrorStatus::Forbidden,
            "a password makes no keys: give a token of this server in its place",
        ));
    };
    if is_bearer_token(&secret) {
        return Err(ApiError::new(
            ErrorStatus::Forbidden,
            "a bearer token makes no keys, because it ends within 30 minutes: give the token that it was made from",
        ));
    }
    let name = fields.get("name").and_then(serde_json::Value::as_str);
    let name = name.unwrap_or(user.name.as_str());
    let body = key(user, name, Some(&secret)).view(&call.api_url);
    Ok(ApiAnswer { status: StatusCode::CREATED, body: Some(body), location: None })
}

/// Each request that would change tokens or owners.
pub(super) async fn refuse_change(_: ApiCall<'_>) -> Answered {
    Err(ApiError::new(ErrorStatus::Forbidden, REFUSED_CHANGE))
}

/// `GET packages/NAME/owners`: the tokens that may publish the package.
pub(super) async fn owners(call: ApiCall<'_>) -> Answered {
    let (name, repository) = (call.package()?, call.repository()?);
    call.refuse_own_name(&name).await?;
    let found = repository.packages.find(&name).await.map_err(|error| unreadable(&error))?;
    if found.is_none() {
        return Err(ApiError::page_not_found());
    }
    let users = call.authorizer.users_who_may_publish(&name).map_err(|error| {
        tracing::error!(%error, "owners could not be listed");
        ApiError::internal()
    })?;
    let names: Vec<_> = users.iter().map(|user| user.name.as_str()).collect();
    Ok(ApiAnswer::ok(views::owners(&call.api_url, &names)))
}

/// A token, by a name that a client may have chosen.
fn key<'a>(user: &'a User, name: &'a str, secret: Option<&'a str>) -> Key<'a> {
    let permission = |domain, resource| KeyPermission { domain, resource };
    let permissions = match user.grant.permission() {
        Permission::Read => {
            vec![permission("api", Some("read")), permission("repositories", None)]
        }
        Permission::Publish | Permission::Admin => {
            vec![permission("api", None), permission("repositories", None)]
        }
    };
    Key { name, secret, is_authing: true, permissions, revoke_at: user.grant.end() }
}
