//! rebar3 with `hexreg serve` and credentials.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use data_encoding::BASE64;

use crate::clients::{Project, configuration, log, samples, soon};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tools;

const PASSWORD: &str = "correct-horse";

fn add_token(repository: &TestRepository, name: &str) -> String {
    repository.hexreg().run(["auth", "add", "readers", name]).ok().stdout.trim().to_owned()
}

fn add_password(repository: &TestRepository, name: &str) {
    let hexreg = repository.hexreg().input(PASSWORD.as_bytes());
    hexreg.run(["auth", "add", "readers", name, "--password"]).ok();
}

/// The server's URL with a name and a secret in it.
fn as_user(server: &Server, name: &str, secret: &str) -> String {
    format!("http://{name}:{secret}@{}", server.address)
}

#[test]
fn rebar3_fetches_with_a_token_or_a_password() {
    let test = "rebar3_fetches_with_a_token_or_a_password";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let repository = samples();
    let token = add_token(&repository, "ci");
    add_password(&repository, "ann");
    let server = Server::of(&repository, &["--auth-file=readers"]);
    for (name, url, token) in [
        ("ci", server.url(), Some(token.as_str())),
        ("ci", as_user(&server, "ci", &token), None),
        ("ann", as_user(&server, "ann", PASSWORD), None),
    ] {
        repository.write("serve.log", b"");
        let project = Project::of(rebar3.clone(), &repository, &url, token);
        for times in [4, 6] {
            project.fetches(&repository);
            let log = log(&repository, "method=GET", times);
            let visitor = format!("visitor=\"{name}\"");
            assert_eq!(log.matches(&visitor).count(), times, "{log}");
            project.forget();
        }
    }
}

#[test]
fn rebar3_fetches_with_a_password_of_htpasswd() {
    let test = "rebar3_fetches_with_a_password_of_htpasswd";
    let programs = tools::find("rebar3", test).zip(tools::find("htpasswd", test));
    let Some((rebar3, htpasswd)) = programs else { return };
    let repository = samples();
    let mut htpasswd = Command::new(htpasswd);
    htpasswd.args(["-cbB", "readers", "bob", PASSWORD]).current_dir(repository.root());
    assert!(htpasswd.stderr(Stdio::null()).status().unwrap().success());
    let server = Server::of(&repository, &["--auth-file=readers"]);
    let url = as_user(&server, "bob", PASSWORD);
    Project::of(rebar3, &repository, &url, None).fetches(&repository);
}

#[test]
fn rebar3_fails_without_the_right_token_until_it_has_one() {
    let test = "rebar3_fails_without_the_right_token_until_it_has_one";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    let repository = samples();
    add_password(&repository, "ann");
    let server = Server::of(&repository, &["--auth-file=readers"]);
    let project = Project::of(rebar3, &repository, &server.url(), None);
    for (index, configuration) in [
        configuration(&repository, &server.url(), None),
        configuration(&repository, &server.url(), Some("wrong")),
        configuration(&repository, &as_user(&server, "ann", "wrong"), None),
    ]
    .iter()
    .enumerate()
    {
        project.configure(configuration);
        let said = project.is_refused();
        assert!(said.contains("Failed to update package welcome from repo acme"), "{said}");
        let log = log(&repository, "status=401", index + 1);
        assert_eq!(log.matches("method=GET").count(), index + 1, "{log}");
        assert!(!log.contains("status=200"), "{log}");
    }

    // The server sees changes of the file without a restart.
    let token = add_token(&repository, "ci");
    let status = || server.get("/names", &[&format!("Authorization: {token}")]).status;
    soon("a new token is known", || status() == 200);
    project.configure(&configuration(&repository, &server.url(), Some(&token)));
    project.fetches(&repository);
    repository.hexreg().run(["auth", "remove", "readers", "ci"]).ok();
    soon("a removed token is unknown", || status() == 401);
    project.forget();
    std::fs::remove_dir_all(project.path("home/cache")).unwrap();
    project.is_refused();
}

#[test]
fn no_log_holds_a_credential() {
    let test = "no_log_holds_a_credential";
    let Some(rebar3) = tools::find("rebar3", test) else { return };
    for format in ["text", "json"] {
        let repository = samples();
        let token = add_token(&repository, "ci");
        add_password(&repository, "ann");
        let arguments = ["--auth-file=readers", "--log-format", format];
        let server = Server::of(&repository, &arguments);
        let wrong = "almost-right";
        let urls = [as_user(&server, "ann", PASSWORD), as_user(&server, "ann", wrong)];
        for (url, token) in [
            (&server.url(), Some(token.as_str())),
            (&server.url(), Some(wrong)),
            (&urls[0], None),
            (&urls[1], None),
        ] {
            Project::of(rebar3.clone(), &repository, url, token).get_deps();
        }
        let basic = ["ann", "ci"].map(|name| {
            [PASSWORD, wrong, &token]
                .map(|secret| BASE64.encode(format!("{name}:{secret}").as_bytes()))
        });
        let basic = basic.concat();
        for one in &basic {
            server.get("/names", &[&format!("Authorization: Basic {one}")]);
            server.get("/names", &[&format!("Proxy-Authorization: Basic {one}")]);
        }
        // In wrong places, and in bytes that are not a request.
        for one in [token.as_str(), PASSWORD] {
            let (address, authorization) = (server.address, format!("Authorization: Bearer {one}"));
            server.get(&format!("/names?token={one}"), &[&authorization]);
            server.get(&format!("http://ann:{one}@{address}/names"), &[&authorization]);
            for request in [
                format!("GET /names HTTP/1.1\r\n{authorization}\r\nHost x\r\n\r\n"),
                format!("GET /names\r\n{authorization}\r\n\r\n"),
                format!(
                    "POST /names HTTP/1.1\r\nHost: x\r\n{authorization}\r\nContent-Length: 9\r\n\r\n"
                ),
            ] {
                server.send(request.as_bytes(), false);
            }
        }
        // The last request is logged.
        server.get("/healthz", &[]);
        let log = log(&repository, "/healthz", 1);
        assert!(log.contains("ann") && log.contains("401"), "{log}");
        for secret in basic.iter().map(String::as_str).chain([&token, PASSWORD, wrong]) {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
        if format == "json" {
            for line in log.lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(line["level"].is_string(), "{line}");
            }
        }
    }
}

/// Editors and `cp` leave it empty for a moment.
#[test]
fn a_file_that_is_being_written_is_not_read() {
    let repository = samples();
    let token = add_token(&repository, "ci");
    let server = Server::of(&repository, &["--auth-file=readers"]);
    let right = repository.read("readers");
    let status = || server.get("/names", &[&format!("Authorization: {token}")]).status;
    let mut moments = 0;
    while moments < 5 {
        let began = Instant::now();
        repository.write("readers", b"");
        std::thread::sleep(Duration::from_millis(150));
        repository.write("readers", &right);
        // On a busy machine it may have been empty for longer, until it was looked at twice.
        if began.elapsed() > Duration::from_millis(450) {
            std::thread::sleep(Duration::from_secs(2));
            soon("the token is known", || status() == 200);
            continue;
        }
        for _ in 0..10 {
            assert_eq!(status(), 200);
            std::thread::sleep(Duration::from_millis(60));
        }
        moments += 1;
    }
}

#[test]
fn an_invalid_file_leaves_the_former_users() {
    let repository = samples();
    let token = add_token(&repository, "ci");
    let server = Server::of(&repository, &["--auth-file=readers", "--metrics-listen=127.0.0.1:0"]);
    let status = || server.get("/names", &[&format!("Authorization: {token}")]).status;
    let right = repository.read("readers");
    let plain = [&right, &b"ann:correct-horse\n"[..]].concat();
    for (bytes, why) in [(plain, "line 2: "), (vec![b'#'; 17 << 20], "larger than 16 MiB")] {
        repository.write("readers", &bytes);
        let log = log(&repository, why, 1);
        assert!(log.contains("who may read was left as it was"), "{log}");
        assert!(!log.contains(PASSWORD), "{log}");
        assert_eq!(status(), 200, "{why}");
    }
    repository.remove("readers");
    log(&repository, "No such file", 1);
    assert_eq!(status(), 200);
    soon("it is counted", || server.metrics().contains("hexreg_failed_reloads_total 3\n"));
    repository.write("readers", b"");
    soon("everyone is refused", || status() == 401);
    repository.write("readers", &right);
    soon("the token is known", || status() == 200);
}
