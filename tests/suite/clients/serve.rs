//! rebar3 with `hexreg serve` without credentials.

use std::io::{Read, Write};

use super::{Project, configuration, log, samples};
use crate::support::server::Server;
use crate::support::signed::name_releases;
use crate::support::tools;

#[test]
fn rebar3_fetches_and_revalidates_its_cache() {
    let test = "rebar3_fetches_and_revalidates_its_cache";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let repository = samples();
    let server = Server::of(&repository, &[]);
    let project = Project::of(rebar3, &repository, &server.url(), None);
    project.fetches(&repository);
    let first = log(&repository, "method=GET", 4);
    assert_eq!(first.matches("status=200").count(), 4, "{first}");
    for path in ["packages/welcome", "packages/greeting"] {
        assert!(first.contains(&format!("path=\"/{path}\" status=200")), "{first}");
    }
    // A response that the client read to its end is logged as whole.
    assert_eq!(first.matches("whole=true").count(), 4, "{first}");

    // It has the tarballs and their tags; it asks for packages again when it is told to.
    project.forget();
    project.fetches(&repository);
    let second = log(&repository, "method=GET", 6);
    let second = second.strip_prefix(&first).unwrap();
    assert_eq!(second.matches("method=GET").count(), 2, "{second}");
    for path in ["tarballs/welcome-0.1.0.tar", "tarballs/greeting-1.1.0.tar"] {
        assert!(second.contains(&format!("path=\"/{path}\" status=304 bytes=0")), "{second}");
    }
}

/// rebar3 joins URL and path by a slash.
#[test]
fn rebar3_fetches_where_its_url_ends_in_a_slash() {
    let test = "rebar3_fetches_where_its_url_ends_in_a_slash";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let repository = samples();
    let server = Server::run(repository.root(), &["--repo=acme=public"]);
    let url = format!("{}/repos/acme", server.url());
    let lines = configuration(&repository, &url, None);
    let lines = lines.replace("/repos/acme\">>", "/repos/acme/\">>");
    Project::knowing(rebar3, &lines).fetches(&repository);
    let log = log(&repository, "method=GET", 4);
    assert!(log.contains("path=\"/repos/acme//packages/welcome\" status=200"), "{log}");
}

#[test]
fn the_log_shows_that_a_client_left_early() {
    let repository = samples();
    name_releases(&repository, "public", "big", &["1.0.0"]);
    repository.write("public/tarballs/big-1.0.0.tar", &vec![0; 64 << 20]);
    let server = Server::of(&repository, &[]);
    let mut stream = server.connect();
    stream.write_all(b"GET /tarballs/big-1.0.0.tar HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    stream.read_exact(&mut [0; 4096]).unwrap();
    drop(stream);
    let log = log(&repository, "method=GET", 1);
    assert!(log.contains("whole=false"), "{log}");
}

/// The lines below the heading that begins so, up to an empty one.
fn below<'a>(text: &'a str, heading: &str) -> &'a str {
    let (_, rest) = text.split_once(heading).unwrap_or_else(|| panic!("no {heading} in {text}"));
    let (_, lines) = rest.split_once(":\n\n").unwrap();
    lines.split_once("\n\n").unwrap().0
}

/// The text of an element, as a browser copies it.
fn unescape(html: &str) -> String {
    html.replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#38;", "&")
}

#[test]
fn the_printed_configurations_work_word_for_word() {
    let test = "the_printed_configurations_work_word_for_word";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let repository = samples();
    let token = repository.hexreg().run(["auth", "add", "readers", "ci"]).ok().stdout;
    let token = token.trim();
    for (arguments, path) in [
        (vec!["public"], ""),
        (vec!["public", "--auth-file=readers"], ""),
        (vec!["--repo=acme=public", "--auth-file=readers"], "/repos/acme"),
    ] {
        let server = Server::run(repository.root(), &arguments);
        let printed = below(&server.said, "for rebar3, in rebar.config (").to_owned();
        let header = format!("Authorization: {token}");
        let host = server.address.to_string();
        let page = server.get_from(&host, &format!("{path}/"), &[&header]).body;
        let page = String::from_utf8(page).unwrap();
        let (_, shown) = page.split_once("rebar3/rebar.config</code></h3>\n<pre><code>").unwrap();
        let shown = unescape(shown.split_once("</code></pre>").unwrap().0);
        assert_eq!(printed, shown);
        let has_token = arguments.contains(&"--auth-file=readers");
        assert_eq!(printed.matches("TOKEN").count(), usize::from(has_token));
        // All dependencies of the project are here, so the configuration without hex.pm works too.
        let replace = below(&server.said, "or, for a project whose dependencies are all here (");
        assert!(replace.starts_with("{hex, [{repos, replace, ["), "{replace}");
        for lines in [&*printed, replace] {
            let project = Project::knowing(rebar3.clone(), &lines.replace("TOKEN", token));
            project.fetches(&repository);
        }
    }
}
