//! How far a build has come: on a terminal alone, and not of one that is done at once.

use std::process::Command;
use std::time::{Duration, Instant};

#[cfg(all(feature = "mirror", feature = "serve"))]
use crate::mirroring;
use crate::support::repository::TestRepository;
use crate::support::tools;
use crate::support::unruly::{Fault, Unruly};

/// What a build shows on a terminal.
fn on_a_terminal(repository: &TestRepository, arguments: &str) -> String {
    let hexreg = assert_cmd::cargo::cargo_bin!("hexreg").display().to_string();
    let build = "build public --name=acme --private-key=key.pem --jobs=1 --no-cache";
    let output = Command::new("script")
        .args(["-qec", &format!("'{hexreg}' {build} {arguments}"), "/dev/null"])
        .current_dir(repository.root())
        .env("TERM", "xterm")
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn a_short_build_shows_nothing_of_the_kind() {
    let test = "a_short_build_shows_nothing_of_the_kind";
    if tools::find("script", test).is_none() {
        return;
    }
    let repository = TestRepository::new().release("foo", "1.0.0");
    let began = Instant::now();
    let shown = on_a_terminal(&repository, "");
    // After half a second a bar is shown, which a busy machine may take.
    let is_short = began.elapsed() < Duration::from_millis(500);
    assert!(shown.starts_with("* creating public/public_key\r\n") || !is_short, "{shown:?}");
}

#[cfg(all(feature = "mirror", feature = "serve"))]
#[test]
fn a_long_mirror_shows_what_comes_and_how_much_of_it() {
    let test = "a_long_mirror_shows_what_comes_and_how_much_of_it";
    if tools::find("script", test).is_none() {
        return;
    }
    let (repository, server) = mirroring::samples();
    let slow = Unruly::before(server.address, |path, _| match path {
        "/tarballs/welcome-0.1.0.tar" => Fault::Drip(Duration::from_micros(300)),
        _ => Fault::None,
    });
    let hexreg = assert_cmd::cargo::cargo_bin!("hexreg").display().to_string();
    let options = mirroring::upstream(&slow.url()).join(" ");
    let output = Command::new("script")
        .args(["-qec", &format!("'{hexreg}' mirror copy --all {options}"), "/dev/null"])
        .current_dir(repository.root())
        .env("TERM", "xterm")
        .output();
    let shown = String::from_utf8(output.unwrap().stdout).unwrap();
    let bar = shown.split('\r').find(|line| line.contains("1 of 2 packages, "));
    let bar = bar.unwrap_or_else(|| panic!("no bar in {shown:?}"));
    for part in ["[=", "B/s, ", " left welcome-0.1.0"] {
        assert!(bar.contains(part), "{part}: {bar:?}");
    }
    assert!(shown.trim_end().ends_with("requests, 16.49 KiB"), "{shown:?}");
}

mod slow {
    use super::on_a_terminal;
    use crate::support::repository::TestRepository;
    use crate::support::tarball::Tarball;
    use crate::support::{gzip, raw_tar, tools};

    /// Takes well over half a second to read: packages that inflate to 100 MB each.
    fn large() -> TestRepository {
        let zeros = vec![0; 100_000_000];
        let contents = gzip(&raw_tar::archive(&[raw_tar::Entry::file("zeros", &zeros)]));
        let mut repository = TestRepository::new();
        for minor in 0..200 {
            let version = format!("1.{minor}.0");
            let tarball = Tarball::new("foo", &version).contents(&contents).build();
            repository = repository.tarball(&format!("foo-{version}.tar"), &tarball);
        }
        repository
    }

    #[test]
    fn a_long_build_shows_how_far_it_is_on_a_terminal() {
        let test = "a_long_build_shows_how_far_it_is_on_a_terminal";
        if tools::find("script", test).is_none() {
            return;
        }
        let repository = large();
        let shown = on_a_terminal(&repository, "");
        let bar = shown.split('\r').rfind(|line| line.contains(" of 200 tarballs, "));
        let bar = bar.unwrap_or_else(|| panic!("no bar in {shown:?}"));
        assert!(
            bar.contains("reading [=") && bar.contains("B/s, ") && bar.contains(" left"),
            "{bar:?}"
        );
        // It is gone before anything else is printed.
        assert!(shown.contains("\u{1b}[2K* creating public/public_key\r\n"), "{shown:?}");

        for arguments in ["--quiet", "--json"] {
            let shown = on_a_terminal(&repository, arguments);
            assert!(!shown.contains("tarballs"), "{arguments}: {shown:?}");
        }
        let ran = repository.build(&["--no-cache"]).ok();
        assert!(!ran.transcript().contains("tarballs"), "{}", ran.transcript());
    }
}
