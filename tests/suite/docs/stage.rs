//! Where the commands of a document are run: a directory of its own, with `fixtures/` of the checkout, and in
//! `inputs/` the lock files and the certificate that a reader would have. hex.pm is a server of the test.

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use hexreg::policy::Policy;
use serde_json::Value;

use super::block::{Block, Need};
use crate::support::bucket::Bucket;
use crate::support::moto::Moto;
use crate::support::repository::TestRepository;
use crate::support::server::{Server, free_address};
use crate::support::signed::{policy, write_policy};
use crate::support::{fixture, tools};

/// Runs every command of a document that can run on one machine.
pub fn run(document: &str, text: &str) {
    let blocks = Block::all(document, text);
    let mut stage = Stage::new(document, &blocks);
    for block in blocks.iter().filter(|block| block.has_commands()) {
        let is_met = match block.needs {
            None => true,
            Some(Need::Program(program)) => tools::find(program, document).is_some(),
            Some(Need::Bucket) => stage.bucket.is_some(),
            Some(Need::Elsewhere(_)) => false,
        };
        let steps = if is_met { block.steps() } else { Vec::new() };
        for (command, expected) in steps {
            stage.step(&command, expected.as_deref(), &format!("{document}:{}", block.line));
        }
    }
    stage.end_server();
}

struct Stage {
    /// Its root is where commands are run.
    repository: TestRepository,
    path: std::ffi::OsString,
    server: Option<Server>,
    bucket: Option<Bucket>,
    _moto: Option<Moto>,
    _upstream: (TestRepository, Server),
}

impl Stage {
    fn new(document: &str, blocks: &[Block]) -> Self {
        let repository = TestRepository::new();
        for made in ["public/tarballs", "public"] {
            fs::remove_dir(repository.path(made)).unwrap();
        }
        repository.remove("key.pem");
        symlink(fixture(""), repository.path("fixtures")).unwrap();

        let upstream = upstream();
        let commands = repository.path("commands");
        fs::create_dir(&commands).unwrap();
        write_stand_in(&commands.join("hexreg"), &upstream);
        write_locks(&repository);
        write_certificate(&repository, document);
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([commands].into_iter().chain(env::split_paths(&path))).unwrap();

        let needs_bucket = blocks.iter().any(|block| block.needs == Some(Need::Bucket));
        let moto = needs_bucket.then(|| Moto::start(document)).flatten();
        let bucket = moto.as_ref().map(|moto| moto.bucket("acme-hex"));
        Self { repository, path, server: None, bucket, _moto: moto, _upstream: upstream }
    }

    fn step(&mut self, command: &str, expected: Option<&str>, place: &str) {
        if command.starts_with("hexreg serve") {
            assert!(
                expected.is_none_or(str::is_empty),
                "{place}: a server's words are not compared"
            );
            self.end_server();
            self.serve(command);
            return;
        }
        let command = match &self.server {
            Some(server) => command.replace("127.0.0.1:8000", &server.address.to_string()),
            None => command.to_owned(),
        };
        let output = self.shell(&format!("{{ {command}\n}} 2>&1")).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        match expected {
            Some(expected) => assert_printed(&printed, expected, &command, place),
            None => assert!(output.status.success(), "{place}: {command}\n{printed}"),
        }
    }

    /// On a port that is free.
    fn serve(&mut self, command: &str) {
        let address = free_address();
        let command = match command.split_once("--listen=") {
            // The file says all that arguments would.
            None if command.contains("--config") => {
                format!("env HEXREG_LISTEN={address} {command}")
            }
            None => format!("{command} --listen={address}"),
            Some((before, rest)) => {
                let (host, rest) = rest.split_once(':').unwrap();
                let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                format!("{before}--listen={host}:{}{rest}", address.port())
            }
        };
        let mut shell = self.shell(&format!("exec {command} >serve.log 2>&1"));
        self.server = Some(Server::other(&mut shell, address));
    }

    /// SIGTERM ends a server, with exit code 0.
    fn end_server(&mut self) {
        if let Some(server) = self.server.take() {
            // It listens before it handles signals, and answers after that. This is neither HTTP nor TLS.
            let mut connection = server.connect();
            connection.write_all(b"x\r\n\r\n").unwrap();
            let _ = connection.read_to_end(&mut Vec::new());
            server.signal("-TERM");
            assert_eq!(server.ended(), 0);
        }
    }

    fn shell(&self, script: &str) -> Command {
        let mut shell = Command::new("sh");
        shell
            .args(["-euc", script])
            .current_dir(self.repository.root())
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.repository.path("home"));
        if let Some(bucket) = &self.bucket {
            shell.envs(bucket.environment()).env("AWS_ENDPOINT_URL", bucket.endpoint());
        }
        shell
    }
}

/// `…` stands for the rest of a line that differs from run to run.
fn assert_printed(printed: &str, expected: &str, command: &str, place: &str) {
    let same = |printed: &str, expected: &str| match expected.strip_suffix('…') {
        Some(start) => printed.starts_with(start),
        None => printed == expected,
    };
    let alike = printed.lines().count() == expected.lines().count()
        && printed.lines().zip(expected.lines()).all(|(printed, expected)| same(printed, expected));
    assert!(alike, "{place}: $ {command}\n{printed}\n--- but the document has\n{expected}");
}

/// What takes hex.pm's place: the sample packages and a policy, named and signed as hex.pm's would be.
fn upstream() -> (TestRepository, Server) {
    let upstream = TestRepository::new().samples();
    let build = ["build", "public", "--name=hexpm", "--private-key=key.pem"];
    upstream.hexreg().run(build).ok();
    let strict = Policy { repository: "hexpm".parse().unwrap(), ..policy("strict") };
    write_policy(&upstream, "public/policies/strict", &strict, "acme-2048.pem");
    let server = Server::of(&upstream, &[]);
    (upstream, server)
}

/// hexreg, which mirrors from the stand-in where no upstream is given, and takes it for hex.pm where that is.
fn write_stand_in(path: &Path, (upstream, server): &(TestRepository, Server)) {
    let hexreg = assert_cmd::cargo::cargo_bin!("hexreg").display();
    let (url, key) = (server.url(), upstream.path("public/public_key"));
    let key = key.display();
    let script = format!(
        "#!/bin/sh\n\
         case \" $* \" in\n\
         *\" --upstream=\"*) ;;\n\
         \" serve --upstream hexpm \"*)\n\
         shift 3; set -- serve --upstream={url} --upstream-key={key} \"$@\" ;;\n\
         *\" mirror \"*) set -- \"$@\" --upstream={url} --upstream-key={key} ;;\n\
         esac\n\
         exec {hexreg} \"$@\"\n"
    );
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Lock files that pin the sample packages, as mix and rebar3 write them.
fn write_locks(repository: &TestRepository) {
    let releases = [("greeting", "1.1.0"), ("welcome", "0.1.0")].map(|(name, version)| {
        let tarball = format!("fixtures/samples/tarballs/{name}-{version}.tar");
        let ran = repository.hexreg().run(["inspect", &tarball, "--json"]).ok();
        let says: Value = serde_json::from_str(&ran.stdout).unwrap();
        let checksum = |key: &str| says[key].as_str().unwrap().to_owned();
        (name, version, checksum("inner_checksum"), checksum("outer_checksum"))
    });
    let [mut locked, mut pins, mut inner_checksums, mut outer_checksums] =
        [const { Vec::new() }; 4];
    for (name, version, inner, outer) in releases {
        locked.push(format!(
            "  \"{name}\": {{:hex, :{name}, \"{version}\", \"{inner}\", [:rebar3], [], \"hexpm\", \"{outer}\"}},\n"
        ));
        pins.push(format!("{{<<\"{name}\">>,{{pkg,<<\"{name}\">>,<<\"{version}\">>}},0}}"));
        inner_checksums.push(format!("{{<<\"{name}\">>, <<\"{}\">>}}", inner.to_uppercase()));
        outer_checksums.push(format!("{{<<\"{name}\">>, <<\"{}\">>}}", outer.to_uppercase()));
    }
    repository.write("inputs/mix.lock", format!("%{{\n{}}}\n", locked.concat()).as_bytes());
    let rebar = format!(
        "{{\"1.2.0\",\n[{}]}}.\n[\n{{pkg_hash,[{}]}},\n{{pkg_hash_ext,[{}]}}\n].\n",
        pins.join(","),
        inner_checksums.join(","),
        outer_checksums.join(",")
    );
    repository.write("inputs/rebar.lock", rebar.as_bytes());
}

/// A certificate that signed itself: no client reads what is served with it here.
fn write_certificate(repository: &TestRepository, document: &str) {
    for file in ["inputs/cert.pem", "inputs/key.pem"] {
        repository.write(file, b"");
    }
    let Some(openssl) = tools::find("openssl", document) else { return };
    let made = Command::new(openssl)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-subj", "/CN=hex.example.com", "-out", "inputs/cert.pem"])
        .args(["-keyout", "inputs/key.pem"])
        .current_dir(repository.root())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}
