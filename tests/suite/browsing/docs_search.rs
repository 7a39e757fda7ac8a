//! The search in documentation: what it finds in each format, lock files, and what Hex asks.

use serde_json::Value;

use super::{build, configured, page, page_for, serve};
use crate::support::documentation::{DocsFormat, Documentation};
use crate::support::html::Document;
use crate::support::repository::TestRepository;
use crate::support::server::{Answer, Server};
use crate::support::tarball::Tarball;
use crate::support::upstream::until;

/// What the log says once all documentation that has changed was read.
const READ_DOCS: &str = "documentation was read for the search";

const LOCK: &str = "%{\n  \"csv\": {:hex, :csv, \"1.0.0\", \"1d07d50cb9bb05097fdf187b31cf087c7297aafc3fed8299aac79c128a707e47\", [:mix], [], \"hexpm\", \"cbf53aa1f5c4d758a7559c0bd6d59e286c2be0c6a1fac8cc3eee2f638243b93e\"},\n}\n";

fn publish(repository: &TestRepository, docs: &Documentation) {
    repository.write(&format!("public/{}", docs.path()), &docs.build());
}

/// Serves `public/`, once its documentation was read.
fn serve_docs(repository: &TestRepository, more: &[&str]) -> Server {
    let log = || std::fs::read_to_string(repository.path("serve.log")).unwrap_or_default();
    let before = log().matches(READ_DOCS).count();
    let server = serve(repository, more);
    until("the documentation was read", || log().matches(READ_DOCS).count() > before);
    server
}

/// What is listed, by the place that it links.
fn places(page: &Document) -> Vec<String> {
    let links = page.links().into_iter();
    links.filter_map(|link| link.split_once("docs/").map(|(_, place)| place.to_owned())).collect()
}

/// The page of a search, once the documentation that it needs was read: a page waits a second for that.
#[track_caller]
fn whole(server: &Server, path: &str, headers: &[&str]) -> Document {
    until("the documentation was read", || {
        let text = page_for(server, path, headers).words();
        !["so not found yet", "is being read"].iter().any(|unread| text.contains(unread))
    });
    page_for(server, path, headers)
}

fn found(server: &Server, query: &str) -> Vec<String> {
    places(&whole(server, &format!("/search?{query}"), &[]))
}

fn send_form(server: &Server, content_type: &str, more: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST /search HTTP/1.1\r\nHost: {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{more}Connection: close\r\n\r\n",
        server.url().trim_start_matches("http://"),
        body.len(),
    );
    server.send(&[head.as_bytes(), body].concat(), false).unwrap()
}

fn csv(name: &str, version: &str, format: DocsFormat) -> Documentation {
    let module = match format {
        DocsFormat::Gleam | DocsFormat::Gleam9 | DocsFormat::Gleam14 => "csv/reader",
        DocsFormat::Edoc => "csv_reader",
        _ => "Csv.Reader",
    };
    Documentation::new(name, version).format(format).module(
        module,
        "Reads tables with marmalade.",
        &[("parse_row", 2, "Turns a line into fields, like toffee.")],
    )
}

#[test]
fn documentation_of_each_format_is_found() {
    let mut repository = TestRepository::new();
    for at in 0..DocsFormat::ALL.len() {
        repository = repository.release(&format!("format_{at}"), "1.0.0");
    }
    repository.build(&[]).ok();
    for (at, format) in DocsFormat::ALL.into_iter().enumerate() {
        publish(&repository, &csv(&format!("format_{at}"), "1.0.0", format));
    }
    let server = serve_docs(&repository, &[]);
    for at in 0..DocsFormat::ALL.len() {
        let name = format!("format_{at}");
        for query in ["parse_row", "parse+row", "toffee", "marmalade"] {
            let places = found(&server, &format!("q={query}&package={name}"));
            let own = format!("{name}/1.0.0/");
            assert!(!places.is_empty(), "{name}: {query}");
            assert!(
                places.iter().all(|place| place.starts_with(&own)),
                "{name}: {query}: {places:?}"
            );
        }
    }
    let places = found(&server, "q=Csv.Reader.parse_row/2");
    assert_eq!(places.len(), 4, "{places:?}");
    assert!(places[0].ends_with("/1.0.0/Csv.Reader.html#parse_row/2"), "{places:?}");
    assert_eq!(found(&server, "q=nothinglikethat"), [""; 0]);
}

#[test]
fn the_latest_version_is_searched_and_others_by_a_lock_file() {
    let mut repository = TestRepository::new().release("paper", "1.0.0");
    for version in ["1.0.0", "1.1.0", "2.0.0-rc.1"] {
        repository = repository.release("csv", version);
    }
    repository.build(&[]).ok();
    for version in ["1.0.0", "1.1.0", "2.0.0-rc.1"] {
        let rows = ("to_pages", 1, "A row as 2 pages.");
        let csv = csv("csv", version, DocsFormat::ExDoc37);
        publish(&repository, &csv.module("Csv.Printer", "Prints.", &[rows]));
    }
    let pages = [("row", 2, "A line of squares: see parse_row.")];
    publish(&repository, &Documentation::new("paper", "1.0.0").module("Pages", "Sheets.", &pages));
    let server = serve_docs(&repository, &[]);
    let of_version = |places: &[String], version: &str| {
        !places.is_empty() && places.iter().all(|one| one.starts_with(&format!("csv/{version}/")))
    };
    assert!(of_version(&found(&server, "q=toffee"), "1.1.0"));
    assert!(of_version(&found(&server, "q=toffee&packages=csv-1.0.0"), "1.0.0"));
    assert!(of_version(&found(&server, "q=toffee&packages=csv"), "1.1.0"));

    let multipart = format!(
        "--X\r\nContent-Disposition: form-data; name=\"q\"\r\n\r\ntoffee\r\n--X\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"mix.lock\"\r\n\r\n{LOCK}\r\n--X--\r\n"
    );
    let content_type = "multipart/form-data; boundary=X";
    let answer =
        send_form(&server, content_type, "Sec-Fetch-Site: same-origin\r\n", multipart.as_bytes());
    assert_eq!(
        (answer.status, answer.expect("location")),
        (303, "search?q=toffee&packages=csv-1.0.0")
    );
    assert!(of_version(&found(&server, "q=toffee&packages=csv-1.0.0"), "1.0.0"));

    // What is pinned and what is the latest are in one order, and nothing is in both.
    let both = found(&server, "q=parse_row&packages=paper,csv-1.0.0");
    assert!(both[0].starts_with("csv/1.0.0/"), "{both:?}");
    assert!(both.iter().any(|place| place.starts_with("paper/1.0.0/")), "{both:?}");
    let mut once = found(&server, "q=toffee&packages=csv-1.1.0");
    let count = once.len();
    once.dedup();
    assert!(count > 0 && once.len() == count, "{once:?}");

    // The whole name is in the latest index alone. That of pinned versions has its parts, in what is another function.
    let names = found(&server, "q=Pages.row/2&packages=csv-1.0.0,paper");
    assert_eq!(names, ["paper/1.0.0/Pages.html#row/2"]);

    // What is not here is named.
    let absent = "/search?q=toffee&packages=csv-1.0.5,csv-1.1.0,none-1.0.0";
    assert!(of_version(&places(&whole(&server, absent, &[])), "1.1.0"));
    let absent = server.get(absent, &[]).text();
    assert!(absent.contains("csv 1.0.5, none 1.0.0"), "{absent}");

    for (content_type, more, body, status) in [
        (content_type, "Sec-Fetch-Site: cross-site\r\n", multipart.as_str(), 403),
        (content_type, "Origin: http://evil.example\r\n", multipart.as_str(), 403),
        ("application/x-www-form-urlencoded", "", "text=nonsense!", 422),
        ("application/json", "", "{}", 422),
        ("application/x-www-form-urlencoded", "", &"x".repeat((1 << 20) + 1), 413),
    ] {
        let answer = send_form(&server, content_type, more, body.as_bytes());
        assert_eq!(answer.status, status, "{content_type} {more}");
    }
    // No other page takes a body.
    let answer =
        server.send(b"POST /recent HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", false);
    assert_ne!(answer.unwrap().status, 200);
}

#[test]
fn hex_is_answered_as_it_expects() {
    let repository = TestRepository::new().release("csv", "1.0.0");
    repository.build(&[]).ok();
    publish(&repository, &csv("csv", "1.0.0", DocsFormat::ExDoc37));
    publish(&repository, &csv("elixir", "1.18.4", DocsFormat::ExDoc37));
    let server = serve_docs(&repository, &[]);
    let ask = |packages: &str| {
        let filter = format!("package%3A%3D%5B{packages}%5D");
        let path = format!("/?q=parse_row&query_by=doc%2Ctitle&filter_by={filter}&per_page=1");
        let answer = server.get(&path, &[]);
        assert_eq!((answer.status, answer.expect("content-type")), (200, "application/json"));
        serde_json::from_slice::<Value>(&answer.body).unwrap()
    };
    let answer = ask("csv-1.0.0%2Cother-2.0.0");
    assert!(answer["found"].as_u64().unwrap() >= 1, "{answer}");
    let document = &answer["hits"][0]["document"];
    assert_eq!(document["package"], "csv-1.0.0");
    assert_eq!(document["title"], "Csv.Reader.parse_row/2");
    assert_eq!(document["ref"], "Csv.Reader.html#parse_row/2");
    assert!(document["doc"].as_str().unwrap().contains("toffee"));
    assert_eq!(answer["hits"].as_array().unwrap().len(), 1);
    // Elixir's own are of no package.
    assert_eq!(ask("elixir-1.18.4")["hits"][0]["document"]["package"], "elixir-1.18.4");
    assert_eq!(ask("other-2.0.0")["found"], 0);
    // Without a query, it opens a page in a browser, at the root of hexdocs.pm.
    let answer = server.get("/?packages=csv%3A1.0.0%2Celixir%3A1.18.4&q=", &[]);
    assert_eq!(
        (answer.status, answer.expect("location")),
        (303, "./search?q=&packages=csv-1.0.0,elixir-1.18.4")
    );
}

#[test]
fn a_change_of_documentation_is_found_after_a_restart() {
    let repository = TestRepository::new().release("csv", "1.0.0").release("gone", "1.0.0");
    repository.build(&[]).ok();
    publish(&repository, &csv("csv", "1.0.0", DocsFormat::ExDoc37));
    publish(&repository, &csv("gone", "1.0.0", DocsFormat::ExDoc37));
    let cache = repository.path("kept").display().to_string();
    let more = ["--cache-dir", cache.as_str()];
    drop(serve_docs(&repository, &more));
    repository.remove("public/docs/gone-1.0.0.tar.gz");
    let other =
        Documentation::new("csv", "1.0.0").page("intro", "Introduction", &[("Nougat", "Soft.")]);
    publish(&repository, &other);
    let server = serve_docs(&repository, &more);
    assert!(
        found(&server, "q=nougat").iter().any(|place| place.starts_with("csv/1.0.0/intro.html"))
    );
    assert_eq!(found(&server, "q=toffee"), [""; 0]);
}

#[test]
fn a_search_finds_what_the_reader_may_read() {
    let repository = TestRepository::new().release("csv", "1.0.0");
    build(&repository, "public", "acme");
    repository.write("closed/tarballs/hush-1.0.0.tar", &Tarball::new("hush", "1.0.0").build());
    build(&repository, "closed", "closed");
    publish(&repository, &csv("csv", "1.0.0", DocsFormat::ExDoc37));
    let hush = csv("hush", "1.0.0", DocsFormat::ExDoc37);
    repository.write(&format!("closed/{}", hush.path()), &hush.build());
    let token = repository.hexreg().run(["auth", "add", "readers", "ann"]).ok().stdout;
    let token = format!("Authorization: {}", token.trim());
    let config = "auth-file = \"readers\"\n[[repository]]\nname = \"open\"\nroot = true\nat = \"public\"\nanonymous = true\n\
                  [[repository]]\nname = \"closed\"\nat = \"closed\"\n";
    let server = configured(&repository, config, 2, &[&token]);
    let log = || String::from_utf8(repository.read("serve.log")).unwrap();
    until("the documentation was read", || log().matches(READ_DOCS).count() == 2);
    let found_by = |path: &str, headers: &[&str]| {
        let places = places(&whole(&server, path, headers));
        let mut names: Vec<String> =
            places.iter().map(|place| place.split('/').next().unwrap().to_owned()).collect();
        names.dedup();
        names
    };
    for pinned in ["", "&packages=csv-1.0.0,hush-1.0.0"] {
        let path = format!("/search?q=toffee{pinned}");
        assert_eq!(found_by(&path, &[&token]), ["csv", "hush"], "{path}");
        assert_eq!(found_by(&path, &[]), ["csv"], "{path}");
    }
    assert_eq!(server.get("/repos/closed/search?q=toffee", &[]).status, 401);
    assert_eq!(found_by("/repos/closed/search?q=toffee", &[&token]), ["hush"]);
    // A version that is not the latest, or is not there, reads the same for those who may not know.
    let text = |version: &str| {
        let text = server.get(&format!("/search?q=toffee&packages=hush-{version}"), &[]).text();
        text.replace(version, "VERSION")
    };
    assert_eq!(text("1.0.0"), text("7.0.0"));
}

/// A name of our own is hidden in a repository that fetches from an upstream, whatever upstream has under it.
#[cfg(feature = "mirror")]
#[test]
fn documentation_under_a_name_of_our_own_is_found_in_our_repository_alone() {
    let repository = TestRepository::new();
    for (directory, name, version) in [
        ("copy", "csv", "1.0.0"),
        ("copy", "csv", "1.1.0"),
        ("copy", "paper", "1.0.0"),
        ("ours", "csv", "9.0.0"),
    ] {
        let tarball = Tarball::new(name, version).build();
        repository.write(&format!("{directory}/tarballs/{name}-{version}.tar"), &tarball);
        let docs = csv(name, version, DocsFormat::ExDoc37);
        repository.write(&format!("{directory}/{}", docs.path()), &docs.build());
    }
    build(&repository, "copy", "acme");
    build(&repository, "ours", "ours");
    let upstream = Server::run(repository.root(), &["copy"]);
    let config = format!(
        "[[repository]]\nname = \"ours\"\nat = \"ours\"\n[[repository]]\nname = \"acme\"\nroot = true\nat = \"copy\"\n\
         pull-through = true\nupstream = \"{}\"\nupstream-key = \"copy/public_key\"\n",
        upstream.url()
    );
    let server = configured(&repository, &config, 2, &[]);
    let log = || String::from_utf8(repository.read("serve.log")).unwrap();
    until("the documentation was read", || log().matches(READ_DOCS).count() == 2);
    let releases = |path: &str| {
        let page = whole(&server, path, &[]);
        let places = places(&page).into_iter();
        let mut releases: Vec<String> =
            places.map(|place| place.split('/').take(2).collect::<Vec<_>>().join(" ")).collect();
        releases.sort();
        releases.dedup();
        releases
    };
    assert_eq!(releases("/search?q=toffee"), ["csv 9.0.0", "paper 1.0.0"]);
    assert_eq!(releases("/repos/acme/search?q=toffee"), ["paper 1.0.0"]);
    for path in ["/search", "/repos/acme/search"] {
        let path = format!("{path}?q=toffee&packages=csv-1.0.0,paper-1.0.0");
        assert_eq!(releases(&path), ["paper 1.0.0"], "{path}");
        assert!(page(&server, &path).words().contains("csv 1.0.0"), "{path}");
    }
}

#[test]
fn a_lock_file_of_the_configuration_is_a_choice() {
    let repository = TestRepository::new().release("csv", "1.0.0").release("csv", "1.1.0");
    build(&repository, "public", "acme");
    for version in ["1.0.0", "1.1.0"] {
        publish(&repository, &csv("csv", version, DocsFormat::ExDoc37));
    }
    repository.write("shop/mix.lock", LOCK.as_bytes());
    let config =
        "[[repository]]\nroot = true\nat = \"public\"\nsearch-locks = [\"shop/mix.lock\"]\n";
    let server = configured(&repository, config, 1, &[]);
    let start = page(&server, "/search?q=toffee");
    let link = start.links().into_iter().find(|link| link.contains("lock=")).unwrap();
    assert_eq!(link, "search?lock=shop%2Fmix%2Elock&q=toffee");
    let places = places(&whole(&server, &format!("/{link}"), &[]));
    assert!(places[0].starts_with("csv/1.0.0/"), "{places:?}");
    repository.write("shop/mix.lock", b"%{");
    let text = page(&server, &format!("/{link}")).words();
    assert!(text.contains("the lock file cannot be read"), "{text}");
}
