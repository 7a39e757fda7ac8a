//! What a build need not find out again, and what the next one need not.

use rayon::prelude::*;

use super::build::Options;
use super::listing::Listing;
use super::report::Report;
use super::seal::Sealed;
use crate::cache::{
    self, CacheFile, Fingerprint, Head, KnownFile, KnownRef, KnownTarball, KnownTarballRef,
};
use crate::package::Package;
use crate::registry::Registry;
use crate::repository::{RepositoryPath, State};
use crate::store::Stamp;

/// The cache of one registry, if it has one.
pub(super) struct Memory<'a> {
    cache: Option<&'a CacheFile>,
    context: Fingerprint,
    files: Vec<KnownFile>,
}

impl<'a> Memory<'a> {
    /// A memory that nothing was recalled from yet.
    pub fn new(options: &'a Options) -> Self {
        Self { cache: options.cache.as_ref(), context: context(options), files: Vec::new() }
    }

    /// The report of a build that has nothing to do: everything stands as it last stood well.
    pub fn unchanged(&self, listing: &Listing) -> Option<Report> {
        let head = self.cache?.head().filter(|head| head.context == self.context)?;
        let settled = head.settled?;
        let (packages, releases, unchanged) = (head.packages, head.releases, head.files);
        let report = Report { packages, releases, changes: Vec::new(), unchanged };
        let same = listing.missing.is_none() && listing.fingerprint() == Some(settled);
        same.then_some(report)
    }

    /// What is known of tarballs, by file name.
    pub fn recall(&mut self) -> Vec<KnownTarball> {
        let known = self.cache.and_then(|cache| cache.load(&self.context)).unwrap_or_default();
        self.files = known.files;
        known.tarballs
    }

    /// Whether a file with this stamp is known to hold this payload, validly signed.
    pub fn knows(
        &self,
        path: &RepositoryPath,
        stamp: Option<Stamp>,
        payload: &Fingerprint,
    ) -> bool {
        let found = self.files.binary_search_by(|file| file.path.cmp(path));
        let known = found.ok().and_then(|found| self.files.get(found));
        known.is_some_and(|file| Some(file.stamp) == stamp && file.payload == *payload)
    }

    /// Keeps what was found for the next build. That one does without where this fails, so nobody is
    /// told.
    pub fn remember(
        &self,
        listing: &Listing,
        registry: &Registry,
        sealed: &[Sealed],
        report: &Report,
    ) {
        let Some(cache) = self.cache else { return };
        let mut tarballs: Vec<_> = registry
            .packages
            .par_iter()
            .flat_map_iter(|package| package.releases.iter().map(move |release| (package, release)))
            .filter_map(|(Package { name: package, .. }, release)| {
                let file = listing.tarball(&format!("{package}-{}.tar", release.version))?;
                let stamp = listing.settled_stamp(file)?;
                Some(KnownTarballRef { name: &file.name, stamp, package, release })
            })
            .collect();
        tarballs.par_sort_unstable_by_key(|tarball| tarball.name);
        let files = sealed.iter().filter(|sealed| sealed.wanted.state == State::Stands);
        let files = files.filter_map(|sealed| {
            let path = sealed.wanted.path.clone();
            let stamp = listing.settled_stamp(listing.served(&path)?)?;
            Some(KnownFile { path, stamp, payload: sealed.payload })
        });
        let mut known = KnownRef { tarballs, files: files.collect() };
        known.files.sort_by(|a, b| a.path.cmp(&b.path));
        let head = Head {
            context: self.context,
            settled: listing.fingerprint().filter(|_| report.changes.is_empty()),
            packages: report.packages,
            releases: report.releases,
            files: report.unchanged,
        };
        let _ = cache.save(&head, &known);
    }
}

/// Of everything that answers depend on besides files.
fn context(options: &Options) -> Fingerprint {
    let limits = options.limits;
    let parts = [
        options.repository.as_str().to_owned(),
        options.key.public_key().fingerprint().to_owned(),
        options.check_contents.to_string(),
        format!("{:?}", options.latest),
        format!("{limits:?}"),
    ];
    // No part holds a zero byte, so none runs into the next.
    cache::fingerprint(parts.join("\0").as_bytes())
}
