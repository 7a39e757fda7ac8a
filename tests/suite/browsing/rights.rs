//! Names that a client may not see.

use super::{build, configured, names, page, page_for, parser, status};
use crate::support::html::Document;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tarball::Tarball;
use crate::support::upstream::until;

/// What no one without a token may see.
const SECRETS: [&str; 3] = ["hush_hush", "classified", "Quietly"];

/// `open` for all, whose `front` needs a package of `closed`; and `closed` for those with a token.
fn served(root: &str) -> (TestRepository, Server, String) {
    let repository = parser();
    let front = Tarball::new("front", "1.0.0").more_metadata(
        "{<<\"requirements\">>,[{<<\"back\">>,[{<<\"app\">>,<<\"back\">>},{<<\"optional\">>,false},\
         {<<\"repository\">>,<<\"closed\">>},{<<\"requirement\">>,<<\"~> 1.0\">>}]}]}.\n",
    );
    repository.write_tarball("front-1.0.0.tar", &front.build());
    build(&repository, "public", "acme");
    let back = Tarball::new("back", "1.2.3").requires("hush_hush", "~> 1.0");
    let back =
        back.described("Quietly classified", &["classified"], &[("README.md", b"classified")]);
    repository.write("closed/tarballs/back-1.2.3.tar", &back.build());
    let hush = Tarball::new("hush_hush", "1.0.0").described("Quietly", &[], &[]);
    repository.write("closed/tarballs/hush_hush-1.0.0.tar", &hush.build());
    build(&repository, "closed", "closed");
    let token = repository.hexreg().run(["auth", "add", "readers", "ann"]).ok().stdout;
    let config = format!(
        "auth-file = \"readers\"\n[[repository]]\nname = \"open\"\nat = \"public\"\nanonymous = true\n{root}\
         [[repository]]\nname = \"closed\"\nat = \"closed\"\n"
    );
    let token = format!("Authorization: {}", token.trim());
    let server = configured(&repository, &config, 2, &[&token]);
    (repository, server, token)
}

/// What a page may not hold for those without a token.
#[track_caller]
fn is_silent(path: &str, text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{path} says {secret}: {text}");
    }
}

#[test]
fn without_a_token_no_page_search_suggestion_or_feed_has_a_name() {
    for root in ["root = true\n", ""] {
        let (_repository, server, token) = served(root);
        let mut paths = Vec::new();
        for query in [
            "hush",
            "hush_hush",
            "quietly",
            "classified",
            "license%3Aclassified",
            "depends%3Ahush_hush",
            "back",
        ] {
            for below in ["/", "/repos/open/", "/repos/closed/"] {
                paths.push(format!("{below}?q={query}"));
                paths.push(format!("{below}suggestions?q={query}"));
            }
        }
        for below in ["/", "/repos/open/", "/repos/closed/"] {
            for rest in [
                "",
                "?page=2",
                "recent",
                "recent.atom",
                "browse/hush_hush",
                "browse/hush_hush/1.0.0",
                "browse/back",
                "browse/back/versions",
                "browse/back/dependents",
                "browse/back/1.2.3/files/",
                "browse/back/1.2.3/raw/README.md",
                "browse/back/1.2.3/requirements",
                "browse/front",
                "browse/front/1.0.0/requirements",
            ] {
                paths.push(format!("{below}{rest}"));
            }
        }
        for path in &paths {
            let answer = server.get(path, &[]);
            // What was searched for is repeated.
            let text = answer.text();
            let query = path.split("q=").nth(1).unwrap_or_default();
            let text = if query.is_empty() { text } else { text.replace(query, "") };
            let text = text.replace("license:classified", "").replace("depends:hush_hush", "");
            is_silent(path, &text);
            if path.starts_with("/repos/closed/") {
                assert_eq!(answer.status, 401, "{path}");
                assert!(answer.expect("www-authenticate").starts_with("Basic"), "{path}");
            }
        }
        // The same pages have them for those who may read.
        let all = page_for(&server, "/?q=hush", &[&token]);
        assert!(all.links().contains(&"./repos/closed/browse/hush_hush"), "{:?}", all.links());
        let with = |path: &str| server.get(path, &[&token]).text();
        assert!(with("/suggestions?q=hush").contains("hush_hush"));
        assert!(with("/repos/closed/recent.atom").contains("hush_hush"));
        assert!(with("/repos/closed/browse/back").contains("classified"));
        let wrong = server.get("/repos/closed/browse/back", &["Authorization: hexreg_wrong"]);
        assert_eq!(wrong.status, 401);
    }
}

#[test]
fn what_a_package_needs_of_a_closed_repository_is_not_told() {
    let (_repository, server, token) = served("root = true\n");
    let needs = "/browse/front/1.0.0/requirements";
    let without = page(&server, needs);
    // The name is in the signed file of the open repository, and nothing else is known.
    let text = without.words();
    assert!(text.contains("closed/back") && text.contains("not here"), "{text}");
    assert!(!text.contains("1.2.3") && !text.contains("hush_hush"), "{text}");
    let links = |found: &Document| found.links().iter().any(|link| link.contains("closed"));
    assert!(!links(&without) && !links(&page(&server, "/browse/front")));
    let with = page_for(&server, needs, &[&token]);
    let text = with.words();
    assert!(text.contains("Yes: all that it pulls in is here."), "{text}");
    assert!(
        text.contains("closed/back 1.2.3 here") && text.contains("closed/hush_hush 1.0.0 here"),
        "{text}"
    );
    assert!(links(&with) && links(&page_for(&server, "/browse/front", &[&token])));
}

#[test]
fn a_server_for_readers_alone_shows_nothing_to_others() {
    let repository = parser();
    let token = repository.hexreg().run(["auth", "add", "readers", "ann"]).ok().stdout;
    let token = format!("Authorization: {}", token.trim());
    let server = Server::of(&repository, &["--auth-file=readers"]);
    page_for(&server, "/", &[&token]);
    until("the packages were read", || !super::reads(&repository).is_empty());
    for path in [
        "/",
        "/?q=json",
        "/suggestions?q=json",
        "/recent",
        "/recent.atom",
        "/browse/json_parser",
        "/browse/absent",
        "/browse/json_parser/1.1.0/raw/README.md",
    ] {
        let answer = server.get(path, &[]);
        assert_eq!(answer.status, 401, "{path}");
        assert!(!answer.text().contains("json_parser"), "{path}: {}", answer.text());
        assert_eq!(server.ask("HEAD", path, &[]).status, 401, "{path}");
    }
    let found = page_for(&server, "/", &[&token]);
    assert!(names(&found).contains(&"json_parser".to_owned()));
    assert!(found.words().contains("Access needs a token"), "{}", found.words());
    assert_eq!(status(&server, "/healthz"), 200);
}
