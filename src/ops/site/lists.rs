//! The pages that lead to packages: the list in parts, and what came lately.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::SiteContext;
use super::digest::Inputs;
use super::error::Error;
use super::manifest::{ManifestPackage, SiteManifest};
use super::package_pages;
use super::paths;
use super::sink::PageSink;
use crate::browse::changes::{RecentChanges, RegistryChange};
use crate::browse::index::PackageRow;
use crate::browse::pages::{
    DOCS_SEARCH_SCRIPT, DocsSearchPage, Frame, ListPage, ListPart, MissingPage, PackageItem,
    Paging, RecentChange, RecentPage, Urls, counted, date, grouped,
};
use crate::browse::release_contents::ReleaseContents;

/// How many packages a part of the list has.
const PART: usize = 400;

/// How many changes are shown.
const SHOWN: usize = 100;

/// Makes the list of all packages. Descriptions are those of `packages`.
pub(super) fn packages(
    context: &SiteContext<'_>,
    packages: &BTreeMap<String, ManifestPackage>,
    sink: &dyn PageSink,
) -> Result<(), Error> {
    let source = context.source;
    let rows: Vec<PackageRow> =
        source.packages.iter().filter_map(|one| context.index.get(&one.releases.package)).collect();
    let parts: Vec<&[PackageRow]> =
        if rows.is_empty() { vec![&[]] } else { rows.chunks(PART).collect() };
    let contents = format!(
        "{}, {}",
        counted(source.packages.len(), "package"),
        counted(source.release_count(), "release")
    );
    for (at, part) in parts.iter().enumerate() {
        let number = at.saturating_add(1);
        let path = paths::list(number);
        let urls = context.urls(&path);
        let is_beginning = number == 1 && parts.len() > 1;
        let named = parts.iter().enumerate().filter(|_| is_beginning);
        let named = named.filter_map(|(at, part)| {
            Some(ListPart {
                url: urls.list(at.saturating_add(1)),
                first: part.first()?.name.to_string(),
                last: part.last()?.name.to_string(),
            })
        });
        let page = ListPage {
            frame: &context.frame(urls.clone()),
            repository: source.repository.as_str(),
            fingerprint: source.key.fingerprint(),
            signed_digest: &source.versions_digest,
            contents: &contents,
            rows: part.iter().map(|row| item(row, &urls, packages)).collect(),
            paging: Paging::new(number, parts.len(), |number| urls.list(number)),
            parts: named.collect(),
        };
        sink.put(path, page.render().into_bytes())?;
    }
    Ok(())
}

fn item(
    row: &PackageRow,
    urls: &Urls,
    packages: &BTreeMap<String, ManifestPackage>,
) -> PackageItem {
    let name = row.name.as_str();
    let retired = row.is_retired.then(|| "retired".to_owned());
    let advised = (row.advisories > 0).then(|| match row.advisories {
        1 => "1 advisory".to_owned(),
        many => format!("{many} advisories"),
    });
    PackageItem {
        name: name.to_owned(),
        url: urls.package(name),
        repository: None,
        description: packages.get(name).map(|one| one.description.clone()).unwrap_or_default(),
        latest: row.version.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string),
        updated: row.published_at.or(row.updated_at).and_then(date),
        dependents: grouped(row.dependents),
        badges: retired.into_iter().chain(advised).collect(),
    }
}

/// Makes the page of the search and its script.
pub(super) fn search(context: &SiteContext<'_>, sink: &dyn PageSink) -> Result<(), Error> {
    sink.put(paths::search_file(paths::SEARCH_SCRIPT), DOCS_SEARCH_SCRIPT.clone().into_bytes())?;
    let urls = context.urls(paths::SEARCH);
    let root = urls.root().to_owned();
    // The page has a form of its own.
    let frame = Frame { has_search: false, ..context.frame(urls) };
    let page = DocsSearchPage {
        frame: &frame,
        script: &format!("{root}{}", paths::search_file(paths::SEARCH_SCRIPT)),
        index: &format!("{root}{}", paths::SEARCHED),
        docs: &format!("{root}{}", paths::docs_file("")),
        root: &root,
    };
    sink.put(paths::SEARCH.to_owned(), page.html().into_bytes())
}

/// Makes the page of what came lately, by the times that are signed, and the feed if the site has a URL. Returns the digest
/// of what they were made from.
pub(super) fn recent(
    context: &SiteContext<'_>,
    before: &SiteManifest,
    is_there: &(dyn Fn(&str) -> bool + Sync),
    sink: &dyn PageSink,
) -> Result<String, Error> {
    let mut recent = RecentChanges::default();
    for package in &context.source.packages {
        recent.add_published(&package.releases, package.updated_at);
    }
    let shown: Vec<&RegistryChange> = recent.iter().take(SHOWN).collect();
    let mut inputs = Inputs::default();
    inputs.add(context.url.as_deref().unwrap_or_default());
    inputs.add(context.source.repository.as_str());
    for change in &shown {
        let package = context.source.package(&change.package);
        inputs.add(package.map(|one| one.digest.as_str()).unwrap_or_default());
        inputs.add(format!("{change:?}"));
    }
    let inputs = inputs.finish();
    let files: Vec<&str> = [Some(paths::RECENT), context.url.as_ref().map(|_| paths::FEED)]
        .into_iter()
        .flatten()
        .collect();
    if before.recent == inputs && files.iter().all(|path| is_there(path)) {
        for path in files {
            sink.keep(path);
        }
        return Ok(inputs);
    }
    let changes = shown.into_iter().map(|change| {
        Ok(RecentChange { change: change.clone(), contents: contents(context, change)? })
    });
    let changes = changes.collect::<Result<Vec<_>, Error>>()?;
    let page = |urls: Urls, show: &dyn Fn(RecentPage<'_>) -> String| {
        show(RecentPage {
            frame: &context.frame(urls),
            repository: context.source.repository.as_str(),
            base_url: context.url.as_deref().unwrap_or_default(),
            note: "By the times of publication, as they are signed.",
            changes: &changes,
        })
    };
    let html = page(context.urls(paths::RECENT), &|page| page.render());
    sink.put(paths::RECENT.to_owned(), html.into_bytes())?;
    if let Some(url) = &context.url {
        let urls = Urls::of_files_below(format!("{url}/"), context.has_registry);
        let feed = page(urls, &|page| page.feed());
        sink.put(paths::FEED.to_owned(), feed.into_bytes())?;
    }
    Ok(inputs)
}

fn contents(
    context: &SiteContext<'_>,
    change: &RegistryChange,
) -> Result<Option<Arc<ReleaseContents>>, Error> {
    let release = change
        .version
        .as_ref()
        .and_then(|version| context.source.package(&change.package)?.releases.release(version));
    let Some(release) = release else { return Ok(None) };
    let contents = package_pages::contents(context.source.store, &change.package, release)?;
    Ok(contents.and_then(Result::ok).map(Arc::new))
}

/// Makes the page that a server shows in place of one that is missing, if the site has a URL: it is shown at any depth, so its
/// links must lead to the site from anywhere.
pub(super) fn missing(context: &SiteContext<'_>, sink: &dyn PageSink) -> Result<(), Error> {
    let Some(url) = &context.url else { return Ok(()) };
    let urls = Urls::of_files_below(format!("{url}/"), context.has_registry);
    let repository = context.source.repository.as_str();
    let page = MissingPage { frame: &context.frame(urls), repository };
    sink.put(paths::NOT_FOUND.to_owned(), page.render().into_bytes())
}
