//! Records of any HTML: the title of a page, and its headings that have an id, with the text up to the next one.
//!
//! For documentation without search data: edoc's, that of `ExDoc` before 0.20, and pages that were made by hand.

use std::cell::RefCell;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::limits;
use super::plain::beginning;
use super::record::DocsRecord;

/// The records of the page at this path.
pub(super) fn records(path: &str, html: &[u8]) -> Vec<DocsRecord> {
    let text = String::from_utf8_lossy(html);
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(&text));
    let page = PageReader { sections: vec![HeadedText::default()], ..PageReader::default() };
    let tokenizer = Tokenizer::new(PageSink(RefCell::new(page)), TokenizerOpts::default());
    // No script is run, so it never stops before the end.
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    let page = tokenizer.sink.0.take();
    let title = page.title.trim();
    let escaped_path = path.replace('%', "%25").replace('#', "%23").replace('?', "%3F");
    let records = page.sections.iter().enumerate().filter_map(|(number, section)| {
        if number == 0 {
            let name = path.rsplit('/').next().unwrap_or(path);
            let title = if title.is_empty() { name } else { title };
            return DocsRecord::read("page", title, "", &escaped_path, &section.text);
        }
        let heading = section.heading.trim();
        let whole =
            if title.is_empty() { heading.to_owned() } else { format!("{heading} - {title}") };
        let heading = if heading.is_empty() { "" } else { &whole };
        let id = section.id.replace('%', "%25");
        DocsRecord::read("section", heading, "", &format!("{escaped_path}#{id}"), &section.text)
    });
    records.collect()
}

/// What was read of a page.
#[derive(Default)]
struct PageReader {
    title: String,
    /// The first one is before all headings.
    sections: Vec<HeadedText>,
    /// What the text is of.
    is_in: TextPlace,
}

/// A heading with an id, and the text after it.
#[derive(Default)]
struct HeadedText {
    id: String,
    heading: String,
    text: String,
}

/// What the tokenizer is inside of.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum TextPlace {
    #[default]
    Text,
    Title,
    Heading,
    /// A heading that has no id so far. Its text is of the section before it.
    PlainHeading,
    Script,
}

/// How many headings of a page are read.
const MAX_SECTIONS: usize = 2_000;

impl PageReader {
    fn begin(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        match &*tag.name {
            "title" => {
                self.is_in = TextPlace::Title;
                return TokenSinkResult::RawData(RawKind::Rcdata);
            }
            "script" | "style" => {
                self.is_in = TextPlace::Script;
                return TokenSinkResult::RawData(RawKind::Rawtext);
            }
            "h1" | "h2" | "h3" | "h4" | "a" => self.begin_section(tag),
            _ => {}
        }
        self.blank();
        TokenSinkResult::Continue
    }

    /// A heading with an id. edoc puts it on `<a name="…">` inside the heading.
    fn begin_section(&mut self, tag: &Tag) {
        let is_heading = &*tag.name != "a";
        if is_heading {
            self.is_in = TextPlace::PlainHeading;
        } else if self.is_in != TextPlace::PlainHeading {
            return;
        }
        let named = |name: &str| tag.attrs.iter().find(|one| &*one.name.local == name);
        let id = named("id").or_else(|| named("name").filter(|_| !is_heading));
        let Some(id) = id.map(|id| &*id.value).filter(|id| !id.is_empty()) else { return };
        if self.sections.len() < MAX_SECTIONS && id.len() < limits::PLACE {
            self.sections.push(HeadedText { id: id.to_owned(), ..HeadedText::default() });
            self.is_in = TextPlace::Heading;
        }
    }

    fn end(&mut self, tag: &Tag) {
        if matches!(&*tag.name, "title" | "script" | "style" | "h1" | "h2" | "h3" | "h4") {
            self.is_in = TextPlace::Text;
        }
        self.blank();
    }

    fn add(&mut self, text: &str) {
        let is_in = self.is_in;
        let Some(section) = self.sections.last_mut() else { return };
        let (into, limit) = match is_in {
            TextPlace::Script => return,
            TextPlace::Title => (&mut self.title, limits::TITLE),
            TextPlace::Heading => (&mut section.heading, limits::TITLE),
            TextPlace::PlainHeading | TextPlace::Text => (&mut section.text, limits::TEXT),
        };
        let left = limit.saturating_sub(into.len());
        *into += beginning(text, left);
    }

    fn blank(&mut self) {
        self.add(" ");
    }
}

/// Takes what the tokenizer finds.
struct PageSink(RefCell<PageReader>);

impl TokenSink for PageSink {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return page.begin(&tag),
            Token::TagToken(tag) => page.end(&tag),
            // `<` would be read as the begin of a tag again.
            Token::CharacterTokens(text) => page.add(&text.replace('<', "< ")),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work_time::timed;

    fn found(html: &str) -> Vec<[String; 3]> {
        let records = records("doc/a.html", html.as_bytes()).into_iter();
        records.map(|it| [it.title, it.place, it.text]).collect()
    }

    #[test]
    fn title_and_headings_with_ids_are_read() {
        let html = "<!doctype html><title>Pipes &amp; more</title><style>p{}</style><script>if (a<b) x()</script>\
                    <h1>Pipes</h1><p>Of <b>all</b> kinds.<h2 id=use>How to <em>use</em></h2>Call it.\
                    <h3>No id</h3>More.<h2 id='#b'>B</h2>x &lt; y";
        let expected = [
            ["Pipes & more", "doc/a.html", "Pipes Of all kinds."],
            ["How to use - Pipes & more", "doc/a.html#use", "Call it. No id More."],
            ["B - Pipes & more", "doc/a.html#%23b", "x < y"],
        ];
        assert_eq!(found(html), expected.map(|row| row.map(str::to_owned)));
    }

    #[test]
    fn functions_of_edoc_are_read() {
        let html = "<title>Module m</title><h2><a name=\"description\">Description</a></h2>It is.\
                    <h3 class=\"function\"><a name=\"f-1\">f/1</a></h3>f(X) -&gt; any()";
        let expected = [
            ["Module m", "doc/a.html", ""],
            ["Description - Module m", "doc/a.html#description", "It is."],
            ["f/1 - Module m", "doc/a.html#f-1", "f(X) -> any()"],
        ];
        assert_eq!(found(html), expected.map(|row| row.map(str::to_owned)));
    }

    #[test]
    fn any_html_is_read_in_time_and_bounded() {
        for part in ["<h1 id=a>", "<", "<a name=x>", "<b", "&", "<title>", "<script>", "<!--"] {
            let (all, took) = timed(|| records("a.html", part.repeat(100_000).as_bytes()));
            assert!(all.len() <= MAX_SECTIONS + 1, "{part}");
            assert!(took.as_secs() < 10, "{part}: {took:?}");
        }
        assert_eq!(found("")[0][0], "a.html");
        assert_eq!(records("b.html", b"\xff\xfe<title>x")[0].title, "x");
    }
}
