//! Documentation that was made to take time, or memory, or to be misread.

use std::time::Duration;

use super::*;
use crate::work_time::timed;

/// Pieces of pages that take long where each is looked at more than once.
const PIECES: [&str; 14] = [
    "<a href=\"https://hexdocs.pm/plug\">",
    "<a href=https://hexdocs.pm/cowboy>",
    "<a href=\"",
    "<a href='https://hexdocs.pm/?packages=a,",
    "<base href=\"a/\">",
    "<body>",
    "<head>",
    "<meta http-equiv=refresh content=url=",
    "<!--",
    "<div>",
    "</div>",
    "<a target=_blank href=# ",
    "\"https://hexdocs.pm/%%\"",
    "<a href=//////",
];

fn rewrite(path: &str, html: &[u8]) {
    let page = rewritten(path, html, RewriteForm::Static);
    let most = html.len().saturating_mul(8).saturating_add(8192);
    assert!(page.len() < most, "{} of {}", page.len(), html.len());
}

#[test]
fn time_grows_with_size_alone() {
    for piece in PIECES {
        for path in ["x.html", "dist/html-1.js", "dist/sidebar_items-1.js"] {
            let html = |bytes: usize| piece.repeat(bytes / piece.len()).into_bytes();
            // As many bytes both times.
            let (small, large) = (html(1 << 16), html(1 << 20));
            let ((), small) = timed(|| (0..16).for_each(|_| rewrite(path, &small)));
            let ((), large) = timed(|| rewrite(path, &large));
            let limit = small * 8 + Duration::from_millis(200);
            assert!(large < limit, "{piece}: {small:?}, {large:?}");
        }
    }
}

#[test]
fn one_value_may_be_as_long_as_a_page() {
    let long = "a".repeat(16 << 20);
    for html in [
        format!("<a href=\"https://hexdocs.pm/plug/{long}\">"),
        format!("<a href=\"https://{long}.hexdocs.pm/\">"),
        format!("<a href=\"https://hexdocs.pm/{long}\">"),
        format!("<a {long}=1 href=\"https://hexdocs.pm/plug/1.{long}\">"),
        format!("<{long}>"),
    ] {
        let ((), taken) = timed(|| rewrite("x.html", html.as_bytes()));
        assert!(taken < Duration::from_secs(5), "{taken:?}");
    }
}

#[test]
fn what_was_in_a_value_stays_in_it() {
    for (html, count) in [
        ("<a href='https://hexdocs.pm/plug/\" onclick=\"x'>", 0),
        ("<a href=https://hexdocs.pm/plug/\"onclick=\"x>", 0),
        ("<a href=\"https://hexdocs.pm/plug/'onclick='x\">", 0),
        ("<a href=\"https://hexdocs.pm/plug/&quot; onclick=&quot;x\">", 0),
        ("<a href=\"https://hexdocs.pm/plug\" onclick=\"x\">", 1),
    ] {
        let page = rewritten("x.html", html.as_bytes(), RewriteForm::Server).into_owned();
        let mut tags = tags::Tags::new(&page);
        let mut found = 0;
        while tags.next_tag().is_some() {
            let names = tags.attributes().iter().map(|attribute| &page[attribute.name.clone()]);
            found += names.filter(|name| *name == b"onclick").count();
        }
        assert_eq!(found, count, "{}", String::from_utf8_lossy(&page));
    }
}

#[test]
fn bytes_that_are_no_text_stay() {
    let html = b"<p>\xE9\xFF<a href=\"https://hexdocs.pm/plug/\xE9\"><a href=\"https://hexdocs.pm/plug/a\">\x80";
    let page = rewritten("x.html", html, RewriteForm::Server).into_owned();
    let (_, body) = added("x.html", RewriteForm::Server);
    let expected =
        b"<p>\xE9\xFF<a href=\"https://hexdocs.pm/plug/\xE9\"><a href=\"../../plug/1.15.3/a\">\x80";
    let expected = [expected.as_slice(), body.as_bytes()].concat();
    assert!(page.ends_with(&expected), "{}", String::from_utf8_lossy(&page));
}
