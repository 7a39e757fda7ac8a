//! What a search finds, suggests and means; lists of several pages.

use serde_json::Value;

use super::{build, configured, names, page, serve};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tarball::Tarball;

fn add(
    repository: TestRepository,
    name: &str,
    description: &str,
    files: &[(&str, &[u8])],
) -> TestRepository {
    let tarball = Tarball::new(name, "1.0.0").described(description, &["MIT"], files).build();
    repository.tarball(&format!("{name}-1.0.0.tar"), &tarball)
}

fn packages() -> TestRepository {
    let csv = b"defmodule Table.Reader do\n  def parse_csv(text), do: text\nend\n";
    let mut repository = TestRepository::new();
    for (name, description, files) in [
        ("http", "Talks to servers", &[("src/a.erl", b"-module(a).\n".as_slice())][..]),
        ("http_cache", "Keeps responses", &[]),
        ("cache", "Keeps values, also of http servers", &[]),
        ("table_reader", "Reads rows", &[("lib/table.ex", csv)]),
        ("json_thing", "A thing", &[]),
        ("pidgin", "A thing", &[("README.md", b"# Pidgin\n\nBrings marmalade to everyone.\n")]),
        ("postgres_pool", "A thing", &[]),
    ] {
        repository = add(repository, name, description, files);
    }
    let dependent = Tarball::new("client", "1.0.0").requires("http", "~> 1.0");
    let dependent = dependent.described("Uses another", &["GPL-3.0"], &[]).build();
    let repository = repository.tarball("client-1.0.0.tar", &dependent);
    repository.build(&[]).ok();
    repository
}

fn found(server: &Server, query: &str) -> Vec<String> {
    names(&page(server, &format!("/?q={query}")))
}

fn suggested(server: &Server, path: &str) -> Vec<Value> {
    let answer = server.get(path, &[]);
    assert_eq!((answer.status, answer.expect("content-type")), (200, "application/json"), "{path}");
    assert_eq!(answer.expect("x-content-type-options"), "nosniff");
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn packages_are_found_by_name_and_by_what_is_inside() {
    let repository = packages();
    let server = serve(&repository, &[]);
    // The exact name, then the prefix, then the description.
    assert_eq!(found(&server, "http")[..2], ["http", "http_cache"]);
    assert_eq!(found(&server, "http+cache")[0], "http_cache");
    assert_eq!(found(&server, "cache%20http")[0], "http_cache");
    assert_eq!(found(&server, "marmalade"), ["pidgin"]);
    for query in ["parse_csv", "Table.Reader", "Table.Reader.parse_csv%2F1", "rows"] {
        assert_eq!(found(&server, query), ["table_reader"], "{query}");
    }
    assert_eq!(found(&server, "postgresql"), ["postgres_pool"]);
    assert_eq!(found(&server, "depends%3Ahttp"), ["client"]);
    assert_eq!(found(&server, "license%3Agpl-3.0"), ["client"]);
    assert_eq!(found(&server, "name%3Acache"), ["cache", "http_cache"]);
    let all = found(&server, "");
    assert_eq!(all.len(), 8, "{all:?}");
    // The list says what each is.
    let text = page(&server, "/?q=http").words();
    assert!(text.contains("Talks to servers 1.0.0") && text.contains("for “http”"), "{text}");
}

#[test]
fn a_wrong_word_leads_to_the_right_one_and_nothing_to_all() {
    let repository = packages();
    let server = serve(&repository, &[]);
    let wrong = page(&server, "/?q=jsn");
    assert!(wrong.words().contains("Did you mean json"), "{}", wrong.words());
    assert!(names(&wrong).contains(&"json_thing".to_owned()), "{:?}", names(&wrong));
    let meant = wrong.links().into_iter().find(|link| link.contains("?q=json"));
    let meant = meant.unwrap().trim_start_matches("./");
    assert!(names(&page(&server, &format!("/{meant}"))).contains(&"json_thing".to_owned()));
    let none = page(&server, "/?q=%3Cscript%3Ezzyzx");
    assert!(
        none.words().contains("No package matches <script>zzyzx . Show all"),
        "{}",
        none.words()
    );
    assert!(none.all("input").any(|tag| tag.get("value") == Some("<script>zzyzx")));
    // What is no word, and much of it.
    for query in [
        "%00",
        "%ff",
        "%F0%9F%98%80",
        "*",
        "%22",
        "a".repeat(4_000).as_str(),
        "name%3A",
        "%E2%80%AE",
    ] {
        page(&server, &format!("/?q={query}"));
        suggested(&server, &format!("/suggestions?q={query}"));
    }
}

#[test]
fn every_package_is_on_one_page_of_the_list() {
    let mut repository = TestRepository::new();
    for number in 0..230 {
        repository = repository.release(&format!("thing{number:03}"), "1.0.0");
    }
    repository.build(&[]).ok();
    let server = serve(&repository, &[]);
    for query in ["", "q=thing&"] {
        let mut all = Vec::new();
        let mut next = Some(format!("/?{query}page=1"));
        while let Some(path) = next {
            let found = page(&server, &path);
            assert!(names(&found).len() <= 100, "{path}");
            all.extend(names(&found));
            let link = found.all("a").find(|tag| tag.get("rel") == Some("next"));
            next = link.map(|tag| tag.get("href").unwrap().trim_start_matches('.').to_owned());
        }
        assert_eq!(all.len(), 230, "{query}");
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 230, "{query}");
    }
    for number in ["0", "-1", "x", "99999999999999999999999", "18446744073709551615", "4"] {
        page(&server, &format!("/?page={number}"));
        page(&server, &format!("/?q=thing&page={number}"));
    }
}

#[test]
fn what_is_typed_is_suggested() {
    let repository = packages();
    let server = serve(&repository, &[]);
    let all = suggested(&server, "/suggestions?q=htt");
    assert_eq!(all[0]["name"], "http");
    assert_eq!(all[0]["text"], "Talks to servers");
    assert_eq!(all[0]["url"], "./browse/http");
    assert!(all.len() >= 2 && all.len() <= 8, "{all:?}");
    assert!(suggested(&server, "/suggestions?q=zzyzx").is_empty());
}

#[test]
fn several_repositories_are_searched_together() {
    let repository = packages();
    let tarball =
        |description: &str| Tarball::new("http", "3.0.0").described(description, &[], &[]).build();
    repository.write("two/tarballs/http-3.0.0.tar", &tarball("The other one"));
    repository.write("two/tarballs/http_two-3.0.0.tar", &Tarball::new("http_two", "3.0.0").build());
    build(&repository, "two", "second");
    for root in ["", "root = true\n"] {
        let config = format!(
            "[[repository]]\nname = \"one\"\nat = \"public\"\n{root}[[repository]]\nname = \"second\"\nat = \"two\"\n"
        );
        let server = configured(&repository, &config, 2, &[]);
        let found = page(&server, "/?q=http");
        let (text, links) = (found.words(), found.links());
        assert!(text.contains("http acme Talks to servers"), "{text}");
        assert!(text.contains("http second The other one"), "{text}");
        let first = if root.is_empty() { "./repos/one/browse/http" } else { "./browse/http" };
        for link in [first, "./repos/second/browse/http", "./repos/second/browse/http_two"] {
            assert!(links.contains(&link), "{link}: {links:?}");
            assert_eq!(server.get(link.trim_start_matches('.'), &[]).status, 200, "{link}");
        }
        let suggestions = suggested(&server, "/suggestions?q=http");
        let of_second = suggestions.iter().find(|one| one["url"] == "./repos/second/browse/http");
        assert_eq!(of_second.unwrap()["text"], "second: The other one");
        // A repository's own page has its own packages.
        let own = page(&server, "/repos/second/?q=http");
        assert_eq!(names(&own), ["http", "http_two"]);
        assert!(own.links().iter().all(|link| !link.contains("one")), "{:?}", own.links());
    }
}
