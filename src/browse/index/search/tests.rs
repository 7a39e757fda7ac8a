//! Rules of the search, on a few packages.

use super::super::{IndexedPackage, Inside, PackageDependency, PackageInside, words};
use super::*;
use crate::package::UnixSeconds;

mod properties;
mod relevance;

/// A package with a text for its description and README, and with definitions between blanks.
fn package(name: &str, description: &str, readme: &str, definitions: &str) -> IndexedPackage {
    IndexedPackage {
        name: name.parse().unwrap(),
        version: Some("1.2.3-rc.1".parse().unwrap()),
        releases: 3,
        published_at: Some(UnixSeconds(1_000)),
        updated_at: None,
        first_published_at: Some(UnixSeconds(10)),
        is_retired: false,
        advisories: 0,
        dependencies: Vec::new(),
        source: [1; 32],
        inside: Inside::Read(PackageInside {
            source: [2; 32],
            description: description.to_owned(),
            licenses: vec!["MIT".to_owned()],
            words: words(readme),
            definitions: definitions.split_whitespace().map(str::to_owned).collect(),
        }),
    }
}

fn depending(mut package: IndexedPackage, on: &[&str]) -> IndexedPackage {
    package.dependencies = on
        .iter()
        .map(|name| match name.split_once('/') {
            Some((repository, name)) => {
                PackageDependency { repository: Some(repository.to_owned()), name: name.to_owned() }
            }
            None => PackageDependency { repository: None, name: (*name).to_owned() },
        })
        .collect();
    package
}

fn licensed(mut package: IndexedPackage, license: &str) -> IndexedPackage {
    if let Inside::Read(inside) = &mut package.inside {
        inside.licenses = vec![license.to_owned()];
    }
    package
}

fn index(packages: impl IntoIterator<Item = IndexedPackage>) -> PackageIndex {
    let mut index = PackageIndex::new();
    index.update(packages);
    index
}

fn named(names: &[&str]) -> PackageIndex {
    index(names.iter().map(|name| package(name, "", "", "")))
}

fn find(index: &PackageIndex, query: &str) -> Vec<String> {
    let found = index.search(&Query::parse(query), &|_| true, 0, 50);
    assert_eq!(found.total, found.hits.len());
    found.hits.into_iter().map(|hit| hit.name.to_string()).collect()
}

fn why(index: &PackageIndex, query: &str) -> Vec<(String, MatchKind)> {
    let found = index.search(&Query::parse(query), &|_| true, 0, 50);
    found.hits.into_iter().map(|hit| (hit.name.to_string(), hit.why)).collect()
}

#[test]
fn the_name_comes_first_then_names_that_begin_so_then_names_with_all_words() {
    let index = index([
        package("json_a", "", "", ""),
        package("json", "", "", ""),
        package("simple_json", "", "", ""),
        package("jason", "JSON for the web", "", ""),
        package("poison", "", "encodes json", ""),
        package("other", "", "", "Other.Json.encode/2"),
    ]);
    let found = why(&index, "json");
    let expected = [
        ("json", MatchKind::ExactName),
        ("json_a", MatchKind::NamePrefix),
        ("simple_json", MatchKind::NameWords),
        ("jason", MatchKind::Description),
        ("other", MatchKind::DefinitionWords),
        ("poison", MatchKind::Readme),
    ];
    assert_eq!(found, expected.map(|(name, why)| (name.to_owned(), why)));
}

#[test]
fn words_are_found_in_names_in_any_order_and_together() {
    let index =
        named(&["cache_http", "http_cache_extra", "http_cache", "httpcache", "http", "cache"]);
    assert_eq!(find(&index, "http cache")[..2], ["http_cache", "httpcache"]);
    assert_eq!(find(&index, "http cache")[2..], ["http_cache_extra", "cache_http"]);
    assert_eq!(find(&index, "http-cache")[0], "http_cache");
    assert_eq!(find(&index, "HTTPCache")[..2], ["httpcache", "http_cache"]);
}

#[test]
fn capitals_tell_names_apart_and_split_words() {
    let index = named(&["addressbook", "addressBook", "bookkeeper"]);
    assert_eq!(find(&index, "addressBook"), ["addressBook", "addressbook"]);
    assert_eq!(find(&index, "addressbook"), ["addressbook", "addressBook"]);
    assert_eq!(why(&index, "book")[1], ("addressBook".to_owned(), MatchKind::NameWords));
}

#[test]
fn all_words_must_match_somewhere() {
    let index = index([
        package("nimble_csv", "A simple and fast parsing library", "", ""),
        package("csv", "Encoder", "", ""),
        package("parse", "", "", ""),
    ]);
    assert_eq!(find(&index, "parse csv"), ["nimble_csv"]);
    assert_eq!(find(&index, "which library parses the CSV"), ["nimble_csv"]);
}

#[test]
fn some_words_are_enough_where_no_package_has_all() {
    let index = index([
        package("csv_reader", "Reads CSV", "", ""),
        package("sheet_reader", "Reads spreadsheets", "", ""),
        package("mailer", "Delivers letters", "", ""),
    ]);
    let found = |query: &str| {
        let found = index.search(&Query::parse(query), &|_| true, 0, 10);
        let names: Vec<_> = found.hits.iter().map(|hit| hit.name.to_string()).collect();
        (names, found.has_some_words)
    };
    let (names, has_some_words) = found("csv quantum");
    assert_eq!((names, has_some_words), (vec!["csv_reader".to_owned()], true));
    let (names, has_some_words) = found("reads csv");
    assert_eq!((names, has_some_words), (vec!["csv_reader".to_owned()], false));
    assert_eq!(found("quantum chromodynamics"), (Vec::new(), true));
    assert_eq!(found("quantum"), (Vec::new(), false));
}

#[test]
fn ties_are_broken_by_dependents_then_date_then_name() {
    let mut new = package("x_new", "", "", "");
    new.published_at = Some(UnixSeconds(2_000));
    let index = index([
        package("x_b", "", "", ""),
        package("x_a", "", "", ""),
        new,
        package("x_used", "", "", ""),
        depending(package("one", "", "", ""), &["x_used"]),
        depending(package("two", "", "", ""), &["other/x_a"]),
    ]);
    assert_eq!(find(&index, "x"), ["x_used", "x_new", "x_a", "x_b"]);
}

#[test]
fn conditions_narrow_what_is_found() {
    let index = index([
        depending(package("phoenix", "web", "", ""), &["plug"]),
        licensed(package("plug", "web", "", ""), "Apache-2.0"),
        licensed(depending(package("guard", "web", "", ""), &["acme/plug"]), "BSD 3-Clause"),
    ]);
    assert_eq!(find(&index, "depends:plug"), ["guard", "phoenix"]);
    assert_eq!(find(&index, "depends:plug web license:mit"), ["phoenix"]);
    assert_eq!(find(&index, "license:apache"), ["plug"]);
    assert_eq!(find(&index, "license:\"bsd 3\""), ["guard"]);
    assert_eq!(find(&index, "license:clause"), ["guard"]);
    assert_eq!(find(&index, "name:ph"), ["phoenix"]);
    assert_eq!(find(&index, "name:g"), ["plug", "guard"]);
    assert_eq!(find(&index, "name:g*"), ["guard"]);
    assert_eq!(find(&index, "name:*g web"), ["plug"]);
    assert_eq!(find(&index, "license:gpl web"), [""; 0]);
    assert_eq!(index.dependents("plug").len(), 1);
    assert_eq!(index.dependents_of_foreign("acme", "plug").len(), 1);
}

#[test]
fn modules_and_functions_are_found_whole() {
    let index = index([
        package("nimble_csv", "", "", "NimbleCSV NimbleCSV.parse_string/2 NimbleCSV.define/1"),
        package("other", "parse_string of NimbleCSV", "", "Other.parse_string/1"),
        package("stdlib", "", "", "lists:map/2 gen_tcp:connect/3"),
    ]);
    let whole = |name: &str| vec![(name.to_owned(), MatchKind::Definition)];
    assert_eq!(why(&index, "NimbleCSV.parse_string/2")[..1], whole("nimble_csv"));
    assert_eq!(why(&index, "Other.parse_string"), whole("other"));
    assert_eq!(why(&index, "parse_string/1")[..1], whole("other"));
    assert_eq!(find(&index, "parse_string").len(), 2);
    assert_eq!(why(&index, "lists:map/2"), whole("stdlib"));
    assert_eq!(why(&index, ":gen_tcp.connect"), whole("stdlib"));
}

#[test]
fn other_forms_and_synonyms_are_found_after_the_word_itself() {
    let index = index([
        package("csv_parser", "", "", ""),
        package("csv_parsers", "", "", ""),
        package("postgrex", "PostgreSQL driver", "", ""),
        package("swoosh", "Send emails", "", ""),
    ]);
    assert_eq!(find(&index, "csv parsers"), ["csv_parsers", "csv_parser"]);
    assert_eq!(find(&index, "parsing csv").len(), 2);
    assert_eq!(find(&index, "postgres driver"), ["postgrex"]);
    assert_eq!(find(&index, "mail sending"), ["swoosh"]);
}

#[test]
fn similar_names_are_found_if_little_else_is() {
    let index = index([
        package("json_thing", "", "", ""),
        package("phoenix_live_view", "", "", ""),
        package("ecto", "", "", ""),
    ]);
    let search = |text: &str| index.search(&Query::parse(text), &|_| true, 0, 10);
    let jsn = search("jsn");
    assert_eq!((jsn.hits[0].name.as_str(), jsn.hits[0].why), ("json_thing", MatchKind::Similar));
    assert_eq!(jsn.did_you_mean.as_deref(), Some("json"));
    assert_eq!(
        search("jsn thing license:mit").did_you_mean.as_deref(),
        Some("json thing license:mit")
    );
    assert_eq!(find(&index, "phenix live view"), ["phoenix_live_view"]);
    assert_eq!(search("phoenix_liveveiw").did_you_mean.as_deref(), Some("phoenix_live_view"));
    // What was found for certain is not doubted.
    assert_eq!(search("ecto").did_you_mean, None);
    assert_eq!(search("zzzzzzzz"), Found::default());
}

#[test]
fn what_is_not_visible_is_neither_found_nor_meant() {
    let index = named(&["json_thing", "json_secret", "jsxn"]);
    let visible = |name: &PackageName| !name.as_str().contains("secret");
    let search = |text: &str| index.search(&Query::parse(text), &visible, 0, 10);
    assert_eq!(search("json").total, 1);
    assert_eq!(search("secret").total, 0);
    assert_eq!(search("secert"), Found::default());
    assert_eq!(search("").total, 2);
    let suggested = index.suggest("json_s", &visible, 10);
    assert!(suggested.iter().all(|hit| visible(&hit.name)));
}

#[test]
fn a_word_that_is_being_typed_finds_longer_ones() {
    let index = index([
        package("jason", "A blazing fast serializer", "", ""),
        package("other", "", "", ""),
    ]);
    assert_eq!(find(&index, "ja"), ["jason"]);
    let has_all = |query: &str| {
        let found = index.search(&Query::parse(query), &|_| true, 0, 10);
        found.total > 0 && !found.has_some_words
    };
    assert!(has_all("blazing seria"));
    assert!(!has_all("seria blazing"), "only the last word goes on");
    assert_eq!(index.suggest("jas", &|_| true, 5)[0].name.as_str(), "jason");
    assert!(index.suggest("", &|_| true, 5).is_empty());
}

#[test]
fn other_languages_are_searched() {
    let index = index([
        package("uebersetzer", "Übersetzungen für Anwendungen", "größere Menge", ""),
        package("kaiseki", "日本語の形態素解析ライブラリ", "", ""),
        package("sahih", "مكتبة لتحليل \u{202e}النصوص", "", ""),
    ]);
    assert_eq!(find(&index, "Übersetzungen"), ["uebersetzer"]);
    assert_eq!(find(&index, "übersetzung"), ["uebersetzer"]);
    assert_eq!(find(&index, "GRÖSSERE"), ["uebersetzer"]);
    assert_eq!(find(&index, "形態素解析"), ["kaiseki"]);
    assert_eq!(find(&index, "ライブラリ"), ["kaiseki"]);
    assert_eq!(find(&index, "解"), ["kaiseki"]);
    assert_eq!(find(&index, "النصوص"), ["sahih"]);
}

#[test]
fn rows_tell_what_the_index_was_told() {
    let mut index = index([
        depending(package("a", "About a", "", ""), &["b", "acme/c"]),
        package("b", "", "", ""),
    ]);
    let row = index.get(&"a".parse().unwrap()).unwrap();
    assert_eq!(row.version.unwrap().to_string(), "1.2.3-rc.1");
    assert_eq!((row.description.as_str(), &row.licenses[..]), ("About a", &["MIT".to_owned()][..]));
    assert_eq!((row.releases, row.published_at), (3, Some(UnixSeconds(1_000))));
    assert_eq!((row.source, row.inside_source), ([1; 32], Some([2; 32])));
    assert_eq!(row.dependencies.len(), 2);
    assert_eq!(index.get(&"b".parse().unwrap()).unwrap().dependents, 1);
    assert_eq!(index.get(&"c".parse().unwrap()), None);
    // The registry says something new, and the tarball is the same.
    let mut changed = package("a", "", "", "");
    changed.is_retired = true;
    changed.inside = Inside::Kept;
    index.update([changed]);
    let row = index.get(&"a".parse().unwrap()).unwrap();
    assert!(row.is_retired && row.description == "About a" && row.dependencies.is_empty());
    assert_eq!(index.get(&"b".parse().unwrap()).unwrap().dependents, 0);
    assert_eq!(find(&index, "about"), ["a"]);
    index.remove([&"a".parse().unwrap(), &"zz".parse().unwrap()]);
    assert_eq!((index.len(), index.unread()), (1, 0));
    assert_eq!(find(&index, "about"), [""; 0]);
}

#[test]
fn a_package_is_found_by_name_before_its_tarball_is_read() {
    let mut unread = package("nimble_csv", "never seen", "", "");
    unread.inside = Inside::Unread;
    let mut index = index([unread.clone()]);
    assert_eq!((find(&index, "csv").len(), find(&index, "seen").len(), index.unread()), (1, 0, 1));
    index.update([package("nimble_csv", "Fast", "", "")]);
    assert_eq!((find(&index, "fast").len(), index.unread()), (1, 0));
    index.update([unread]);
    assert_eq!((find(&index, "fast").len(), index.unread()), (0, 1));
}
