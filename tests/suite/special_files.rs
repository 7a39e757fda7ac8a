//! Pipes, devices, sockets and endless files wherever a file is read: nothing waits for them, nothing reads without
//! end, and a message names the file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::hexreg::{Hexreg, Ran, has_command};
use crate::support::repository::TestRepository;

/// Longer than any of these commands takes, and shorter than for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs it with nothing on standard input; one that does not end is killed, and fails the test.
#[track_caller]
fn run(hexreg: Hexreg, arguments: &[&str]) -> Ran {
    let mut command = hexreg.command();
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it does not end: {arguments:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn built() -> TestRepository {
    let repository = TestRepository::new().release("foo", "1.0.0");
    repository.build(&[]).ok();
    repository
}

/// Each option that names a file, in a command that reads it; `FILE` is replaced by the name.
const READERS: [&[&str]; 11] = [
    &["mirror", "copy", "--lock=FILE", "--upstream=http://127.0.0.1:1", "--retries=0"],
    &[
        "mirror",
        "copy",
        "--all",
        "--upstream=http://127.0.0.1:1",
        "--upstream-key=FILE",
        "--upstream-name=acme",
    ],
    &["build", "public", "--name=acme", "--private-key=FILE"],
    &["verify", "public", "--public-key=FILE"],
    &["inspect", "public/names", "--public-key=FILE"],
    &["key", "show", "FILE"],
    &["inspect", "FILE"],
    &["add", "FILE", "--to=public", "--name=acme", "--private-key=key.pem"],
    &["auth", "add", "FILE", "ann"],
    &["serve", "public", "--listen=127.0.0.1:0", "--auth-file=FILE"],
    &["serve", "public", "--listen=127.0.0.1:0", "--tls-cert=FILE", "--tls-key=FILE"],
];

#[test]
fn other_kinds_of_file_are_refused_at_once_by_every_reader() {
    let repository = built();
    fifo(&repository.path("special"));
    for (file, kind) in [("special", "pipe"), ("/dev/zero", "")] {
        for arguments in READERS.iter().filter(|arguments| has_command(arguments[0])) {
            let arguments: Vec<_> = arguments.iter().map(|it| it.replace("FILE", file)).collect();
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let ran = run(repository.hexreg(), &arguments);
            assert!(matches!(ran.code, 1 | 2), "{arguments:?}: {}", ran.transcript());
            let says = ran.stderr.contains(kind) || ran.stderr.contains("not a file");
            assert!(says && ran.stderr.contains(file), "{arguments:?}: {}", ran.transcript());
        }
    }
    // `add` reports it for each tarball and changes nothing.
    assert_eq!(repository.hexreg().run(["verify", "public"]).code, 0);
}

#[cfg(feature = "mirror")]
#[test]
fn a_netrc_file_that_is_a_pipe_is_not_waited_for() {
    let repository = built();
    fifo(&repository.path("netrc"));
    let netrc = repository.path("netrc").display().to_string();
    let mirror =
        ["mirror", "copy", "--all", "--upstream=http://127.0.0.1:1", "--upstream-auth=netrc"];
    let ran = run(repository.hexreg().env("NETRC", &netrc), &mirror);
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    assert!(
        ran.stderr.contains(&format!("could not read {netrc}: it is a pipe")),
        "{}",
        ran.stderr
    );
}

/// What a shell makes of `<(vault read …)`, and what `/dev/stdin` leads to.
#[test]
fn a_pipe_that_the_user_gives_is_read() {
    let repository = built();
    let key = repository.read("key.pem");
    let build = ["build", "public", "--name=acme", "--private-key=/dev/stdin", "--no-cache"];
    repository.hexreg().input(&key).run(build).ok();
    let ran = repository.hexreg().input(&key).run(["key", "show", "/dev/stdin"]).ok();
    assert!(ran.stdout.starts_with("size:"), "{}", ran.stdout);
    if has_command("mirror") {
        let mirror =
            ["mirror", "copy", "--lock=/dev/stdin", "--upstream=http://127.0.0.1:1", "--retries=0"];
        let ran = repository.hexreg().input(b"%{}\n").run(mirror);
        assert_eq!(ran.code, 0, "{}", ran.transcript());
    }
    // Without end, and with more than any key has.
    for path in ["-", "/dev/stdin"] {
        let ran = repository.hexreg().input(&vec![b'a'; 2 << 20]).run(["key", "show", path]);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        assert!(ran.stderr.contains("it has more than 1048576 bytes"), "{}", ran.stderr);
    }
}

/// The one file of the cache.
fn cache_file(repository: &TestRepository) -> std::path::PathBuf {
    fs::read_dir(repository.path("cache")).unwrap().next().unwrap().unwrap().path()
}

/// What another user puts in the place of the cache.
type Plant = (&'static str, fn(&Path));

#[test]
fn files_in_a_shared_cache_stop_no_build() {
    let repository = built();
    let build = ["build", "public", "--name=acme", "--private-key=key.pem"];
    // What changed a moment ago is not remembered.
    std::thread::sleep(Duration::from_millis(2_100));
    repository.build(&[]).ok();
    let cache = cache_file(&repository);
    repository.write("victim", b"theirs");
    repository.chmod("victim", 0o666);
    let plants: [Plant; 4] = [
        ("a pipe", fifo),
        ("a link to a device", |cache| symlink("/dev/zero", cache).unwrap()),
        ("a link", |cache| symlink("../victim", cache).unwrap()),
        ("a file that would fill all memory", |cache| {
            fs::File::create(cache).unwrap().set_len(1 << 40).unwrap();
        }),
    ];
    for (what, plant) in plants {
        fs::remove_file(&cache).unwrap();
        plant(&cache);
        let ran = run(repository.hexreg(), &build);
        assert_eq!(ran.code, 0, "{what}: {}", ran.transcript());
        // It has its place again, for its owner alone, whatever a link led to.
        let found = fs::symlink_metadata(&cache).unwrap();
        assert!(found.is_file(), "{what}");
        if what == "a link" {
            assert_eq!(found.permissions().mode() & 0o7777, 0o600);
        }
        assert_eq!(repository.read("victim"), b"theirs", "{what}");
    }
}

#[test]
fn a_new_cache_folder_is_its_owners_alone_whatever_the_umask() {
    let repository = TestRepository::new().release("foo", "1.0.0");
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 0; exec \"$@\"", "sh"])
        .arg(assert_cmd::cargo::cargo_bin!("hexreg"))
        .args(["build", "public", "--name=acme", "--private-key=key.pem"])
        .arg("--cache-dir=deep/cache")
        .current_dir(repository.root());
    assert!(command.status().unwrap().success());
    for folder in ["deep", "deep/cache"] {
        let mode = fs::metadata(repository.path(folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700, "{folder}");
    }
}

/// What a mirror keeps for itself: a journal that is a pipe is not waited for, and one that is a link is not
/// written to.
#[cfg(feature = "mirror")]
#[test]
fn the_journal_of_a_mirror_is_a_file() {
    let repository = built();
    let mirror = [
        "mirror",
        "copy",
        "--all",
        "--upstream=http://127.0.0.1:1",
        "--upstream-name=acme",
        "--retries=0",
        "--upstream-key=public/public_key",
    ];
    fs::create_dir_all(repository.path("copy/.hexreg-mirror")).unwrap();
    let journal = repository.path("copy/.hexreg-mirror/journal");
    fifo(&journal);
    let ran = run(repository.hexreg(), &mirror);
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    assert!(ran.stderr.contains("/journal: it is a pipe"), "{}", ran.stderr);
    fs::remove_file(&journal).unwrap();
    repository.write("victim", b"theirs");
    symlink("../../victim", &journal).unwrap();
    let ran = run(repository.hexreg(), &mirror);
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    assert!(ran.stderr.contains("/journal: it is a symbolic link"), "{}", ran.stderr);
    assert_eq!(repository.read("victim"), b"theirs");
}

/// A folder of the tree that leads elsewhere by another user's link is not written to.
#[test]
fn no_folder_is_written_to_or_cleared_behind_a_link() {
    let repository = built();
    fs::rename(repository.path("public/packages"), repository.path("disk")).unwrap();
    // A build would remove it: no tarball is of it.
    repository.write("disk/precious", b"theirs");
    let packages = repository.path("public/packages");
    symlink("../disk", &packages).unwrap();
    repository.write_tarball(
        "foo-1.2.0.tar",
        &crate::support::tarball::Tarball::new("foo", "1.2.0").build(),
    );
    let before = repository.files("disk", |_| true);
    let ran = repository.build(&[]);
    assert_eq!(ran.code, 2, "{}", ran.transcript());
    let said = "could not write through public/packages: it is a symbolic link, and hexreg follows none there";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert_eq!(repository.files("disk", |_| true), before);
    // PUBLIC_DIR itself may be a link, of any owner.
    fs::remove_file(&packages).unwrap();
    fs::rename(repository.path("disk"), &packages).unwrap();
    repository.remove("public/packages/precious");
    symlink("public", repository.path("link")).unwrap();
    repository.hexreg().run(["build", "link", "--name=acme", "--private-key=key.pem"]).ok();
}

/// What is printed as JSON holds no character that a terminal obeys or a reader does not see.
#[test]
fn hidden_characters_are_escaped_in_json_and_messages() {
    let repository = built();
    let hidden = [
        '\u{9b}', '\u{7f}', '\u{61c}', '\u{200b}', '\u{2028}', '\u{202e}', '\u{2066}', '\u{feff}',
        '\u{ad}',
    ];
    for character in hidden {
        let path = format!("no{character}where");
        let code = u32::from(character);
        let ran = repository.hexreg().run(["inspect", &path, "--json"]);
        assert!(!ran.stdout.contains(character), "{}", ran.stdout);
        assert!(ran.stdout.contains(&format!("no\\u{code:04x}where")), "{}", ran.stdout);
        let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!(said["error"].as_str().unwrap().contains(&path), "{said}");
        let ran = repository.hexreg().run(["inspect", &path]);
        assert!(ran.stderr.contains(&format!("no\\u{{{code:x}}}where")), "{}", ran.stderr);
    }
}
