//! Tests of highlighted source.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::work_time::timed;

/// The HTML in a short form: `k[def] f[parse](text)`.
fn short(path: &str, source: &str) -> String {
    let html = highlight(path, source);
    html.replace("<span class=\"hl-", "")
        .replace("\">", "[")
        .replace("</span>", "]")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[test]
fn each_language_is_told_apart() {
    for (path, source, expected) in [
        ("a.ex", "def parse(a, b: 1) do # c", "k[def] f[parse](a, a[b:] n[1]) k[do] c[# c]".replace("a[b:]", "a[b]:")),
        ("a.ex", "@doc \"\"\"\nx \"y\"\n\"\"\"\nA.B.f(:ok, ?a, nil)", "a[@doc] s[\"\"\"]\ns[x \"y\"]\ns[\"\"\"]\nt[A].t[B].f[f](a[:ok], s[?a], a[nil])".to_owned()),
        ("a.ex", "\"a #{f(\"x\")} b\" <> ~s(c) <> ~r/d\\/e/ 'f'", "s[\"a #{f(\"x\")} b\"] <> s[~s(c)] <> s[~r/d\\/e/] s['f']".to_owned()),
        ("a.ex", "x.end; 1..10; 0xFF; 1.5e3; :\"q\"; a?b", "x.end; n[1]..n[10]; n[0xFF]; n[1.5e3]; a[:\"q\"]; a?b".to_owned()),
        ("a.erl", "-module(a). % c\nf(X) -> lists:map(fun g/1, $a), 'b', ?M, #r{}.", "k[-module](a). c[% c]\nf[f](X) -> t[lists]:f[map](k[fun] g/n[1], s[$a]), a['b'], a[?M], t[#r]{}.".to_owned()),
        ("a.gleam", "pub fn go(a: Int) -> Nil { // c", "k[pub] k[fn] f[go](a: t[Int]) -> a[Nil] { c[// c]".to_owned()),
        ("a.c", "#include <a.h>\nint main(void) { /* c\nd */ return 'x'; }", "k[#include] <a.h>\nk[int] f[main](k[void]) { c[/* c]\nc[d */] k[return] s['x']; }".to_owned()),
        ("a.rs", "fn f<'a>(x: &'a str) -> char { println!(\"{}\", r#\"\"y\"\"#); 'c' }", "k[fn] f[f]<a['a]>(x: &a['a] str) -> char { f[println]!(s[\"{}\"], s[r#\"\"y\"\"#]); s['c'] }".to_owned()),
        ("a.json", "{\"a\": [1, true, \"b\"]}", "{a[\"a\"]: [n[1], a[true], s[\"b\"]]}".to_owned()),
        ("a.toml", "[a]\nb-c = 'd' # e", "[a]\na[b-c] = s['d'] c[# e]".to_owned()),
        ("a.yml", "a: don't # c\nb: \"d\"", "a[a]: don't c[# c]\na[b]: s[\"d\"]".to_owned()),
        ("sh", "if [ $A = \"b\" ]; then # c", "k[if] [ a[$A] = s[\"b\"] ]; k[then] c[# c]".to_owned()),
        ("a.md", "# a\nit's\n```\nx\n```\n> q", "k[# a]\nit's\ns[```]\ns[x]\ns[```]\nc[> q]".to_owned()),
        ("a.html", "<!-- c --><a href=\"x\">it's</a><%= f %>", "c[<!-- c -->]t[<a] a[href]=s[\"x\"]t[>]it's</a]t[>]k[<%=] f k[%>]".replace("it's</a]", "it'st[</a]")),
        ("diff", "+a\n-b\n@@ c\n d", "s[+a]\nk[-b]\nf[@@ c]\n d".to_owned()),
        ("LICENSE", "if (a) <b>", "if (a) <b>".to_owned()),
    ] {
        assert_eq!(short(path, source), expected, "{source}");
    }
}

#[test]
fn source_is_escaped_and_hidden_characters_are_shown() {
    let html = highlight("a.ex", "# <b>&\"'\u{202e}\u{2066}\0\r\nx\r\t\u{200d}");
    assert_eq!(
        html,
        "<span class=\"hl-c\"># &lt;b&gt;&amp;&quot;&#39;<span class=\"hl-h\">\\u{202e}</span><span class=\"hl-h\">\\u{2066}</span>\
         <span class=\"hl-h\">\\u{0}</span></span>\nx<span class=\"hl-h\">\\u{d}</span>\t\u{200d}"
    );
    let many = highlight("a.txt", &"\u{202e}".repeat(100_000));
    assert!(!many.contains('\u{202e}') && many.len() < 400_000);
}

#[test]
fn large_source_is_escaped_alone() {
    let large = "def a, do: 1\n".repeat(MAX_SOURCE / 13 + 1);
    assert_eq!(highlight("a.ex", &large), large);
    let small = large.get(..MAX_SOURCE).unwrap();
    assert_eq!(highlight("a.ex", small).matches("<span").count(), MAX_SPANS);
}

/// Removes tags, which have no `<` in them, and entities.
fn text_of(html: &str) -> String {
    let mut text = String::new();
    for (index, part) in html.split('<').enumerate() {
        text.push_str(if index == 0 { part } else { part.split_once('>').unwrap().1 });
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

fn assert_sound(html: &str) {
    for line in html.split('\n') {
        let mut depth = 0_i32;
        for part in line.split('<').skip(1) {
            let (tag, _) = part.split_once('>').unwrap();
            depth = if tag == "/span" { depth.saturating_sub(1) } else { depth.saturating_add(1) };
            let is_span = tag == "/span"
                || tag
                    .strip_prefix("span class=\"hl-")
                    .is_some_and(|class| class.len() == 2 && class.ends_with('"'));
            assert!(is_span && (0..=2).contains(&depth), "{tag} {line}");
        }
        assert_eq!(depth, 0, "{line}");
    }
}

const PATHS: [&str; 17] = [
    "a.ex", "a.erl", "a.gleam", "a.c", "a.rs", "a.json", "a.toml", "a.yml", "a.md", "a.sh", "a.js",
    "a.css", "a.html", "a.sql", "a.py", "a.go", "a.diff",
];

proptest! {
    /// Of any source in any language, the text stays as it is, and tags are spans.
    #[test]
    fn the_text_stays(
        path in prop::sample::select(PATHS.to_vec()),
        source in prop::collection::vec(
            prop::sample::select(
                "\"·'·`·\\·#·#{·{·}·(·)·~s·~r/·:·::·:\"·?·$·@·<·>·<%=·%>·<!--·-->·/*·*/·//·%·-·--·\n·\n·  ·a·Ab·def ·1·1.5·é·=·: ·\"\"\"·'''·r#\"·"
                    .split('·')
                    .collect::<Vec<_>>(),
            ),
            0..40,
        ),
    ) {
        let source = source.concat();
        let html = highlight(path, &source);
        assert_sound(&html);
        prop_assert_eq!(text_of(&html), source);
    }

    #[test]
    fn any_text_is_sound(path in prop::sample::select(PATHS.to_vec()), source in any::<String>()) {
        assert_sound(&highlight(path, &source));
    }
}

/// In an unoptimised build too.
const TIME: Duration = Duration::from_secs(20);

fn assert_moderate(size: usize) {
    for piece in "(·[·{·<·\"·'·`·\\·\\\"·a·a ·.·:·::·:\"·@·#·#{·\"#{·~s(·~r/·/*·*·|·=·-·1·1.·0x·<a ·<%·&·%·?·$·${·é·\n·\t·\u{202e}·\"\"\"·'''·<!--·r#\"·-a\n·#a\n"
        .split('·')
    {
        let source = piece.repeat(size.checked_div(piece.len()).unwrap());
        for path in PATHS {
            let (html, time) = timed(|| highlight(path, &source));
            assert!(time < TIME, "{path} {piece:?}: {time:?}");
            assert!(html.len() < 4 << 20, "{path} {piece:?}: {} bytes", html.len());
        }
    }
}

#[test]
fn evil_source_is_highlighted() {
    assert_moderate(8 << 10);
}

mod slow {
    use super::*;

    /// A quarter of the largest source. With `HEXREG_HEAVY=1` it is whole, which takes minutes.
    #[test]
    fn evil_source_takes_moderate_time_and_space() {
        let is_whole = std::env::var_os("HEXREG_HEAVY").is_some();
        assert_moderate(if is_whole { MAX_SOURCE } else { MAX_SOURCE / 4 });
    }
}
