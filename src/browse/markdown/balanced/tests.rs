//! Tests of the HTML that is written anew.

use super::*;

struct Package(&'static str);

impl Links for Package {
    fn folder(&self) -> &str {
        self.0
    }

    fn file(&self, path: &str) -> Option<String> {
        Some(format!("/f/{path}"))
    }

    fn raw(&self, path: &str) -> Option<String> {
        Some(format!("/r/{path}"))
    }
}

fn html(source: &str) -> String {
    balanced(source, &Package("")).html
}

#[test]
fn elements_are_closed_where_they_have_to_be() {
    for (source, expected) in [
        ("<b><i>a</b>b</i>c", "<b><i>a</i></b>bc"),
        ("<b>a", "<b>a</b>"),
        ("a</b></div></p>", "a"),
        ("<p>a<div>b</p></div>", "<p dir=\"auto\">a</p><div>b</div>"),
        ("<p><b>a<p>b", "<p dir=\"auto\"><b>a</b></p><p dir=\"auto\">b</p>"),
        (
            "<ul><li>a<li>b<ul><li>c</ul></ul>",
            "<ul><li dir=\"auto\">a</li><li dir=\"auto\">b<ul><li dir=\"auto\">c</li></ul></li></ul>",
        ),
        ("<li>a</li><dt>b</dt>", "ab"),
        ("<ul><p>a</p><b>c</b></ul>", "<ul>ac</ul>"),
        ("<dl><dt>a<dd>b</dl>", "<dl><dt>a</dt><dd>b</dd></dl>"),
        (
            "<summary>a</summary><details open><summary>b</details>",
            "a<details open=\"\"><summary>b</summary></details>",
        ),
        (
            "<a href='#a'>b<a href='#c'>d</a></a>",
            "<a href=\"#user-content-a\">b</a><a href=\"#user-content-c\">d</a>",
        ),
        (
            "<center>a</center><section>b</section><tt>c</tt>",
            "<div align=\"center\">a</div><div>b</div><code>c</code>",
        ),
        ("<font color=red>a</font><form action=x>b<button>c", "abc"),
        ("<BR/>a<hr>b<wbr>", "<br>a<hr>b<wbr>"),
    ] {
        assert_eq!(html(source), expected, "{source}");
    }
}

#[test]
fn tables_have_rows_and_cells_alone() {
    let table =
        |inner: &str| format!("<div class=\"scroll\" tabindex=\"0\"><table>{inner}</table></div>");
    for (source, expected) in [
        (
            "<table><tr><td>a<td>b<tr><th>c</table>",
            "<tr><td>a</td><td>b</td></tr><tr><th>c</th></tr>",
        ),
        (
            "<table><thead><tr><th style=\"text-align: right\">a</thead><tbody><tr><td align=left>b</table>",
            "<thead><tr><th align=\"right\">a</th></tr></thead><tbody><tr><td align=\"left\">b</td></tr></tbody>",
        ),
        ("<table><b>x</b><td>y</td><img src=a.png></table>", "xy"),
        ("<table><tr><td><p>a</td></tr></p></table>", "<tr><td><p dir=\"auto\">a</p></td></tr>"),
        ("<table><caption>a<tr><td>b</table>", "<caption>a</caption><tr><td>b</td></tr>"),
    ] {
        assert_eq!(html(source), table(expected), "{source}");
    }
    assert_eq!(html("<tr><td>a</td></tr><tbody>b"), "ab");
    let inner = table("<tr><td>a</td></tr>");
    assert_eq!(
        html("<table><tr><td><table><tr><td>a</table>b</table>c"),
        format!("{}c", table(&format!("<tr><td>{inner}b</td></tr>")))
    );
    // A cell cannot close what lies around its table.
    assert_eq!(
        html("<div><table><tr><td></div>a</table>b"),
        format!("<div>{}b</div>", table("<tr><td>a</td></tr>"))
    );
}

#[test]
fn hidden_content_goes_and_what_is_never_closed_is_text() {
    for (source, expected) in [
        ("a<script>alert('<b>')</script>b", "ab"),
        ("a<STYLE>p{}</style >b", "ab"),
        ("a<script>b", "ab"),
        ("a<script>b<script>c<style>d", "abcd"),
        ("<svg><script>x</script></svg>a<math><mi//xlink:href=\"data:x\">b</math>c", "ac"),
        ("<iframe src=x>a</iframe><title>b</title>c", "c"),
        ("<plaintext>a<xmp>b</xmp>", "ab"),
        ("<!-- <b> -->a<?x?><!DOCTYPE html>", "a"),
    ] {
        assert_eq!(html(source), expected, "{source}");
    }
}

#[test]
fn headings_follow_the_page_and_each_other() {
    assert_eq!(
        html("<h1>a</h1><h4>b</h4><h2>c</h2><h6>d</h3>e"),
        "<h2 dir=\"auto\">a</h2><h3 dir=\"auto\">b</h3><h3 dir=\"auto\">c</h3><h4 dir=\"auto\">d</h4>e"
    );
    assert_eq!(html("<h1>a<h1>b"), "<h2 dir=\"auto\">a</h2><h2 dir=\"auto\">b</h2>");
}

#[test]
fn images_are_of_the_package_or_text() {
    for (source, expected) in [
        (
            "<img src=a.png alt='x' onerror=y width=50% style=z>",
            "<img src=\"/r/a.png\" alt=\"x\" width=\"50%\" loading=\"lazy\">",
        ),
        ("<img src=https://x/a.png alt='b&lt;c'>", "b&lt;c"),
        ("<img src=https://x/a.png>", ""),
        (
            "<a href=https://x><img src=https://x/a.png></a>",
            "<a href=\"https://x/\">https://x/</a>",
        ),
        ("<a href=https://x><img src=https://x/a.png alt=b></a>", "<a href=\"https://x/\">b</a>"),
        ("<a href='javascript:x'>a</a>b", "ab"),
        ("<a href='javascript:x'><a href=b>c</a></a>", "<a href=\"/f/b\">c</a>"),
        ("<a target=_blank href=b onclick=c>d</a>", "<a href=\"/f/b\">d</a>"),
        (
            "<input type=checkbox checked><input type=text><input>",
            "<input type=\"checkbox\" disabled=\"\" checked=\"\" aria-label=\"done\">",
        ),
    ] {
        assert_eq!(html(source), expected, "{source}");
    }
}

#[test]
fn ids_have_a_prefix_and_occur_once() {
    assert_eq!(
        html("<p id=q>a</p><p id=q>b</p><a name=user-content-c></a><p id='a b'><a id=c>"),
        "<p id=\"user-content-q\" dir=\"auto\">a</p><p dir=\"auto\">b</p><a id=\"user-content-c\"></a><p dir=\"auto\"></p>"
    );
}

#[test]
fn depth_and_size_are_limited() {
    let deep = html(&format!("{}a{}b", "<div>".repeat(10_000), "</div>".repeat(10_000)));
    let expected = format!("{}a{}b", "<div>".repeat(MAX_DEPTH), "</div>".repeat(MAX_DEPTH));
    assert_eq!(deep, expected);
    assert_eq!(html(&"<b>".repeat(100)).matches("<b>").count(), MAX_INLINE);
    let long = balanced(&"<hr>".repeat(2_000_000), &Package(""));
    assert!(long.is_cut && long.html.len() < MAX_OUTPUT + 100);
    assert!(!balanced("<hr>", &Package("")).is_cut);
}
