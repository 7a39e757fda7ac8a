//! Tests of documents. What comes out is read as a browser reads it.

mod evil;
mod heavy;
mod reading;

use super::*;
use reading::assert_harmless;

struct Package(&'static str);

impl Links for Package {
    fn folder(&self) -> &str {
        self.0
    }

    fn file(&self, path: &str) -> Option<String> {
        (!path.starts_with("missing")).then(|| format!("/f/{path}"))
    }

    fn raw(&self, path: &str) -> Option<String> {
        Some(format!("/r/{path}"))
    }
}

fn rendered(markdown: &str) -> String {
    render(markdown, &Package(""))
}

#[test]
fn a_readme_is_shown() {
    let html = assert_harmless(
        "# Plug\n\n[![Hex](https://img.shields.io/a.svg)](https://hex.pm/packages/plug) ![logo](assets/logo.png)\n\n\
         ## Usage\n\n- [x] done\n- [ ] later\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n\n~~old~~ text[^1]\n\n\
         [^1]: note\n\n```elixir\ndef a, do: \"<\"\n```\n\n> [!NOTE]\n> heed\n\n[usage](#usage) [guide](guides/a.md#b)\n\n\
         <details><summary>more</summary>\n\n**bold**\n\n</details>\n\n## Usage\n",
    );
    for part in [
        "<h2 id=\"user-content-plug\" dir=\"auto\">Plug</h2>",
        "<a href=\"https://hex.pm/packages/plug\" rel=\"nofollow noopener noreferrer\">Hex</a>",
        "<img src=\"/r/assets/logo.png\" alt=\"logo\" loading=\"lazy\">",
        "<h3 id=\"user-content-usage\" dir=\"auto\">Usage</h3>",
        "<h3 id=\"user-content-usage-1\" dir=\"auto\">Usage</h3>",
        "<input type=\"checkbox\" disabled=\"\" checked=\"\" aria-label=\"done\">",
        "<input type=\"checkbox\" disabled=\"\" aria-label=\"to do\">",
        "<th align=\"left\">a</th><th align=\"right\">b</th>",
        "<td align=\"left\">1</td>",
        "<del>old</del> text<sup class=\"footnote-reference\"><a href=\"#user-content-1\"",
        "<div id=\"user-content-1\" class=\"footnote-definition\">",
        "<pre tabindex=\"0\"><code class=\"language-elixir\"><span class=\"hl-k\">def</span> <span class=\"hl-f\">a</span>, <span class=\"hl-a\">do</span>: \
         <span class=\"hl-s\">\"&lt;\"</span>\n</code></pre>",
        "<blockquote class=\"markdown-alert-note\">",
        "<a href=\"#user-content-usage\" rel=",
        "<a href=\"/f/guides/a.md#user-content-b\" rel=",
        "<details><summary>more</summary>\n<p dir=\"auto\"><strong>bold</strong></p>\n</details>",
    ] {
        assert!(html.contains(part), "{part}\n{html}");
    }
    assert!(!html.contains("shields"), "{html}");
}

#[test]
fn words_of_scripts_stay_and_have_their_direction() {
    let html = assert_harmless("# مرحبا\n\nنص\u{200f} عربي 👩\u{200d}👩\u{200d}👧\n\n- بند");
    assert!(html.contains("dir=\"auto\">مرحبا</h2>"), "{html}");
    assert!(html.contains("<p dir=\"auto\">نص\u{200f} عربي 👩\u{200d}👩\u{200d}👧</p>"), "{html}");
    assert!(html.contains("id=\"user-content-مرحبا\""), "{html}");
}
