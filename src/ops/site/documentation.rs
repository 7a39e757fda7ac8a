//! The pages of documentation, with links that lead to what the site has.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::archives::{self, Archive};
use super::context::{SiteContext, latest};
use super::digest::{Inputs, sha256};
use super::docs_links::{SiteLinks, add_answers};
use super::error::Error;
use super::manifest::{ManifestDocs, SiteManifest};
use super::paths;
use super::sink::PageSink;
use super::workers;
use crate::browse::pages::DocsVersionsPage;
use crate::docs::rewrite::{
    DocsFile, DocsVersion, PACKAGES_SCRIPT, RewriteForm, docs_config, packages_script, rewrite,
};
use crate::name::PackageName;
use crate::publish::observer::Warning;
use crate::repository::RepositoryPath;
use crate::store;
use crate::tarball::{FileName, read_docs};
use crate::version::Version;

/// What the site has in place of the archive's: it names the versions that are here.
const VERSIONS_SCRIPT: &str = "docs_config.js";

/// In bytes: the longest name of a file, and the longest path, that file systems and buckets take.
const LONGEST_NAME: usize = 240;
const LONGEST_PATH: usize = 900;

/// What was made of documentation.
pub(super) struct MadeDocs {
    /// By `NAME-VERSION`.
    pub documentation: BTreeMap<String, ManifestDocs>,
    /// How many archives were read.
    pub read: usize,
}

/// Makes the documentation that is not as it was made before.
pub(super) fn make(
    context: &SiteContext<'_>,
    before: &SiteManifest,
    is_there: &(dyn Fn(&str) -> bool + Sync),
    sink: &dyn PageSink,
) -> Result<MadeDocs, Error> {
    let all: Vec<(&FileName, &Archive)> = context.archives.iter().collect();
    let (made, read) = (Mutex::new(BTreeMap::new()), AtomicUsize::new(0));
    workers::each(&all, context.threads, |(release, archive)| {
        let name = release.to_string();
        read.fetch_add(usize::from(archive.was_read), Ordering::Relaxed);
        let entry = if archive.is_usable {
            let one = Documentation::new(context, release, archive);
            let known = before.documentation.get(&name);
            if let Some(known) = known.filter(|known| one.is_as(known, before, is_there)) {
                for path in files_in(before, &one.folder) {
                    sink.keep(path);
                }
                ManifestDocs { stamp: archive.stamp.clone(), ..known.clone() }
            } else {
                read.fetch_add(usize::from(!archive.was_read), Ordering::Relaxed);
                one.make(sink)?
            }
        } else {
            let (archive, stamp) = (archive.digest.clone(), archive.stamp.clone());
            ManifestDocs { archive, stamp, is_unusable: true, ..ManifestDocs::default() }
        };
        made.lock().unwrap_or_else(PoisonError::into_inner).insert(name, entry);
        context.observer.progressed(1, 0);
        Ok(())
    })?;
    indexes(context, sink)?;
    let documentation = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(MadeDocs { documentation, read: read.into_inner() })
}

/// The files of the site in a folder, whose path ends in a slash.
fn files_in<'a>(site: &'a SiteManifest, folder: &'a str) -> impl Iterator<Item = &'a str> {
    let from = site.files.range(folder.to_owned()..);
    from.map(|(path, _)| path.as_str()).take_while(move |path| path.starts_with(folder))
}

/// Makes what leads to documentation: a page for each package, and the names for "Go to package docs".
fn indexes(context: &SiteContext<'_>, sink: &dyn PageSink) -> Result<(), Error> {
    for (package, versions) in &context.docs {
        let Some(latest) = latest(versions.iter()) else { continue };
        let path = paths::docs_index(package);
        let newest_first: Vec<&Version> = versions.iter().rev().collect();
        let page = DocsVersionsPage {
            frame: &context.frame(context.urls(&path)),
            name: package,
            has_page: context.source.package(package).is_some(),
            latest,
            versions: &newest_first,
        };
        sink.put(path, page.render().into_bytes())?;
    }
    if !context.docs.is_empty() {
        let script = packages_script(context.docs.keys().map(PackageName::as_str));
        sink.put(paths::docs_file(PACKAGES_SCRIPT), script.into_bytes())?;
    }
    Ok(())
}

/// The documentation of one release.
struct Documentation<'a> {
    context: &'a SiteContext<'a>,
    release: &'a FileName,
    archive: &'a Archive,
    folder: String,
    versions_script: String,
}

impl<'a> Documentation<'a> {
    fn new(context: &'a SiteContext<'a>, release: &'a FileName, archive: &'a Archive) -> Self {
        let FileName { package, version } = release;
        let signed = context.source.package(package);
        let is_retired = |version: &Version| {
            let release = signed.and_then(|signed| signed.releases.release(version));
            release.is_some_and(|release| release.remarks.retired.is_some())
        };
        let versions = context.docs_of(package).iter();
        let versions: Vec<DocsVersion> = versions
            .map(|version| DocsVersion {
                version: version.clone(),
                is_retired: is_retired(version),
            })
            .collect();
        Self {
            versions_script: docs_config(package, version, &versions, RewriteForm::Static),
            folder: paths::docs_folder(package, version),
            context,
            release,
            archive,
        }
    }

    /// Whether it is as it was made.
    fn is_as(
        &self,
        known: &ManifestDocs,
        before: &SiteManifest,
        is_there: &(dyn Fn(&str) -> bool + Sync),
    ) -> bool {
        known.archive == self.archive.digest
            && !known.is_unusable
            && known.links == self.links(&known.asked)
            && files_in(before, &self.folder).all(is_there)
    }

    /// The digest of what its pages say of other packages and versions.
    fn links(&self, asked: &[String]) -> String {
        let mut inputs = Inputs::default();
        inputs.add(&self.versions_script);
        add_answers(self.context, asked, &mut inputs);
        inputs.finish()
    }

    fn make(&self, sink: &dyn PageSink) -> Result<ManifestDocs, Error> {
        let FileName { package, version } = self.release;
        let store = self.context.source.store;
        let links = SiteLinks::new(self.context);
        let bytes = archives::read(store, self.release)?.unwrap_or_default();
        let mut written = Ok(());
        let read = read_docs(
            bytes.as_slice(),
            &archives::LIMITS,
            |_, _| true,
            |path, data| {
                let Some(path) = self.path(&path).filter(|_| written.is_ok()) else { return };
                let file = DocsFile { package, version, path: &path };
                let shown = rewrite(&file, &data, &links, RewriteForm::Static).into_owned();
                written = sink.put(format!("{}{path}", self.folder), shown);
            },
        );
        written?;
        if let Err(error) = &read {
            // It was changed since it was looked at.
            let location = store.locate(&RepositoryPath::docs(self.release));
            let reason = error.to_string();
            self.context.observer.warn(Warning::NotShown { location, reason });
        }
        let script = self.versions_script.clone().into_bytes();
        sink.put(format!("{}{VERSIONS_SCRIPT}", self.folder), script)?;
        let asked = links.into_asked();
        Ok(ManifestDocs {
            archive: sha256(&bytes),
            stamp: if read.is_ok() { self.archive.stamp.clone() } else { String::new() },
            links: self.links(&asked),
            asked,
            is_unusable: false,
        })
    }

    /// The path of a file below the folder; `None` if the site cannot have it, or has another one in its place.
    fn path(&self, path: &str) -> Option<String> {
        let parts: Vec<&str> =
            path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let is_long = |part: &&str| part.len() > LONGEST_NAME;
        let is_refused = parts.is_empty()
            || parts.first() == Some(&VERSIONS_SCRIPT)
            || parts.iter().any(is_long)
            || parts.iter().any(|part| store::is_temporary(part));
        let path = parts.join("/");
        let whole = self.folder.len().saturating_add(path.len());
        (!is_refused && whole <= LONGEST_PATH).then_some(path)
    }
}
