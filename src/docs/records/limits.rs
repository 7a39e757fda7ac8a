//! How much is read of one documentation.

/// In bytes: the largest file with search data. Elixir's has 1.6 MB.
pub(super) const SEARCH_DATA: usize = 24 << 20;

/// In bytes: the largest page whose headings are read.
pub(super) const PAGE: usize = 4 << 20;

/// How many records a documentation has at most. Elixir has 3,400.
pub(super) const RECORDS: usize = 30_000;

/// In bytes: how much text of a record is read.
pub(super) const TEXT: usize = 32 << 10;

/// In bytes: how much text all records of a documentation have.
pub(super) const ALL_TEXT: usize = 24 << 20;

/// In bytes: the longest title, and the longest name of a module.
pub(super) const TITLE: usize = 200;

/// In bytes: the longest place.
pub(super) const PLACE: usize = 400;

/// In bytes: the longest name of a kind.
pub(super) const KIND: usize = 24;
