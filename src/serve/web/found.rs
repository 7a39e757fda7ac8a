//! What a search finds, in one repository or in all that the client may read.

use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use serde::Serialize;

use super::indexing::ReadingProgress;
use super::response;
use super::visit::Visit;
use crate::browse::index::{Found, Hit, PackageIndex, PackageRow, Query};
use crate::browse::pages::{PackageItem, Paging, Urls, counted, date, grouped};
use crate::browse::readme::plain_line;
use crate::name::PackageName;
use crate::package::Release;
use crate::serve::overview::{Overview, RepositoryState};
use crate::serve::own_names::{self, HiddenNames};
use crate::serve::repository::Repository;
use crate::tarball::{FileName, PackageFiles};

/// How many packages a page of a list has.
pub(super) const PAGE_SIZE: usize = 100;

/// How many packages a page of results has: those after it are seldom looked at.
const RESULTS_SIZE: usize = 30;

/// How many packages are suggested to a user who types.
const SUGGESTIONS: usize = 8;

/// How much of a description is suggested, in characters.
const SUGGESTED_TEXT: usize = 80;

/// A repository that is searched.
pub(super) struct Searched {
    pub repository: Arc<Repository>,
    pub index: Arc<PackageIndex>,
    pub urls: Urls,
    /// Names that own repositories have, and this one may not.
    hidden: HiddenNames,
}

/// What was found in one or more repositories, in order.
pub(super) struct Results {
    pub items: Vec<PackageItem>,
    pub total: usize,
    pub did_you_mean: Option<String>,
    /// Whether no package has all words, and those with some of them are listed.
    pub has_some_words: bool,
    pub paging: Option<Paging>,
}

impl Searched {
    /// The repository of a page. At the root of the server, all others that the client may read come after it, if
    /// anything is searched for.
    pub async fn from_repository(
        all: &[Arc<Repository>],
        repository: &Arc<Repository>,
        visit: &Visit,
    ) -> Vec<Self> {
        let mut searched = vec![Self::new(all, repository, visit.urls.clone()).await];
        if visit.is_of_server() && !visit.field("q").is_empty() {
            for other in all.iter().filter(|other| !Arc::ptr_eq(other, repository)) {
                if visit.may_read(other) {
                    searched.push(Self::new(all, other, visit.urls_of(&other.mount)).await);
                }
            }
        }
        searched
    }

    /// All repositories that the client may read.
    pub async fn all(all: &[Arc<Repository>], visit: &Visit) -> Vec<Self> {
        let mut searched = Vec::new();
        for one in all.iter().filter(|one| visit.may_read(one)) {
            searched.push(Self::new(all, one, visit.urls_of(&one.mount)).await);
        }
        searched
    }

    /// The repository of a page.
    pub async fn new(all: &[Arc<Repository>], one: &Arc<Repository>, urls: Urls) -> Self {
        one.pages.visit();
        let hidden = own_names::hidden(all, one).await;
        let index = one.pages.indexing.snapshot();
        Self { repository: Arc::clone(one), index, urls, hidden }
    }

    /// The state of the repository, without names that it may not have.
    pub fn overview(&self) -> Arc<RepositoryState> {
        let state = self.repository.overview.current();
        let shown = match &*state {
            RepositoryState::Built(overview) => overview.without(|name| self.hidden.include(name)),
            RepositoryState::NotBuilt | RepositoryState::Unsound(_) => None,
        };
        shown.map_or(state, |shown: Overview| Arc::new(RepositoryState::Built(shown)))
    }

    /// Whether there are names that this repository may not have.
    pub fn hides_some(&self) -> bool {
        !self.hidden.is_empty()
    }

    /// Whether a name is one that this repository may not have.
    pub fn hides(&self, name: &PackageName) -> bool {
        self.hidden.include(name)
    }

    pub fn progress(&self) -> ReadingProgress {
        self.repository.pages.indexing.progress()
    }

    fn search(&self, query: &Query, limit: usize) -> Found {
        self.index.search(query, &|name| !self.hidden.include(name), 0, limit)
    }

    /// The packages of a list, by their names.
    pub fn items<'a>(&self, names: impl Iterator<Item = &'a PackageName>) -> Vec<PackageItem> {
        let rows = names.filter(|name| !self.hidden.include(name));
        rows.filter_map(|name| Some(self.item(&self.index.get(name)?, false))).collect()
    }

    /// The packages that use a package, without those that are not shown.
    pub fn dependents(&self, name: &PackageName) -> Vec<PackageName> {
        let all = self.index.dependents(name.as_str()).into_iter();
        all.filter(|name| !self.hidden.include(name)).cloned().collect()
    }

    /// The files of a release, with their bytes. May block.
    pub fn files(&self, name: &FileName, release: &Release) -> Option<PackageFiles> {
        self.repository.pages.tarballs.files(name, release.outer_checksum)
    }

    pub fn item(&self, row: &PackageRow, with_repository: bool) -> PackageItem {
        let advisories = row.advisories;
        let retired = row.is_retired.then(|| "retired".to_owned());
        let advised = (advisories > 0).then(|| match advisories {
            1 => "1 advisory".to_owned(),
            many => format!("{many} advisories"),
        });
        PackageItem {
            name: row.name.to_string(),
            url: self.urls.package(row.name.as_str()),
            repository: with_repository.then(|| self.label()),
            description: plain_line(&row.description),
            latest: row.version.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string),
            updated: row.published_at.or(row.updated_at).and_then(date),
            dependents: grouped(row.dependents),
            badges: retired.into_iter().chain(advised).collect(),
        }
    }

    /// The name of the repository.
    pub fn label(&self) -> String {
        match &*self.repository.overview.current() {
            RepositoryState::Built(overview) => overview.repository.to_string(),
            RepositoryState::NotBuilt | RepositoryState::Unsound(_) => {
                self.repository.mount.label()
            }
        }
    }
}

/// The packages that match the query of a visit, on the page that it asks for.
pub(super) fn results(searched: &[Searched], visit: &Visit) -> Results {
    let text = visit.field("q");
    let query = Query::parse(text);
    let page_size = if text.is_empty() { PAGE_SIZE } else { RESULTS_SIZE };
    let end = visit.page().saturating_mul(page_size);
    let mut found: Vec<Found> = searched.iter().map(|one| one.search(&query, end)).collect();
    // Where one repository has packages with all words, those of others with some of them are left out.
    if found.iter().any(|one| one.total > 0 && !one.has_some_words) {
        for one in found.iter_mut().filter(|one| one.has_some_words) {
            *one = Found::default();
        }
    }
    let has_some_words = found.iter().any(|one| one.total > 0 && one.has_some_words);
    let total = found.iter().fold(0_usize, |sum, one| sum.saturating_add(one.total));
    let did_you_mean = found.iter().find_map(|one| one.did_you_mean.clone());
    let pages = total.div_ceil(page_size);
    let page = visit.page();
    let skipped = page.saturating_sub(1).saturating_mul(page_size);
    let hits = merged(searched, found).into_iter().skip(skipped).take(page_size);
    let are_several = searched.len() > 1;
    let items =
        hits.filter_map(|(one, hit)| Some(one.item(&one.index.get(&hit.name)?, are_several)));
    let base = if text.is_empty() {
        format!("{}?page=", visit.urls.home())
    } else {
        format!("{}&page=", visit.urls.search(text))
    };
    let paging = Paging::new(page, pages, |number| format!("{base}{number}"));
    Results { items: items.collect(), total, did_you_mean, has_some_words, paging }
}

/// The hits of several repositories, the best first.
fn merged(searched: &[Searched], found: Vec<Found>) -> Vec<(&Searched, Hit)> {
    let all = searched.iter().zip(found);
    let mut all: Vec<(&Searched, Hit)> =
        all.flat_map(|(one, found)| found.hits.into_iter().map(move |hit| (one, hit))).collect();
    // Those of one repository are in order, and stay so.
    all.sort_by_key(|(_, hit)| hit.rank);
    all
}

/// What a list is, in words: `12 packages`.
pub(super) fn caption(results: &Results, visit: &Visit) -> String {
    let count = counted(results.total, "package");
    match visit.field("q") {
        "" => count,
        query if results.has_some_words => {
            format!("No package has all of “{}”. {count} with some of it", plain_line(query))
        }
        query => format!("{count} for “{}”", plain_line(query)),
    }
}

#[derive(Serialize)]
struct Suggestion {
    name: String,
    text: String,
    url: String,
}

/// Packages for what a user types, as JSON.
pub(super) fn suggestions(searched: &[Searched], visit: &Visit) -> Response<Body> {
    let query = Query::parse(visit.field("q"));
    let found = searched.iter().map(|one| one.search(&query, SUGGESTIONS)).collect();
    let hits = merged(searched, found).into_iter().take(SUGGESTIONS);
    let are_several = searched.len() > 1;
    let suggestions = hits.filter_map(|(one, hit)| {
        let item = one.item(&one.index.get(&hit.name)?, are_several);
        let text: String = item.description.chars().take(SUGGESTED_TEXT).collect();
        let text = item.repository.map_or(text.clone(), |label| format!("{label}: {text}"));
        Some(Suggestion { name: item.name, text, url: item.url })
    });
    // Texts are always JSON.
    let body = serde_json::to_string(&suggestions.collect::<Vec<_>>()).unwrap_or_default();
    response::document(body, "application/json")
}
