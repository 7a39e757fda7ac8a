//! The sandboxes of `deploy/hexreg.service` and `deploy/hexreg-mirror.service` shut out what they should, and nothing
//! that the server and the mirror need.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::company::{Company, Keys};
use super::{deployed, fill};
use crate::clients::text;
use crate::support::moto::Moto;
use crate::support::repository::TestRepository;
use crate::support::server::{Server, free_address};
use crate::support::tools;

/// In tenths, as `systemd-analyze security` reckons: 100 is a service that may do whatever root may.
const EXPOSURE: &str = "--threshold=15";

/// The units, with the binary under test in place of the one that is installed.
fn write_units(repository: &TestRepository) {
    let hexreg = assert_cmd::cargo::cargo_bin!("hexreg").display().to_string();
    for unit in ["hexreg.service", "hexreg-mirror.service", "hexreg-mirror.timer"] {
        let text = deployed(unit).replace("=/usr/local/bin/hexreg", &format!("={hexreg}"));
        repository.write(unit, text.as_bytes());
    }
}

#[test]
fn systemd_takes_the_units_and_finds_them_shut_in() {
    let test = "systemd_takes_the_units_and_finds_them_shut_in";
    let Some(analyze) = tools::find("systemd-analyze", test) else { return };
    let repository = TestRepository::new();
    write_units(&repository);
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&analyze);
        let output = command.args(arguments).current_dir(repository.root()).output().unwrap();
        assert!(output.status.success(), "{arguments:?} {}", text(&output));
        text(&output)
    };
    for unit in ["hexreg.service", "hexreg-mirror.service", "hexreg-mirror.timer"] {
        // It looks whether the programs are there. What it does not know it passes over, and says so.
        assert_eq!(run(&["verify", &format!("./{unit}")]), "", "{unit}");
        if unit.ends_with(".service") {
            run(&["security", "--offline=true", "--no-pager", EXPOSURE, &format!("./{unit}")]);
        }
    }
    let timer = deployed("hexreg-mirror.timer");
    let calendar = timer.lines().find_map(|line| line.strip_prefix("OnCalendar=")).unwrap();
    run(&["calendar", calendar]);
}

/// The commands of a unit.
fn commands(unit: &str, key: &str) -> Vec<Vec<String>> {
    let text = deployed(unit);
    let lines = text.lines().filter_map(|line| line.strip_prefix(&format!("{key}=")));
    lines.map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

/// What the timer starts, with an upstream of the test: a copy that `verify` finds whole, and that stays as it is when
/// the upstream fails.
#[test]
fn the_mirror_does_what_its_unit_says() {
    let upstream = TestRepository::new().release("phoenix", "1.8.0").release("ecto_sql", "3.13.0");
    upstream.hexreg().run(["build", "public", "--name=hexpm", "--private-key=key.pem"]).ok();
    let server = Server::of(&upstream, &[]);
    let here = TestRepository::new();
    let key = format!("--upstream-key={}", upstream.path("public/public_key").display());
    let run = |url: &str| {
        let [command] = commands("hexreg-mirror.service", "ExecStart").try_into().unwrap();
        let arguments = command.iter().skip(1).map(|word| match word.as_str() {
            "/srv/hex/hexpm" => "copy".to_owned(),
            other => other.to_owned(),
        });
        let upstream = format!("--upstream={url}");
        let arguments: Vec<_> = arguments.chain([upstream, key.clone()]).collect();
        here.hexreg().run(arguments.iter().map(String::as_str))
    };
    run(&server.url()).ok();
    for tarball in ["phoenix-1.8.0", "ecto_sql-3.13.0"] {
        assert!(here.path(&format!("copy/tarballs/{tarball}.tar")).exists(), "{tarball}");
    }
    let url = server.url();
    drop(server);
    assert_ne!(run(&url).code, 0);
    here.hexreg().run(["verify", "copy", "--partial"]).ok();
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

/// What a unit lets through.
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

/// What a server calls that starts by `deploy/hexreg.toml`, serves a bucket, publishes to it and ends, line by line as
/// strace has it.
fn traced(strace: &Path, company: &Company) -> Vec<String> {
    let password = ["auth", "add", "etc/readers", "ann", "--password"];
    company.repository.hexreg().input(b"correct horse battery\n").run(password).ok();
    let (address, log) = (free_address(), company.path("strace.log"));
    let hexreg = company.hexreg().command();
    let [unit] = commands("hexreg.service", "ExecStart").try_into().unwrap();
    let [_, serve, config, _] = <[String; 4]>::try_from(unit).unwrap();
    // -D: the server is our child, and strace looks on from elsewhere.
    let mut command = Command::new(strace);
    command.args(["-D", "-f", "-qq", "-y", "-s", "256", "-o"]).arg(&log).arg(hexreg.get_program());
    command.args([serve, config]).arg("etc/hexreg.toml").current_dir(company.repository.root());
    command.envs(hexreg.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("HEXREG_LISTEN", address.to_string());
    command.env("HEXREG_METRICS_LISTEN", "127.0.0.1:0").env("TMPDIR", company.path("tmp"));
    let output = File::create(company.path("serve.log")).unwrap();
    command.stdout(output.try_clone().unwrap()).stderr(output);
    let server = Server::other(&mut command, address);
    company.publishes(&server, "acme_tool", &server);
    let token = format!("Authorization: {}", company.token);
    for path in ["/", "/repos/acme/names", "/repos/acme/packages/acme_tool"] {
        assert_eq!(server.get(path, &[&token]).status, 200, "{path}");
    }
    assert_eq!(server.get("/repos/acme/packages/none", &[&token]).status, 404);
    // HEX_MIRROR sends no token.
    for path in ["/packages/phoenix", "/tarballs/phoenix-1.8.0.tar"] {
        assert_eq!(server.get(path, &[]).status, 200, "{path}");
    }
    let ann = "Authorization: Basic YW5uOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==";
    let ask = || server.get("/repos/acme/names", &[ann]).status;
    assert_eq!(ask(), 200);
    // The file is looked at once a second, and read again.
    company.repository.hexreg().run(["auth", "remove", "etc/readers", "ann"]).ok();
    let began = Instant::now();
    while ask() == 200 {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(100));
    }
    // What `systemctl reload` does.
    let [reload] = commands("hexreg.service", "ExecReload").try_into().unwrap();
    assert_eq!(reload, ["/bin/kill", "-HUP", "$MAINPID"]);
    assert_eq!(server.get("/repos/acme/names", &[]).status, 401);
    let config = String::from_utf8(company.repository.read("etc/hexreg.toml")).unwrap();
    let config = fill(&config, "name = \"acme\"", "name = \"acme\"\nanonymous = true");
    company.repository.write("etc/hexreg.toml", config.as_bytes());
    server.signal("-HUP");
    let began = Instant::now();
    while server.get("/repos/acme/names", &[]).status == 401 {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(100));
    }
    server.signal("-TERM");
    assert_eq!(server.ended(), 0);
    // strace may be a little behind.
    let began = Instant::now();
    loop {
        let lines = fs::read_to_string(&log).unwrap();
        if lines.contains(" exit_group(0") {
            return lines.lines().map(str::to_owned).collect();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{lines}");
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
    let Some(moto) = Moto::start(test) else { return };
    let bucket = moto.bucket("acme-hex");
    let [(_, id), (_, secret), _] = bucket.environment();
    let company = Company::of(bucket.address(), &Keys { id, secret });
    company.move_here();
    company.first_push().ok();
    let lines = traced(&strace, &company);
    let allowed = allowed(&analyze);
    let called: BTreeSet<_> = lines.iter().filter_map(|line| called(line)).collect();
    assert!(called.contains("openat2") && called.contains("preadv2"), "{called:?}");
    let refused: Vec<_> = called.iter().filter(|name| !allowed.contains(**name)).collect();
    assert!(refused.is_empty(), "{refused:?}");

    let writable = ["cache", "tmp"].map(|folder| company.path(folder).display().to_string());
    let mut written = 0;
    for line in &lines {
        // RestrictAddressFamilies: sockets of another family, save those that are a pair.
        let families = ["AF_INET", "AF_UNIX", "AF_NETLINK"];
        let is_other =
            line.contains(" socket(") && !families.iter().any(|family| line.contains(family));
        // MemoryDenyWriteExecute: memory that can be both, one after the other too.
        let is_code = line.contains("PROT_WRITE|PROT_EXEC")
            || (line.contains(" mprotect(") && line.contains("PROT_EXEC"));
        // ProtectSystem: files to be written, save those of the cache and uploads.
        let is_written = line.contains(" open")
            && ["O_WRONLY", "O_RDWR", "O_CREAT"].iter().any(|flag| line.contains(flag));
        let is_outside = is_written && !writable.iter().any(|folder| line.contains(folder));
        assert!(!is_other && !is_code && !is_outside, "{line}");
        written += usize::from(is_written);
    }
    assert!(written > 0, "neither the cache nor an upload was written");
}
