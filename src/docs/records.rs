//! Records of the search: what each page, module and function of one documentation is called, says, and where it is.
//!
//! ```text
//! archive        a gzipped tar: its search data, or else the headings of its pages
//!  → ex_doc      ExDoc since 0.20: `dist/search_items-*.js`, `dist/search_data-*.js`
//!  → gleam       Gleam's three: `search-data.js`, `search_data.json`, `search-data.json`
//!  → headings    all others: title, and headings with an id, of each HTML page
//!  → plain       Markdown and HTML as words
//! ```
//!
//! Whoever published the archive wrote all of it. Sizes and counts are bounded, and a place ([`DocsRecord::place`]) leads
//! to a page of the same documentation.

mod archive;
mod elixir_strings;
mod headings;
mod limits;
mod place;
mod plain;
mod record;
mod search_data;
mod search_item;

pub use archive::{docs_records, search_data_of};
pub use plain::plain_text_of;
pub use record::DocsRecord;
