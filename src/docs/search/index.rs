//! An index of documentation.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::container::{FileKind, IndexFile};
use super::files::DocsFiles;
use super::hit::DocsFound;
use super::index_reader::IndexReader;
use super::manifest::{DocsId, IndexManifest, MANIFEST};
use super::query::DocsQuery;
use super::ranking::Searchable;
use super::state::{self, STATE, Source};
use super::term_file::{ReadTexts, blocks};

/// An index of documentation. It is cheap to clone: a clone searches the state that it was made from, as long as the files
/// of that are there.
#[derive(Clone)]
pub struct DocsIndex {
    pub(super) files: Arc<IndexReader>,
    pub(super) manifest: Arc<IndexManifest>,
    order: Arc<Vec<u32>>,
    /// What each documentation was read from, by number.
    pub(super) sources: Arc<Vec<Source>>,
}

impl DocsIndex {
    /// The index in these files: an empty one if there is none, or if it is damaged or of another version.
    #[must_use]
    pub fn open(files: Arc<dyn DocsFiles>) -> Self {
        let read = |name| files.read(name).ok().flatten();
        let found =
            read(MANIFEST).and_then(|script| Some((IndexManifest::decode(&script)?, script)));
        let (manifest, sources) = found.map_or_else(Default::default, |(manifest, script)| {
            // Without it, all is read anew at the next update.
            let sources = read(STATE).and_then(|file| state::decode(&script, &file));
            (manifest, sources.unwrap_or_default())
        });
        Self::of(Arc::new(IndexReader::new(files)), manifest, sources)
    }

    pub(super) fn of(
        files: Arc<IndexReader>,
        manifest: IndexManifest,
        sources: Vec<Source>,
    ) -> Self {
        let order = Arc::new(manifest.order());
        Self { files, manifest: Arc::new(manifest), order, sources: Arc::new(sources) }
    }

    /// The documentations that are in it, with what they were read from. It is `None` if that is not known.
    pub fn docs(&self) -> impl Iterator<Item = (&DocsId, Option<&[u8; 32]>)> {
        let all = self.manifest.docs.iter().enumerate();
        all.filter_map(|(number, entry)| Some((&entry.as_ref()?.id, self.sources.get(number))))
    }

    /// How many records it has.
    #[must_use]
    pub fn records(&self) -> usize {
        let parts = self.manifest.docs.iter().flatten().flat_map(|entry| &entry.parts);
        parts.fold(0, |sum, (_, count)| {
            sum.saturating_add(usize::try_from(*count).unwrap_or(usize::MAX))
        })
    }

    /// The best `limit` records of the documentations that a filter lets through. May block, as files are read.
    #[must_use]
    pub fn search(
        &self,
        query: &DocsQuery,
        filter: &dyn Fn(&DocsId) -> bool,
        limit: usize,
    ) -> DocsFound {
        let (files, manifest) = (&*self.files, &*self.manifest);
        Searchable { files, manifest, order: &self.order }.search(query, filter, limit)
    }

    /// The names of all files of it, sorted. Others in the same place are left from former states.
    ///
    /// # Errors
    /// A file is damaged or missing ([`io::ErrorKind::InvalidData`]).
    pub fn file_names(&self) -> io::Result<Vec<String>> {
        let mut names = BTreeSet::from([MANIFEST.to_owned(), STATE.to_owned()]);
        for file in self.manifest.files() {
            names.insert(file.name());
            if file.kind != FileKind::Terms {
                continue;
            }
            let terms = self.files.terms(file.id).ok_or_else(|| damaged(file))?;
            for entry in terms.terms_from(0) {
                if let ReadTexts::Blocks(bytes) = entry.texts {
                    let files = blocks(bytes)
                        .map(|block| IndexFile { kind: FileKind::Blocks, id: block.id });
                    names.extend(files.map(IndexFile::name));
                }
            }
        }
        Ok(names.into_iter().collect())
    }
}

/// A file of an index is not what its name says.
pub(super) fn damaged(file: IndexFile) -> io::Error {
    let text = format!("{} of the search is damaged or missing: remove the index", file.name());
    io::Error::new(io::ErrorKind::InvalidData, text)
}
