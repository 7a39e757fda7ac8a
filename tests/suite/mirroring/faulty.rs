//! Upstreams with faults. A transient fault is retried. A lasting one is reported, does not keep other files from being
//! mirrored, and leaves no wrong file; the next run repairs it.

use std::time::{Duration, Instant};

use super::{is_verbatim, mirror, report, samples};
use crate::support::hexreg::Ran;
use crate::support::repository::TestRepository;
use crate::support::server::{Server, free_address};
use crate::support::unruly::{Fault, Unruly};

/// One file of each kind.
const PATHS: [&str; 4] =
    ["/names", "/versions", "/packages/welcome", "/tarballs/welcome-0.1.0.tar"];

/// With few retries. A timeout that is not the subject is so long that a busy machine answers before.
fn impatient(repository: &TestRepository, url: &str) -> Ran {
    mirror(repository, url, &["--all", "--retries=1", "--stall-timeout=20"])
}

/// The same, with a short timeout where upstream stalls.
fn impatient_of(fault: &str, repository: &TestRepository, url: &str) -> Ran {
    let timeout = if fault == "stall" { "--stall-timeout=1" } else { "--stall-timeout=20" };
    mirror(repository, url, &["--all", "--retries=1", timeout])
}

/// Faults of one response.
fn faults() -> Vec<(&'static str, Fault)> {
    vec![
        ("drop", Fault::Drop),
        ("truncate", Fault::Truncate(100)),
        ("truncate to nothing", Fault::Truncate(0)),
        ("flip", Fault::Flip(120)),
        ("replace", Fault::Replace(b"<html>Welcome to our hotel's network</html>".to_vec())),
        ("stall", Fault::Stall),
        ("500", Fault::Status(500, Vec::new())),
        ("503", Fault::Status(503, vec!["Retry-After: 1".to_owned()])),
        ("429", Fault::Status(429, vec!["Retry-After: 0".to_owned()])),
    ]
}

/// Asserts that each file in the mirror is upstream's.
#[track_caller]
fn has_no_wrong_file(repository: &TestRepository, what: &str) {
    let upstream = repository.path("public");
    for entry in walkdir::WalkDir::new(repository.path("copy")).into_iter().map(Result::unwrap) {
        let path = entry.path().strip_prefix(repository.path("copy")).unwrap();
        if !entry.file_type().is_file() || path.starts_with(".hexreg-mirror") {
            continue;
        }
        let (here, there) = (std::fs::read(entry.path()), std::fs::read(upstream.join(path)));
        assert_eq!(here.unwrap(), there.unwrap(), "{what}: {}", path.display());
    }
}

#[test]
fn a_transient_fault_is_retried() {
    let (repository, server) = samples();
    for path in PATHS {
        for (what, fault) in faults() {
            let unruly = Unruly::before(server.address, move |asked, before| {
                if asked == path && before == 0 { fault.clone() } else { Fault::None }
            });
            let ran = impatient_of(what, &repository, &unruly.url());
            assert_eq!(ran.code, 0, "{what} at {path}: {}", ran.transcript());
            assert_eq!(unruly.count(path), 2, "{what} at {path}");
            is_verbatim(&repository);
            std::fs::remove_dir_all(repository.path("copy")).unwrap();
        }
    }
}

#[test]
fn a_lasting_fault_is_reported_and_the_rest_is_mirrored() {
    let (repository, server) = samples();
    for path in PATHS {
        for (what, fault) in faults() {
            let unruly = Unruly::before(server.address, move |asked, _| {
                if asked == path { fault.clone() } else { Fault::None }
            });
            let ran = impatient_of(what, &repository, &unruly.url());
            assert_eq!(ran.code, 1, "{what} at {path}: {}", ran.transcript());
            let told = path.trim_start_matches('/');
            assert!(ran.stderr.contains(&format!("{told}: ")), "{what} at {path}: {}", ran.stderr);
            has_no_wrong_file(&repository, what);
            for index in ["names", "versions"] {
                assert!(!repository.path("copy").join(index).exists(), "{what} at {path}: {index}");
            }
            let is_index = !path[1..].contains('/');
            let others = repository.path("copy/packages/greeting");
            assert_eq!(others.exists(), !is_index, "{what} at {path}");
            // Files that the mirror has are not fetched again.
            let second = report(&repository, &server.url(), &["--all"]);
            let requests = if is_index { 7 } else { 4 };
            assert_eq!(second["requests"], requests, "{what} at {path}: {second}");
            is_verbatim(&repository);
            std::fs::remove_dir_all(repository.path("copy")).unwrap();
        }
    }
}

#[test]
fn an_endless_body_is_cut_off() {
    let (repository, server) = samples();
    let unruly = Unruly::before(server.address, |path, _| {
        if path.starts_with("/tarballs/welcome") { Fault::Endless } else { Fault::None }
    });
    let ran = impatient(&repository, &unruly.url());
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    let said = "welcome-0.1.0.tar has more than 16777216 bytes, the most that such a file has";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    has_no_wrong_file(&repository, "endless");
}

/// A body that comes fast enough may take any time.
#[test]
fn a_slow_body_is_waited_for() {
    let (repository, server) = samples();
    let unruly = Unruly::before(server.address, |path, _| {
        if path == "/packages/welcome" {
            Fault::Drip(Duration::from_millis(8))
        } else {
            Fault::None
        }
    });
    let began = Instant::now();
    let patient = ["--all", "--retries=0", "--stall-timeout=10"];
    let ran = mirror(&repository, &unruly.url(), &patient);
    assert_eq!(ran.code, 0, "{}", ran.transcript());
    assert!(began.elapsed() > Duration::from_secs(2), "the drip was none");
    is_verbatim(&repository);
}

#[test]
fn retry_after_is_respected() {
    let (repository, server) = samples();
    let busy = |seconds: u32| {
        Unruly::before(server.address, move |path, before| match (path, before) {
            ("/versions", 0) => Fault::Status(429, vec![format!("Retry-After: {seconds}")]),
            _ => Fault::None,
        })
    };
    let began = Instant::now();
    let ran = impatient(&repository, &busy(2).url());
    assert_eq!(ran.code, 0, "{}", ran.transcript());
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    // A pause of a day is not waited for.
    let ran = impatient(&repository, &busy(86_400).url());
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains("asks to wait for 86400 s"), "{}", ran.stderr);
}

#[test]
fn redirects_are_followed_a_few_times_and_credentials_are_not() {
    let (repository, server) = samples();
    let elsewhere = Unruly::before(server.address, |_, _| Fault::None);
    let sent_to = |target: String| {
        Unruly::before(server.address, move |path, _| {
            Fault::Status(302, vec![format!("Location: {target}{path}")])
        })
    };
    let run = |url: &str| {
        let options = super::upstream(url);
        let arguments = ["mirror", "copy", "--all", "--retries=0", "--upstream-auth=env:TOKEN"];
        let arguments = arguments.into_iter().chain(options.iter().map(String::as_str));
        repository.hexreg().env("TOKEN", "a-secret").run(arguments)
    };
    let first = sent_to(elsewhere.url());
    let ran = run(&first.url());
    assert_eq!(ran.code, 0, "{}", ran.transcript());
    is_verbatim(&repository);
    let has_secret = |unruly: &Unruly| unruly.asked().iter().any(|it| it.head.contains("a-secret"));
    assert!(has_secret(&first) && !has_secret(&elsewhere), "{:?}", elsewhere.asked());

    for (target, said) in [
        ("ftp://127.0.0.1", "it redirects to neither http nor https"),
        ("file://", "it redirects to neither http nor https"),
    ] {
        let ran = run(&sent_to(target.to_owned()).url());
        assert_eq!(ran.code, 1, "{target}: {}", ran.transcript());
        assert!(ran.stderr.contains(said), "{target}: {}", ran.stderr);
    }
    let circle = Unruly::before(server.address, |path, _| {
        Fault::Status(302, vec![format!("Location: {path}")])
    });
    let ran = run(&circle.url());
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains("redirects more than 5 times"), "{}", ran.stderr);
    assert!(circle.asked().len() < 16, "{}", circle.asked().len());
    assert!(!ran.stderr.contains("a-secret"), "{}", ran.stderr);
}

#[test]
fn an_unreachable_upstream_changes_nothing() {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    // At a port that no other test is given while nothing listens there.
    let address = free_address();
    let server = Server::of(&repository, &[&format!("--listen={address}")]);
    mirror(&repository, &server.url(), &["--all"]).ok();
    drop(server);
    let before = repository.read("copy/.hexreg-mirror/state.json");
    let ran = impatient(&repository, &format!("http://{address}"));
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains("Connection refused"), "{}", ran.stderr);
    assert_eq!(repository.read("copy/.hexreg-mirror/state.json"), before);
    is_verbatim(&repository);
    // Once upstream is back, it is mirrored as before.
    let back = Server::of(&repository, &[&format!("--listen={address}")]);
    mirror(&repository, &back.url(), &["--all"]).ok();
}

/// Upstreams that repeat a response without end.
#[test]
fn every_request_ends() {
    let (repository, server) = samples();
    for (fault, within, said) in [
        (Fault::Interim, 20, "operation timed out"),
        (
            Fault::Drip(Duration::from_millis(500)),
            30,
            "came at less than 256 bytes a second for 4 s",
        ),
    ] {
        let unruly = Unruly::before(server.address, move |path, _| {
            if path == "/packages/welcome" { fault.clone() } else { Fault::None }
        });
        let began = Instant::now();
        let options = ["--all", "--retries=0", "--stall-timeout=1"];
        let ran = mirror(&repository, &unruly.url(), &options);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(ran.stderr.contains(said), "{}", ran.transcript());
        assert!(began.elapsed() < Duration::from_secs(within), "{:?}", began.elapsed());
    }
}
