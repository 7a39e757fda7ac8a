//! Documentation with links that lead to what is here.
//!
//! Only links, a few strings of ExDoc's script, and what hexreg adds are different: all other bytes stay as they are.

mod content_type;
mod docs_config;
mod docs_file;
mod folder;
mod hex_link;
mod html;
mod insertions;
mod resolve;
mod rewriter;
mod scripts;
mod tags;
#[cfg(test)]
mod tests;

pub use content_type::content_type;
pub use docs_config::{DocsVersion, docs_config};
pub use docs_file::{DocsFile, RewriteForm};
pub use rewriter::{docs_links, rewrite};
pub use scripts::{PACKAGES_JSON, PACKAGES_SCRIPT, packages_json, packages_script};
