//! Markdown of a package as HTML for a page.
//!
//! ```text
//! limits     at most 512 KiB, and lines that begin with a few markers
//!  → the parser, events   tables, task lists, footnotes; headings with ids, highlighted code
//!  → balanced             known elements, nested to a limit; links and images that lead where they may
//!  → sanitizer            ammonia's list of what is left
//! ```
//!
//! The author of a document wants to run a script on the page, to have it fetch something, or to keep the server busy.

mod balanced;
mod changelog;
mod elements;
mod events;
mod limits;
mod links;
mod sanitizer;
mod tags;

pub use changelog::changelog_section;
pub use links::Links;

use std::fmt;

use pulldown_cmark::{Options, Parser, html};

use super::readme::plain_text;

/// What is written under a document whose end is left out.
const CUT: &str = "<p><em>The rest is not shown: the document is too long.</em></p>\n";

/// The HTML of Markdown.
///
/// It has no script, style, form or frame, and fetches nothing but images of the package. Every `id` begins with
/// `user-content-`, and headings begin one level below the page's own. Links have the schemes http, https and mailto,
/// or lead where `links` says.
#[must_use]
pub fn render(text: &str, links: &dyn Links) -> String {
    let (text, mut is_cut) = limits::cut(text);
    let text = limits::flatten(text);
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_GFM;
    let mut written = Bounded { html: String::new(), is_full: false };
    let events = events::Prepared::new(Parser::new_ext(&text, options));
    // The one error is that of `Bounded`.
    let _ = html::write_html_fmt(&mut written, events);
    let balanced = balanced::balanced(&written.html, links);
    is_cut |= written.is_full | balanced.is_cut;
    let clean = sanitizer::sanitize(&balanced.html);
    // After all entities were read.
    let mut html = plain_text(&clean).into_owned();
    if is_cut {
        html.push_str(CUT);
    }
    html
}

/// HTML up to a size. A tag at its end may be incomplete.
struct Bounded {
    html: String,
    is_full: bool,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.is_full |= self.html.len().saturating_add(text.len()) > balanced::MAX_OUTPUT;
        if self.is_full {
            return Err(fmt::Error);
        }
        self.html.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
