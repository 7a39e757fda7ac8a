//! Documents that want to run a script, or to lead or look elsewhere.

use proptest::prelude::*;

use super::reading::{assert_harmless, fault, read};
use super::{rendered, sanitizer};

/// Where a target can stand.
const PLACES: &[&str] = &[
    "[a](URL)",
    "[a](<URL>)",
    "[a](URL \"t\")",
    "![a](URL)",
    "[![b](URL)](URL)",
    "[a]\n\n[a]: URL\n",
    "[a][b]\n\n[b]: <URL>\n",
    "<URL>",
    "<a href=\"URL\">a</a>",
    "<a href='URL'>a</a>",
    "<a href=URL>a</a>",
    "<A HREF = \"URL\">a</A>",
    "<a\nhref\n=\n\"URL\">a</a>",
    "<a/href=\"URL\">a</a>",
    "<div>\n<a href=\"URL\">a</a></div>",
    "<img src=\"URL\" alt=a>",
    "<img srcset=\"URL\" alt=a>",
    "<img src=a.png longdesc=\"URL\" alt=a>",
    "<blockquote cite=\"URL\">a</blockquote>",
    "<a xlink:href=\"URL\">a</a>",
    "<svg><a xlink:href=\"URL\"><text>a</text></a></svg>",
    "<math href=\"URL\">a</math>",
    "<form action=\"URL\"><button formaction=\"URL\">a</button></form>",
    "<iframe src=\"URL\"></iframe>",
    "<object data=\"URL\"></object>",
    "<embed src=\"URL\">",
    "<base href=\"URL\">",
    "<meta http-equiv=refresh content=\"0;url=URL\">",
    "<link rel=stylesheet href=\"URL\">",
    "<body background=\"URL\">",
    "<table background=\"URL\"><tr><td background=\"URL\">a</table>",
    "<video poster=\"URL\" src=\"URL\"></video>",
    "<input type=image src=\"URL\">",
    "<area href=\"URL\"><map name=a>",
    "<a href=\"x\" href=\"URL\">a</a>",
    "<a id=\"URL\" name=\"URL\" title=\"URL\">a</a>",
    "# a {#b href=URL onclick=URL style=URL}",
];

/// Targets that no link may have.
const SCHEMES: &[&str] = &[
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "javascript&colon;alert(1)",
    "javascript&#58;alert(1)",
    "javascript&#x3a;alert(1)",
    "javascript&#x3A;alert(1)",
    "&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)",
    "&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3Aalert(1)",
    "&#0000106avascript:alert(1)",
    "java\tscript:alert(1)",
    "java&Tab;script:alert(1)",
    "java&NewLine;script:alert(1)",
    "java&#9;script:alert(1)",
    "java&#x0D;script:alert(1)",
    "java&#10;script:alert(1)",
    "java\u{0}script:alert(1)",
    "&#1;javascript:alert(1)",
    "\u{1}javascript:alert(1)",
    "\u{a0}javascript:alert(1)",
    "&#14;  javascript:alert(1)",
    "javascript\\:alert(1)",
    "javascript:\\u0061lert(1)",
    "javascript://example.com/%0aalert(1)",
    "javascript:/*--></title></style></textarea></script>*/alert(1)",
    "java\u{ad}script:alert(1)",
    "java\u{200b}script:alert(1)",
    "ｊavascript:alert(1)",
    "vbscript:msgbox(1)",
    "VBScript&#58;msgbox(1)",
    "livescript:a",
    "mocha:a",
    "data:text/html,<script>alert(1)</script>",
    "data:text/html;base64,PHNjcmlwdD4=",
    "data&colon;image/svg+xml,<svg onload=alert(1)>",
    "DATA:image/png;base64,AAAA",
    "file:///etc/passwd",
    "blob:https://registry.test/1",
    "view-source:javascript:alert(1)",
    "jar:javascript:a!/",
    "feed:javascript:alert(1)",
    "about:blank",
    "ws://a",
    "tel:1",
    "ms-word:ofe|u|https://a",
];

/// `javascript:` in every disguise, where a link or an image can stand.
#[test]
fn no_link_runs_a_script() {
    for scheme in SCHEMES {
        for around in PLACES {
            let html = assert_harmless(&around.replace("URL", scheme));
            // The words of other schemes are text at most.
            let found = read(&html);
            for tag in found.tags.borrow().iter() {
                for attribute in
                    tag.attrs.iter().filter(|attribute| &*attribute.name.local == "href")
                {
                    let target = &*attribute.value;
                    let is_known = ["/f/", "https:", "http:", "mailto:", "#"]
                        .iter()
                        .any(|start| target.starts_with(start));
                    assert!(is_known, "{scheme} {around} {target}");
                }
            }
        }
    }
}

#[test]
fn no_markup_of_a_document_is_active() {
    for markdown in [
        "<script>alert(1)</script>",
        "<script src=https://a></script>",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "<<script>alert(1)//<</script>",
        "<script/x>alert(1)</script/y>",
        "<img src=x onerror=alert(1)>",
        "<img src=a.png onerror=alert(1) alt=x>",
        "<img src=\"a.png\"onerror=\"alert(1)\">",
        "<img src=a.png\u{c}onerror=alert(1)>",
        "<img/src/onerror=alert(1)>",
        "<p ONCLICK=a onmouseover = 'b' on\tx=c>d</p>",
        "<body onload=alert(1)>",
        "<details open ontoggle=alert(1)><summary>a</summary></details>",
        "<div style=\"position:fixed;top:0\">a</div>",
        "<style>*{display:none}</style>",
        "<link rel=stylesheet href=https://a>",
        "<base href=https://a><base target=_top>",
        "<meta http-equiv=refresh content=0;url=https://a>",
        "<form action=https://a><input name=password type=password><textarea>x</textarea><select><option>y</select></form>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<frameset><frame src=https://a></frameset>",
        "<object data=x.swf><param name=a value=b></object><embed src=x>",
        "<svg onload=alert(1)>",
        "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
        "<svg><script>alert(1)</script></svg>",
        "<svg><foreignObject><iframe src=javascript:a></iframe></foreignObject></svg>",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "<math><mtext><h1><mglyph><svg><mtext><style><a title=\"</style><img src onerror='alert(1)'>\">",
        "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>",
        "<textarea><img title=\"</textarea><img src onerror=alert(1)>\">",
        "<title><a id=\"</title><img src onerror=alert(1)>\">",
        "<xmp><a id=\"</xmp><img src onerror=alert(1)>\">",
        "<select><template><style><!--</style><a rel=\"--></style></template></select><img id=x src onerror=alert(1)>\">",
        "<table><td><svg><desc><td><svg><style><a id=\"</style><img src onerror=alert(1)>\">",
        "<!--><img src=x onerror=alert(1)>-->",
        "<!-- --!><img src=x onerror=alert(1)>",
        "<![CDATA[><img src=x onerror=alert(1)>]]>",
        "<?xml><img src=x onerror=alert(1)>?>",
        "<!DOCTYPE html [<!ENTITY a \"b\">]>",
        "<a href=\"https://a\" target=\"_blank\" ping=\"https://b\" download>c</a>",
        "<a href=\"https://a\nb\">c</a>",
        "<div id=q><form id=f><p id='user-content-q'></p></div><a name=body></a>",
        "<img name=getElementById alt=a src=a.png>",
        "<p class=\"error banner hl-k\">a</p>",
        "<p contenteditable tabindex=1 accesskey=x autofocus draggable=true hidden slot=a is=b>c</p>",
        "<marquee onstart=alert(1)>a</marquee><blink>b</blink><keygen><isindex>",
        "<portal src=https://a></portal><dialog open>a</dialog><slot></slot><custom-element></custom-element>",
        "<o:p>a</o:p><a:b xmlns:a=\"x\">c</a:b>",
        "```\"onclick=alert(1) x=\"\na\n```",
        "```<script>\na\n```",
        "```elixir\"><img src=x onerror=alert(1)>\n```",
        "[a](b \"t\\\" onclick=alert(1) x=\\\"\")",
        "![a\" onerror=\"alert(1)](b.png)",
        "[^\"onclick=a]: b\n\nc[^\"onclick=a]",
        "# a {#\"onclick=a .banner style=x}",
        "| a |\n|---|\n| <script>alert(1)</script> |",
        "<p>\n\n<script>\n\nalert(1)\n\n</script>\n",
        "<a href=\"\n\n\">b\n\n\"onclick=alert(1)>c",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&amp;lt;img src=x onerror=alert(1)&amp;gt;",
        "\0<scr\0ipt>alert(1)</scr\0ipt><i\0mg src=x onerror=alert(1)>",
        "<a href=\"&#x202E;x\">a&#x202E;b&#8295;</a>",
        "\u{202a}a\u{202b}b\u{202c}c\u{202d}d\u{202e}e\u{2066}f\u{2067}g\u{2068}h\u{2069}",
        "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
        "{{constructor.constructor('alert(1)')()}}",
    ] {
        assert_harmless(markdown);
        assert_harmless(&format!("> - {}", markdown.replace('\n', "\n>   ")));
        assert_harmless(&format!("a {markdown} b"));
        assert_harmless(&format!("<div>\n{markdown}\n\n*x*</div>"));
    }
}

#[test]
fn links_out_of_the_package_lead_to_other_hosts() {
    for (markdown, target) in [
        ("[a](//evil.test/b)", Some("https://evil.test/b")),
        ("[a](https://evil.test)", Some("https://evil.test/")),
        ("<https://evil.test>", Some("https://evil.test/")),
        ("<me@evil.test>", Some("mailto:me@evil.test")),
        ("[a](\\\\\\\\evil.test)", None),
        ("[a](/\\evil.test)", None),
        ("[a](https:/\\evil.test@registry.test)", None),
        ("[a](../../../etc/passwd)", None),
        ("[a](%2e%2e/a)", None),
        ("[a](b/../../c)", None),
        ("[a](missing.md)", None),
        ("[a](/browse/other)", Some("/f/browse/other")),
        ("[a](b/../c.md)", Some("/f/c.md")),
        ("[a](?q=x)", Some("/f/")),
    ] {
        let html = assert_harmless(markdown);
        let found = read(&html);
        let tags = found.tags.borrow();
        let hrefs: Vec<&str> = tags
            .iter()
            .flat_map(|tag| &tag.attrs)
            .filter(|attribute| &*attribute.name.local == "href")
            .map(|attribute| &*attribute.value)
            .collect();
        assert_eq!(hrefs.first().copied(), target, "{markdown} {html}");
    }
}

/// Pieces of Markdown and HTML, good and evil.
const PIECES: &str = concat!(
    "<·>·/·\"·'·=· ·\n·\n\n·&·;·#·a·b·<a href=·<a ·</a>·<b>·</b>·<p>·</p>·<table>·<tr>·<td>·</td>",
    "·</table>·<ul>·<li>·</li>·</ul>·<div>·</div>·<script>·</script>·<style>·</style>·<svg>·</svg>·<math>",
    "·<mtext>·<img src=x onerror=y>·<!--·-->·javascript:·&#58;·&Tab;·[·](·)·![·*·**·_·`·```\n·- ·1. ·> ",
    "·| ·|-|\n·[^a]·[^a]: ·[x] ·# ·    ·\t·<details>·<summary>·</details>·<h1>·</h2>·<pre>·</pre>·<code>",
    "·<input type=checkbox>·<br>·id=q ·style=x ·onclick=x ·<title>·</title>·<textarea>·<template>",
    "·<select>·<form>·\0·\u{202e}·é·<dl>·<dt>·<dd>·</dl>·<caption>·<thead>·<center>·{#a}·\\",
    "·https://a.test·//b.test·../",
);

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES.split('·').collect::<Vec<_>>());
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_document_is_harmless(markdown in pieces()) {
        let html = rendered(&markdown);
        prop_assert_eq!(fault(&html), None, "{}", html);
        // A browser that reads it again finds the same.
        let again = sanitizer::sanitize(&html);
        // But for line feeds, of which one after `<pre>` is none.
        prop_assert_eq!(again.replace('\n', ""), html.replace('\n', ""));
    }

    #[test]
    fn any_text_is_harmless(markdown in any::<String>()) {
        prop_assert_eq!(fault(&rendered(&markdown)), None);
    }
}
