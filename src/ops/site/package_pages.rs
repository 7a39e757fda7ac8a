//! The pages of packages.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::context::SiteContext;
use super::digest::Inputs;
use super::error::Error;
use super::manifest::{ManifestPackage, SiteManifest};
use super::paths;
use super::sink::PageSink;
use super::source::SignedPackage;
use super::workers;
use crate::browse::pages::{ContentsState, Dependents, PackagePage, PolicyVerdicts};
use crate::browse::release_contents::ReleaseContents;
use crate::checksum::OuterChecksum;
use crate::name::PackageName;
use crate::package::{Release, UnixSeconds};
use crate::publish::observer::Warning;
use crate::repository::RepositoryPath;
use crate::store::Store;
use crate::tarball::{self, FileName, Limits};
use crate::version::Version;

/// What is read of a tarball. Of larger contents the page has no README.
const LIMITS: Limits = Limits { contents: 64 << 20, ..Limits::HEX };

/// How many of the packages that use a package a page may name.
const MOST_DEPENDENTS: usize = 40;

/// What was made of packages.
pub(super) struct MadePackages {
    /// By name.
    pub packages: BTreeMap<String, ManifestPackage>,
    /// How many tarballs were read.
    pub read: usize,
}

/// Makes the pages of packages that are not as they were made before.
pub(super) fn make(
    context: &SiteContext<'_>,
    before: &SiteManifest,
    is_there: &(dyn Fn(&str) -> bool + Sync),
    sink: &dyn PageSink,
) -> Result<MadePackages, Error> {
    let (made, read) = (Mutex::new(BTreeMap::new()), AtomicUsize::new(0));
    workers::each(&context.source.packages, context.threads, |package| {
        let name = &package.releases.package;
        let Some(release) = package.releases.recommended() else { return Ok(()) };
        let page = PlannedPage::new(context, package, release);
        let path = paths::package(name);
        let known = before.packages.get(name.as_str());
        let known = known.filter(|known| known.inputs == page.inputs && is_there(&path));
        let entry = if let Some(known) = known {
            sink.keep(&path);
            known.clone()
        } else {
            read.fetch_add(1, Ordering::Relaxed);
            let (html, entry) = page.make()?;
            sink.put(path, html.into_bytes())?;
            entry
        };
        made.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_string(), entry);
        context.observer.progressed(1, 0);
        Ok(())
    })?;
    let packages = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(MadePackages { packages, read: read.into_inner() })
}

/// The page of a package that may have to be made.
struct PlannedPage<'a> {
    context: &'a SiteContext<'a>,
    package: &'a SignedPackage,
    release: &'a Release,
    file: FileName,
    dependents: Vec<PackageName>,
    dependents_count: usize,
    inputs: String,
}

/// Why what a tarball holds is not shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotShown {
    #[error("its checksum is {}…, and the signed one {}…", .found.excerpt(), .signed.excerpt())]
    AnotherTarball { found: OuterChecksum, signed: OuterChecksum },
    #[error(transparent)]
    Tarball(#[from] tarball::Error),
}

impl<'a> PlannedPage<'a> {
    fn new(context: &'a SiteContext<'a>, package: &'a SignedPackage, release: &'a Release) -> Self {
        let (source, name) = (context.source, &package.releases.package);
        let all = context.index.dependents(name.as_str());
        let dependents_count = all.len();
        let dependents: Vec<PackageName> = all.into_iter().take(MOST_DEPENDENTS).cloned().collect();
        let file = FileName { package: name.clone(), version: release.version.clone() };

        let mut inputs = Inputs::default();
        inputs.add(&package.digest);
        inputs.add(source.key.fingerprint());
        inputs.add([u8::from(context.has_registry), u8::from(source.has_tarball(&file))]);
        inputs.add(dependents_count.to_le_bytes());
        for name in &dependents {
            inputs.add(name.as_str());
        }
        for one in &package.releases.releases {
            let size = source.tarball_size(name, &one.version);
            inputs.add(size.unwrap_or(u64::MAX).to_le_bytes());
            inputs.add([u8::from(context.has_docs(name, &one.version))]);
            inputs.add([u8::from(source.has_docs(name, &one.version))]);
        }
        let inputs = inputs.finish();
        Self { context, package, release, file, dependents, dependents_count, inputs }
    }

    /// The page, and what the manifest says of it.
    fn make(&self) -> Result<(String, ManifestPackage), Error> {
        let source = self.context.source;
        let name = &self.package.releases.package;
        let contents = contents(source.store, name, self.release)?;
        let state = match &contents {
            None => ContentsState::Missing,
            Some(Ok(contents)) => ContentsState::Read(contents),
            Some(Err(error)) => {
                let location = source.store.locate(&RepositoryPath::tarball(&self.file));
                let reason = error.to_string();
                self.context.observer.warn(Warning::NotShown { location, reason });
                ContentsState::Unusable
            }
        };
        let (context, releases) = (self.context, &self.package.releases);
        let frame = context.frame(context.urls(&paths::package(name)));
        let docs_url = |version: &Version| {
            let has_docs = context.has_docs(name, version);
            has_docs.then(|| frame.urls.docs(name.as_str(), version))
        };
        let html = PackagePage {
            frame: &frame,
            key: &context.source.key,
            signed_digest: Some(&self.package.digest),
            releases,
            release: self.release,
            contents: state,
            dependents: Dependents {
                first: &self.dependents,
                count: self.dependents_count,
                is_partial: false,
            },
            has_docs: context.source.has_docs(name, &self.release.version),
            docs_url: &docs_url,
            size: &|version| context.source.tarball_size(name, version),
            elsewhere: &|_, _| None,
            // What a policy hides changes with time, and a file does not.
            verdicts: &PolicyVerdicts::at(UnixSeconds(0)),
        };
        let html = html.render();
        let description = match &contents {
            Some(Ok(contents)) => contents.description.description.clone(),
            _ => None,
        };
        // A tarball that cannot be used is looked at again: the signed one may come.
        let inputs =
            if matches!(contents, Some(Err(_))) { String::new() } else { self.inputs.clone() };
        let description = description.unwrap_or_default();
        let description = description.chars().take(MOST_DESCRIPTION).collect();
        Ok((html, ManifestPackage { signed: self.package.digest.clone(), inputs, description }))
    }
}

/// What the tarball of a release holds; `None` if it is not there.
pub(super) fn contents(
    store: &dyn Store,
    package: &PackageName,
    release: &Release,
) -> Result<Option<Result<ReleaseContents, NotShown>>, Error> {
    let file = FileName { package: package.clone(), version: release.version.clone() };
    let mut bytes = Vec::new();
    if store.read(&RepositoryPath::tarball(&file), LIMITS.tarball, &mut bytes)?.is_none() {
        return Ok(None);
    }
    Ok(Some(unpacked(&bytes, release)))
}

fn unpacked(bytes: &[u8], release: &Release) -> Result<ReleaseContents, NotShown> {
    if bytes.len() > LIMITS.tarball {
        return Err(tarball::Error::TooLarge { limit: LIMITS.tarball }.into());
    }
    let (found, signed) = (OuterChecksum::of(bytes), release.outer_checksum);
    if found != signed {
        return Err(NotShown::AnotherTarball { found, signed });
    }
    Ok(ReleaseContents::read(bytes, &LIMITS)?)
}

/// How much of a description lists have, in characters.
const MOST_DESCRIPTION: usize = 400;
