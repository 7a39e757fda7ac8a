//! The elements of HTML that a document may have.

/// An element that is shown.
#[derive(Debug)]
pub(super) struct Element {
    pub name: &'static str,
    /// The name that it is written with: `div` for `section`, whose landmark is not one of the page around it.
    pub written: &'static str,
    pub kind: Kind,
    /// The attributes that it may have, besides `id`, `dir` and `lang`.
    pub attributes: &'static [Attribute],
}

/// What an element may lie in, and what it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Inline,
    Link,
    Void,
    Block,
    Paragraph,
    Heading,
    List,
    ListItem,
    Definitions,
    Definition,
    Summary,
    Table,
    Caption,
    Section,
    Row,
    Cell,
}

impl Kind {
    /// Whether it holds elements of certain kinds only, and no text.
    pub fn is_structure(self) -> bool {
        matches!(self, Self::List | Self::Definitions | Self::Table | Self::Section | Self::Row)
    }

    /// Whether no element beneath it closes one above it.
    pub fn is_boundary(self) -> bool {
        matches!(self, Self::Cell | Self::Caption | Self::Table)
    }

    pub fn is_table_part(self) -> bool {
        matches!(self, Self::Caption | Self::Section | Self::Row | Self::Cell)
    }

    /// Whether it is a block, before which a paragraph ends.
    pub fn is_block(self) -> bool {
        !matches!(self, Self::Inline | Self::Link | Self::Void)
    }
}

/// An attribute, and which values it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    /// `left`, `right`, `center` or `justify`.
    Align,
    /// A number or a percentage.
    Width,
    Height,
    ColSpan,
    RowSpan,
    /// Text.
    Title,
    /// One that this program gives.
    Class,
    /// A number.
    Start,
    /// Present or not.
    Open,
}

impl Attribute {
    pub fn name(self) -> &'static str {
        match self {
            Self::Align => "align",
            Self::Width => "width",
            Self::Height => "height",
            Self::ColSpan => "colspan",
            Self::RowSpan => "rowspan",
            Self::Title => "title",
            Self::Class => "class",
            Self::Start => "start",
            Self::Open => "open",
        }
    }

    /// The value if it is one that the attribute may have.
    pub fn check(self, value: &str) -> Option<String> {
        let value = value.trim();
        match self {
            Self::Align => {
                let value = value.to_ascii_lowercase();
                ["left", "right", "center", "justify"].contains(&value.as_str()).then_some(value)
            }
            Self::Width | Self::Height => {
                let number = value.strip_suffix("px").unwrap_or(value);
                let digits = number.strip_suffix('%').unwrap_or(number);
                is_number(digits, 4).then(|| number.to_owned())
            }
            Self::ColSpan | Self::RowSpan => is_number(value, 2).then(|| value.to_owned()),
            Self::Start => is_number(value, 9).then(|| value.to_owned()),
            Self::Title => Some(value.chars().take(MAX_TITLE).collect()),
            Self::Class => {
                let known: Vec<&str> =
                    value.split_ascii_whitespace().filter(|class| is_class(class)).collect();
                (!known.is_empty()).then(|| known.join(" "))
            }
            Self::Open => Some(String::new()),
        }
    }
}

/// In characters: the longest title.
const MAX_TITLE: usize = 300;

fn is_number(digits: &str, most: usize) -> bool {
    let all_digits = digits.bytes().all(|digit| digit.is_ascii_digit());
    !digits.is_empty() && digits.len() <= most && all_digits
}

/// The classes that the style sheet may show. Others could make a document look like a part of the page around it.
const CLASSES: [&str; 9] = [
    "footnote-definition",
    "footnote-definition-label",
    "footnote-reference",
    "markdown-alert-caution",
    "markdown-alert-important",
    "markdown-alert-note",
    "markdown-alert-tip",
    "markdown-alert-warning",
    "scroll",
];

/// Whether a class is one of the style sheet for documents.
pub(super) fn is_class(class: &str) -> bool {
    let is_highlight = class.strip_prefix("hl-").is_some_and(|kind| {
        kind.len() == 1 && kind.bytes().all(|letter| letter.is_ascii_lowercase())
    });
    is_highlight || CLASSES.contains(&class)
}

/// Elements whose content is no text of the document.
pub(super) const HIDDEN: [&str; 20] = [
    "applet", "audio", "canvas", "embed", "frameset", "head", "iframe", "math", "noembed",
    "noframes", "noscript", "object", "script", "select", "style", "svg", "template", "textarea",
    "title", "video",
];

/// The element with a name.
pub(super) fn element(name: &str) -> Option<&'static Element> {
    ELEMENTS.iter().find(|element| element.name.eq_ignore_ascii_case(name))
}

const fn of(
    name: &'static str,
    written: &'static str,
    kind: Kind,
    attributes: &'static [Attribute],
) -> Element {
    Element { name, written, kind, attributes }
}

const TEXT: &[Attribute] = &[Attribute::Title, Attribute::Class];
const BLOCK: &[Attribute] = &[Attribute::Align, Attribute::Class];
const CELL: &[Attribute] =
    &[Attribute::Align, Attribute::ColSpan, Attribute::RowSpan, Attribute::Width];

/// Every element that is shown. The content of the others is, without their tags.
pub(super) static ELEMENTS: [Element; 70] = [
    of("a", "a", Kind::Link, &[Attribute::Title]),
    of("abbr", "abbr", Kind::Inline, TEXT),
    of("acronym", "abbr", Kind::Inline, TEXT),
    of("article", "div", Kind::Block, BLOCK),
    of("aside", "div", Kind::Block, BLOCK),
    of("b", "b", Kind::Inline, &[]),
    of("bdi", "bdi", Kind::Inline, &[]),
    of("blockquote", "blockquote", Kind::Block, BLOCK),
    of("br", "br", Kind::Void, &[]),
    of("caption", "caption", Kind::Caption, &[]),
    of("center", "div", Kind::Block, BLOCK),
    of("cite", "cite", Kind::Inline, &[]),
    of("code", "code", Kind::Inline, &[]),
    of("dd", "dd", Kind::Definition, &[]),
    of("del", "del", Kind::Inline, &[]),
    of("details", "details", Kind::Block, &[Attribute::Open]),
    of("dfn", "dfn", Kind::Inline, TEXT),
    of("div", "div", Kind::Block, BLOCK),
    of("dl", "dl", Kind::Definitions, &[]),
    of("dt", "dt", Kind::Definition, &[]),
    of("em", "em", Kind::Inline, &[]),
    of("figcaption", "figcaption", Kind::Block, &[]),
    of("figure", "figure", Kind::Block, &[]),
    of("footer", "div", Kind::Block, BLOCK),
    of("h1", "h2", Kind::Heading, &[Attribute::Align]),
    of("h2", "h3", Kind::Heading, &[Attribute::Align]),
    of("h3", "h4", Kind::Heading, &[Attribute::Align]),
    of("h4", "h5", Kind::Heading, &[Attribute::Align]),
    of("h5", "h6", Kind::Heading, &[Attribute::Align]),
    of("h6", "h6", Kind::Heading, &[Attribute::Align]),
    of("header", "div", Kind::Block, BLOCK),
    of("hr", "hr", Kind::Void, &[]),
    of("i", "i", Kind::Inline, &[]),
    of(
        "img",
        "img",
        Kind::Void,
        &[Attribute::Title, Attribute::Width, Attribute::Height, Attribute::Align],
    ),
    of("input", "input", Kind::Void, &[]),
    of("ins", "ins", Kind::Inline, &[]),
    of("kbd", "kbd", Kind::Inline, &[]),
    of("li", "li", Kind::ListItem, &[]),
    of("main", "div", Kind::Block, BLOCK),
    of("mark", "mark", Kind::Inline, &[]),
    of("nav", "div", Kind::Block, BLOCK),
    of("ol", "ol", Kind::List, &[Attribute::Start]),
    of("p", "p", Kind::Paragraph, &[Attribute::Align]),
    of("pre", "pre", Kind::Block, &[]),
    of("q", "q", Kind::Inline, &[]),
    of("rp", "rp", Kind::Inline, &[]),
    of("rt", "rt", Kind::Inline, &[]),
    of("ruby", "ruby", Kind::Inline, &[]),
    of("s", "s", Kind::Inline, &[]),
    of("samp", "samp", Kind::Inline, &[]),
    of("section", "div", Kind::Block, BLOCK),
    of("small", "small", Kind::Inline, &[]),
    of("span", "span", Kind::Inline, TEXT),
    of("strike", "s", Kind::Inline, &[]),
    of("strong", "strong", Kind::Inline, &[]),
    of("sub", "sub", Kind::Inline, &[]),
    of("summary", "summary", Kind::Summary, &[]),
    of("sup", "sup", Kind::Inline, &[Attribute::Class]),
    of("table", "table", Kind::Table, &[]),
    of("tbody", "tbody", Kind::Section, &[]),
    of("td", "td", Kind::Cell, CELL),
    of("tfoot", "tfoot", Kind::Section, &[]),
    of("th", "th", Kind::Cell, CELL),
    of("thead", "thead", Kind::Section, &[]),
    of("tr", "tr", Kind::Row, &[]),
    of("tt", "code", Kind::Inline, &[]),
    of("u", "u", Kind::Inline, &[]),
    of("ul", "ul", Kind::List, &[]),
    of("var", "var", Kind::Inline, &[]),
    of("wbr", "wbr", Kind::Void, &[]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_sorted_and_none_is_hidden_too() {
        assert!(ELEMENTS.is_sorted_by(|a, b| a.name < b.name));
        assert!(HIDDEN.is_sorted());
        assert!(HIDDEN.iter().all(|name| element(name).is_none()));
        assert!(ELEMENTS.iter().all(|shown| !HIDDEN.contains(&shown.written)));
        assert_eq!(element("IMG").unwrap().name, "img");
        for absent in ["form", "button", "base", "meta", "link", "font", "body", "marquee", "o:p"] {
            assert!(element(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn values_of_attributes_are_checked() {
        for (attribute, value, expected) in [
            (Attribute::Align, "CENTER", Some("center")),
            (Attribute::Align, "center;x", None),
            (Attribute::Width, "100%", Some("100%")),
            (Attribute::Width, " 20px", Some("20")),
            (Attribute::Height, "99999", None),
            (Attribute::Height, "1e3", None),
            (Attribute::Height, "%", None),
            (Attribute::ColSpan, "2", Some("2")),
            (Attribute::RowSpan, "65534", None),
            (Attribute::Start, "7", Some("7")),
            (Attribute::Start, "-1", None),
            (Attribute::Class, "hl-k banner scroll hl-kk hl-", Some("hl-k scroll")),
            (Attribute::Class, "banner", None),
            (Attribute::Open, "x", Some("")),
        ] {
            assert_eq!(attribute.check(value).as_deref(), expected, "{attribute:?} {value}");
        }
        assert_eq!(Attribute::Title.check(&"é".repeat(1000)).unwrap().chars().count(), MAX_TITLE);
    }
}
