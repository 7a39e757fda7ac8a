//! `hexreg site`: the pages of a registry as files, which any server can show, or none at all.
//!
//! ```text
//! make            makes all of it. START HERE
//! source          all that is signed, and which tarballs and documentation there are
//!  → context      which packages use which, which documentation is chosen
//!  → manifest     what each page was made from before: what is as it was is not made again
//!  → package_pages, documentation   on all threads
//!  → lists        what leads to them
//!  → writer       what differs is written, what went is removed, the manifest last
//!    or check     each page is compared with the one that is there
//! ```

#[cfg(feature = "web")]
mod archives;
#[cfg(feature = "web")]
mod check;
#[cfg(feature = "web")]
mod context;
mod digest;
#[cfg(feature = "web")]
mod docs_links;
#[cfg(feature = "web")]
mod docs_search;
#[cfg(feature = "web")]
mod documentation;
mod error;
#[cfg(feature = "web")]
mod lists;
#[cfg(feature = "web")]
mod make;
mod manifest;
mod options;
#[cfg(feature = "web")]
mod package_pages;
mod paths;
mod report;
mod sink;
mod site_files;
mod source;
mod workers;
mod writer;

#[cfg(feature = "web")]
pub use check::{SiteCheck, SiteFault, SiteProblem, check_site};
pub use error::Error;
#[cfg(feature = "web")]
pub use make::site;
pub use options::{DocsChoice, Options};
pub use report::Report;
pub(crate) use site_files::SiteFiles;
