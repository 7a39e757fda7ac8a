//! Forty queries whose right answers are known.
//!
//! The packages are made up after real ones: names, descriptions and what they depend on. So a query has its right
//! answer among packages that are nearly it, and among popular ones that mention its words.

use super::*;

/// A package a line: name, description, words of the README, definitions, dependencies.
const CORPUS: &str = include_str!("relevance/packages.txt");

/// Query, and packages of which one has to be among the first three.
const QUERIES: [(&str, &[&str]); 40] = [
    ("csv", &["csv"]),
    ("parse csv", &["nimble_csv", "csv"]),
    ("which package parses CSV files?", &["nimble_csv", "csv"]),
    ("http cache", &["http_cache"]),
    ("cached http client", &["tesla_cache", "req_cache"]),
    ("jsn", &["json_thing", "json_patch", "json_path"]),
    ("json thing", &["json_thing"]),
    ("fast json parser", &["jason"]),
    ("postgres", &["postgrex"]),
    ("postgresql driver", &["postgrex"]),
    ("send mail", &["swoosh", "bamboo"]),
    ("email templates", &["bamboo_phoenix"]),
    ("NimbleCSV.parse_string/2", &["nimble_csv"]),
    ("Plug.Conn.send_resp/3", &["plug"]),
    ("parse_transform", &["parse_trans"]),
    ("depends:plug auth", &["guardian", "ueberauth"]),
    ("depends:ecto pagination", &["scrivener_ecto"]),
    ("license:mit yaml", &["yaml_elixir"]),
    ("license:bsd protobuf", &["gpb_light"]),
    ("phenix", &["phoenix"]),
    ("phoenix liveview", &["phoenix_live_view"]),
    ("live view", &["phoenix_live_view"]),
    ("oauth2 google", &["ueberauth_google"]),
    ("regexp", &["regex_builder"]),
    ("valkey client", &["redix"]),
    ("background jobs", &["oban"]),
    ("job queue postgres", &["oban"]),
    ("k8s", &["kubernetes_client"]),
    ("markdown to html", &["earmark"]),
    ("excel", &["xlsxir", "elixlsx"]),
    ("image resizing", &["mogrify", "image_tools"]),
    ("websockets", &["websockex", "websock_server"]),
    ("timezones", &["tzdata", "tz"]),
    ("hash passwords", &["bcrypt_elixir", "argon2_elixir"]),
    ("Datenbankverbindung", &["datenbank"]),
    ("umsatzsteuer prüfen", &["ust_id"]),
    ("形態素解析", &["kaiseki"]),
    ("addresbook", &["addressBook"]),
    ("rate limiting", &["hammer", "ex_rated"]),
    ("testing mocks", &["mox", "mock"]),
];

fn corpus() -> PackageIndex {
    let packages = CORPUS.lines().filter(|line| !line.is_empty()).map(|line| {
        let [name, description, readme, definitions, dependencies] =
            line.split('|').map(str::trim).collect::<Vec<_>>()[..]
        else {
            panic!("{line}")
        };
        let one = package(name, description, readme, definitions);
        let one = depending(one, &dependencies.split_whitespace().collect::<Vec<_>>());
        match name {
            "gpb_light" => licensed(one, "BSD-3-Clause"),
            "yaml_fast" | "protobuf" => licensed(one, "Apache-2.0"),
            _ => one,
        }
    });
    index(packages)
}

#[test]
fn the_right_package_is_among_the_first_three() {
    let index = corpus();
    assert!(index.len() >= 200, "{}", index.len());
    let wrong = QUERIES.iter().filter_map(|(query, wanted)| {
        let found = find(&index, query);
        let first = found.iter().take(3);
        let is_right = first.clone().any(|name| wanted.contains(&name.as_str()));
        (!is_right).then(|| format!("{query}: {:?} of {}", first.collect::<Vec<_>>(), found.len()))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.len() <= 2, "{wrong:#?}");
}
