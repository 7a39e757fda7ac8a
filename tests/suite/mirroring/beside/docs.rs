//! `--docs`

use serde_json::{Value, json};

use crate::mirroring::{is_verbatim, mirror, report, samples};
use crate::support::gzip;
use crate::support::raw_tar::{self, Entry};
use crate::support::repository::TestRepository;
use crate::support::unruly::{Fault, Unruly};

fn write_docs(repository: &TestRepository, release: &str) {
    let archive = raw_tar::archive(&[Entry::file("index.html", release.as_bytes())]);
    repository.write(&format!("public/docs/{release}.tar.gz"), &gzip(&archive));
}

/// Documentation with a page of this HTML.
fn write_page(repository: &TestRepository, release: &str, html: &str) {
    let archive = raw_tar::archive(&[Entry::file("a.html", html.as_bytes())]);
    repository.write(&format!("public/docs/{release}.tar.gz"), &gzip(&archive));
}

fn sorted(value: &Value) -> Vec<&str> {
    let mut paths: Vec<_> =
        value.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    paths.sort_unstable();
    paths
}

#[test]
fn documentation_is_requested_again_when_its_package_changes() {
    let (repository, server) = samples();
    write_docs(&repository, "welcome-0.1.0");
    let first = report(&repository, &server.url(), &["--all", "--docs"]);
    // Two indexes, two packages, three tarballs, and the documentation of three releases.
    assert_eq!((&first["requests"], &first["failures"]), (&json!(10), &json!([])), "{first}");
    is_verbatim(&repository);
    assert!(!repository.path("copy/docs/greeting-1.0.0.tar.gz").exists());

    write_docs(&repository, "greeting-1.0.0");
    let second = report(&repository, &server.url(), &["--all", "--docs"]);
    assert_eq!((&second["requests"], &second["created"]), (&json!(2), &json!([])), "{second}");

    let repository = repository.release("greeting", "1.2.0");
    repository.build(&[]).ok();
    let third = report(&repository, &server.url(), &["--all", "--docs"]);
    // Two indexes, a package, a tarball, and the documentation of each of its three releases.
    assert_eq!(third["requests"], 7, "{third}");
    assert_eq!(
        sorted(&third["created"]),
        ["docs/greeting-1.0.0.tar.gz", "tarballs/greeting-1.2.0.tar"]
    );
    is_verbatim(&repository);
}

/// Object storage may answer 403 for a missing file.
#[test]
fn forbidden_documentation_counts_as_missing() {
    let (repository, server) = samples();
    let unruly = Unruly::before(server.address, |path, _| {
        if path.starts_with("/docs/") { Fault::Status(403, Vec::new()) } else { Fault::None }
    });
    let first = report(&repository, &unruly.url(), &["--all", "--docs"]);
    assert_eq!((&first["requests"], &first["failures"]), (&json!(10), &json!([])), "{first}");
    is_verbatim(&repository);
}

#[test]
fn damaged_documentation_is_refused() {
    let (repository, server) = samples();
    write_docs(&repository, "welcome-0.1.0");
    let right = repository.read("public/docs/welcome-0.1.0.tar.gz");
    let page = "answers with a web page (text/html)";
    let damaged = "it is not a gzipped archive";
    for (bytes, why) in
        [(&b"<html>"[..], page), (&right[..right.len() / 2], damaged), (b"", damaged)]
    {
        repository.write("public/docs/welcome-0.1.0.tar.gz", bytes);
        let ran = mirror(&repository, &server.url(), &["--all", "--docs"]);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(ran.stderr.contains("docs/welcome-0.1.0.tar.gz: "), "{}", ran.transcript());
        assert!(ran.stderr.contains(why), "{}", ran.transcript());
        assert!(!repository.path("copy/docs/welcome-0.1.0.tar.gz").exists());
        assert!(!repository.path("copy/names").exists());
    }
    repository.write("public/docs/welcome-0.1.0.tar.gz", &right);
    mirror(&repository, &server.url(), &["--all", "--docs"]).ok();
    is_verbatim(&repository);
}

/// Elixir's documentation, which no index lists.
#[test]
fn documentation_is_mirrored_by_name() {
    let (repository, server) = samples();
    for release in ["elixir-1.18.3", "elixir-1.18.4", "mix-1.18.4", "greeting-1.0.0"] {
        write_docs(&repository, release);
    }
    let options = ["--all", "--docs-of=elixir@1.18.3", "--docs-of=greeting@1.0.0"];
    let first = report(&repository, &server.url(), &options);
    // Two indexes, two packages, three tarballs.
    assert_eq!((&first["requests"], &first["failures"]), (&json!(9), &json!([])), "{first}");
    for release in ["elixir-1.18.3", "greeting-1.0.0"] {
        let path = format!("docs/{release}.tar.gz");
        let (here, there) = (format!("copy/{path}"), format!("public/{path}"));
        assert_eq!(repository.read(&here), repository.read(&there));
        assert!(sorted(&first["created"]).contains(&path.as_str()), "{first}");
    }
    assert!(!repository.path("copy/docs/mix-1.18.4.tar.gz").exists());
    let second = report(&repository, &server.url(), &options);
    assert_eq!((&second["requests"], &second["created"]), (&json!(2), &json!([])), "{second}");

    // What is damaged is fetched again.
    repository.write("copy/docs/elixir-1.18.3.tar.gz", b"junk");
    let third = report(&repository, &server.url(), &options);
    assert_eq!(third["updated"], json!(["docs/elixir-1.18.3.tar.gz"]), "{third}");
    repository.hexreg().run(["verify", "copy"]).ok();
}

#[test]
fn documentation_that_is_named_is_not_pruned() {
    let (repository, server) = samples();
    for release in ["elixir-1.18.3", "elixir-1.18.4", "mix-1.18.3", "greeting-1.0.0"] {
        write_docs(&repository, release);
    }
    let run = |options: &[&str]| report(&repository, &server.url(), options);
    run(&["--all", "--docs", "--docs-of=elixir@1.18.3", "--docs-of=mix@1.18.3"]);
    // Another version takes the place of the former one; what is not named at all stays.
    let pruned = run(&["--all", "--docs", "--prune", "--docs-of=elixir@1.18.4"]);
    assert_eq!(pruned["removed"], json!(["docs/elixir-1.18.3.tar.gz"]), "{pruned}");
    assert!(repository.path("copy/docs/mix-1.18.3.tar.gz").exists());
    // The release is not selected any more, and its documentation is.
    let pruned = run(&["--only=welcome", "--docs", "--prune", "--docs-of=greeting@1.0.0"]);
    assert!(sorted(&pruned["removed"]).contains(&"packages/greeting"), "{pruned}");
    assert!(repository.path("copy/docs/greeting-1.0.0.tar.gz").exists());
}

#[test]
fn documentation_alone_is_mirrored_served_and_pushed() {
    let (repository, server) = samples();
    write_docs(&repository, "elixir-1.18.4");
    let dry = report(&repository, &server.url(), &["--docs-of=elixir@1.18.4", "--dry-run"]);
    assert_eq!(dry["created"], json!(["docs/elixir-1.18.4.tar.gz"]), "{dry}");
    assert!(!repository.path("copy/docs").exists());
    let alone = report(&repository, &server.url(), &["--docs-of=elixir@1.18.4"]);
    assert_eq!((&alone["requests"], &alone["packages"]), (&json!(1), &json!(0)), "{alone}");
    mirror(&repository, &server.url(), &["--all"]).ok();
    // A push takes it along.
    repository.hexreg().run(["push", "copy", "pushed"]).ok();
    let docs = repository.read("public/docs/elixir-1.18.4.tar.gz");
    assert_eq!(repository.read("pushed/docs/elixir-1.18.4.tar.gz"), docs);
    repository.hexreg().run(["verify", "pushed"]).ok();
}

#[test]
fn documentation_that_upstream_lacks_holds_nothing_else_back() {
    let (repository, server) = samples();
    let options = ["--all", "--docs-of=elixir@1.18.4", "--prune"];
    let ran = mirror(&repository, &server.url(), &options);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    let expected = "docs/elixir-1.18.4.tar.gz: upstream does not have it";
    assert!(ran.stderr.contains(expected), "{}", ran.transcript());
    assert!(!ran.stderr.contains("`names` and `versions` were left"), "{}", ran.transcript());
    is_verbatim(&repository);
}

#[test]
fn documentation_is_named_with_its_version() {
    let (repository, server) = samples();
    for (name, why) in [
        ("elixir", "has no version: expected NAME@VERSION, such as elixir@1.18.4"),
        ("elixir@1.18", "is not a version"),
        ("Elixir@1.18.4", "is not a package name"),
    ] {
        let ran = mirror(&repository, &server.url(), &["--docs-of", name]);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        assert!(ran.stderr.contains(why), "{}", ran.transcript());
    }
}

#[test]
fn documentation_that_is_linked_to_and_not_here_is_named() {
    let (repository, server) = samples();
    let link = |url: &str| format!("<a href=\"https://{url}\">");
    let elixir = link("hexdocs.pm/elixir/1.18.4/Kernel.html");
    let pages = [
        ("greeting-1.0.0", format!("{elixir}{}", link("welcome.hexdocs.pm/9.9.9/a.html"))),
        ("welcome-0.1.0", format!("{elixir}{}", link("hexdocs.pm/plug/a.html"))),
        ("elixir-1.18.3", link("hexdocs.pm/mix/1.18.3/a.html")),
    ];
    for (release, html) in &pages {
        write_page(&repository, release, html);
    }
    let first = report(&repository, &server.url(), &["--all", "--docs"]);
    // The documentation of welcome is here, in another version.
    let expected = json!([
        { "package": "elixir", "version": "1.18.4", "linked_by": 2 },
        { "package": "plug", "version": null, "linked_by": 1 },
    ]);
    assert_eq!(first["missing_docs"], expected, "{first}");
    let ran = mirror(&repository, &server.url(), &["--all", "--docs"]).ok();
    let told = "2 packages link to the documentation of elixir 1.18.4, which is not here: add --docs-of elixir@1.18.4";
    assert!(ran.stdout.contains(told), "{}", ran.transcript());
    assert!(ran.stdout.contains("add --docs --only plug@VERSION"), "{}", ran.transcript());
    // Another version will do, and it has links of its own.
    let options = ["--all", "--docs", "--docs-of=elixir@1.18.3"];
    let second = report(&repository, &server.url(), &options);
    let packages = second["missing_docs"].as_array().unwrap().iter();
    let packages: Vec<_> = packages.map(|missing| missing["package"].as_str().unwrap()).collect();
    assert_eq!(packages, ["mix", "plug"], "{second}");
    // A run without documentation looks for no links.
    let without = report(&repository, &server.url(), &["--all"]);
    assert_eq!(without.get("missing_docs"), None, "{without}");
}
