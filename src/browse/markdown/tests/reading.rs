//! Reads HTML as a browser does, and says what is wrong with it.

use std::cell::RefCell;

use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use url::Url;

use super::super::{balanced, elements};
use super::rendered;

/// What a browser's tokenizer finds.
#[derive(Default)]
pub(super) struct Found {
    pub tags: RefCell<Vec<Tag>>,
    pub text: RefCell<String>,
    others: RefCell<Vec<String>>,
}

impl TokenSink for Found {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) => self.tags.borrow_mut().push(tag),
            Token::CharacterTokens(text) => self.text.borrow_mut().push_str(&text),
            Token::EOFToken => {}
            other => self.others.borrow_mut().push(format!("{other:?}")),
        }
        TokenSinkResult::Continue
    }
}

pub(super) fn read(html: &str) -> Found {
    let tokenizer = Tokenizer::new(Found::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(html.into());
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink
}

const TAGS: [&str; 53] = [
    "a",
    "abbr",
    "b",
    "bdi",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "input",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
];

const MORE_TAGS: [&str; 5] = ["tr", "u", "ul", "var", "wbr"];

const ATTRIBUTES: [&str; 21] = [
    "align",
    "alt",
    "aria-label",
    "checked",
    "class",
    "colspan",
    "dir",
    "disabled",
    "height",
    "href",
    "id",
    "loading",
    "open",
    "rel",
    "rowspan",
    "src",
    "start",
    "tabindex",
    "title",
    "type",
    "width",
];

/// What is wrong with HTML, if something is.
pub(super) fn fault(html: &str) -> Option<String> {
    let found = read(html);
    let page = Url::parse("https://registry.test/browse/a/README.md").unwrap();
    if let Some(other) = found.others.borrow().first() {
        return Some(other.clone());
    }
    if html.contains(crate::browse::readme::is_removed) {
        return Some("a hidden character".to_owned());
    }
    let (mut open, mut deepest) = (Vec::new(), 0);
    for tag in found.tags.borrow().iter() {
        let name = &*tag.name;
        if !TAGS.contains(&name) && !MORE_TAGS.contains(&name) {
            return Some(format!("<{name}>"));
        }
        if tag.kind == TagKind::EndTag {
            // What is nested rightly, a browser does not move.
            if open.pop().as_deref() != Some(name) {
                return Some(format!("</{name}> is not nested"));
            }
            continue;
        }
        if !["br", "hr", "img", "input", "wbr"].contains(&name) {
            open.push(name.to_owned());
            deepest = deepest.max(open.len());
        }
        for attribute in &tag.attrs {
            let (key, value) = (&*attribute.name.local, &*attribute.value);
            let target = || page.join(value).unwrap();
            let is_right = ATTRIBUTES.contains(&key)
                && match key {
                    "href" => {
                        let target = target();
                        let is_here = target.host_str() == Some("registry.test");
                        let is_page =
                            target.path().starts_with("/f/") || target.path() == page.path();
                        let is_prefixed =
                            target.fragment().is_none_or(|id| id.starts_with("user-content-"));
                        match target.scheme() {
                            "https" | "http" => {
                                name == "a" && (!is_here || (is_page && is_prefixed))
                            }
                            scheme => scheme == "mailto",
                        }
                    }
                    "src" => {
                        let target = target();
                        name == "img"
                            && target.host_str() == Some("registry.test")
                            && target.path().starts_with("/r/")
                    }
                    "id" => value.starts_with("user-content-"),
                    "type" => name == "input" && value == "checkbox",
                    "rel" => value == "nofollow noopener noreferrer",
                    "class" => value.split(' ').all(|class| {
                        elements::is_class(class)
                            || (name == "code" && class.starts_with("language-"))
                    }),
                    _ => true,
                };
            if !is_right {
                return Some(format!("<{name} {key}={value:?}>"));
            }
        }
        let attribute =
            |name: &str| tag.attrs.iter().any(|attribute| &*attribute.name.local == name);
        if name == "input" && !(attribute("disabled") && attribute("type")) {
            return Some("an input".to_owned());
        }
        if name == "a" && !attribute("rel") {
            return Some("a link without rel".to_owned());
        }
    }
    if deepest > 2 * balanced::MAX_DEPTH {
        return Some(format!("depth {deepest}"));
    }
    (!open.is_empty()).then(|| format!("{open:?} is open"))
}

#[track_caller]
pub(super) fn assert_harmless(markdown: &str) -> String {
    let html = rendered(markdown);
    if let Some(fault) = fault(&html) {
        let (markdown, html): (String, String) =
            (markdown.chars().take(2000).collect(), html.chars().take(2000).collect());
        panic!("{fault}\n{markdown}\n{html}");
    }
    html
}

#[test]
fn faults_are_seen() {
    for html in [
        "<script>",
        "<p onclick=a></p>",
        "<a href=\"javascript:a\" rel=\"nofollow noopener noreferrer\"></a>",
        "<a href=\"/login\" rel=\"nofollow noopener noreferrer\"></a>",
        "<a href=\"https://a\">b</a>",
        "<p style=a></p>",
        "<img src=\"https://a/r/b\">",
        "<img src=\"//a/r/b\">",
        "<p id=q></p>",
        "<p class=banner></p>",
        "<input type=text disabled>",
        "<b><i></b></i>",
        "<b>",
        "<!-- a -->",
        "a\u{202e}b",
        "<a href=\"#q\" rel=\"nofollow noopener noreferrer\"></a>",
    ] {
        assert!(fault(html).is_some(), "{html}");
    }
    assert_eq!(fault("<p>a<br></p>"), None);
}
