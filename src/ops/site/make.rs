//! Makes a site.

use std::collections::BTreeMap;

use super::archives;
use super::context::{self, SiteContext};
use super::docs_search;
use super::documentation;
use super::error::Error;
use super::lists;
use super::manifest::{Claims, ManifestPackage, SiteManifest};
use super::options::Options;
use super::package_pages;
use super::paths;
use super::report::Report;
use super::sink::PageSink;
use super::source::SiteSource;
use super::writer::SiteWriter;
use crate::docs::rewrite::PACKAGES_SCRIPT;
use crate::publish::lock::{self, LockMode};
use crate::publish::observer::{Observer, Work};
use crate::published::PublishedKey;
use crate::store::{Lock, Store};

/// Makes the site of `from` in `to`, on as many threads as the current rayon pool has.
///
/// # Errors
/// [`Error`]; unless it is [`Error::Write`], nothing was written.
pub fn site(
    from: &dyn Store,
    to: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Report, Error> {
    let _locks = locks(from, to, options, observer)?;
    let source = SiteSource::read(from)?;
    let found = SiteManifest::read(to)?.unwrap_or_default();
    let has_registry = PublishedKey::read(to)?.is_some_and(|key| key.is(&source.key));
    let nothing = SiteManifest::default();
    let is_usable = found.is_of_this_version() && !options.fresh;
    let before = if is_usable { &found } else { &nothing };
    let threads = rayon::current_num_threads();
    let docs = context::docs(&source, options.docs, &options.pinned);
    let archives = archives::look(&source, &docs, before, threads, observer)?;
    let context = SiteContext {
        observer,
        index: context::index(&source.packages),
        docs: context::usable(docs, &archives),
        archives,
        url: options.url.clone(),
        has_registry,
        threads,
        source: &source,
    };
    let writer = SiteWriter::new(to, &found, claims(&context, before), options, observer)?;
    let is_there = |path: &str| writer.has(path);

    let search = |packages: &BTreeMap<String, ManifestPackage>| {
        docs_search::make(&context, packages, before, &is_there, to, &writer)
    };
    let made = make_all(&context, before, &is_there, &writer, &search)?;
    let manifest =
        SiteManifest { url: options.url.clone(), docs: Some(options.docs), ..made.manifest };
    let pinned = options.pinned.iter().map(ToString::to_string).collect();
    let manifest = SiteManifest { pinned, ..manifest };
    let counts = writer.finish(manifest)?;
    Ok(Report {
        repository: source.repository.clone(),
        fingerprint: source.key.fingerprint().to_owned(),
        packages: source.packages.len(),
        documentation: context.docs.values().map(Vec::len).sum(),
        read: made.read,
        created: counts.created,
        updated: counts.updated,
        removed: counts.removed,
        unchanged: counts.unchanged,
    })
}

/// What was made of a registry.
pub(super) struct MadeSite {
    /// Without the files.
    pub manifest: SiteManifest,
    /// How many tarballs and archives were read.
    pub read: usize,
}

/// Makes the index of the search, of these packages, and returns the digest of what it was made from.
pub(super) type MakeSearch<'a> =
    dyn Fn(&BTreeMap<String, ManifestPackage>) -> Result<String, Error> + 'a;

/// Makes all pages that are not as they were made before: those that nothing needs come first.
pub(super) fn make_all(
    context: &SiteContext<'_>,
    before: &SiteManifest,
    is_there: &(dyn Fn(&str) -> bool + Sync),
    sink: &dyn PageSink,
    search: &MakeSearch<'_>,
) -> Result<MadeSite, Error> {
    let source = context.source;
    let parts = source.packages.len().saturating_add(context.archives.len());
    context.observer.began(Work::MakingPages, parts);
    let docs = documentation::make(context, before, is_there, sink)?;
    let made = package_pages::make(context, before, is_there, sink)?;
    sink.settle()?;
    let searched = search(&made.packages)?;
    lists::search(context, sink)?;
    sink.settle()?;
    lists::packages(context, &made.packages, sink)?;
    let recent = lists::recent(context, before, is_there, sink)?;
    lists::missing(context, sink)?;
    let manifest = SiteManifest {
        repository: source.repository.to_string(),
        fingerprint: source.key.fingerprint().to_owned(),
        versions: source.versions_digest.clone(),
        packages: made.packages,
        documentation: docs.documentation,
        recent,
        searched,
        ..SiteManifest::of_this_version()
    };
    Ok(MadeSite { manifest, read: made.read.saturating_add(docs.read) })
}

/// Where files may be written that were not there before.
fn claims(context: &SiteContext<'_>, before: &SiteManifest) -> Claims {
    let mut claims = Claims::default();
    for path in [paths::INDEX, paths::RECENT, paths::LISTS, paths::SEARCH, paths::SEARCHED] {
        claims.add(path.to_owned());
    }
    if context.url.is_some() {
        for path in [paths::FEED, paths::NOT_FOUND] {
            claims.add(path.to_owned());
        }
    }
    for package in &context.source.packages {
        let name = &package.releases.package;
        if !before.packages.contains_key(name.as_str()) {
            claims.add(paths::package(name));
        }
    }
    claims.add(paths::docs_file(PACKAGES_SCRIPT));
    for (package, versions) in &context.docs {
        claims.add(paths::docs_index(package));
        for version in versions {
            claims.add(paths::docs_folder(package, version));
        }
    }
    claims
}

/// Keeps other writers away from the registry and from the site. In one directory that is one lock.
fn locks(
    from: &dyn Store,
    to: &dyn Store,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Vec<Lock>, Error> {
    let is_one = from.lock_path().is_some() && from.lock_path() == to.lock_path();
    let shared = (!is_one || options.dry_run).then_some((from, LockMode::Shared));
    let exclusive = (!options.dry_run).then_some((to, LockMode::Exclusive));
    let mut wanted: Vec<_> = shared.into_iter().chain(exclusive).collect();
    // All processes lock in one order. Else two could wait for each other.
    wanted.sort_by_key(|(store, _)| store.lock_path());
    let mut locks = Vec::new();
    for (store, mode) in wanted {
        locks.extend(lock::hold::<Error>(store, mode, options.lock_timeout, observer)?);
    }
    Ok(locks)
}
