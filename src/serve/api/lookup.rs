//! What can be looked up: the index, repositories, packages and releases.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::call::{Answered, ApiAnswer, ApiCall};
use super::catalog::SearchError;
use super::changes::unreadable;
use super::error::{ApiError, ErrorStatus};
use super::search::Query;
use super::views;
use crate::name::PackageName;
use crate::serve::own_names;

/// `GET` of the API itself.
pub(super) async fn index(call: ApiCall<'_>) -> Answered {
    let at = |path: &str| format!("{}/{path}", call.api_url);
    Ok(ApiAnswer::ok(json!({
        "packages_url": at("packages"),
        "package_url": at("packages/{name}"),
        "package_release_url": at("packages/{name}/releases/{version}"),
        "package_owners_url": at("packages/{name}/owners"),
        "keys_url": at("keys"),
        "key_url": at("keys/{name}"),
    })))
}

/// `GET repos`
pub(super) async fn repositories(call: ApiCall<'_>) -> Answered {
    let mut names = Vec::new();
    for repository in call.repositories {
        // A client without credentials learns of those that everyone may read.
        if call.user.is_some() || !repository.needs_credentials {
            names.extend(repository.signed_name().await);
        }
    }
    let views = names.iter().map(|name| json!({"name": name.as_str(), "public": false}));
    Ok(ApiAnswer::ok(views.collect()))
}

/// `GET repos/NAME`
pub(super) async fn repository(call: ApiCall<'_>) -> Answered {
    let name = call.repository()?.signed_name().await.ok_or_else(ApiError::page_not_found)?;
    Ok(ApiAnswer::ok(json!({"name": name.as_str(), "public": false})))
}

/// `GET orgs`: a server of one's own has none.
pub(super) async fn organizations(_: ApiCall<'_>) -> Answered {
    Ok(ApiAnswer::ok(Value::Array(Vec::new())))
}

/// `GET packages`
pub(super) async fn packages(call: ApiCall<'_>) -> Answered {
    let query = Query::parse(call.request.uri.query().unwrap_or_default());
    let repository = call.repository()?;
    let hidden = own_names::hidden(call.repositories, repository).await;
    let is_hidden = move |name: &PackageName| hidden.include(name);
    let found = repository.catalog.search(query, call.client.into(), is_hidden).await;
    let found = found.map_err(|error| match error {
        SearchError::Overloaded(_) => {
            ApiError::new(ErrorStatus::Internal, "too many searches at once: try again")
        }
        SearchError::Panicked => ApiError::internal(),
    })?;
    let url = call.repository_url()?;
    let views = found.iter().map(|package| {
        let site = call.site(&package.releases.repository, &url);
        package.with_facts(&[], |facts| views::listed_package(&site, facts))
    });
    Ok(ApiAnswer::ok(views.collect()))
}

/// `GET packages/NAME`
pub(super) async fn package(call: ApiCall<'_>) -> Answered {
    let name = call.package()?;
    call.refuse_own_name(&name).await?;
    let found = call.repository()?.packages.find(&name).await;
    let found = found.map_err(|error| unreadable(&error))?.ok_or_else(ApiError::page_not_found)?;
    let url = call.repository_url()?;
    let site = call.site(&found.releases.repository, &url);
    Ok(ApiAnswer::ok(found.with_facts(&[], |facts| views::package(&site, facts))))
}

/// `GET packages/NAME/releases/VERSION`
pub(super) async fn release(call: ApiCall<'_>) -> Answered {
    let (name, repository) = (call.release()?, call.repository()?);
    call.refuse_own_name(&name.package).await?;
    let found = repository.packages.find_release(&name).await;
    let found = found.map_err(|error| unreadable(&error))?.ok_or_else(ApiError::page_not_found)?;
    let signed = repository.signed_name().await.ok_or_else(ApiError::page_not_found)?;
    let url = call.repository_url()?;
    let site = call.site(&signed, &url);
    Ok(ApiAnswer::ok(views::release(&site, &found.facts(None))))
}

/// `GET packages/NAME/releases/VERSION/docs`: the archive is a file of the repository.
pub(super) async fn docs(call: ApiCall<'_>) -> Answered {
    let (name, repository) = (call.release()?, call.repository()?);
    call.refuse_own_name(&name.package).await?;
    let found = repository.packages.find_release(&name).await;
    let found = found.map_err(|error| unreadable(&error))?.filter(|found| found.has_docs);
    let signed = repository.signed_name().await;
    let (Some(_), Some(signed)) = (found, signed) else { return Err(ApiError::page_not_found()) };
    let url = call.repository_url()?;
    let location = call.site(&signed, &url).docs(&name.package, &name.version);
    Ok(ApiAnswer::without_body(StatusCode::FOUND).at(location))
}
