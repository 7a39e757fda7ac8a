//! What a browser shows of a package: from bytes of strangers to data and HTML that are safe to show.
//!
//! Nothing here knows HTTP. The server sends what is made here, and the same could be written to files.
//!
//! - [`index`]: which packages there are, and which of them a query finds
//! - [`release_contents`]: what the tarball of a release holds for readers
//! - [`readme`]: which file is the README, the changelog or the licence, and its text
//! - [`markdown`]: a README as HTML
//! - [`highlight`]: source as HTML
//! - [`definitions`]: names of modules and functions, from source and documentation
//! - [`native_code`]: what needs a compiler, or downloads, when a package is built
//! - [`closure`]: everything that one release pulls in, and where it is
//! - [`diff`]: what changed from one version to another
//! - [`changes`]: what came lately
//! - [`pages`]: the pages of all this
//!
//! Every text of a package is a stranger's. It is cut to a size, its hidden characters are removed or shown as
//! escapes, and it is escaped. The time that it takes grows with its size alone.

pub mod changes;
pub mod closure;
pub mod definitions;
pub mod diff;
pub mod highlight;
pub mod index;
pub mod markdown;
pub mod native_code;
mod package_links;
pub mod pages;
pub mod readme;
pub mod release_contents;
