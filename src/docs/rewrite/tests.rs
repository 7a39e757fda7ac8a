//! What becomes of pages and scripts, as generators of documentation write them.

mod evil;
mod property;

use std::borrow::Cow;

use super::*;
use crate::docs::links::{DocsLinks, nearest};
use crate::version::Version;

/// A registry with packages of some versions, and their documentation.
pub(super) struct Registry;

/// Elixir is in no registry, and its documentation is here.
const DOCS: [(&str, &[&str]); 4] = [
    ("plug", &["1.14.0", "1.15.3", "2.0.0-rc.0"]),
    ("ecto_sql", &["3.10.0", "3.11.0"]),
    ("elixir", &["1.18.4"]),
    ("phoenix", &["1.7.10"]),
];

impl DocsLinks for Registry {
    fn nearest(&self, package: &str, version: Option<&Version>) -> Option<Version> {
        let (_, here) = DOCS.iter().find(|(name, _)| *name == package)?;
        let here: Vec<Version> = here.iter().map(|version| version.parse().unwrap()).collect();
        nearest(version, &here).cloned()
    }

    fn package_url(&self, package: &str, version: Option<&Version>) -> Option<String> {
        let has_page = ["plug", "ecto_sql", "phoenix"].contains(&package);
        let is_known = version.is_none_or(|version| version.to_string() != "9.9.9");
        let version = version.map(|version| format!("/{version}")).unwrap_or_default();
        (has_page && is_known).then(|| format!("../packages/{package}{version}"))
    }

    fn file_url(&self, package: &str, version: &Version, path: Option<&str>) -> Option<String> {
        let path = path.map(|path| format!("/{path}")).unwrap_or_default();
        (package == "plug").then(|| format!("../packages/plug/{version}/files{path}"))
    }

    fn search_url(&self, packages: &[&str]) -> Option<String> {
        Some(format!("../search?packages={}&q=", packages.join(",")))
    }
}

/// A file of phoenix 1.7.10, rewritten.
pub(super) fn rewritten<'b>(path: &str, bytes: &'b [u8], form: RewriteForm) -> Cow<'b, [u8]> {
    let (package, version) = ("phoenix".parse().unwrap(), "1.7.10".parse().unwrap());
    rewrite(&DocsFile { package: &package, version: &version, path }, bytes, &Registry, form)
}

/// What hexreg adds to a page, for each form.
pub(super) fn added(path: &str, form: RewriteForm) -> (String, String) {
    let empty = rewritten(path, b"<head></head><body></body>", form).into_owned();
    let empty = String::from_utf8(empty).unwrap();
    let (head, body) = empty.split_once("</head><body>").unwrap();
    let head = head.strip_prefix("<head>").unwrap();
    (head.to_owned(), body.strip_suffix("</body>").unwrap().to_owned())
}

/// A part of a body, rewritten.
fn part(html: &str, form: RewriteForm) -> String {
    let page = format!("<head></head><body>{html}");
    let page = rewritten("x.html", page.as_bytes(), form).into_owned();
    let (head, body) = added("x.html", form);
    let start = format!("<head>{head}</head><body>{body}");
    String::from_utf8(page).unwrap().strip_prefix(&start).unwrap().to_owned()
}

fn href(url: &str) -> String {
    let page = part(&format!("<a href=\"{url}\">"), RewriteForm::Server);
    page.strip_prefix("<a href=\"").unwrap_or(&page).trim_end_matches("\">").to_owned()
}

#[test]
fn links_lead_to_what_is_here() {
    for (url, expected) in [
        // Documentation.
        (
            "https://hexdocs.pm/plug/1.15.3/Plug.html#c:call/2",
            "../../plug/1.15.3/Plug.html#c:call/2",
        ),
        ("https://hexdocs.pm/plug/1.15.0/Plug.html", "../../plug/1.15.3/Plug.html"),
        (
            "https://hexdocs.pm/plug/Plug.Conn.html?x=1&amp;y#t:t/0",
            "../../plug/1.15.3/Plug.Conn.html?x=1&amp;y#t:t/0",
        ),
        ("https://hexdocs.pm/plug/1.15.3", "../../plug/1.15.3/index.html"),
        ("https://hexdocs.pm/plug/", "../../plug/1.15.3/index.html"),
        ("https://hexdocs.pm/plug#x", "../../plug/1.15.3/index.html#x"),
        ("https://hexdocs.pm/plug/assets/a/", "../../plug/1.15.3/assets/a/index.html"),
        ("https://hexdocs.pm/elixir/1.18/Kernel.html", "../../elixir/1.18.4/Kernel.html"),
        ("https://hexdocs.pm/elixir/main/Kernel.html", "../../elixir/1.18.4/Kernel.html"),
        ("https://ecto-sql.hexdocs.pm/3.11.0/a.html", "../../ecto_sql/3.11.0/a.html"),
        ("https://ecto-sql.hexdocs.pm", "../../ecto_sql/3.11.0/index.html"),
        ("http://HexDocs.pm/plug/a.html", "../../plug/1.15.3/a.html"),
        ("//hexdocs.pm/plug/a.html", "../../plug/1.15.3/a.html"),
        (" https://www.hexdocs.pm/plug/a.html\n", "../../plug/1.15.3/a.html"),
        ("https://hexdocs.pm/plug/a%20b.html#é", "../../plug/1.15.3/a%20b.html#é"),
        // Of organisations.
        ("https://acme.hexorgs.pm/plug/1.14.0/a.html", "../../plug/1.14.0/a.html"),
        ("https://acme.hexdocs.pm/plug/1.14.0/a.html", "../../plug/1.14.0/a.html"),
        ("https://hex.pm/packages/acme/plug/1.14.0", "../../../packages/plug/1.14.0"),
        // Packages and their files.
        ("https://hex.pm/packages/plug", "../../../packages/plug"),
        ("https://hex.pm/packages/plug/1.14.0", "../../../packages/plug/1.14.0"),
        ("https://hex.pm/packages/plug/9.9.9", "../../../packages/plug"),
        (
            "https://hex.pm/packages/plug/1.14.0/files/lib/a.ex#L3",
            "../../../packages/plug/1.14.0/files/lib/a.ex#L3",
        ),
        ("https://preview.hex.pm/preview/plug/1.14.0", "../../../packages/plug/1.14.0/files"),
        (
            "https://preview.hex.pm/preview/plug/1.14.0/show/lib/a%2Bb.ex",
            "../../../packages/plug/1.14.0/files/lib/a+b.ex",
        ),
        // Search.
        (
            "https://hexdocs.pm/?packages=plug-1.14.0,phoenix&amp;q=",
            "../../../search?packages=plug-1.14.0,phoenix&amp;q=",
        ),
        ("https://hexdocs.pm/?q=call&packages=plug", "../../../search?packages=plug&amp;q=call"),
        // What is none of this.
        ("https://hexdocs.pm/", "https://hexdocs.pm/"),
        ("https://hexdocs.pm/?x=1", "https://hexdocs.pm/?x=1"),
        ("https://hex.pm/docs/publish", "https://hex.pm/docs/publish"),
        ("https://hex.pm/packages?search=plug", "https://hex.pm/packages?search=plug"),
        ("https://search.hexdocs.pm/?q=a", "https://search.hexdocs.pm/?q=a"),
        (
            "https://hexdocs.pm.evil.example/plug/a.html",
            "https://hexdocs.pm.evil.example/plug/a.html",
        ),
        (
            "https://evil.example/https://hexdocs.pm/plug/",
            "https://evil.example/https://hexdocs.pm/plug/",
        ),
        ("https://user@hexdocs.pm/plug/a.html", "https://user@hexdocs.pm/plug/a.html"),
        ("https://hexdocs.pm/../plug/a.html", "https://hexdocs.pm/../plug/a.html"),
        ("https://www.erlang.org/doc/man/lists.html", "https://www.erlang.org/doc/man/lists.html"),
        ("Plug.html#x", "Plug.html#x"),
        ("../", "../"),
        ("#x", "#x"),
    ] {
        assert_eq!(href(url), expected, "{url}");
    }
}

#[test]
fn what_is_missing_is_marked() {
    let marked = |missing: &str, rest: &str| {
        format!(
            "<a data-hexreg-missing=\"\" title=\"{missing} is not here: this link leads to the internet\" {rest}"
        )
    };
    for (html, missing) in [
        ("<a href=\"https://hexdocs.pm/cowboy/2.0.0/\">", "The documentation of cowboy 2.0.0"),
        ("<a rel=x href=\"https://cow-boy.hexdocs.pm/x.html\">", "The documentation of cow_boy"),
        ("<A href=https://hex.pm/packages/cowboy>", "Package cowboy"),
        ("<a href='https://preview.hex.pm/preview/cowboy/2.0.0'>", "Package cowboy 2.0.0"),
    ] {
        let expected =
            marked(missing, html.get(3..).unwrap()).replace("<a", html.get(..2).unwrap());
        assert_eq!(part(html, RewriteForm::Server), expected);
    }
    let titled = "<a title=\"t\" target=\"_blank\" href=\"https://hexdocs.pm/cowboy\">";
    let expected = titled.replace("<a", "<a data-hexreg-missing=\"\"");
    assert_eq!(part(titled, RewriteForm::Static), expected);
    // Only links can be marked.
    let image = "<img src=\"https://hexdocs.pm/cowboy/a.png\">";
    assert_eq!(part(image, RewriteForm::Server), image.replace("src", "data-hexreg-src"));
}

#[test]
fn other_bytes_stay() {
    for html in [
        "<p>https://hexdocs.pm/plug/a.html <!-- <a href=\"https://hexdocs.pm/plug\"> --></p>",
        "<script>\"<a href='https://hexdocs.pm/plug'>\"</script><textarea><a href=//hexdocs.pm/plug></textarea>",
        "<p  CLASS = x\n title='https://hexdocs.pm/plug'>a &lt b\u{0}\u{FEFF}</p>",
        "<a href=\"https://hexdocs.pm/plug",
        "<a  name='x' hreflang=https://hexdocs.pm/plug data-href=https://hexdocs.pm/plug >",
    ] {
        assert_eq!(part(html, RewriteForm::Server), html);
    }
    for (html, expected) in [
        (
            "<a\n id=1  href = https://hexdocs.pm/plug/a.html\tid=2>",
            "<a\n id=1  href = \"../../plug/1.15.3/a.html\"\tid=2>",
        ),
        (
            "<a href='https://hexdocs.pm/plug/\"a.html'>",
            "<a href='../../plug/1.15.3/&quot;a.html'>",
        ),
        ("<a href=//hexdocs.pm/plug/a'\"b>", "<a href=\"../../plug/1.15.3/a&#39;&quot;b\">"),
        (
            "<a href=\"//hexdocs.pm/plug/a\" href=\"//hexdocs.pm/plug/b\">",
            "<a href=\"../../plug/1.15.3/a\" href=\"../../plug/1.15.3/b\">",
        ),
        (
            "<link rel=\"canonical\" href=\"https://hexdocs.pm/phoenix/x.html\" />",
            "<link rel=\"canonical\" href=\"../../phoenix/1.7.10/x.html\" />",
        ),
        ("<img src=\"https://hexdocs.pm/plug/a.png\">", "<img src=\"../../plug/1.15.3/a.png\">"),
        (
            "<button data-engine-url=\"https://hexdocs.pm/?packages=plug-1.14.0&amp;q=\">",
            "<button data-engine-url=\"../../../search?packages=plug-1.14.0&amp;q=\">",
        ),
    ] {
        assert_eq!(part(html, RewriteForm::Server), expected);
    }
}

#[test]
fn what_is_here_opens_no_window() {
    for (html, expected) in [
        ("<a target=\"_blank\" href=\"llms.txt\">", "<a  href=\"llms.txt\">"),
        (
            "<a href=\"https://hexdocs.pm/plug/a\" target=_BLANK rel=x>",
            "<a href=\"../../plug/1.15.3/a\"  rel=x>",
        ),
        ("<a href=\"#a\" target='_blank'>", "<a href=\"#a\" >"),
        ("<a href=\"x.html\" target=\"overview\">", "<a href=\"x.html\" target=\"overview\">"),
        // A sandbox opens none, wherever it leads. Other pages may.
        ("<a href=\"https://erlang.org\" target=\"_blank\">", "<a href=\"https://erlang.org\" >"),
        ("<a target=\"_blank\" href=\"mailto:a\">", "<a  href=\"mailto:a\">"),
    ] {
        assert_eq!(part(html, RewriteForm::Server), expected);
    }
    let outside = "<a href=\"https://erlang.org\" target=\"_blank\">";
    assert_eq!(part(outside, RewriteForm::Static), outside);
}

#[test]
fn what_other_hosts_have_is_not_loaded() {
    for (html, expected) in [
        (
            "<img alt=a src=https://a.example/b.svg>",
            "<img alt=a data-hexreg-src=https://a.example/b.svg>",
        ),
        ("<IMG SRC='//a.example/b.svg'/>", "<IMG data-hexreg-SRC='//a.example/b.svg'/>"),
        (
            "<img src=\"a.png\" srcset=\"a.png 1x, http://a.example/b.png 2x\">",
            "<img src=\"a.png\" data-hexreg-srcset=\"a.png 1x, http://a.example/b.png 2x\">",
        ),
        (
            "<script defer src=\"https://a.example/draw.js\"></script>",
            "<script defer data-hexreg-src=\"https://a.example/draw.js\"></script>",
        ),
        (
            "<link rel=\"stylesheet\" href=\"https://a.example/css?family=Lato\">",
            "<link rel=\"stylesheet\" data-hexreg-href=\"https://a.example/css?family=Lato\">",
        ),
        ("<object data=https://a.example/x>", "<object data-hexreg-data=https://a.example/x>"),
    ] {
        for form in [RewriteForm::Server, RewriteForm::Static] {
            assert_eq!(part(html, form), expected);
        }
    }
    for html in [
        "<img src=https.png>",
        "<img src=\"data:image/png;base64,AAAA\">",
        "<img data=https://a.example/x longdesc=https://a.example/y>",
        "<link rel=\"canonical\" href=\"https://a.example/\">",
        "<a href=\"https://a.example/a.png\">",
    ] {
        assert_eq!(part(html, RewriteForm::Server), html);
    }
}

#[test]
fn pages_without_a_server_name_the_index() {
    for (html, expected) in [
        ("<a href=\"../\">", "<a href=\"../index.html\">"),
        ("<a href=\"./#x\">", "<a href=\"./index.html#x\">"),
        ("<a href=\"..\">", "<a href=\"../index.html\">"),
        ("<a href=\"a/b\">", "<a href=\"a/b\">"),
        ("<a href=\"#/\">", "<a href=\"#/\">"),
        ("<a href=\"\">", "<a href=\"\">"),
        ("<a href=\"https://x/\">", "<a href=\"https://x/\">"),
        (
            "<meta http-equiv=\"refresh\" content=\"0; url=a/\">",
            "<meta http-equiv=\"refresh\" content=\"0; url=a/index.html\">",
        ),
    ] {
        assert_eq!(part(html, RewriteForm::Static), expected);
        assert_eq!(part(html, RewriteForm::Server), html);
    }
    let html = "<meta HTTP-EQUIV=refresh content='0; URL=https://hexdocs.pm/plug/a.html'>";
    let expected = html.replace("https://hexdocs.pm/plug", "../../plug/1.15.3");
    assert_eq!(part(html, RewriteForm::Server), expected);
}

#[test]
fn pages_in_folders_lead_further_up() {
    let html = b"<head></head><body><a href=\"https://hexdocs.pm/plug/a.html\">";
    let page = rewritten("gleam/list.html", html, RewriteForm::Server).into_owned();
    let page = String::from_utf8(page).unwrap();
    assert!(page.ends_with("<a href=\"../../../plug/1.15.3/a.html\">"), "{page}");
    assert!(page.contains("href=\"../../../../packages/phoenix/1.7.10\""), "{page}");
}

#[test]
fn links_are_seen_from_the_base_of_a_page() {
    for (base, expected) in [
        ("./", "../../plug/1.15.3/a.html"),
        ("sub/x.html", "../../../plug/1.15.3/a.html"),
        ("../", "../plug/1.15.3/a.html"),
        ("https://hexdocs.pm/phoenix/", "../../plug/1.15.3/a.html"),
        // These lead elsewhere, and so does every relative link.
        ("/", "https://hexdocs.pm/plug/a.html"),
        ("https://example.com/", "https://hexdocs.pm/plug/a.html"),
        ("https://hexdocs.pm/cowboy/", "https://hexdocs.pm/plug/a.html"),
        ("../../../", "https://hexdocs.pm/plug/a.html"),
    ] {
        let html = format!(
            "<head><base href=\"{base}\"></head><body><a href=\"https://hexdocs.pm/plug/a.html\">"
        );
        let page = rewritten("x.html", html.as_bytes(), RewriteForm::Server).into_owned();
        let page = String::from_utf8(page).unwrap();
        assert!(page.ends_with(&format!("<a href=\"{expected}\">")), "{base}: {page}");
    }
}

#[test]
fn storage_comes_first_and_the_package_last() {
    let (head, body) = added("x.html", RewriteForm::Server);
    assert!(body.contains(">Package phoenix 1.7.10</a>"), "{body}");
    for (html, expected) in [
        (
            "<!DOCTYPE html>\n<html><head lang=x><title>a</title></head><body class=x>b",
            "<!DOCTYPE html>\n<html><head lang=x>HEAD<title>a</title></head><body class=x>BODYb",
        ),
        (
            "\u{FEFF}<!-- x --><html>\n<meta charset=utf-8>a",
            "\u{FEFF}<!-- x --><html>\nHEAD<meta charset=utf-8>aBODY",
        ),
        ("\u{FEFF} text <b>", "\u{FEFF} HEADtext <b>BODY"),
        ("text", "HEADtextBODY"),
        ("<!doctype html>", "<!doctype html>HEADBODY"),
        ("", "HEADBODY"),
        ("<p><head>", "HEAD<p><head>BODY"),
        ("</p><body>", "HEAD</p><body>BODY"),
        ("<body><body>", "HEAD<body>BODY<body>"),
        ("<script>\"<head><body>\"", "HEAD<script>\"<head><body>\"BODY"),
        (
            "<head><frameset><frame src=a.html></frameset>",
            "<head>HEAD<frameset><frame src=a.html></frameset>BODY",
        ),
    ] {
        let page = rewritten("x.html", html.as_bytes(), RewriteForm::Server).into_owned();
        let page = String::from_utf8(page).unwrap();
        assert_eq!(page.replacen(&head, "HEAD", 1).replacen(&body, "BODY", 1), expected);
    }
    // In the static form storage is never the browser's.
    let (always, _) = added("x.html", RewriteForm::Static);
    assert!(head.contains("catch") && !always.contains("catch"), "{always}");
}

#[test]
fn other_files_stay_as_they_are() {
    let html = "<a href=\"https://hexdocs.pm/plug\">\"https://hexdocs.pm/%%\"".as_bytes();
    for path in [
        "a.md",
        "a.svg",
        "a.xhtml",
        "llms.txt",
        "a.js",
        "dist/search_data-1.js",
        "dist/html-1.css",
        "x",
    ] {
        for form in [RewriteForm::Server, RewriteForm::Static] {
            assert!(matches!(rewritten(path, html, form), Cow::Borrowed(_)), "{path}");
        }
    }
    let wide = b"\xFF\xFE<\0a\0>\0";
    assert!(matches!(rewritten("x.html", wide, RewriteForm::Static), Cow::Borrowed(_)));
}

/// The strings of ExDoc's script since 0.22, in the forms that its bundlers have written them.
#[test]
fn go_to_package_docs_leads_here() {
    let json = "t=\"https://hex.pm/api/packages?search=name:%%*\".replace(\"%%\",e)";
    for (path, old) in [
        ("dist/app-5c0c23dfec2d63ae33a2.js", "\"https://hexdocs.pm/%%\".replace(\"%%\",e)"),
        ("dist/html-PLW5RNNI.js", "sr=\"https://hexdocs.pm/%%\","),
        ("dist/html-MI33G4N7.js", "sr=\"https://%%.hexdocs.pm/\","),
    ] {
        let script = format!("x;{json};{old};\"https://hexdocs.pm/other\"");
        let server = rewritten(path, script.as_bytes(), RewriteForm::Server).into_owned();
        let server = String::from_utf8(server).unwrap();
        assert!(
            server.starts_with("x;t=\"../../packages.json?search=name:%%*\".replace("),
            "{server}"
        );
        assert!(server.ends_with(";\"https://hexdocs.pm/other\""), "{server}");
        assert!(server.contains("({replace:function(a,b){return\"../../\"+"), "{server}");
        let site = rewritten(path, script.as_bytes(), RewriteForm::Static).into_owned();
        let site = String::from_utf8(site).unwrap();
        assert!(site.contains("data:application/json,") && site.contains("/index.html"), "{site}");
        for script in [server, site] {
            assert!(!script.contains("hex.pm/api") && !script.contains("pm/%%"), "{script}");
        }
    }
    assert!(matches!(rewritten("dist/html-1.js", b"x", RewriteForm::Server), Cow::Borrowed(_)));
}

#[test]
fn links_of_the_sidebar_lead_to_what_is_here() {
    let sidebar = br#"sidebarNodes={"extras":[{"id":"a","url":"https://hexdocs.pm/plug/a.html"},{"url":"https://x"},{"url":"https://hexdocs.pm/plug/\u0061"},{"url":"https://hexdocs.pm/cowboy"}]}"#;
    let new = rewritten("dist/sidebar_items-1.js", sidebar, RewriteForm::Server).into_owned();
    let expected = std::str::from_utf8(sidebar).unwrap();
    let expected = expected.replace("https://hexdocs.pm/plug/a", "../../plug/1.15.3/a");
    assert_eq!(String::from_utf8(new).unwrap(), expected);
}

#[test]
fn packages_are_suggested_by_their_names() {
    let names = ["a_plug", "ecto", "plug", "plug_cowboy", "Plugs"];
    let json = packages_json("search=name:PLUG*", names);
    assert_eq!(
        json.replace(",\"releases\":[{\"has_docs\":true}]", ""),
        "[{\"name\":\"Plugs\"},{\"name\":\"plug\"},{\"name\":\"plug_cowboy\"},{\"name\":\"a_plug\"}]"
    );
    assert_eq!(packages_json("x", []), "[]");
    let many: Vec<String> = (0..100).map(|n| format!("a{n}")).collect();
    let json = packages_json("search=name:a*", many.iter().map(String::as_str));
    assert_eq!(json.matches("\"name\"").count(), 50);
    assert_eq!(packages_script(["a", "b"]), "var hexregPackages = [\"a\",\"b\"];\n");
}

#[test]
fn links_to_documentation_are_counted_by_version() {
    let html = "<a href=https://hexdocs.pm/plug/1.15.0/a.html><a href='https://ecto-sql.hexdocs.pm'>\
        <a href=x><a href=https://hex.pm/packages/plug><img src=https://hexdocs.pm/plug/a.png>";
    let mut found = Vec::new();
    docs_links(html.as_bytes(), |package, version| {
        found.push(format!("{package} {}", version.map(ToString::to_string).unwrap_or_default()));
    });
    assert_eq!(found, ["plug 1.15.0", "ecto_sql "]);
}
