//! The sandbox of `deploy/hexreg.service` shuts out what it should, and nothing that the server needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{deployed, fill};
use crate::clients::text;
use crate::serving::repository;
use crate::support::hexreg::Hexreg;
use crate::support::server::{Server, free_address};
use crate::support::tools;

/// In tenths, as `systemd-analyze security` reckons: 100 is a service that may do whatever root may.
const EXPOSURE: &str = "--threshold=15";

#[test]
fn systemd_takes_the_unit_and_finds_it_shut_in() {
    let test = "systemd_takes_the_unit_and_finds_it_shut_in";
    let Some(analyze) = tools::find("systemd-analyze", test) else { return };
    let repository = repository();
    // It looks whether the program is there.
    let hexreg = assert_cmd::cargo::cargo_bin!("hexreg").display().to_string();
    let unit = fill(&deployed("hexreg.service"), "/usr/local/bin/hexreg", &hexreg);
    repository.write("hexreg.service", unit.as_bytes());
    for arguments in [&["verify"][..], &["security", "--offline=true", "--no-pager", EXPOSURE]] {
        let output = Command::new(&analyze)
            .args(arguments)
            .arg(repository.path("hexreg.service"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?} {}", text(&output));
        // What it does not know it passes over.
        assert!(arguments[0] != "verify" || text(&output).is_empty(), "{}", text(&output));
    }
}

/// The sets of calls that systemd knows, each with its members, some of which are sets.
fn sets(analyze: &Path) -> BTreeMap<String, Vec<String>> {
    let output = Command::new(analyze).args(["--no-pager", "syscall-filter"]).output().unwrap();
    let mut sets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut last = String::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let member = line.trim();
        if member.is_empty() || member.starts_with('#') {
            continue;
        }
        if line.starts_with('@') {
            member.clone_into(&mut last);
        } else {
            sets.entry(last.clone()).or_default().push(member.to_owned());
        }
    }
    sets
}

/// The calls of a set.
fn calls(sets: &BTreeMap<String, Vec<String>>, name: &str) -> BTreeSet<String> {
    match sets.get(name) {
        Some(members) => members.iter().flat_map(|member| calls(sets, member)).collect(),
        None => [name.to_owned()].into(),
    }
}

/// What the unit lets through.
fn allowed(analyze: &Path) -> BTreeSet<String> {
    let sets = sets(analyze);
    // These are let through whatever a list says.
    let mut allowed = calls(&sets, "@default");
    for line in deployed("hexreg.service").lines() {
        let Some(list) = line.strip_prefix("SystemCallFilter=") else { continue };
        let named = list.trim_start_matches('~').split(' ');
        let named: BTreeSet<_> = named.flat_map(|name| calls(&sets, name)).collect();
        if list.starts_with('~') {
            allowed.retain(|call| !named.contains(call));
        } else {
            allowed.extend(named);
        }
    }
    allowed
}

/// What a server calls that starts, answers and ends, line by line as strace has it.
fn traced(strace: &Path) -> Vec<String> {
    let repository = repository();
    repository.write("public/tarballs/big-1.0.0.tar", &vec![b'x'; 4 << 20]);
    let token = repository.hexreg().run(["auth", "add", "readers", "ci"]).ok().stdout;
    let token = format!("Authorization: {}", token.trim_end());
    let password = ["auth", "add", "readers", "ann", "--password"];
    repository.hexreg().input(b"correct horse battery\n").run(password).ok();
    let (address, log) = (free_address(), repository.path("strace.log"));
    let hexreg = Hexreg::new(repository.root()).command();
    // -D: the server is our child, and strace looks on from elsewhere.
    let mut command = Command::new(strace);
    command.args(["-D", "-f", "-qq", "-s", "0", "-o"]).arg(&log).arg(hexreg.get_program());
    command.args(["serve", "public", "--auth-file=readers", "--quiet"]);
    command.arg(format!("--listen={address}")).current_dir(repository.root());
    let server = Server::other(&mut command, address);
    for path in ["/", "/names", "/packages/welcome", "/tarballs/big-1.0.0.tar"] {
        assert_eq!(server.get(path, &[&token]).status, 200, "{path}");
    }
    assert_eq!(server.get("/packages/none", &[&token]).status, 404);
    let ann = "Authorization: Basic YW5uOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==";
    assert_eq!(server.get("/names", &[ann]).status, 200);
    // The file is looked at once a second, and read again.
    repository.hexreg().run(["auth", "remove", "readers", "ann"]).ok();
    let began = Instant::now();
    while server.get("/names", &[ann]).status == 200 {
        assert!(began.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(100));
    }
    server.signal("-TERM");
    assert_eq!(server.ended(), 0);
    // strace may be a little behind.
    loop {
        let lines = fs::read_to_string(&log).unwrap();
        if lines.contains(" exit_group(0") {
            return lines.lines().map(str::to_owned).collect();
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{lines}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The name of the call in a line.
fn called(line: &str) -> Option<&str> {
    let (_, call) = line.split_once(char::is_whitespace)?;
    let (name, _) = call.trim_start().split_once('(')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some(name)
}

#[test]
fn the_sandbox_lets_the_server_do_all_it_does() {
    let test = "the_sandbox_lets_the_server_do_all_it_does";
    let programs = tools::find("systemd-analyze", test).zip(tools::find("strace", test));
    let Some((analyze, strace)) = programs else { return };
    let lines = traced(&strace);
    let allowed = allowed(&analyze);
    let called: BTreeSet<_> = lines.iter().filter_map(|line| called(line)).collect();
    assert!(called.contains("openat2") && called.contains("preadv2"), "{called:?}");
    let refused: Vec<_> = called.iter().filter(|name| !allowed.contains(**name)).collect();
    assert!(refused.is_empty(), "{refused:?}");

    for line in &lines {
        // RestrictAddressFamilies: sockets of another family, save those that are a pair.
        let is_other = line.contains(" socket(") && !line.contains("AF_INET");
        // MemoryDenyWriteExecute: memory that can be both, one after the other too.
        let is_code = line.contains("PROT_WRITE|PROT_EXEC")
            || (line.contains(" mprotect(") && line.contains("PROT_EXEC"));
        // ProtectSystem: files to be written.
        let is_written = line.contains(" open")
            && ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| line.contains(flag));
        assert!(!is_other && !is_code && !is_written, "{line}");
    }
}
