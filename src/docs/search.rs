//! The index of documentation, in small files: one format for the server and for a site of static files.
//!
//! ```text
//! docs-index.js     the manifest: which file has which terms, the documentations by number, where their records are
//! t-DIGEST.js       terms in order, each with the records that have it
//! p-DIGEST.js       more records of a term that very many have
//! r-DIGEST.js       records to show: kind, title, module, place, snippet
//! docs-index.state  what the documentations were read from; only an update needs it
//! ```
//!
//! All but the last are scripts that a page can load from `file://` too: a call with the name of the file and its bytes,
//! deflated, as text. All but the manifest are called after their content, so a file never changes, and what has not
//! changed is not written again.
//!
//! ```text
//! DocsChanges → tokens → pending     postings of new records, in memory up to a limit
//!  → update                          merged into the files of terms, one after the other; records into theirs
//!  → DocsIndex::search               words → files of terms → records that have all words → the best of them
//! ```
//!
//! Numbers of documentations are stable over updates. What a search finds follows from what is in the index alone, however
//! often it was updated. The files may come from elsewhere: what is damaged is as if it were not there.

mod changes;
mod chunk;
mod container;
mod files;
mod hit;
mod index;
mod index_reader;
mod manifest;
mod matches;
mod pending;
mod postings;
mod query;
mod ranking;
mod script_text;
mod state;
mod term_file;
mod tokens;
mod update;

pub use changes::{DocsChanges, IndexedDocs, UpdatedFiles};
pub use files::{DirectoryFiles, DocsFiles, MemoryFiles};
pub use hit::{DocsFound, DocsHit, DocsRank};
pub use index::DocsIndex;
pub use manifest::{DocsId, MANIFEST};
pub use query::DocsQuery;
pub use state::STATE;

#[cfg(test)]
mod tests;
