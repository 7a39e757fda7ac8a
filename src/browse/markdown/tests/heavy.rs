//! Documents that want to keep the server busy.

use std::time::Duration;

use super::super::limits;
use super::reading::{assert_harmless, fault};
use super::{CUT, rendered};
use crate::work_time::timed;

#[test]
fn a_long_document_says_that_it_is_cut() {
    let html = assert_harmless(&"word ".repeat(200_000));
    assert!(html.ends_with(CUT) && html.len() < 600_000);
    let html = assert_harmless(&"*a* ".repeat(100_000));
    assert!(!html.contains("is not shown"));
    assert!(assert_harmless(&"-\n".repeat(250_000)).ends_with(CUT));
}

/// What is repeated until the document is full.
const PIECES: &str = concat!(
    "[·]·![·[a](·[a](<·[a](b \"·*·_·**·*a_ ·**a *b ·~~·~·`·``a`·<·<a ·<a b=\"·<!--·<?·<![CDATA[·<!a ·</·&",
    "·\\·|·|-·[^·[^a]·[a]: ·[a]: <·[a][·- [ ] ·1. ·+ a\n·> a\n\n·# ·a\n===\n·a\n---\n·<div>·<div>\n\n",
    "·</div>·<p>·<li>·<ul><li>·<a href=b>·<b>·<b></i>·<svg>·<math>·<table>·<tr>·<td>·<select>·<script>",
    "·<script></script>·<style>a</style>·<template>·<details>·<summary>·<h1>·<pre>\n·<img src=a.png>",
    "·<img alt='·http://a ·<http://a>·a@b.c ·\t·    a\n·\0·\u{202e}·é·\r·\r\n·```\n·~~~a\n·:--|·$·^·==",
    "·{#a}·# a {·<a id=a>·- a\n\n\n·*\n·-\n·(·\"",
);

/// Documents that are deep, long or wrong. Each would take minutes, or all memory, if the time or the size of the result
/// grew with the square of theirs.
#[expect(clippy::arithmetic_side_effects, reason = "a list of cases")]
fn heavy(size: usize) -> Vec<(&'static str, String)> {
    let lines =
        |make: &dyn Fn(usize) -> String, count: usize| (0..count).map(make).collect::<String>();
    let fill = |piece: &str| piece.repeat(size / piece.len());
    let half = |first: &str, second: &str| {
        first.repeat(size / 2 / first.len()) + &second.repeat(size / 2 / second.len())
    };
    let mut all: Vec<(&'static str, String)> = vec![
        (
            "nested lists, by indentation",
            lines(&|depth| format!("{}- a\n", "  ".repeat(depth.min(10_000))), 700),
        ),
        ("nested lists in one line", "- ".repeat(10_000) + "a"),
        ("nested lists, then empty lines", half("- ", "\n")),
        ("nested quotes, then quotes", half(">", "\n>")),
        ("nested quotes, then text", half("> ", "\na")),
        ("quotes that deepen", lines(&|depth| format!("{}\n", ">".repeat(depth)), 1000)),
        ("lists in quotes in lists", fill("> - ")),
        ("lists that go on", lines(&|line| format!("{}- a\n", " ".repeat(line % 120)), 8000)),
        ("16 MiB on one line", "a ".repeat(8 << 20)),
        ("16 MiB of one letter", "a".repeat(16 << 20)),
        ("16 MiB of line feeds", "\n".repeat(16 << 20)),
        (
            "wide table, short rows",
            format!("{}\n{}\n{}", "|a".repeat(50_000), "|-".repeat(50_000), "|\n".repeat(150_000)),
        ),
        ("footnotes in footnotes", fill("[^a]: ")),
        ("footnotes", lines(&|line| format!("[^{line}]: a[^{}]\n\n", line + 1), 20_000)),
        (
            "references to one long URL",
            format!("[a]: /{}\n\n{}", "b".repeat(size / 2), "[a]".repeat(size / 6)),
        ),
        ("references, none of them defined", lines(&|line| format!("[a{line}][b{line}] "), 30_000)),
        ("definitions", lines(&|line| format!("[a{line}]: b\n"), 40_000)),
        ("headings of one name", "# a\n".repeat(100_000)),
        ("code spans of many lengths", lines(&|line| format!("{} ", "`".repeat(line)), 1000)),
        ("fences of many lengths", lines(&|line| format!("{}\n", "`".repeat(line + 3)), 1000)),
        (
            "marks with attributes, then paragraphs",
            lines(&|line| format!("<b id=a{line}>"), 20_000) + &"<p>x".repeat(50_000),
        ),
        (
            "closed paragraphs in marks",
            lines(&|line| format!("<i id=a{line}>"), 100) + &"<p>x</p>".repeat(60_000),
        ),
        ("marks in a table", format!("<table>{}", "<b><tr><td>x".repeat(40_000))),
        ("tables in tables", fill("<table><tr><td>")),
        ("many attributes", format!("<p {}>a</p>", lines(&|line| format!("a{line}=b "), 40_000))),
        ("entities", fill("&amp;&#x202e;&nosuch;")),
        ("unclosed hidden elements", fill("<script><style><svg>")),
    ];
    for piece in PIECES.split('·') {
        all.push(("repeated", fill(piece)));
        let twice: String = fill(&format!("{piece}a"));
        all.push(("repeated with text", twice));
    }
    if size < limits::MAX_SOURCE {
        for (_, text) in &mut all {
            *text = text.chars().take(size).collect();
        }
    }
    all
}

/// In an unoptimised build too.
const TIME: Duration = Duration::from_secs(20);

fn assert_moderate(size: usize) {
    for (name, markdown) in heavy(size) {
        let (html, time) = timed(|| rendered(&markdown));
        let beginning: String = markdown.chars().take(20).collect();
        assert!(time < TIME, "{name} {beginning:?}: {time:?}");
        assert!(html.len() < 16 << 20, "{name} {beginning:?}: {} bytes", html.len());
        assert_eq!(fault(&html), None, "{name} {beginning:?}");
    }
}

#[test]
fn heavy_documents_are_harmless() {
    assert_moderate(16 << 10);
}

mod slow {
    use super::*;

    /// A quarter of the largest documents. With `HEXREG_HEAVY=1` they are whole, which takes minutes.
    #[test]
    fn heavy_documents_take_moderate_time_and_space() {
        let is_whole = std::env::var_os("HEXREG_HEAVY").is_some();
        assert_moderate(if is_whole { limits::MAX_SOURCE } else { limits::MAX_SOURCE / 4 });
    }
}
