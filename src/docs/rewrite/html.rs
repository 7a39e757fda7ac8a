//! Pages with links that lead to what is here.

use std::ops::Range;

use super::docs_file::{DocsFile, RewriteForm};
use super::resolve::{Resolution, Resolver};
use super::tags::{Attribute, Tag, Tags};
use super::{folder, insertions};
use crate::docs::links::DocsLinks;

/// Attributes that have a URL. The last one is of ExDoc's choice of search engines.
const LINKS: [&[u8]; 3] = [b"href", b"src", b"data-engine-url"];

/// Elements that load something by themselves, and the attributes that name it.
const LOADS: [(&[u8], &[u8]); 13] = [
    (b"img", b"src"),
    (b"img", b"srcset"),
    (b"source", b"src"),
    (b"source", b"srcset"),
    (b"script", b"src"),
    (b"link", b"href"),
    (b"iframe", b"src"),
    (b"embed", b"src"),
    (b"object", b"data"),
    (b"video", b"src"),
    (b"video", b"poster"),
    (b"audio", b"src"),
    (b"track", b"src"),
];

/// The links in the head of a page that load nothing.
const UNLOADED_RELATIONS: [&[u8]; 6] =
    [b"canonical", b"alternate", b"license", b"author", b"help", b"next"];

/// The beginnings of UTF-16.
const UTF_16: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

/// In bytes: what is usually added to a page.
const ADDED: usize = 8 << 10;

/// The page, rewritten. None if it stays as it is.
pub(super) fn rewrite(
    file: &DocsFile<'_>,
    bytes: &[u8],
    links: &dyn DocsLinks,
    form: RewriteForm,
) -> Option<Vec<u8>> {
    if UTF_16.iter().any(|mark| bytes.starts_with(mark)) {
        return None;
    }
    let capacity = bytes.len().saturating_add(ADDED);
    let mut page = RewrittenPage {
        bytes,
        written: Vec::with_capacity(capacity),
        copied: 0,
        folder: Some(folder::of(file)),
        resolver: Some(Resolver::new(links, folder::of(file).len())),
        links,
        form,
    };
    let (mut has_head, mut has_base, mut has_body) = (false, false, false);
    let mut tags = Tags::new(bytes);
    while let Some(tag) = tags.next_tag() {
        let is = |name: &[u8]| !tag.is_end && page.text(&tag.name).eq_ignore_ascii_case(name);
        let (is_base, is_body, is_head) = (is(b"base"), is(b"body"), is(b"head"));
        if !has_head && !is(b"html") {
            let at = match tags.text_at() {
                Some(text) => text,
                None if is_head => tag.at.end,
                None => tag.at.start,
            };
            has_head = true;
            page.insert(at, insertions::head(form));
        }
        if is_base && !has_base {
            has_base = page.base(&tag, tags.attributes());
        } else if !tag.is_end {
            page.links(&tag, tags.attributes());
        }
        if is_body && !has_body {
            has_body = true;
            page.body(tag.at.end, file);
        }
    }
    if !has_head {
        page.insert(tags.text_at().unwrap_or(bytes.len()), insertions::head(form));
    }
    if !has_body {
        page.body(bytes.len(), file);
    }
    page.copy_to(bytes.len());
    Some(page.written)
}

/// Calls `found` with each link of a page.
pub(super) fn each_link<'b>(bytes: &'b [u8], mut found: impl FnMut(&'b str)) {
    let mut tags = Tags::new(bytes);
    while let Some(tag) = tags.next_tag() {
        let is_link = !tag.is_end && bytes.get(tag.name) == Some(b"a");
        if let Some(href) = attribute(tags.attributes(), bytes, b"href").filter(|_| is_link) {
            let value = bytes.get(href.value.clone()).unwrap_or_default();
            if is_outside(value) {
                std::str::from_utf8(value).into_iter().for_each(&mut found);
            }
        }
    }
}

/// The first attribute with a name.
fn attribute<'a>(attributes: &'a [Attribute], bytes: &[u8], name: &[u8]) -> Option<&'a Attribute> {
    attributes.iter().find(|attribute| {
        let given = bytes.get(attribute.name.clone()).unwrap_or_default();
        given.eq_ignore_ascii_case(name)
    })
}

/// Whether a URL names a host.
fn is_outside(url: &[u8]) -> bool {
    let url = url.trim_ascii_start();
    let starts = |with: &[u8]| url.get(..with.len()).is_some_and(|s| s.eq_ignore_ascii_case(with));
    starts(b"http") || starts(b"//")
}

/// Whether a URL has a host of its own.
fn is_absolute(url: &[u8]) -> bool {
    let url = url.trim_ascii_start();
    let starts = |with: &[u8]| url.get(..with.len()).is_some_and(|s| s.eq_ignore_ascii_case(with));
    [&b"http:"[..], b"https:", b"//"].into_iter().any(starts)
}

/// Whether a URL leads to another page of the same documentation, or of one beside it.
fn is_relative(url: &[u8]) -> bool {
    let end = url.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(url.len());
    !url.starts_with(b"/") && !url.get(..end).unwrap_or_default().contains(&b':')
}

/// What becomes of an attribute.
enum AttributeChange {
    /// It has another value.
    Value(String),
    Remove,
    /// It keeps its value under a name that browsers do not know.
    Unload,
}

/// A page as it is written.
struct RewrittenPage<'a> {
    bytes: &'a [u8],
    written: Vec<u8>,
    /// How many bytes were written, or replaced.
    copied: usize,
    /// The folder that relative links are seen from. None if it is none of documentation.
    folder: Option<Vec<String>>,
    /// None if no relative link leads to what is here.
    resolver: Option<Resolver<'a>>,
    links: &'a dyn DocsLinks,
    form: RewriteForm,
}

impl<'a> RewrittenPage<'a> {
    fn text(&self, at: &Range<usize>) -> &'a [u8] {
        self.bytes.get(at.clone()).unwrap_or_default()
    }

    fn copy_to(&mut self, end: usize) {
        self.written.extend_from_slice(self.text(&(self.copied..end)));
        self.copied = self.copied.max(end);
    }

    fn insert(&mut self, at: usize, text: &str) {
        self.replace(&(at..at), text);
    }

    fn replace(&mut self, at: &Range<usize>, text: &str) {
        self.copy_to(at.start);
        self.written.extend_from_slice(text.as_bytes());
        self.copied = self.copied.max(at.end);
    }

    fn replace_value(&mut self, attribute: &Attribute, value: &str) {
        if attribute.is_quoted {
            self.replace(&attribute.value, value);
        } else {
            self.replace(&attribute.value, &format!("\"{value}\""));
        }
    }

    fn body(&mut self, at: usize, file: &DocsFile<'_>) {
        if let Some(resolver) = &self.resolver {
            let text = insertions::body(file, resolver);
            self.insert(at, &text);
        }
    }

    /// What relative links are seen from. Returns whether the tag says so.
    fn base(&mut self, tag: &Tag, attributes: &[Attribute]) -> bool {
        let Some(href) = attribute(attributes, self.bytes, b"href") else { return false };
        self.links(tag, attributes);
        let value = String::from_utf8_lossy(self.text(&href.value));
        let here = match self.resolve(&value) {
            Some(Resolution::Here(url)) => Some(url),
            Some(Resolution::Missing(_)) => None,
            None => is_relative(value.as_bytes()).then(|| value.into_owned()),
        };
        let folder = here.zip(self.folder.take()).and_then(|(url, from)| folder::join(from, &url));
        self.resolver = folder.as_ref().map(|folder| Resolver::new(self.links, folder.len()));
        self.folder = folder;
        true
    }

    fn resolve(&self, url: &str) -> Option<Resolution> {
        self.resolver.as_ref()?.resolve(url)
    }

    /// Rewrites the links of a tag.
    fn links(&mut self, tag: &Tag, attributes: &[Attribute]) {
        if attributes.is_empty() {
            return;
        }
        let name = self.text(&tag.name);
        let is_link = name.eq_ignore_ascii_case(b"a") || name.eq_ignore_ascii_case(b"area");
        if name.eq_ignore_ascii_case(b"meta") {
            self.refresh(attributes);
            return;
        }
        let mut leads_here = false;
        // In the order of their places.
        let mut changes: Vec<(&Attribute, AttributeChange)> = Vec::new();
        for given in attributes {
            let name = self.text(&given.name);
            let value = self.text(&given.value);
            if !LINKS.iter().any(|link| name.eq_ignore_ascii_case(link)) {
                if self.loads_from_elsewhere(tag, attributes, given) {
                    changes.push((given, AttributeChange::Unload));
                }
                continue;
            }
            if is_outside(value) {
                let url = std::str::from_utf8(value).unwrap_or_default();
                match self.resolve(url) {
                    Some(Resolution::Here(url)) => {
                        leads_here = true;
                        changes.push((given, AttributeChange::Value(url)));
                    }
                    Some(Resolution::Missing(missing)) if is_link => {
                        let has_title = attribute(attributes, self.bytes, b"title").is_some();
                        self.insert(tag.name.end, &insertions::mark(&missing, has_title));
                    }
                    _ if self.loads_from_elsewhere(tag, attributes, given) => {
                        changes.push((given, AttributeChange::Unload));
                    }
                    _ => {}
                }
            } else if is_link && is_relative(value) {
                leads_here = true;
                changes
                    .extend(self.index_of(value).map(|url| (given, AttributeChange::Value(url))));
            }
        }
        // A sandbox opens no window.
        if is_link && (leads_here || self.form == RewriteForm::Server) {
            let target = attribute(attributes, self.bytes, b"target");
            let is_new =
                |target: &&Attribute| self.text(&target.value).eq_ignore_ascii_case(b"_blank");
            changes.extend(target.filter(is_new).map(|target| (target, AttributeChange::Remove)));
            changes.sort_by_key(|(given, _)| given.name.start);
        }
        for (given, change) in changes {
            match change {
                AttributeChange::Value(value) => self.replace_value(given, &value),
                AttributeChange::Remove => self.replace(&given.at(), ""),
                AttributeChange::Unload => self.insert(given.name.start, insertions::UNLOADED),
            }
        }
    }

    /// Whether an attribute makes a browser load something from another host: an image of a README that tells who
    /// reads it, a script that is missing without internet.
    fn loads_from_elsewhere(&self, tag: &Tag, attributes: &[Attribute], given: &Attribute) -> bool {
        let (element, name) = (self.text(&tag.name), self.text(&given.name));
        let is_load = LOADS.iter().any(|(of, attribute)| {
            element.eq_ignore_ascii_case(of) && name.eq_ignore_ascii_case(attribute)
        });
        let mut candidates = self.text(&given.value).split(|byte| *byte == b',');
        if !is_load || !candidates.any(is_absolute) {
            return false;
        }
        // A canonical link names the page itself.
        let relation = attribute(attributes, self.bytes, b"rel").map(|rel| self.text(&rel.value));
        let is = |relation: &[u8]| {
            UNLOADED_RELATIONS.iter().any(|one| relation.trim_ascii().eq_ignore_ascii_case(one))
        };
        !(element.eq_ignore_ascii_case(b"link") && relation.is_none_or(is))
    }

    /// `<meta http-equiv="refresh" content="0; url=…">`: ExDoc's index leads to the first page by it.
    fn refresh(&mut self, attributes: &[Attribute]) {
        let kind = attribute(attributes, self.bytes, b"http-equiv");
        let is_refresh =
            kind.is_some_and(|kind| self.text(&kind.value).eq_ignore_ascii_case(b"refresh"));
        let Some(content) = attribute(attributes, self.bytes, b"content").filter(|_| is_refresh)
        else {
            return;
        };
        let Ok(value) = std::str::from_utf8(self.text(&content.value)) else { return };
        let Some(at) = value.to_ascii_lowercase().find("url=") else { return };
        let Some((before, url)) = value.split_at_checked(at.saturating_add(4)) else { return };
        let plain = url.trim_ascii().trim_matches(['\'', '"']);
        let url = if is_relative(plain.as_bytes()) {
            self.index_of(plain.as_bytes())
        } else if let Some(Resolution::Here(url)) = self.resolve(plain) {
            Some(url)
        } else {
            None
        };
        if let Some(url) = url {
            let value = format!("{before}{url}");
            self.replace_value(content, &value);
        }
    }

    /// In the static form, a link to a folder leads to its index.
    fn index_of(&self, url: &[u8]) -> Option<String> {
        let url = std::str::from_utf8(url).ok()?;
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let (path, tail) = url.split_at_checked(end)?;
        let last = path.rsplit_once('/').map_or(path, |(_, last)| last);
        let slash = match last {
            "" if !path.is_empty() => "",
            "." | ".." => "/",
            _ => return None,
        };
        (self.form == RewriteForm::Static).then(|| format!("{path}{slash}index.html{tail}"))
    }
}
