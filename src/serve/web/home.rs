//! The pages that lead to all others: that of a repository, and that of a server.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::found::{self, Searched};
use super::page::{self, PackageList, PageRequest};
use super::response;
use super::server_policies;
use super::visit::Visit;
use crate::browse::pages::Frame;
use crate::serve::overview::RepositoryState;
use crate::serve::repository::Repository;
use crate::serve::responses::plain;

/// The page of a repository, with the packages that match. May block.
pub(super) fn repository(
    repository: &Arc<Repository>,
    searched: &[Searched],
    visit: &Visit,
) -> Response<Body> {
    let Some(own) = searched.first() else { return plain(StatusCode::NOT_FOUND) };
    let state = own.overview();
    let path = repository.mount.path();
    let base_url = format!("{}{}", visit.base_url, path.trim_end_matches('/'));
    let (mirror, upstream) = (repository.mirror_note(), upstream_note(repository));
    let (site, status) = match &*state {
        RepositoryState::Built(overview) => (overview.repository.to_string(), StatusCode::OK),
        // The page says how clients are configured.
        RepositoryState::NotBuilt if upstream.is_some() => {
            ("Hex repository".to_owned(), StatusCode::OK)
        }
        _ => ("Hex repository".to_owned(), StatusCode::SERVICE_UNAVAILABLE),
    };
    let frame = Frame {
        site: &site,
        query: visit.field("q"),
        urls: visit.urls.clone(),
        has_search: status == StatusCode::OK,
    };
    let request = PageRequest {
        frame: &frame,
        base_url: &base_url,
        needs_token: repository.needs_credentials,
        mirror: mirror.as_ref(),
        upstream: upstream.as_ref(),
        policies: server_policies::names(own),
        list: list(searched, visit),
    };
    response::html(status, page::repository(&state, request))
}

/// The page that lists the repositories with names, with the packages that match. May block.
pub(super) fn index(searched: &[Searched], visit: &Visit) -> Response<Body> {
    let states: Vec<_> = searched
        .iter()
        .filter_map(|one| Some((one.repository.mount.name()?.clone(), one.overview())))
        .collect();
    let states: Vec<_> = states.iter().map(|(name, state)| (name, &**state)).collect();
    let frame = Frame {
        site: "Hex repositories",
        query: visit.field("q"),
        urls: visit.urls.clone(),
        has_search: !states.is_empty(),
    };
    let list = (!visit.field("q").is_empty()).then(|| list(searched, visit));
    response::html(StatusCode::OK, page::index(&frame, &states, list))
}

fn list(searched: &[Searched], visit: &Visit) -> PackageList {
    let results = found::results(searched, visit);
    let progress: Vec<_> = searched.iter().map(Searched::progress).collect();
    let (read, of) = progress.iter().fold((0_usize, 0_usize), |(read, of), one| {
        (read.saturating_add(one.read), of.saturating_add(one.of))
    });
    PackageList {
        caption: found::caption(&results, visit),
        is_first_page: visit.page() == 1 && visit.field("q").is_empty(),
        did_you_mean: results.did_you_mean,
        reading: (read < of).then_some((read, of)),
        rows: results.items,
        paging: results.paging,
    }
}

#[cfg(feature = "mirror")]
fn upstream_note(repository: &Repository) -> Option<crate::serve::upstream_note::UpstreamNote> {
    repository.upstream_note()
}

#[cfg(not(feature = "mirror"))]
fn upstream_note(_: &Repository) -> Option<crate::serve::upstream_note::UpstreamNote> {
    None
}
