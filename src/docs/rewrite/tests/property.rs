//! Of any page, only links and what hexreg adds are different.

use proptest::prelude::*;

use super::*;

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "<a href=\"",
        "<a href='",
        "<a href=",
        "https://hexdocs.pm/plug/",
        "https://plug.hexdocs.pm",
        "\"",
        "'",
        ">",
        " target=_blank",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "<head>",
        "<body>",
        "<p>",
        "</p>",
        " ",
        "=",
        "/",
        "x.html",
        "<base href=a/>",
        "<!doctype html>",
        "<title>",
        "&amp;",
        "<",
    ]);
    let known = known.prop_map(|text| text.as_bytes().to_vec());
    let any = prop::collection::vec(any::<u8>(), 0..4);
    prop::collection::vec(prop_oneof![6 => known, 1 => any], 0..40).prop_map(|all| all.concat())
}

/// A page without the values that a rewriter may change, and without what it adds.
fn skeleton(html: &[u8]) -> Vec<u8> {
    let mut written = Vec::new();
    let mut copied = 0;
    let mut tags = tags::Tags::new(html);
    while let Some(tag) = tags.next_tag() {
        let name = html[tag.name.clone()].to_ascii_lowercase();
        if tag.is_end || !["a", "base"].iter().any(|link| name == link.as_bytes()) {
            continue;
        }
        for attribute in tags.attributes() {
            let given = html[attribute.name.clone()].to_ascii_lowercase();
            if given == b"href" || given == b"target" {
                written.extend_from_slice(&html[copied..attribute.at().start]);
                copied = attribute.at().end;
            }
        }
    }
    written.extend_from_slice(&html[copied..]);
    written
}

fn without(bytes: &[u8], text: &str) -> Vec<u8> {
    let at = memchr::memmem::find(bytes, text.as_bytes()).expect("hexreg's part is there");
    let (before, rest) = bytes.split_at(at);
    [before, rest.strip_prefix(text.as_bytes()).unwrap()].concat()
}

proptest! {
    #[test]
    fn only_links_change(html in pieces()) {
        for form in [RewriteForm::Server, RewriteForm::Static] {
            let page = rewritten("x.html", &html, form).into_owned();
            if html.starts_with(b"\xFF\xFE") || html.starts_with(b"\xFE\xFF") {
                prop_assert_eq!(page, html.clone());
                continue;
            }
            let (head, _) = added("x.html", form);
            let plain = without(&page, &head);
            // The link to the package is seen from the base, and is not there if that is elsewhere.
            let plain = match memchr::memmem::find(&plain, b"<style>a[data-hexreg") {
                Some(start) => {
                    let (before, rest) = plain.split_at(start);
                    let end = memchr::memmem::find(rest, b"1.7.10</a>").unwrap();
                    [before, rest[end..].strip_prefix(b"1.7.10</a>").unwrap()].concat()
                }
                None => plain,
            };
            prop_assert_eq!(skeleton(&plain), skeleton(&html));
        }
    }

    /// What was written once is written the same again, except for what is added to a page.
    #[test]
    fn links_that_lead_here_stay(html in pieces()) {
        let form = RewriteForm::Server;
        let page = rewritten("x.html", &html, form).into_owned();
        let text = String::from_utf8_lossy(&page).into_owned();
        for url in ["https://hexdocs.pm/plug/", "https://plug.hexdocs.pm"] {
            let link = format!("<a href=\"{url}\">");
            if memchr::memmem::find(&html, link.as_bytes()).is_none() {
                continue;
            }
            let mut tags = tags::Tags::new(&page);
            while let Some(tag) = tags.next_tag() {
                let is_same = page[tag.at.clone()] == *link.as_bytes();
                // Unless the base of the page is elsewhere.
                prop_assert!(!is_same || text.contains("<base"), "{}", text);
            }
        }
    }
}
