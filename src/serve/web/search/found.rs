//! What a search finds in the documentation of several repositories.

use std::time::{Duration, Instant};

use super::pinned_docs::PinnedStatus;
use super::request::{ChosenDocs, DocsRequest};
use crate::docs::search::{DocsFound, DocsHit, DocsId, DocsQuery};
use crate::repository::is_elixirs;
use crate::serve::overview::RepositoryState;
use crate::serve::web::found::Searched;

/// What a search finds in documentation.
pub(super) struct FoundDocs<'a> {
    /// The best ones, in order, each with its repository.
    pub hits: Vec<(DocsHit, &'a Searched)>,
    /// How many there are, at least.
    pub total: usize,
    /// Whether there are more than `total`.
    pub is_more: bool,
    /// Whether no record has all words, and these have some of them.
    pub has_some_words: bool,
    /// What was chosen and is not searched yet, or not here.
    pub status: PinnedStatus,
    /// How many latest documentations have been read, and of how many, while that goes on.
    pub reading: Option<(usize, usize)>,
}

/// The best records from `skip` on. Versions that are not the latest may have to be read: that is waited for so long. May
/// block.
pub(super) fn found<'a>(
    searched: &'a [Searched],
    request: &DocsRequest,
    skip: usize,
    count: usize,
    wait: Duration,
) -> FoundDocs<'a> {
    let query = DocsQuery::parse(&request.query);
    let limit = skip.saturating_add(count);
    let latest: Vec<_> =
        searched.iter().map(|one| one.repository.pages.docs_search.latest.snapshot()).collect();
    let is_latest = |id: &DocsId| {
        latest.iter().flatten().any(|index| index.docs().any(|(known, _)| known == id))
    };
    let pinned: Vec<DocsId> = request.packages.iter().filter_map(ChosenDocs::id).collect();
    let pinned: Vec<DocsId> = pinned.into_iter().filter(|id| !is_latest(id)).collect();
    let status = pinned_status(searched, &pinned, wait);
    let mut all: Vec<(&Searched, DocsFound)> = Vec::new();
    for (one, latest) in searched.iter().zip(&latest) {
        let filter = |id: &DocsId| request.includes(id) && !is_hidden(one, id);
        if let Some(index) = latest {
            all.push((one, index.search(&query, &filter, limit)));
        }
        if !pinned.is_empty() {
            let filter = |id: &DocsId| pinned.contains(id) && !is_hidden(one, id);
            let index = one.repository.pages.docs_search.pinned.snapshot();
            all.push((one, index.search(&query, &filter, limit)));
        }
    }
    keep_best(&mut all);
    let total = all.iter().fold(0_usize, |sum, (_, found)| sum.saturating_add(found.total));
    let is_more = all.iter().any(|(_, found)| found.is_more);
    let has_some_words = all.iter().any(|(_, found)| found.total > 0 && found.has_some_words);
    let hits =
        all.into_iter().flat_map(|(one, found)| found.hits.into_iter().map(move |hit| (hit, one)));
    let mut hits: Vec<(DocsHit, &Searched)> = hits.collect();
    hits.sort_by(|(a, _), (b, _)| b.rank.cmp(&a.rank));
    let hits = hits.into_iter().skip(skip).take(count).collect();
    let reading = reading(searched);
    FoundDocs { hits, total, is_more, has_some_words, status, reading }
}

/// Leaves out what several indexes together would not find: records with some words, where others have all, and records
/// with the parts of a word, where others have the word.
fn keep_best(all: &mut Vec<(&Searched, DocsFound)>) {
    all.retain(|(_, found)| found.total > 0);
    let best = all.iter().map(|(_, found)| (found.has_some_words, found.terms)).min();
    all.retain(|(_, found)| {
        best.is_none_or(|(has_some_words, terms)| {
            found.has_some_words == has_some_words && (has_some_words || found.terms == terms)
        })
    });
}

/// What is known of pinned versions in all repositories: one has to have them.
fn pinned_status(searched: &[Searched], pinned: &[DocsId], wait: Duration) -> PinnedStatus {
    let mut all = PinnedStatus { reading: Vec::new(), missing: pinned.to_vec() };
    if pinned.is_empty() {
        return all;
    }
    let deadline = Instant::now().checked_add(wait).unwrap_or_else(Instant::now);
    for one in searched {
        let mine: Vec<DocsId> = pinned.iter().filter(|id| may_have(one, id)).cloned().collect();
        let status = one.repository.pages.docs_search.pinned.ask(&mine, deadline);
        let is_missing = |id: &DocsId| !mine.contains(id) || status.missing.contains(id);
        all.missing.retain(is_missing);
        all.reading.extend(status.reading);
    }
    all
}

/// Whether a repository may have the documentation of a release.
fn may_have(one: &Searched, id: &DocsId) -> bool {
    let Ok(name) = id.package.parse() else { return false };
    let is_named = match &*one.repository.overview.current() {
        RepositoryState::Built(overview) => overview.package(&name).is_some(),
        RepositoryState::NotBuilt | RepositoryState::Unsound(_) => false,
    };
    (is_named || is_elixirs(&name)) && !one.hides(&name)
}

/// Asked of each documentation in each search.
fn is_hidden(one: &Searched, id: &DocsId) -> bool {
    one.hides_some() && id.package.parse().map_or(true, |name| one.hides(&name))
}

fn reading(searched: &[Searched]) -> Option<(usize, usize)> {
    let progress = searched.iter().map(|one| one.repository.pages.docs_search.latest.progress());
    let (read, of) = progress.fold((0_usize, 0_usize), |(read, of), one| {
        (read.saturating_add(one.read), of.saturating_add(one.of))
    });
    (read < of).then_some((read, of))
}
