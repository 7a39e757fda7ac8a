//! The configuration is read again while the server runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use super::repository;
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tarball::Tarball;

/// How long a change may take to be seen, on a busy machine too.
const SOON: Duration = Duration::from_secs(60);

/// What every configuration here begins with.
pub const HEAD: &str =
    "listen = \"127.0.0.1:0\"\nmetrics-listen = \"127.0.0.1:0\"\nauth-file = \"readers\"\n";

/// A repository in `public`, one in `second`, and a token that may publish.
pub fn two() -> (TestRepository, String) {
    let repository = repository();
    fs::create_dir_all(repository.path("second/tarballs")).unwrap();
    let build = ["build", "second", "--name=other", "--private-key=key.pem"];
    repository.hexreg().run(build).ok();
    let added = repository.hexreg().run(["auth", "add", "readers", "ci", "--can=publish"]).ok();
    (repository, format!("Authorization: {}", added.stdout.trim_end()))
}

/// A table of a repository.
pub fn table(name: &str, at: &str, more: &str) -> String {
    format!("[[repository]]\nname = \"{name}\"\nat = \"{at}\"\n{more}\n")
}

/// Waits for a condition, and shows the log if it does not come.
#[track_caller]
pub fn wait_until(repository: &TestRepository, what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        let log = || String::from_utf8(repository.read("serve.log")).unwrap();
        assert!(began.elapsed() < SOON, "{what}: {}", log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// How often the files were read, and were no good.
pub fn failed_reloads(server: &Server) -> usize {
    let metrics = server.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix("hexreg_failed_reloads_total "));
    line.unwrap().parse().unwrap()
}

fn log(repository: &TestRepository) -> String {
    String::from_utf8(repository.read("serve.log")).unwrap()
}

fn start(repository: &TestRepository, text: &str) -> Server {
    repository.write("hexreg.toml", text.as_bytes());
    Server::run(repository.root(), &["--config=hexreg.toml"])
}

#[test]
fn repositories_come_and_go_and_change() {
    let (repository, token) = two();
    let acme = table("acme", "public", "");
    let server = start(&repository, &format!("{HEAD}{acme}"));
    let status = |path: &str, headers: &[&str]| server.get(path, headers).status;
    let token = [token.as_str()];
    assert_eq!(status("/repos/acme/names", &token), 200);
    assert_eq!(status("/repos/acme/names", &[]), 401);
    assert_eq!(status("/repos/other/names", &token), 404);
    let write = |text: String| repository.write("hexreg.toml", text.as_bytes());

    write(format!("{HEAD}{acme}{}", table("other", "second", "anonymous = true")));
    wait_until(&repository, "it comes", || status("/repos/other/names", &[]) == 200);
    assert_eq!(status("/repos/acme/names", &[]), 401);
    let shared = server.get("/repos/other/names", &[]);
    assert!(shared.expect("cache-control").starts_with("public"));

    // Now it is private, also for caches, and what was kept of it does not say otherwise.
    write(format!("{HEAD}{acme}{}", table("other", "second", "")));
    wait_until(&repository, "it is private", || status("/repos/other/names", &[]) == 401);
    let private = server.get("/repos/other/names", &token);
    assert!(private.expect("cache-control").starts_with("private"), "{private:?}");

    write(format!("{HEAD}{}", table("other", "public", "root = true")));
    wait_until(&repository, "others have its name", || status("/names", &token) == 200);
    assert_eq!(status("/repos/acme/names", &token), 404);
    let other = server.get("/repos/other/names", &token);
    assert_eq!(other.body, repository.read("public/names"));
}

/// Another list of readers, another URL, and a key.
#[test]
fn the_server_itself_changes_too() {
    let (repository, token) = two();
    let token = [token.as_str()];
    let acme = table("acme", "public", "");
    let server = start(&repository, &format!("{HEAD}{acme}"));
    let added = repository.hexreg().run(["auth", "add", "others", "ann", "--can=publish"]).ok();
    let other = format!("Authorization: {}", added.stdout.trim_end());
    let status = |headers: &[&str]| server.get("/repos/acme/names", headers).status;
    assert_eq!((status(&token), status(&[&other])), (200, 401));
    let page = |headers: &[&str]| server.get("/", headers).text();
    assert!(!page(&token).contains("hex.example.com"));

    let text = HEAD.replace("\"readers", "\"others");
    let url = "url = \"https://hex.example.com\"\n";
    let root = table("acme", "public", "root = true\nprivate-key = \"key.pem\"");
    repository.write("hexreg.toml", format!("{text}{url}{root}").as_bytes());
    wait_until(&repository, "others may read", || status(&[&other]) == 200);
    assert_eq!(status(&token), 401);
    // The list that is read now is watched in place of the former one.
    let added = repository.hexreg().run(["auth", "add", "others", "ben"]).ok();
    let third = format!("Authorization: {}", added.stdout.trim_end());
    wait_until(&repository, "who was added", || status(&[&third]) == 200);
    if cfg!(feature = "web") {
        assert!(page(&[&other]).contains("https://hex.example.com"));
    }
    let body = Tarball::new("added", "1.0.0").build();
    let head = format!(
        "POST /api/publish HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{other}\r\n\
         Content-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let published = server.send(&[head.as_bytes(), &body].concat(), false).unwrap();
    assert_eq!(published.status, 201, "{}", published.text());
}

#[test]
fn an_error_keeps_what_was_and_is_reported() {
    let (repository, token) = two();
    let text = format!("{HEAD}{}", table("acme", "public", "anonymous = true"));
    let server = start(&repository, &text);
    let failed = || failed_reloads(&server);
    assert_eq!(failed(), 0);
    repository.write("hexreg.toml", format!("{text}colour = 1\n[[repository]]\n").as_bytes());
    wait_until(&repository, "it is counted", || {
        failed() > 0 && log(&repository).contains("hexreg.toml has 3 problems")
    });
    assert_eq!(server.get("/repos/acme/names", &[]).status, 200);
    let said = log(&repository);
    let line = said.lines().rfind(|line| line.contains("configuration left as it was")).unwrap();
    for part in
        ["ERROR", "hexreg.toml has 3 problems", "hexreg.toml:8: unknown key", "hexreg.toml:9: "]
    {
        assert!(line.contains(part), "{line}");
    }
    // A missing file, a pipe in its place, and a key that is missing yet.
    let before = failed();
    repository.remove("hexreg.toml");
    wait_until(&repository, "it is counted", || failed() == before + 1);
    let pipe = repository.path("hexreg.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    wait_until(&repository, "it is counted", || failed() == before + 2);
    repository.remove("hexreg.toml");
    let with_key = format!("{HEAD}{}", table("acme", "public", "private-key = \"new.pem\""));
    repository.write("hexreg.toml", with_key.as_bytes());
    wait_until(&repository, "the key is missing", || {
        log(&repository).contains("new.pem: No such file")
    });
    assert_eq!(server.get("/repos/acme/names", &[]).status, 200);
    let key = repository.read("key.pem");
    repository.write("new.pem", &key);
    // The file that was missing is watched.
    wait_until(&repository, "the key is there", || {
        server.get("/repos/acme/names", &[]).status == 401
    });
    let login = server.get("/api/repos/acme/packages", &[&token]);
    assert_eq!(login.status, 200);
}

#[test]
fn settings_that_hold_until_the_end_are_named() {
    let (repository, _) = two();
    let tables = table("acme", "public", "anonymous = true");
    let server = start(&repository, &format!("{HEAD}{tables}"));
    let text = HEAD.replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:1\"");
    let text = text.replace("metrics-listen = \"127.0.0.1:1\"", "metrics-listen = \"127.0.0.1:2\"");
    let more = "docs-listen = \"127.0.0.1:3\"\nmax-connections = 5\nidle-timeout = 5\ntrusted-proxy = \"192.0.2.1\"\nlog-format = \"json\"\nquiet = true\n";
    let named = tables.replace("acme", "named");
    repository.write("hexreg.toml", format!("{text}{more}{named}").as_bytes());
    wait_until(&repository, "the rest is taken", || {
        server.get("/repos/named/names", &[]).status == 200
    });
    let settings = "listen, docs-listen, metrics-listen, trusted-proxy, max-connections, idle-timeout, log-format, quiet";
    wait_until(&repository, "they are named", || {
        log(&repository).lines().any(|line| line.contains("WARN") && line.contains(settings))
    });
}

/// Without a file too: a terminal that closes and `systemctl reload` send it.
#[test]
fn sighup_does_not_end_a_server_and_reads_everything_again() {
    let (repository, token) = two();
    let server = Server::of(&repository, &["--auth-file=readers"]);
    server.signal("-HUP");
    wait_until(&repository, "it is read again", || {
        log(&repository).contains("who may read was read again")
    });
    assert_eq!(server.get("/names", &[&token]).status, 200);
    let plain = Server::run(repository.root(), &["second"]);
    plain.signal("-HUP");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(plain.get("/names", &[]).status, 200);

    // What cannot be seen by the times of a file: a directory that was missing.
    let text = format!("{HEAD}{}", table("acme", "public", "anonymous = true"));
    let server = start(&repository, &text);
    let more = table("late", "late", "anonymous = true");
    repository.write("hexreg.toml", format!("{text}{more}").as_bytes());
    wait_until(&repository, "it is refused", || {
        log(&repository).contains("late is not a directory")
    });
    fs::rename(repository.path("second"), repository.path("late")).unwrap();
    server.signal("-HUP");
    wait_until(&repository, "it is served", || server.get("/repos/late/names", &[]).status == 200);
    server.signal("-TERM");
    assert_eq!(server.ended(), 0);
}

/// A volume of Kubernetes: the file is a link into a folder that is a link, which is pointed elsewhere.
#[test]
fn a_file_that_is_replaced_in_any_way_is_read_again() {
    let (repository, _) = two();
    let text = |name: &str| format!("{HEAD}{}", table(name, "public", "anonymous = true"));
    for version in ["one", "two"] {
        repository.write(
            &format!("etc/{version}/hexreg.toml"),
            text(version)
                .replace("\"public", "\"../public")
                .replace("\"readers", "\"../readers")
                .as_bytes(),
        );
    }
    symlink("one", repository.path("etc/..data")).unwrap();
    symlink("..data/hexreg.toml", repository.path("etc/hexreg.toml")).unwrap();
    let server = Server::run(repository.root(), &["--config=etc/hexreg.toml"]);
    let has = |name: &str| server.get(&format!("/repos/{name}/names"), &[]).status == 200;
    assert!(has("one"));
    symlink("two", repository.path("etc/..new")).unwrap();
    fs::rename(repository.path("etc/..new"), repository.path("etc/..data")).unwrap();
    wait_until(&repository, "the link", || has("two"));

    let server = start(&repository, &text("one"));
    let has = |name: &str| server.get(&format!("/repos/{name}/names"), &[]).status == 200;
    repository.write("new.toml", text("three").as_bytes());
    fs::rename(repository.path("new.toml"), repository.path("hexreg.toml")).unwrap();
    wait_until(&repository, "a new file", || has("three"));
    // An editor that truncates the file, and writes it in pieces.
    let whole = text("four");
    for end in [0, whole.len() / 3, whole.len() / 2, whole.len()] {
        repository.write("hexreg.toml", &whole.as_bytes()[..end]);
        std::thread::sleep(Duration::from_millis(100));
    }
    wait_until(&repository, "an editor", || has("four"));
}

#[test]
fn the_configuration_is_served_under_no_name() {
    let (repository, _) = two();
    let server =
        start(&repository, &format!("{HEAD}{}", table("acme", "public", "anonymous = true")));
    fs::create_dir_all(repository.path("public/policies")).unwrap();
    fs::hard_link(repository.path("hexreg.toml"), repository.path("public/policies/strict"))
        .unwrap();
    assert_eq!(server.get("/repos/acme/policies/strict", &[]).status, 404);
    repository.remove("public/policies/strict");
    repository.write("public/policies/strict", b"policy");
    assert_eq!(server.get("/repos/acme/policies/strict", &[]).status, 200);
}
