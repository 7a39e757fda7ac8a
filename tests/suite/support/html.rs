//! HTML as a browser reads it.

use std::cell::{Cell, RefCell};

use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag as Found, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

/// A start tag.
#[derive(Clone, Debug)]
pub struct Tag {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

/// What a browser's tokenizer finds.
#[derive(Clone, Debug)]
pub struct Document {
    pub tags: Vec<Tag>,
    /// The text of the page, without that of its script and its style sheet.
    pub text: String,
    /// The scripts of the page.
    pub scripts: Vec<String>,
}

#[derive(Default)]
struct Sink {
    tags: RefCell<Vec<Tag>>,
    text: RefCell<String>,
    scripts: RefCell<Vec<String>>,
    /// The element whose text no reader sees.
    unseen: Cell<Option<RawKind>>,
}

impl Sink {
    fn tag(&self, tag: &Found) -> TokenSinkResult<()> {
        if tag.kind == TagKind::EndTag {
            self.unseen.set(None);
            // Words of two elements are two words, unless only their colours differ.
            if &*tag.name != "span" {
                self.text.borrow_mut().push('\n');
            }
            return TokenSinkResult::Continue;
        }
        let attributes = tag.attrs.iter();
        let attributes = attributes.map(|one| (one.name.local.to_string(), one.value.to_string()));
        let name = tag.name.to_string();
        let kind = match name.as_str() {
            "script" => Some(RawKind::ScriptData),
            "style" => Some(RawKind::Rawtext),
            "title" => Some(RawKind::Rcdata),
            _ => None,
        };
        if name == "script" {
            self.scripts.borrow_mut().push(String::new());
        }
        self.tags.borrow_mut().push(Tag { name, attributes: attributes.collect() });
        self.unseen.set(kind);
        kind.map_or(TokenSinkResult::Continue, TokenSinkResult::RawData)
    }
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) => return self.tag(&tag),
            Token::CharacterTokens(text) => match self.unseen.get() {
                Some(RawKind::ScriptData) => {
                    self.scripts.borrow_mut().last_mut().unwrap().push_str(&text);
                }
                Some(RawKind::Rawtext) => {}
                _ => self.text.borrow_mut().push_str(&text),
            },
            Token::CommentToken(text) => panic!("a comment: {text}"),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Document {
    pub fn parse(html: &str) -> Self {
        let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
        let input = BufferQueue::default();
        input.push_back(html.into());
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        let Sink { tags, text, scripts, .. } = tokenizer.sink;
        Self { tags: tags.into_inner(), text: text.into_inner(), scripts: scripts.into_inner() }
    }

    /// The elements of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Tag> {
        self.tags.iter().filter(move |tag| tag.name == name)
    }

    /// The targets of the links.
    pub fn links(&self) -> Vec<&str> {
        self.all("a").filter_map(|tag| tag.get("href")).collect()
    }

    /// The text with one blank where there is white space.
    pub fn words(&self) -> String {
        self.text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What a stranger's text may not bring into a page; `None` if there is nothing of it.
    pub fn fault(&self) -> Option<String> {
        const ACTIVE: [&str; 24] = [
            "iframe", "frame", "frameset", "object", "embed", "applet", "base", "svg", "math",
            "video", "audio", "source", "track", "textarea", "dialog", "template", "slot", "area",
            "map", "param", "noscript", "noembed", "xmp", "portal",
        ];
        const LOADED: [&str; 9] = [
            "src",
            "srcset",
            "data",
            "poster",
            "background",
            "action",
            "formaction",
            "longdesc",
            "xlink:href",
        ];
        for tag in &self.tags {
            // That of our own form. The ids of a stranger's elements have a prefix.
            let is_own = tag.name == "textarea" && tag.get("id") == Some("lock-text");
            if ACTIVE.contains(&tag.name.as_str()) && !is_own {
                return Some(format!("{tag:?}"));
            }
            for (name, value) in &tag.attributes {
                let is_own_meta = tag.name == "meta" && value != "refresh";
                let is_bad = match name.as_str() {
                    "style" | "srcdoc" | "ping" => true,
                    "http-equiv" => !is_own_meta,
                    "href" => !is_followed(value) || tag.name == "link" && !is_relative(value),
                    name if LOADED.contains(&name) => !is_relative(value),
                    name => name.starts_with("on"),
                };
                if is_bad {
                    return Some(format!("{name}={value:?} of {tag:?}"));
                }
            }
        }
        let own = [include_str!("../../../templates/search.js").trim()];
        let scripts: Vec<&str> = self.scripts.iter().map(|script| script.trim()).collect();
        let is_own = scripts.is_empty() || scripts == own;
        (!is_own || self.all("script").any(|tag| !tag.attributes.is_empty()))
            .then(|| format!("scripts: {scripts:?}"))
    }
}

impl Tag {
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(one, _)| one == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A URL without a scheme and a host, as a browser reads it: it ignores some characters.
fn is_relative(url: &str) -> bool {
    let base = url::Url::parse("http://own.test/a/b").unwrap();
    base.join(url).is_ok_and(|url| url.origin() == base.origin()) && !url.contains("own.test")
}

/// A URL that leads to a page or to a program for mail.
fn is_followed(url: &str) -> bool {
    let base = url::Url::parse("http://own.test/a/b").unwrap();
    base.join(url).is_ok_and(|url| ["http", "https", "mailto"].contains(&url.scheme()))
}
