//! Registries at URLs.

use std::process::Command;
use std::time::Duration;

use super::company::Company;
use crate::support::server::Server;
use crate::support::tools;
use crate::support::unruly::{Fault, Unruly};
use crate::support::upstream::until;

#[test]
fn registries_at_urls_are_checked_as_directories_are() {
    let company = Company::new();
    let hex = Server::run(&company.repository.path("hex"), &["."]);
    let own = Server::run(company.repository.root(), &["public"]);
    let keys = ["--public-key=hex/public_key", "--public-key=public/public_key"];
    let urls = [format!("--from={}", hex.url()), format!("--from={}", own.url())];
    for lock in ["mix.lock", "rebar.lock", "manifest.toml"] {
        let usual = ["check", "--lock", lock, "--policy=strict.toml", &urls[0], &urls[1]];
        let at_urls = company.repository.hexreg().run([&usual[..], &keys].concat());
        let in_directories = company.check(lock, &["--from=public"]);
        assert_eq!(at_urls.transcript(), in_directories.transcript());
    }
}

/// Its `names` says whether hex.pm has the name, too.
#[test]
fn hex_pm_is_not_asked_for_a_private_package() {
    let company = Company::new();
    let hex = Server::run(&company.repository.path("hex"), &["."]);
    let entries = [("sound", "hexpm"), ("secretlib", "acme"), ("tool", "acme")];
    let entries = entries.map(|(name, of)| company.mix_entry(name, "1.0.0", of));
    company.repository.write("mix.lock", format!("%{{\n{}}}\n", entries.concat()).as_bytes());
    let from = format!("--from={}", hex.url());
    let arguments = ["check", "--lock=mix.lock", "--policy=strict.toml", &from, "--from=public"];
    let keys = ["--public-key=hex/public_key", "--public-key=public/public_key"];
    let ran = company.repository.hexreg().run([&arguments[..], &keys].concat());
    assert!(ran.stdout.contains("[namesake]") && ran.stdout.ends_with(" 1 finding\n"), "{ran:?}");
    let log = || String::from_utf8(company.repository.read("hex/serve.log")).unwrap();
    // A line is written after the client has its response.
    until("both are in the log", || {
        ["/names", "/packages/sound"].iter().all(|path| log().contains(path))
    });
    let log = log();
    assert!(!log.contains("secretlib") && !log.contains("tool"), "{log}");
}

#[test]
fn a_long_check_shows_how_far_it_is_on_a_terminal() {
    if tools::find("script", "a_long_check_shows_how_far_it_is_on_a_terminal").is_none() {
        return;
    }
    let company = Company::new();
    let hex = Server::run(&company.repository.path("hex"), &["."]);
    let slow = Unruly::before(hex.address, |path, _| match path {
        "/packages/young" => Fault::Drip(Duration::from_millis(5)),
        _ => Fault::None,
    });
    let hexreg = assert_cmd::cargo::cargo_bin!("hexreg").display().to_string();
    let check = format!(
        "'{hexreg}' check --lock=mix.lock --policy=strict.toml --from={} --from=public \
         --public-key=hex/public_key --public-key=public/public_key",
        slow.url()
    );
    let output = Command::new("script")
        .args(["-qec", &check, "/dev/null"])
        .current_dir(company.repository.root())
        .env("TERM", "xterm")
        .output();
    let shown = String::from_utf8(output.unwrap().stdout).unwrap();
    let bar = shown.split('\r').find(|line| line.contains(" of 9 locked packages, "));
    let bar = bar.unwrap_or_else(|| panic!("no bar in {shown:?}"));
    assert!(bar.contains("reading [=") && bar.contains(" left"), "{bar:?}");
    // It is gone before the first finding.
    assert!(shown.trim_end().ends_with("1 lock file, 10 dependencies: 8 findings"), "{shown:?}");
}
