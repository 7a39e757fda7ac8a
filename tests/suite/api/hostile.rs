//! What no publisher should be able to do.

use std::collections::BTreeSet;
use std::thread;

use serde_json::json;

use super::answers::{check, expect};
use super::{Api, Body, Format, Who, documentation, other_tarball, tarball};
use crate::support::exchange::Exchange;
use crate::support::raw_tar::{Entry, archive};
use crate::support::repository::TestRepository;
use crate::support::server::Answer;
use crate::support::tarball::Tarball;
use crate::support::{etf, gzip};

const PUBLISH: &str = "POST /api/packages/acme_tool/releases?replace=false";

/// A publisher of `acme_*` sends these bytes, and is told this of that field; nothing has changed afterwards.
#[track_caller]
fn refused(line: &str, bytes: &[u8], field: &str, text: &str) {
    let api = Api::new();
    let before = api.repository.tree();
    let answer = api.ask(Who::Publisher, Format::Etf, line, &Body::Bytes(bytes.to_vec()));
    let body = expect(&answer, 422);
    let told = body["errors"][field].as_str().unwrap_or_else(|| panic!("no {field} in {body}"));
    assert!(told.contains(text), "{told}");
    assert_eq!(api.repository.tree(), before);
    assert_eq!(leftovers(&api), BTreeSet::new());
}

/// Files of the directory that no client asks for.
fn leftovers(api: &Api) -> BTreeSet<String> {
    let served = ["tarballs/", "packages/", "docs/", "names", "versions", "public_key", ".hexreg"];
    let files = api.repository.files("public", |_| true).into_keys();
    files.filter(|file| !served.iter().any(|served| file.starts_with(served))).collect()
}

#[test]
fn a_tarball_of_another_name_than_the_path() {
    let name = "metadata does not match package name";
    refused(PUBLISH, &tarball("acme_else", "1.0.0"), "name", name);
}

/// The path has the name that the token is for, and the tarball another one.
#[test]
fn a_tarball_of_a_name_that_is_of_others() {
    let name = "metadata does not match package name";
    refused(PUBLISH, &tarball("other_tool", "1.0.0"), "name", name);
}

/// No path has a name to compare with.
#[test]
fn a_tarball_of_a_name_that_is_of_others_without_one_in_the_path() {
    let api = Api::new();
    let before = api.repository.tree();
    for name in ["other_tool", "welcome", "acme"] {
        let body = Body::Bytes(tarball(name, "9.0.0"));
        let answer = api.ask(Who::Publisher, Format::Etf, "POST /api/publish", &body);
        expect(&answer, 403);
    }
    assert_eq!(api.repository.tree(), before);
}

#[test]
fn a_version_with_a_build_number() {
    let bytes = tarball("acme_tool", "1.0.0+1");
    refused(PUBLISH, &bytes, "version", "build number not allowed");
}

#[test]
fn a_version_that_is_none() {
    refused(PUBLISH, &tarball("acme_tool", "1.0"), "version", "is invalid SemVer");
}

#[test]
fn a_version_that_leads_elsewhere() {
    refused(PUBLISH, &tarball("acme_tool", "../1.0.0"), "version", "is invalid SemVer");
}

#[test]
fn a_name_that_leads_elsewhere() {
    let bytes = tarball("../acme_tool", "1.0.0");
    refused("POST /api/packages/acme_tool/releases", &bytes, "name", "");
}

/// No file could have such a name, and changes of others that are made with it would fail too.
#[test]
fn a_name_that_no_file_can_have() {
    let name = format!("acme_{}", "a".repeat(300));
    let line = "POST /api/publish?replace=false";
    refused(line, &tarball(&name, "1.0.0"), "version", "is too long");
}

#[test]
fn bytes_that_are_no_archive() {
    refused(PUBLISH, b"<html>", "tar", "");
}

#[test]
fn a_wrong_checksum() {
    let bytes = Tarball::new("acme_tool", "1.0.0").checksum("0".repeat(64)).build();
    refused(PUBLISH, &bytes, "tar", "checksum");
}

#[test]
fn a_package_that_unpacks_outside_its_directory() {
    let bytes = Tarball::new("acme_tool", "1.0.0").files(&[Entry::file("../x", b"")]).build();
    refused(PUBLISH, &bytes, "tar", "");
}

/// `welcome` is a package here: who publishes that name on hex.pm would be installed in its place.
#[test]
fn a_dependency_that_an_attacker_may_take() {
    let bytes = Tarball::new("acme_tool", "1.0.0").requires_public("welcome", "~> 0.1").build();
    let api = Api::new();
    let before = api.repository.tree();
    let answer = api.ask(Who::Publisher, Format::Etf, PUBLISH, &Body::Bytes(bytes.clone()));
    let body = expect(&answer, 422).to_string();
    assert!(body.contains("welcome") && body.contains("--allow-public"), "{body}");
    assert_eq!(api.repository.tree(), before);

    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    let api = Api::of(repository, &["--allow-public=welcome"]);
    let answer = api.ask(Who::Publisher, Format::Etf, PUBLISH, &Body::Bytes(bytes));
    expect(&answer, 201);
}

/// Metadata of `acme_tool` with one more line, in which `description` or another key says this.
fn saying(key: &str, value: &str) -> Tarball {
    Tarball::new("acme_tool", "1.0.0").more_metadata(format!("{{<<\"{key}\">>,{value}}}.\n"))
}

/// A publisher sends such a tarball, and is told this of a key of its metadata.
#[track_caller]
fn refused_metadata(tarball: &Tarball, key: &str, text: &str) {
    let api = Api::new();
    let before = api.repository.tree();
    let answer = api.ask(Who::Publisher, Format::Etf, PUBLISH, &Body::Bytes(tarball.build()));
    let body = expect(&answer, 422);
    let told = body["errors"]["meta"][key].as_str().unwrap_or_else(|| panic!("{key}: {body}"));
    assert!(told.contains(text), "{told}");
    assert_eq!(api.repository.tree(), before);
}

/// `mix hex.info` prints the description as it comes.
#[test]
fn a_description_that_a_terminal_runs() {
    let tarball = saying("description", r#"<<"\e[31mred">>"#);
    refused_metadata(&tarball, "description", "U+001B");
    let tarball = saying("description", "<<\"a\u{202e}b\"/utf8>>");
    refused_metadata(&tarball, "description", "U+202E");
}

#[test]
fn a_licence_that_a_terminal_runs() {
    refused_metadata(&saying("licenses", r#"[<<"MIT\nBSD">>]"#), "licenses", "U+000A");
}

#[test]
fn a_link_that_a_browser_runs() {
    let tarball = saying("links", r#"[{<<"Home">>,<<"javascript:alert(1)">>}]"#);
    refused_metadata(&tarball, "links", "javascript:alert(1)");
}

/// hex.pm requires these of new releases.
#[test]
fn metadata_without_an_application_a_build_tool_or_files() {
    let metadata = r#"{<<"name">>,<<"acme_tool">>}.{<<"version">>,<<"1.0.0">>}."#;
    let tarball = Tarball::new("acme_tool", "1.0.0").metadata(metadata);
    for key in ["app", "build_tools", "files"] {
        refused_metadata(&tarball, key, "can't be blank");
    }
}

/// Clients write descriptions of several lines.
#[test]
fn a_description_of_several_lines_is_published() {
    let api = Api::new();
    let tarball = saying("description", r#"<<"Greets\n\tpolitely\n">>"#).build();
    expect(&api.publish("acme_tool", &tarball, false), 201);
    let line = "GET /api/packages/acme_tool";
    let body = expect(&api.ask(Who::Reader, Format::Etf, line, &Body::None), 200);
    assert_eq!(body["meta"]["description"], "Greets\n\tpolitely\n");
}

/// A build takes such a release, as mix does, and clients print what they are told of it.
#[test]
fn what_was_built_is_shown_without_characters_that_a_terminal_runs() {
    let tarball = saying("description", r#"<<"\e[31mred\nand">>"#)
        .more_metadata("{<<\"licenses\">>,[<<\"MIT\\e[2J\">>]}.\n")
        .more_metadata(
            r#"{<<"links">>,[{<<"Evil\e">>,<<"javascript:alert(1)">>},{<<"Home\e">>,<<"https://example.com">>}]}."#,
        );
    let repository = TestRepository::new().tarball("acme_tool-1.0.0.tar", &tarball.build());
    repository.build(&[]).ok();
    let api = Api::of(repository, &[]);
    for line in ["packages/acme_tool", "packages/acme_tool/releases/1.0.0", "packages?search=acme"]
    {
        for format in [Format::Etf, Format::Json] {
            let line = format!("GET /api/{line}");
            let answer = api.ask(Who::Reader, format, &line, &Body::None);
            expect(&answer, 200);
            let text = String::from_utf8_lossy(&answer.body);
            assert!(!text.contains('\u{1b}') && !text.contains("\\u001b"), "{text:?}");
            assert!(!text.contains("javascript"), "{text:?}");
        }
    }
    let line = "GET /api/packages/acme_tool";
    let body = expect(&api.ask(Who::Reader, Format::Etf, line, &Body::None), 200);
    assert_eq!(body["meta"]["description"], "\\u{1b}[31mred\nand");
    assert_eq!(body["meta"]["licenses"], json!(["MIT\\u{1b}[2J"]));
    assert_eq!(body["meta"]["links"], json!({ "Home\\u{1b}": "https://example.com" }));
}

/// hex.pm refuses such a name. Here it may be what the owner wants.
#[test]
fn a_name_of_erlang_is_published_with_a_warning() {
    let api = Api::new();
    expect(&api.publish("kernel", &tarball("kernel", "1.0.0"), false), 201);
    assert!(api.log().contains("kernel is also an application of Erlang/OTP"), "{}", api.log());
}

/// mix stops at the cycle.
#[test]
fn a_requirement_on_itself_is_published_with_a_warning() {
    let api = Api::new();
    let itself = Tarball::new("acme_tool", "1.0.0").requires("acme_tool", "~> 1.0").build();
    expect(&api.publish("acme_tool", &itself, false), 201);
    assert!(api.log().contains("acme_tool requires itself"), "{}", api.log());
}

macro_rules! refused_documentation {
    ($($name:ident: $bytes:expr, $text:literal;)*) => {
        $(
            #[test]
            fn $name() {
                let line = "POST /api/packages/welcome/releases/0.1.0/docs";
                let api = Api::new();
                let before = api.repository.tree();
                let body = Body::Bytes($bytes);
                let body = expect(&api.ask(Who::Admin, Format::Etf, line, &body), 422);
                let told = body["errors"]["tar"].as_str().unwrap_or_else(|| panic!("{body}"));
                assert!(told.contains($text), "{told}");
                assert_eq!(api.repository.tree(), before);
                assert_eq!(leftovers(&api), BTreeSet::new());
            }
        )*
    };
}

fn docs(entries: &[Entry]) -> Vec<u8> {
    gzip(&archive(entries))
}

refused_documentation! {
    documentation_outside_its_directory: docs(&[Entry::file("../index.html", b"")]), "";
    documentation_at_the_root: docs(&[Entry::file("/index.html", b"")]), "";
    documentation_by_a_link: docs(&[Entry::symlink("index.html", "/etc/passwd")]), "";
    documentation_of_a_version: docs(&[Entry::file("1.0.0/index.html", b"")]), "1.0.0";
    documentation_with_a_file_twice: docs(&[
        Entry::file("index.html", b"one"),
        Entry::file("index.html", b"other"),
    ]), "\"index.html\" is in it twice";
    documentation_with_a_file_and_a_folder_of_one_name: docs(&[
        Entry::file("a", b""),
        Entry::file("a/index.html", b""),
    ]), "\"a\" is in it as a file and as a folder";
    documentation_with_a_control_character_in_a_name: docs(&[Entry::file("a\u{1b}[2J", b"")]), "control";
    documentation_that_is_not_compressed: archive(&[Entry::file("index.html", b"")]), "";
    documentation_cut_off: documentation()[..40].to_vec(), "";
}

/// Paths whose parts lead elsewhere once they are decoded.
#[test]
fn paths_that_lead_elsewhere() {
    let api = Api::new();
    let files = || {
        let files = api.repository.files("", |path| !path.starts_with("cache/browse"));
        files.into_keys().collect::<BTreeSet<_>>()
    };
    let before = files();
    for path in [
        "packages/..%2f..%2fx/releases",
        "packages/%2e%2e/releases",
        "packages/acme_tool%00/releases",
        "packages/Acme/releases",
        "packages/welcome/releases/..%2f0.1.0/docs",
        "packages/welcome/releases/0.1.0%2f..%2f..%2fx/docs",
        "packages/../publish",
        "repos/..%2facme/publish",
        "repos/other/publish",
    ] {
        for bytes in [tarball("acme_tool", "1.0.0"), documentation()] {
            let line = format!("POST /api/{path}?replace=true");
            let answer = api.ask(Who::Admin, Format::Etf, &line, &Body::Bytes(bytes));
            assert!([404, 422].contains(&answer.status), "{path}: {answer:?}");
        }
    }
    assert_eq!(before, files());
}

/// People choose passwords, and use them elsewhere.
#[test]
fn a_password_only_reads() {
    let api = Api::new();
    let added = ["auth", "add", "readers", "ann", "--password"];
    api.repository.hexreg().input(b"correct-horse\n").run(added).ok();
    let credentials = data_encoding::BASE64.encode(b"ann:correct-horse");
    let bytes = tarball("acme_tool", "1.0.0");
    let head = format!(
        "POST /api/publish HTTP/1.1\r\nhost: x\r\naccept: application/json\r\nauthorization: Basic {credentials}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        bytes.len(),
    );
    let ask = || api.send([head.as_bytes(), &bytes].concat());
    // The file is read again within a second.
    let answers = std::iter::repeat_with(|| {
        thread::sleep(std::time::Duration::from_millis(200));
        ask()
    });
    let is_known = |answer: &Answer| !answer.text().contains("invalid API key");
    let answer = answers.take(300).find(is_known).expect("ann is known");
    assert_eq!(expect(&answer, 401)["message"], "key not authorized for this action");
}

/// Bodies that are no map of a few texts: none of them may take the server down, or much of its time.
macro_rules! refused_terms {
    ($($name:ident: $bytes:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let api = Api::new();
                let bytes: Vec<u8> = $bytes;
                for path in [
                    "packages/welcome/releases/0.1.0/retire",
                    "packages/welcome/owners/bob",
                    "keys",
                    "oauth/token",
                ] {
                    let method = if path.ends_with("bob") { "PUT" } else { "POST" };
                    let head = format!(
                        "{method} /api/{path} HTTP/1.1\r\nhost: {}\r\naccept: application/vnd.hex+erlang\r\n\
                         {}content-type: application/vnd.hex+erlang\r\ncontent-length: {}\r\n\
                         connection: close\r\n\r\n",
                        api.server.address,
                        api.authorization(Who::Admin),
                        bytes.len(),
                    );
                    let answer = api.send([head.as_bytes(), &bytes].concat());
                    // A new key needs no field.
                    let is_map = path == "keys" && answer.status == 201;
                    assert!(is_map || [401, 403, 422].contains(&answer.status), "{path}: {answer:?}");
                }
                let package = api.ask(Who::Reader, Format::Json, "GET /api/packages/welcome", &Body::None);
                assert_eq!(expect(&package, 200)["retirements"], json!({}));
            }
        )*
    };
}

/// `term_to_binary(#{…}, [compressed])`.
fn compressed_term() -> Vec<u8> {
    let term = etf::encode(&json!({"reason": "other", "message": "a".repeat(1000)}));
    let mut stream = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut stream, &term[1..]).unwrap();
    let length = u32::try_from(term.len() - 1).unwrap().to_be_bytes();
    [&[131, 80][..], &length, &stream.finish().unwrap()].concat()
}

/// A list of a list of a list.
fn deep_term(depth: usize) -> Vec<u8> {
    [&[131][..], &[108, 0, 0, 0, 1].repeat(depth), &[106], &vec![106; depth]].concat()
}

refused_terms! {
    a_term_that_is_compressed: compressed_term();
    a_term_that_is_deep: deep_term(100_000);
    a_term_that_is_deep_below_the_limit_of_bodies: deep_term(1000);
    a_term_that_claims_four_gigabytes: vec![131, 109, 255, 255, 255, 255, b'a'];
    a_term_that_claims_four_billion_pairs: vec![131, 116, 255, 255, 255, 255];
    a_term_that_claims_a_long_list: vec![131, 108, 255, 255, 255, 255, 106];
    a_term_cut_off: etf::encode(&json!({"reason": "other"}))[..12].to_vec();
    a_term_with_more_after_it: [etf::encode(&json!({"reason": "other"})), vec![0]].concat();
    a_term_of_another_version: vec![132, 106];
    a_term_that_is_a_list: etf::encode(&json!(["reason", "other"]));
    a_term_that_is_a_function: vec![131, 113, 100, 0, 1, b'a', 100, 0, 1, b'b', 97, 0];
    a_term_with_a_reason_that_is_a_number: etf::encode(&json!({"reason": 1, "message": 2}));
    a_term_that_is_not_utf8: [&[131, 116, 0, 0, 0, 1][..], &[109, 0, 0, 0, 2, 255, 254, 106]].concat();
    a_term_of_a_megabyte: etf::encode(&json!({"reason": "other", "message": "a".repeat(1 << 20)}));
}

/// `too big` comes before the body where the length is said, and instead of `100 Continue`.
#[test]
fn a_body_that_is_said_to_be_too_large() {
    let api = Api::new();
    for expect in ["", "expect: 100-continue\r\n"] {
        let head = format!(
            "POST /api/packages/acme_tool/releases?replace=false HTTP/1.1\r\nhost: {}\r\n\
             accept: application/vnd.hex+erlang\r\n{}{expect}content-length: 16777217\r\n\r\n",
            api.server.address,
            api.authorization(Who::Publisher),
        );
        let mut exchange = Exchange::with(&api.server);
        exchange.send(&head);
        let answer = exchange.response().expect("it is answered before the body is sent");
        check(&answer);
        let body = super::answers::expect(&answer, 422);
        assert!(body["errors"]["tar"].as_str().unwrap().starts_with("too big"), "{body}");
        // The rest of the body must not be read as the next request.
        assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
        assert!(exchange.ends());
    }
}

/// Who may not publish need not send anything.
#[test]
fn a_body_of_a_client_that_may_not_publish_is_not_asked_for() {
    let api = Api::new();
    for (who, status) in
        [(Who::Anonymous, 401), (Who::Reader, 401), (Who::Other, 403), (Who::Expired, 401)]
    {
        let head = format!(
            "POST /api/packages/acme_tool/releases?replace=false HTTP/1.1\r\nhost: {}\r\n\
             accept: application/vnd.hex+erlang\r\n{}expect: 100-continue\r\ncontent-length: 1000\r\n\r\n",
            api.server.address,
            api.authorization(who),
        );
        let mut exchange = Exchange::with(&api.server);
        exchange.send(&head);
        let answer = exchange.response().expect("it is answered before the body is sent");
        check(&answer);
        assert_eq!(answer.status, status, "{who:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{answer:?}");
    }
}

/// Both are answered, and what is served is one of them, whole.
#[test]
fn two_replace_a_release_at_once() {
    let api = Api::new();
    expect(&api.publish("acme_tool", &tarball("acme_tool", "1.0.0"), false), 201);
    let editions: Vec<Vec<u8>> = (0..8)
        .map(|edition| {
            let tarball = Tarball::new("acme_tool", "1.0.0");
            tarball.more_metadata(format!("{{<<\"x\">>,{edition}}}.\n")).build()
        })
        .collect();
    for pair in editions.chunks(2) {
        thread::scope(|scope| {
            for bytes in pair {
                let api = &api;
                scope.spawn(move || expect(&api.publish("acme_tool", bytes, true), 200));
            }
        });
        let stored = api.repository.read("public/tarballs/acme_tool-1.0.0.tar");
        assert!(pair.contains(&stored));
        api.verify();
    }
}

/// One of two that publish the same version is told that it is there.
#[test]
fn two_publish_a_release_at_once() {
    let api = Api::new();
    for number in 0..4 {
        let version = format!("1.{number}.0");
        let [first, second] =
            [tarball("acme_tool", &version), other_tarball("acme_tool", &version)];
        let publish = |bytes: &[u8]| api.publish("acme_tool", bytes, false).status;
        let (one, two) = thread::scope(|scope| {
            let one = scope.spawn(|| publish(&first));
            (publish(&second), one.join().unwrap())
        });
        assert_eq!(BTreeSet::from([one, two]), BTreeSet::from([201, 422]));
        let stored = api.repository.read(&format!("public/tarballs/acme_tool-{version}.tar"));
        assert_eq!(stored, if one == 201 { second } else { first });
        api.verify();
    }
}
