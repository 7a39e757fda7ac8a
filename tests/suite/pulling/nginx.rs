//! Upstream is nginx: its validators, what it says of the age of files, and what happens when it is stopped.

use std::fs::File;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::until;
use crate::clients::nginx::Nginx;
use crate::support::repository::TestRepository;
use crate::support::server::{Answer, Server};
use crate::support::tarball::Tarball;
use crate::support::tools;

/// nginx with `public/`, and a server that pulls from it.
struct Behind {
    repository: TestRepository,
    nginx: Nginx,
    server: Server,
}

impl Behind {
    /// With these lines in the configuration of nginx.
    fn nginx(lines: &str, test: &str) -> Option<Self> {
        let program = tools::find("nginx", test)?;
        let repository = TestRepository::new().samples();
        repository.build(&[]).ok();
        let nginx = Nginx::serve_with(&program, &repository.path("public"), lines);
        let upstream = format!("--upstream={}", nginx.url());
        let key = "--upstream-key=public/public_key";
        let arguments = ["copy", &upstream, "--upstream-name=acme", key];
        let server = Server::run(repository.root(), &arguments);
        Some(Self { repository, nginx, server })
    }

    #[track_caller]
    fn is_served(&self, path: &str) -> Answer {
        let answer = self.server.get(path, &[]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(answer.body == self.repository.read(&format!("public{path}")), "{path}");
        answer
    }

    /// What nginx was asked, once it was so often.
    #[track_caller]
    fn asked(&self, path: &str, times: usize) -> Vec<String> {
        until("it was asked", || self.nginx.asked(path).len() >= times);
        let asked = self.nginx.asked(path);
        assert_eq!(asked.len(), times, "{path}: {asked:?}");
        asked
    }
}

const PACKAGE: &str = "/packages/greeting";
const TARBALL: &str = "/tarballs/greeting-1.1.0.tar";

#[test]
fn an_unchanged_file_is_not_sent_again() {
    let Some(behind) = Behind::nginx("expires -1;", "an_unchanged_file_is_not_sent_again") else {
        return;
    };
    behind.is_served(TARBALL);
    behind.is_served(PACKAGE);
    behind.is_served(PACKAGE);
    let size = behind.repository.read("public/packages/greeting").len();
    let asked = behind.asked(PACKAGE, 3);
    assert_eq!(asked[0], format!("200 {size} - -"));
    let tag = asked[1].strip_prefix("304 0 \\x22").unwrap_or_else(|| panic!("{asked:?}"));
    assert_eq!(asked[2], format!("304 0 \\x22{tag}"));
    // The next release is there at once, and has another tag.
    let tarball = Tarball::new("greeting", "2.0.0").build();
    behind.repository.write_tarball("greeting-2.0.0.tar", &tarball);
    behind.repository.build(&[]).ok();
    behind.is_served(PACKAGE);
    behind.is_served("/tarballs/greeting-2.0.0.tar");
    behind.is_served(PACKAGE);
    let asked = behind.asked(PACKAGE, 5);
    assert!(asked[3].starts_with("200 ") && asked[3].ends_with(tag), "{asked:?}");
    assert!(asked[4].starts_with("304 0 ") && !asked[4].ends_with(tag), "{asked:?}");
    // A tarball is fetched once.
    behind.is_served(TARBALL);
    behind.asked(TARBALL, 1);
}

#[test]
fn an_unchanged_file_without_a_tag_is_not_sent_again() {
    let test = "an_unchanged_file_without_a_tag_is_not_sent_again";
    let Some(behind) = Behind::nginx("etag off; expires -1;", test) else { return };
    let modified = |seconds| {
        let file =
            File::options().write(true).open(behind.repository.path("public/packages/greeting"));
        let time = SystemTime::now() - Duration::from_secs(seconds);
        file.unwrap().set_modified(time).unwrap();
        httpdate::fmt_http_date(time)
    };
    let first = modified(3600);
    for _ in 0..3 {
        behind.is_served(PACKAGE);
    }
    let size = behind.repository.read("public/packages/greeting").len();
    let unchanged = format!("304 0 - {first}");
    assert_eq!(behind.asked(PACKAGE, 3), [format!("200 {size} - -"), unchanged.clone(), unchanged]);
    // The next release is there at once.
    let tarball = Tarball::new("greeting", "2.0.0").build();
    behind.repository.write_tarball("greeting-2.0.0.tar", &tarball);
    behind.repository.build(&[]).ok();
    let second = modified(60);
    behind.is_served(PACKAGE);
    behind.is_served(PACKAGE);
    let asked = behind.asked(PACKAGE, 5);
    assert!(
        asked[3].starts_with("200 ") && asked[3].ends_with(&format!(" - {first}")),
        "{asked:?}"
    );
    assert_eq!(asked[4], format!("304 0 - {second}"));
}

#[test]
fn a_file_is_asked_for_again_once_nginx_says_so() {
    let lines = "location = /packages/greeting { expires 3s; } location = /names { expires 1h; }";
    let test = "a_file_is_asked_for_again_once_nginx_says_so";
    let Some(behind) = Behind::nginx(lines, test) else { return };
    // nginx says nothing of this one: then it is a minute.
    let other = "/packages/welcome";
    let copy = |path: &str| behind.repository.path(&format!("copy/{path}"));
    until("the indexes", || copy("versions").exists() && copy("names").exists());
    let began = Instant::now();
    for path in [PACKAGE, other, "/names"].into_iter().cycle().take(9) {
        behind.is_served(path);
    }
    // On a busy machine these may take longer than three seconds.
    let first = 1 + usize::try_from(began.elapsed().as_secs() / 3).unwrap();
    until("it was asked", || !behind.nginx.asked(PACKAGE).is_empty());
    let asked = behind.nginx.asked(PACKAGE).len();
    assert!((1..=first).contains(&asked), "{asked} times, and not {first}");
    for path in [other, "/names"] {
        behind.asked(path, 1);
    }
    thread::sleep(Duration::from_secs(3));
    let began = Instant::now();
    for path in [PACKAGE, other, "/names"].into_iter().cycle().take(6) {
        behind.is_served(path);
    }
    let again = 1 + usize::try_from(began.elapsed().as_secs() / 3).unwrap();
    until("it was asked again", || behind.nginx.asked(PACKAGE).len() > asked);
    let all = behind.nginx.asked(PACKAGE);
    assert!((asked + 1..=asked + again).contains(&all.len()), "{all:?}");
    assert!(all[1..].iter().all(|one| one.starts_with("304 0 ")), "{all:?}");
    behind.asked(other, 1);
    behind.asked("/names", 1);
}

#[test]
fn files_are_served_as_they_are_when_nginx_is_stopped() {
    let test = "files_are_served_as_they_are_when_nginx_is_stopped";
    let Some(behind) = Behind::nginx("expires -1;", test) else { return };
    let fetched = behind.is_served(PACKAGE);
    assert_eq!(fetched.expect("cache-status"), "hexreg; fwd=miss");
    behind.is_served(TARBALL);
    // The page that nginx sends with 404 is no file.
    for path in ["/packages/missing", "/policies/strict", "/docs/greeting-1.1.0.tar.gz"] {
        for _ in 0..3 {
            assert_eq!(behind.server.get(path, &[]).status, 404, "{path}");
        }
        assert!(behind.asked(path, 1)[0].starts_with("404 "));
    }
    let copy = |path: &str| behind.repository.path(&format!("copy/{path}"));
    until("the indexes", || copy("versions").exists() && copy("names").exists());
    let Behind { repository, nginx, server } = behind;
    drop(nginx);
    let get = |path: &str| server.get(path, &[]);
    for path in [PACKAGE, "/names", "/versions"] {
        let answer = get(path);
        assert!(answer.body == repository.read(&format!("public{path}")), "{path}");
        assert!(answer.expect("cache-status").starts_with("hexreg; hit; ttl=-"), "{path}");
        assert_eq!(answer.expect("cache-control"), "no-cache");
    }
    let tarball = get(TARBALL);
    assert!(tarball.body == repository.read(&format!("public{TARBALL}")));
    assert_eq!(tarball.header("cache-status"), None);
    // What nginx did not have is missing still; what was never asked for is not known.
    assert_eq!(get("/packages/missing").status, 404);
    assert_eq!(get("/packages/welcome").status, 502);
}
