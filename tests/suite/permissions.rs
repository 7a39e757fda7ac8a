//! Who may read a file that takes the place of another one.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::support::hexreg::{Hexreg, Ran};
use crate::support::repository::TestRepository;
use crate::support::server::Server;
use crate::support::tools;

/// Users and groups that need not exist.
const WRITER: u32 = 4242;
const OTHER: u32 = 4243;
const TEAM: u32 = 4343;
const READERS: u32 = 4344;

/// `hexreg` as this program runs it, such as `setpriv`.
fn run_by(repository: &TestRepository, by: &[&str], arguments: &[&str]) -> Ran {
    let hexreg = Hexreg::new(repository.root()).command();
    let mut command = Command::new(by[0]);
    command.args(&by[1..]).arg(program(repository)).args(arguments);
    let environment = hexreg.get_envs().filter_map(|(name, value)| Some((name, value?)));
    command.current_dir(repository.root()).env_clear().envs(environment);
    command.env("PATH", env::var_os("PATH").unwrap());
    let output = command.output().unwrap();
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    Ran { code: output.status.code().unwrap(), stdout, stderr }
}

/// A copy of the binary, where every user finds it.
fn program(repository: &TestRepository) -> PathBuf {
    let copy = repository.path("hexreg");
    if !copy.exists() {
        fs::copy(Hexreg::new(repository.root()).command().get_program(), &copy).unwrap();
    }
    copy
}

const BUILD: [&str; 4] = ["build", "public", "--name=acme", "--private-key=key.pem"];

/// With a umask, which a shell sets.
fn run_with_umask(repository: &TestRepository, umask: &str, arguments: &[&str]) -> Ran {
    let script = format!("umask {umask}; exec \"$@\"");
    run_by(repository, &["sh", "-c", &script, "sh"], arguments)
}

fn mode(repository: &TestRepository, path: &str) -> u32 {
    fs::metadata(repository.path(path)).unwrap().mode() & 0o7777
}

/// `greeting` and `welcome`, built, and one more release of the first, which is not.
fn changed_since() -> TestRepository {
    let repository = TestRepository::new().samples();
    repository.build(&[]).ok();
    later(repository, "9.0.0")
}

/// With another release, whose tarball is newer than all others in whole seconds, so that `names` changes too.
fn later(repository: TestRepository, version: &str) -> TestRepository {
    let repository = repository.release("greeting", version);
    let of_minor: u32 = version.split('.').nth(1).unwrap().parse().unwrap();
    let time = SystemTime::now() + Duration::from_secs(10) * (1_u32 + of_minor);
    let tarball = repository.path(&format!("public/tarballs/greeting-{version}.tar"));
    fs::File::options().write(true).open(tarball).unwrap().set_modified(time).unwrap();
    repository
}

#[test]
fn a_file_that_is_replaced_keeps_its_mode_whatever_the_umask() {
    for umask in ["077", "022", "000"] {
        let repository = changed_since().release("new", "1.0.0");
        for (path, mode) in [
            ("public/names", 0o640),
            ("public/versions", 0o664),
            ("public/packages/greeting", 0o606),
        ] {
            repository.chmod(path, mode);
        }
        let ran = run_with_umask(&repository, umask, &BUILD).ok();
        assert!(ran.stdout.contains("* updating public/packages/greeting"), "{}", ran.stdout);
        assert_eq!(ran.stderr, "");
        assert_eq!(mode(&repository, "public/names"), 0o640);
        assert_eq!(mode(&repository, "public/versions"), 0o664);
        assert_eq!(mode(&repository, "public/packages/greeting"), 0o606);
        // A new file has what the umask leaves.
        let left = 0o666 & !u32::from_str_radix(umask, 8).unwrap();
        assert_eq!(mode(&repository, "public/packages/new"), left);
    }
}

/// Each verb that replaces files.
#[test]
fn whatever_replaces_a_file_keeps_its_mode() {
    let repository = changed_since();
    let key = "--private-key=key.pem";
    let to = ["--to=public", "--name=acme", key];
    let tarball = "public/tarballs/greeting-9.0.0.tar";
    fs::rename(repository.path(tarball), repository.path("greeting-9.0.0.tar")).unwrap();
    let package = "public/packages/greeting";
    repository.chmod(package, 0o640);
    for verb in [
        &["add", "greeting-9.0.0.tar"][..],
        &["retire", "greeting", "9.0.0", "--reason=invalid"],
        &["unretire", "greeting", "9.0.0"],
        &["remove", "greeting", "9.0.0"],
    ] {
        let before = repository.read(package);
        run_with_umask(&repository, "077", &[verb, &to].concat()).ok();
        assert_ne!(repository.read(package), before, "{verb:?}");
        assert_eq!(mode(&repository, package), 0o640, "{verb:?}");
    }
    // A push into a directory.
    run_with_umask(&repository, "022", &["push", "public", "pushed"]).ok();
    let repository = later(repository, "9.1.0");
    repository.build(&[]).ok();
    copies_keep_their_mode(&repository, "pushed", &["push", "public", "pushed"]);
}

/// Runs a command that brings `copy` up to date with `public`, and checks that the files keep their modes.
#[track_caller]
fn copies_keep_their_mode(repository: &TestRepository, copy: &str, command: &[&str]) {
    let paths = ["names", "packages/greeting"];
    for path in paths {
        repository.chmod(&format!("{copy}/{path}"), 0o640);
    }
    run_with_umask(repository, "077", command).ok();
    for path in paths {
        let file = format!("{copy}/{path}");
        assert_eq!(repository.read(&file), repository.read(&format!("public/{path}")), "{file}");
        assert_eq!(mode(repository, &file), 0o640, "{file}");
    }
}

#[cfg(all(feature = "mirror", feature = "serve"))]
#[test]
fn what_a_mirror_replaces_keeps_its_mode() {
    let repository = changed_since();
    repository.build(&[]).ok();
    let server = Server::of(&repository, &[]);
    let upstream = format!("--upstream={}", server.url());
    let mirror = [
        "mirror",
        "copy",
        &upstream,
        "--upstream-name=acme",
        "--upstream-key=public/public_key",
        "--all",
    ];
    run_with_umask(&repository, "022", &mirror).ok();
    let repository = later(repository, "9.1.0");
    repository.build(&[]).ok();
    copies_keep_their_mode(&repository, "copy", &mirror);
}

/// The cache is its owner's alone to begin with, and stays what it was made.
#[test]
fn a_cache_keeps_its_mode() {
    let repository = changed_since();
    let only = |repository: &TestRepository| {
        let mut found = fs::read_dir(repository.path("cache")).unwrap();
        let name = found.next().unwrap().unwrap().file_name();
        assert!(found.next().is_none());
        format!("cache/{}", OsStr::to_str(&name).unwrap())
    };
    let cache = only(&repository);
    assert_eq!(mode(&repository, &cache), 0o600);
    repository.chmod(&cache, 0o640);
    let before = repository.read(&cache);
    repository.build(&[]).ok();
    assert_ne!(repository.read(&cache), before);
    assert_eq!((only(&repository), mode(&repository, &cache)), (cache.clone(), 0o640));
}

/// A repository for several users, and a way to be one of them; `None` where only root may be.
struct Shared {
    repository: TestRepository,
}

impl Shared {
    fn new(test: &str) -> Option<Self> {
        tools::find("setpriv", test)?;
        let repository = changed_since();
        if fs::metadata(repository.root()).unwrap().uid() != 0 {
            tools::leave_out(&format!("{test} needs root, who may be every user"));
            return None;
        }
        program(&repository);
        repository.chmod("", 0o755);
        for path in ["", "public", "public/packages", "public/tarballs", "key.pem"] {
            chown(repository.path(path), Some(WRITER), Some(WRITER)).unwrap();
        }
        Some(Self { repository })
    }

    /// Every file that will be replaced is this user's and this group's, with this mode.
    fn set(&self, user: u32, group: u32, mode: u32) {
        for path in ["public/names", "public/versions", "public/packages/greeting"] {
            chown(self.repository.path(path), Some(user), Some(group)).unwrap();
            self.repository.chmod(path, mode);
        }
    }

    fn has(&self, user: u32, group: u32, mode: u32) {
        for path in ["public/names", "public/versions", "public/packages/greeting"] {
            let found = fs::metadata(self.repository.path(path)).unwrap();
            let is = (found.uid(), found.gid(), found.mode() & 0o7777);
            assert_eq!(is, (user, group, mode), "{path} {:o}", is.2);
        }
    }

    /// A build by the writer, who is in these groups too.
    fn build_as_writer(&self, groups: &str, more: &[&str]) -> Ran {
        let groups = format!("--groups={groups}");
        let by = ["setpriv", "--reuid=4242", "--regid=4242", &groups];
        run_by(&self.repository, &by, &[&BUILD[..], &["--no-cache"], more].concat()).ok()
    }
}

#[test]
fn root_leaves_a_file_with_its_owner_and_group() {
    let Some(shared) = Shared::new("root_leaves_a_file_with_its_owner_and_group") else { return };
    shared.set(OTHER, READERS, 0o640);
    let ran = run_by(&shared.repository, &["env"], &BUILD).ok();
    assert_eq!(ran.stderr.matches("right to read").count(), 0, "{}", ran.stderr);
    shared.has(OTHER, READERS, 0o640);
}

#[test]
fn a_member_of_a_group_leaves_a_file_with_it() {
    let Some(shared) = Shared::new("a_member_of_a_group_leaves_a_file_with_it") else { return };
    // The writer's own file, of one of its groups.
    shared.set(WRITER, READERS, 0o640);
    let ran = shared.build_as_writer("4242,4344", &[]);
    assert_eq!(ran.stderr, "");
    shared.has(WRITER, READERS, 0o640);
}

#[test]
fn a_folder_that_gives_its_group_does_not_take_a_file_from_another() {
    let test = "a_folder_that_gives_its_group_does_not_take_a_file_from_another";
    let Some(shared) = Shared::new(test) else { return };
    for path in ["public", "public/packages"] {
        chown(shared.repository.path(path), Some(WRITER), Some(TEAM)).unwrap();
        shared.repository.chmod(path, 0o2775);
    }
    shared.set(WRITER, READERS, 0o640);
    assert_eq!(shared.build_as_writer("4242,4343,4344", &[]).stderr, "");
    shared.has(WRITER, READERS, 0o640);
    // A file gets the group of its folder even if its writer is not a member.
    let shared = Shared { repository: later(shared.repository, "9.2.0") };
    shared.set(WRITER, TEAM, 0o640);
    assert_eq!(shared.build_as_writer("4242", &[]).stderr, "");
    shared.has(WRITER, TEAM, 0o640);
}

#[test]
fn readers_that_are_lost_are_told_of() {
    let Some(shared) = Shared::new("readers_that_are_lost_are_told_of") else { return };
    // Root made it, and it is as readable as before.
    shared.set(0, 0, 0o644);
    assert_eq!(shared.build_as_writer("4242", &[]).stderr, "");
    shared.has(WRITER, WRITER, 0o644);

    let shared = Shared { repository: later(shared.repository, "9.2.0") };
    shared.set(OTHER, READERS, 0o640);
    let ran = shared.build_as_writer("4242,4344", &[]);
    let lost = "public/names may no longer be readable by user 4243: hexreg could not set its owner, \
                group or mode; run hexreg as the owner of such files and a member of their group, or as root";
    assert_eq!(ran.stderr.matches("may no longer be readable").count(), 3, "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("warning: {lost}\n")), "{}", ran.stderr);
    shared.has(WRITER, READERS, 0o640);

    // Members of the writer's own group get no right by it.
    let shared = Shared { repository: later(shared.repository, "9.3.0") };
    shared.set(WRITER, READERS, 0o640);
    let ran = shared.build_as_writer("4242", &["--json"]);
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let lost: Vec<_> = said["warnings"].as_array().unwrap().iter().collect();
    assert_eq!(lost.len(), 3, "{said}");
    assert!(
        lost.iter().all(|one| one
            .as_str()
            .unwrap()
            .contains(" may no longer be readable by group 4344: "))
    );
    shared.has(WRITER, WRITER, 0o600);
}
