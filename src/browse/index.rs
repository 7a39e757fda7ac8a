//! The index of the packages of one repository, and its search.
//!
//! ```text
//! IndexedPackage                what the signed registry says of a package, and what its tarball has inside
//!  → PackageIndex::update       one row a package; words in compact segments, which are merged as they grow
//!  → Query::parse               words and operators of what a user typed
//!  → PackageIndex::search       how well each word matches each package → candidates → their order
//!  ⇄ encode, decode             the file of a cache, which may be lost or damaged
//! ```
//!
//! An index is cheap to clone: its parts are shared, and an update copies what it changes. So many threads search one
//! snapshot without a lock, while the next one is made.

mod cache_file;
mod condition;
mod definition;
mod dependent_table;
mod edit_distance;
mod inside_terms;
mod match_kind;
mod matching;
mod name_table;
mod package;
mod package_index;
mod query;
mod query_word;
mod row;
mod search;
mod segment;
mod segment_builder;
mod similar;
mod stop_words;
mod synonyms;
mod update;
mod words;

pub use match_kind::MatchKind;
pub use package::{IndexedPackage, Inside, PackageDependency, PackageInside, PackageRow};
pub use package_index::PackageIndex;
pub use query::Query;
pub use search::{Found, Hit, Rank};
pub use words::words;
