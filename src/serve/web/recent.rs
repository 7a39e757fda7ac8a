//! What came lately in a repository, as a page and as a feed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::found::Searched;
use super::response;
use super::tarballs::KnownContents;
use super::visit::Visit;
use crate::browse::changes::RegistryChange;
use crate::browse::pages::{Frame, RecentChange, RecentPage, Urls, date};
use crate::browse::release_contents::ReleaseContents;
use crate::serve::overview::RepositoryState;
use crate::serve::responses::unavailable;
use crate::tarball::FileName;

/// How many changes are shown.
const SHOWN: usize = 100;

/// How long changelogs are read for one page. The rest is shown without.
const READING: Duration = Duration::from_secs(1);

/// What came lately. May block.
pub(super) fn page(searched: &Searched, visit: &Visit) -> Response<Body> {
    respond(searched, visit, visit.urls.clone(), |page| {
        response::html(StatusCode::OK, page.render())
    })
}

/// What came lately, for a reader of feeds. May block.
pub(super) fn feed(searched: &Searched, visit: &Visit) -> Response<Body> {
    let urls = Urls::below(format!("{}/", base_url(searched, visit)));
    respond(searched, visit, urls, |page| {
        response::document(page.feed(), "application/atom+xml; charset=utf-8")
    })
}

fn base_url(searched: &Searched, visit: &Visit) -> String {
    let path = searched.repository.mount.path();
    format!("{}{}", visit.base_url, path.trim_end_matches('/'))
}

fn respond(
    searched: &Searched,
    visit: &Visit,
    urls: Urls,
    respond: impl FnOnce(RecentPage<'_>) -> Response<Body>,
) -> Response<Body> {
    let state = searched.overview();
    let RepositoryState::Built(overview) = &*state else { return unavailable() };
    let (recent, since) = searched.repository.pages.indexing.changes.recent();
    let started = Instant::now();
    let shown = recent.iter().filter(|change| !searched.hides(&change.package)).take(SHOWN);
    let changes = shown.map(|change| {
        let is_read = change.is_new_release() && started.elapsed() < READING;
        let contents = is_read.then(|| contents(searched, change)).flatten();
        RecentChange { change: change.clone(), contents }
    });
    let changes: Vec<_> = changes.collect();
    let repository = overview.repository.as_str();
    let note = match since.and_then(date) {
        Some(day) => {
            format!("Since {day}, as this server saw it; before that, by the times of publication.")
        }
        None => "The repository is being read.".to_owned(),
    };
    let frame = Frame { site: repository, query: "", urls, has_search: true };
    let base_url = base_url(searched, visit);
    respond(RecentPage {
        frame: &frame,
        repository,
        base_url: &base_url,
        note: &note,
        changes: &changes,
    })
}

/// What the tarball of a new release holds.
fn contents(searched: &Searched, change: &RegistryChange) -> Option<Arc<ReleaseContents>> {
    let version = change.version.clone()?;
    let releases = searched.repository.releases.read_package(&change.package).ok()??;
    let checksum = releases.release(&version)?.outer_checksum;
    let file = FileName { package: change.package.clone(), version };
    match searched.repository.pages.tarballs.contents(&file, checksum) {
        KnownContents::Read(contents) => Some(contents),
        KnownContents::Missing | KnownContents::Unusable => None,
    }
}
