//! Writes HTML anew: known elements alone, each closed where it has to be, nested to a limit, with links that lead where
//! they may.
//!
//! What a browser's parser does with wrong HTML can take time that grows with the square of its size, and change what a
//! sanitizer has seen. Of what is written here it changes nothing.

use std::borrow::Cow;
use std::collections::HashSet;

use super::elements::{self, Attribute, Element, HIDDEN, Kind};
use super::links::{self, Links};
use super::tags::{OpenTag, Token, Tokens};

/// The most elements that lie in each other.
pub(super) const MAX_DEPTH: usize = 64;

/// The most of them that mark text.
const MAX_INLINE: usize = 16;

/// In bytes: the longest document.
pub(super) const MAX_OUTPUT: usize = 4 << 20;

/// In bytes: the longest id, and the longest text in place of an image or of the words of a link.
const MAX_LABEL: usize = 200;

/// A document, and whether its end was left out.
pub(super) struct Balanced {
    pub html: String,
    pub is_cut: bool,
}

/// The HTML of strangers, written anew.
pub(super) fn balanced(html: &str, links: &dyn Links) -> Balanced {
    let mut writer = Writer {
        out: String::with_capacity(html.len()),
        open: Vec::new(),
        skipped: Vec::new(),
        ids: HashSet::new(),
        never_closed: Vec::new(),
        links,
        heading: FIRST_HEADING,
        shown: 0,
    };
    let mut tokens = Tokens::new(html);
    let mut is_cut = false;
    while let Some(token) = tokens.next() {
        if writer.out.len() > MAX_OUTPUT {
            is_cut = true;
            break;
        }
        match token {
            Token::Text(text) => writer.text(text),
            Token::Close(name) => writer.close(name),
            Token::Open(tag) => writer.open(&tag, &mut tokens),
        }
    }
    writer.close_from(0);
    Balanced { html: writer.out, is_cut }
}

/// The level of the page's heading.
const FIRST_HEADING: u8 = 1;

struct Writer<'a> {
    out: String,
    open: Vec<Open>,
    /// Elements above a limit, which were not written. While there are some, they alone are closed.
    skipped: Vec<&'static str>,
    ids: HashSet<String>,
    /// Names of hidden elements that nothing after here closes.
    never_closed: Vec<&'static str>,
    links: &'a dyn Links,
    /// The level of the last heading.
    heading: u8,
    /// How many texts and images were written.
    shown: usize,
}

/// An element that is open.
struct Open {
    element: &'static Element,
    /// The tag that closes it; empty if it was not written.
    closing: &'static str,
    /// Of a heading its level, which is a part of its tag.
    level: u8,
    /// What a link without words leads to.
    target: Option<String>,
    shown_before: usize,
}

impl Writer<'_> {
    fn text(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.shown = self.shown.saturating_add(1);
        }
        self.out.push_str(text);
    }

    fn open(&mut self, tag: &OpenTag<'_>, tokens: &mut Tokens<'_>) {
        if let Some(name) = HIDDEN.iter().find(|name| tag.name.eq_ignore_ascii_case(name)) {
            if !self.never_closed.contains(name) && !tokens.skip_content(name) {
                self.never_closed.push(name);
            }
            return;
        }
        let Some(element) = elements::element(tag.name) else { return };
        let parent = self.open.last().map(|open| open.element.kind);
        match element.kind {
            Kind::Void if parent.is_some_and(Kind::is_structure) => return,
            Kind::Void => return self.void(element, tag),
            kind if !self.make_room(kind) => return,
            _ => {}
        }
        let inline = self.open.iter().filter(|open| !open.element.kind.is_block()).count();
        let is_deep =
            self.open.len() >= MAX_DEPTH || (!element.kind.is_block() && inline >= MAX_INLINE);
        if is_deep {
            self.skipped.push(element.name);
            return;
        }
        self.write(element, tag);
    }

    /// Closes what ends before an element of this kind. Returns false if the element has no place here.
    fn make_room(&mut self, kind: Kind) -> bool {
        if kind.is_block() && !kind.is_table_part() {
            self.close_nearest(|open| open == Kind::Paragraph, |_| false);
        }
        match kind {
            Kind::Heading => self.close_nearest(|open| open == Kind::Heading, |_| false),
            Kind::Link => self.close_nearest(|open| open == Kind::Link, |_| false),
            Kind::ListItem => {
                let is_list = |open| open == Kind::List;
                self.close_nearest(|open| open == Kind::ListItem, is_list);
                return self.parent_is(is_list);
            }
            Kind::Definition => {
                let is_list = |open| open == Kind::Definitions;
                self.close_nearest(|open| open == Kind::Definition, is_list);
                return self.parent_is(is_list);
            }
            Kind::Summary => {
                return self.open.last().is_some_and(|open| open.element.name == "details");
            }
            Kind::Caption | Kind::Section => return self.close_to(|open| open == Kind::Table),
            Kind::Row => {
                return self.close_to(|open| matches!(open, Kind::Table | Kind::Section));
            }
            Kind::Cell => {
                let nearest = self.open.iter().rev().find(|open| {
                    matches!(open.element.kind, Kind::Table | Kind::Section | Kind::Row)
                });
                return nearest.is_some_and(|open| open.element.kind == Kind::Row)
                    && self.close_to(|open| open == Kind::Row);
            }
            _ => {}
        }
        !self.parent_is(Kind::is_structure)
    }

    fn parent_is(&self, matches: impl Fn(Kind) -> bool) -> bool {
        self.open.last().is_some_and(|open| matches(open.element.kind))
    }

    /// Closes the nearest element that matches, and all in it, unless a table's cell or what `stops` lies in between.
    fn close_nearest(&mut self, matches: impl Fn(Kind) -> bool, stops: impl Fn(Kind) -> bool) {
        for (index, open) in self.open.iter().enumerate().rev() {
            let kind = open.element.kind;
            if matches(kind) {
                return self.close_from(index);
            }
            if kind.is_boundary() || stops(kind) {
                return;
            }
        }
    }

    /// Closes all that lies in the nearest element that matches, within a table. Returns false if there is none.
    fn close_to(&mut self, matches: impl Fn(Kind) -> bool) -> bool {
        let found = self.open.iter().rposition(|open| matches(open.element.kind));
        let table = self.open.iter().rposition(|open| open.element.kind == Kind::Table);
        let Some(index) = found.filter(|index| table.is_some_and(|table| table <= *index)) else {
            return false;
        };
        self.close_from(index.saturating_add(1));
        true
    }

    fn close(&mut self, name: &str) {
        if let Some(last) = self.skipped.last() {
            if name.eq_ignore_ascii_case(last) {
                self.skipped.pop();
            }
            return;
        }
        let Some(element) = elements::element(name) else { return };
        let is_table = element.kind.is_table_part() || element.kind == Kind::Table;
        for (index, open) in self.open.iter().enumerate().rev() {
            let kind = open.element.kind;
            // `</h2>` closes an `<h1>` too.
            let is_heading = kind == Kind::Heading && element.kind == Kind::Heading;
            if open.element.name == element.name || is_heading {
                return self.close_from(index);
            }
            if if is_table { kind == Kind::Table } else { kind.is_boundary() } {
                return;
            }
        }
    }

    /// Closes the element at an index, and all in it.
    fn close_from(&mut self, index: usize) {
        while self.open.len() > index {
            let Some(open) = self.open.pop() else { return };
            if open.closing.is_empty() {
                continue;
            }
            if let Some(target) = open.target.filter(|_| open.shown_before == self.shown) {
                self.label(&target);
            }
            if open.level > 0 {
                self.out.push_str("</h");
                self.out.push(level_digit(open.level));
                self.out.push('>');
                continue;
            }
            self.out.push_str("</");
            self.out.push_str(open.closing);
            self.out.push('>');
            if open.element.kind == Kind::Table {
                self.out.push_str("</div>");
            }
        }
    }

    /// Text that is written in place of something.
    fn label(&mut self, text: &str) {
        let short: String = text.chars().take(MAX_LABEL).collect();
        if !short.trim().is_empty() {
            self.shown = self.shown.saturating_add(1);
            escape(&mut self.out, &short);
        }
    }

    fn void(&mut self, element: &'static Element, tag: &OpenTag<'_>) {
        match element.name {
            "img" => self.image(element, tag),
            "input" => {
                let is_box = |kind: Cow<'_, str>| kind.trim().eq_ignore_ascii_case("checkbox");
                if tag.attribute("type").is_some_and(is_box) {
                    self.out.push_str("<input type=\"checkbox\" disabled=\"\"");
                    self.out.push_str(match tag.attribute("checked") {
                        Some(_) => " checked=\"\" aria-label=\"done\">",
                        None => " aria-label=\"to do\">",
                    });
                }
            }
            _ => {
                self.out.push('<');
                self.out.push_str(element.written);
                self.out.push('>');
            }
        }
    }

    /// An image of the package. Of any other, its text.
    fn image(&mut self, element: &'static Element, tag: &OpenTag<'_>) {
        let text = tag.attribute("alt").unwrap_or_default();
        let source = tag.attribute("src").and_then(|source| links::image(&source, self.links));
        let Some(source) = source else { return self.label(&text) };
        self.out.push_str("<img");
        self.attribute("src", &source);
        let short: String = text.chars().take(MAX_LABEL).collect();
        self.attribute("alt", &short);
        self.attributes(element, tag);
        self.out.push_str(" loading=\"lazy\">");
        if !short.trim().is_empty() {
            self.shown = self.shown.saturating_add(1);
        }
    }

    fn write(&mut self, element: &'static Element, tag: &OpenTag<'_>) {
        let mut open = Open {
            element,
            closing: element.written,
            level: 0,
            target: None,
            shown_before: self.shown,
        };
        match element.kind {
            Kind::Link => {
                let target = tag.attribute("href").and_then(|href| links::link(&href, self.links));
                // The words of a link that leads nowhere are text.
                if target.is_none() && self.id(tag).is_none() {
                    open.closing = "";
                    self.open.push(open);
                    return;
                }
                self.out.push_str("<a");
                if let Some(target) = &target {
                    self.attribute("href", target);
                }
                open.target = target;
            }
            Kind::Heading => {
                // One level after the other, as a screen reader lists them.
                let wanted = element.written.bytes().last().unwrap_or(b'6').saturating_sub(b'0');
                open.level = wanted.min(self.heading.saturating_add(1));
                self.heading = open.level;
                self.out.push_str("<h");
                self.out.push(level_digit(open.level));
            }
            _ => {
                if element.kind == Kind::Table {
                    self.out.push_str("<div class=\"scroll\" tabindex=\"0\">");
                }
                self.out.push('<');
                self.out.push_str(element.written);
            }
        }
        if let Some(id) = self.id(tag) {
            self.attribute("id", &id);
            self.ids.insert(id);
        }
        self.attributes(element, tag);
        self.direction(element, tag);
        match element.name {
            "pre" => self.out.push_str(" tabindex=\"0\""),
            "center" => self.attribute("align", "center"),
            "code" => {
                let class = tag.attribute("class").unwrap_or_default();
                if let Some(language) =
                    class.strip_prefix("language-").filter(|name| is_language(name))
                {
                    self.attribute("class", &format!("language-{language}"));
                }
            }
            _ => {}
        }
        self.out.push('>');
        self.open.push(open);
    }

    /// The id of a tag, unless another one has it.
    fn id(&self, tag: &OpenTag<'_>) -> Option<String> {
        let id = tag.attribute("id").or_else(|| tag.attribute("name"))?;
        let is_id = !id.is_empty() && id.len() <= MAX_LABEL && !id.contains(char::is_whitespace);
        let id = is_id.then(|| links::prefixed(&id))?;
        (!self.ids.contains(&id)).then_some(id)
    }

    fn attributes(&mut self, element: &'static Element, tag: &OpenTag<'_>) {
        for attribute in element.attributes {
            let written = tag.attribute(attribute.name());
            let written = match (attribute, written) {
                // pulldown-cmark aligns cells by a style.
                (Attribute::Align, None) => tag
                    .attribute("style")
                    .and_then(|style| Some(style.strip_prefix("text-align: ")?.to_owned().into())),
                (_, written) => written,
            };
            if let Some(value) = written.and_then(|value| attribute.check(&value)) {
                self.attribute(attribute.name(), &value);
            }
        }
    }

    /// The direction of writing, which is that of the first letter if the author does not say it.
    fn direction(&mut self, element: &'static Element, tag: &OpenTag<'_>) {
        let given = tag.attribute("dir").map(|value| value.to_ascii_lowercase());
        let given = given
            .as_deref()
            .and_then(|value| ["ltr", "rtl", "auto"].into_iter().find(|known| *known == value));
        let has_own = matches!(element.kind, Kind::Paragraph | Kind::Heading | Kind::ListItem);
        if let Some(direction) = given.or(has_own.then_some("auto")) {
            self.attribute("dir", direction);
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        escape(&mut self.out, value);
        self.out.push('"');
    }
}

fn level_digit(level: u8) -> char {
    char::from(b'0'.saturating_add(level))
}

fn is_language(name: &str) -> bool {
    let is_part = |next: char| next.is_ascii_alphanumeric() || "+#-_.".contains(next);
    !name.is_empty() && name.len() <= 30 && name.chars().all(is_part)
}

/// Writes text so that it is text, also in an attribute.
pub(super) fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests;
