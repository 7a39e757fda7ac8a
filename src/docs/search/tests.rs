//! The index as a whole: what it finds, and that nothing else decides that than what is in it.

mod damage;
mod finding;
mod steps;

use std::sync::Arc;

use super::*;
use crate::docs::records::DocsRecord;

/// A record with a place made of its title.
fn record(kind: &str, title: &str, text: &str) -> DocsRecord {
    let place = title.replace(' ', "-");
    DocsRecord {
        kind: kind.to_owned(),
        title: title.to_owned(),
        module: String::new(),
        place: format!("{place}.html"),
        text: text.to_owned(),
    }
}

fn docs(package: &str, version: &str, records: Vec<DocsRecord>) -> IndexedDocs {
    IndexedDocs {
        id: id(package, version),
        source: [u8::try_from(version.len()).unwrap(); 32],
        records,
    }
}

fn id(package: &str, version: &str) -> DocsId {
    DocsId { package: package.to_owned(), version: version.to_owned() }
}

/// Those that are longer are found earlier.
fn rank(package: &str) -> u32 {
    u32::try_from(package.len()).unwrap()
}

fn update(index: &mut DocsIndex, removed: &[DocsId], added: Vec<IndexedDocs>) -> UpdatedFiles {
    let changes = DocsChanges { removed, added: &mut added.into_iter(), rank: &rank };
    index.update(changes).unwrap()
}

fn index_of(added: Vec<IndexedDocs>) -> (DocsIndex, Arc<MemoryFiles>) {
    let files = Arc::new(MemoryFiles::default());
    let mut index = DocsIndex::open(files.clone());
    update(&mut index, &[], added);
    (index, files)
}

fn search(index: &DocsIndex, query: &str) -> DocsFound {
    index.search(&DocsQuery::parse(query), &|_| true, 20)
}

fn titles(index: &DocsIndex, query: &str) -> Vec<String> {
    search(index, query).hits.into_iter().map(|hit| hit.title).collect()
}
