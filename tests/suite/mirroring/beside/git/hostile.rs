//! Repositories of a mirror that attackers wrote to, and upstreams with branches like the mirror's own: nothing of them is
//! run or trusted.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Git, Upstream};
use crate::support::answering::Answering;
use crate::support::hexreg::{Hexreg, Ran};
use crate::support::server::Server;

/// Neither the user who runs the tests nor root.
const NOBODY: u32 = 65534;

impl Upstream {
    /// The folder of the repository in the mirror.
    fn place(&self) -> PathBuf {
        self.repository.path("copy").join(self.path())
    }

    /// A mirror of the first of two commits of an upstream, whose second is pinned next.
    fn mirrored(git: Git) -> (Self, [String; 2]) {
        let upstream = Self::new(git);
        let first = upstream.commit("trunk", "the first");
        upstream.publish();
        upstream.lock(&upstream.url(), &first);
        upstream.mirror(&[]).ok();
        let second = upstream.commit("trunk", "the second");
        upstream.publish();
        upstream.lock(&upstream.url(), &second);
        (upstream, [first, second])
    }

    /// A script that writes a file when it is run.
    fn trap(&self) -> String {
        let (trap, file) = (self.repository.path("trap"), self.repository.path("RUN"));
        Self::script(&trap, &format!("touch {}\nexit 0\n", file.display()));
        trap.display().to_string()
    }

    fn script(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{text}")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[track_caller]
    fn nothing_was_run(&self) {
        assert!(!self.repository.path("RUN").exists(), "a program that the mirror names was run");
    }

    fn hexreg_with_git(&self) -> Hexreg {
        let path = format!("{}:/usr/bin:/bin", self.git.0.parent().unwrap().to_str().unwrap());
        self.repository.hexreg().env("PATH", &path)
    }

    fn mirror_by(&self, hexreg: Hexreg, more: &[&str]) -> Ran {
        let url = self.server.url();
        let usual = ["mirror", "copy", "--lock=mix.lock", "--git", "--upstream", &url];
        let acme = ["--upstream-name=acme", "--upstream-key=public/public_key"];
        hexreg.run(usual.iter().chain(&acme).chain(more).copied())
    }

    /// The commit of a reference in the mirror.
    fn resolved(&self, reference: &str) -> Option<String> {
        let mut command = self.git.command(self.repository.root());
        command.arg("--git-dir").arg(self.place()).args(["rev-parse", "--verify", reference]);
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        output.status.success().then_some(said)
    }
}

/// The user owns configuration and hooks here, so a check of the owner alone would run them.
#[test]
fn neither_hooks_nor_configuration_of_a_mirrored_repository_are_run() {
    let test = "neither_hooks_nor_configuration_of_a_mirrored_repository_are_run";
    let Some(git) = Git::find(test) else { return };
    let (upstream, [_, second]) = Upstream::mirrored(git);
    let (place, trap) = (upstream.place(), upstream.trap());
    for hook in ["reference-transaction", "post-update", "update", "pre-auto-gc"] {
        let copy = place.join("hooks").join(hook);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(&trap, copy).unwrap();
    }
    let included = upstream.repository.path("included");
    let planted = format!(
        "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tfsmonitor = {trap}\n\tsshCommand = {trap}\n\
         \tgitProxy = {trap}\n\taskPass = {trap}\n\talternateRefsCommand = {trap}\n\tpager = {trap}\n\
         [credential]\n\thelper = !{trap}\n[include]\n\tpath = {}\n[http]\n\tproxy = http://127.0.0.1:1\n",
        included.display()
    );
    fs::write(&included, format!("[core]\n\thooksPath = {}\n", place.join("hooks").display()))
        .unwrap();
    fs::write(place.join("config"), &planted).unwrap();
    fs::write(place.join("HEAD"), "ref: refs/heads/elsewhere\n").unwrap();
    // A dry run neither runs it nor changes it.
    upstream.mirror_by(upstream.hexreg_with_git(), &["--dry-run"]).ok();
    upstream.nothing_was_run();
    assert_eq!(fs::read_to_string(place.join("config")).unwrap(), planted);

    let ran = upstream.mirror_by(upstream.hexreg_with_git(), &[]).ok();
    upstream.nothing_was_run();
    let config = fs::read_to_string(place.join("config")).unwrap();
    assert!(!config.contains("trap") && !config.contains("include"), "{config}");
    let ours = Server::run(upstream.repository.root(), &["--repo=acme=copy"]);
    let mirror = format!("{}/repos/acme", ours.url());
    upstream.clones(&ran.stdout, &mirror, &second, "the second");
}

/// A server that requires credentials: git runs a helper if one is configured.
#[test]
fn no_credential_helper_of_a_mirrored_repository_is_run() {
    let test = "no_credential_helper_of_a_mirrored_repository_is_run";
    let Some(git) = Git::find(test) else { return };
    let (upstream, _) = Upstream::mirrored(git);
    upstream
        .repository
        .hexreg()
        .input(b"a password\n")
        .run(["auth", "add", "--password", "readers", "ci"])
        .ok();
    let guarded = Server::of(&upstream.repository, &["--auth-file=readers"]);
    let there =
        upstream.url().replace(&upstream.server.address.to_string(), &guarded.address.to_string());
    let port = guarded.address.port();
    let place =
        upstream.repository.path(&format!("copy/git/127.0.0.1_{port}/git/git.example/org/dep.git"));
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::rename(upstream.place(), &place).unwrap();
    let helper = format!("[core]\n\tbare = true\n[credential]\n\thelper = !{}\n", upstream.trap());
    fs::write(place.join("config"), helper).unwrap();
    let absent = "0123456789012345678901234567890123456789";
    upstream.lock(&there, absent);
    let ran = upstream.mirror_by(upstream.hexreg_with_git(), &[]);
    assert!(ran.stderr.contains("configure a git credential helper"), "{}", ran.transcript());
    upstream.nothing_was_run();
    // The helper in the user's configuration is run.
    let helper = format!("!{}", upstream.trap());
    let own = upstream.hexreg_with_git().env("GIT_CONFIG_COUNT", "1");
    let own = own.env("GIT_CONFIG_KEY_0", "credential.helper").env("GIT_CONFIG_VALUE_0", &helper);
    upstream.mirror_by(own, &[]);
    assert!(upstream.repository.path("RUN").exists());
}

#[test]
fn a_repository_that_another_user_owns_is_refused() {
    let Some(git) = Git::find("a_repository_that_another_user_owns_is_refused") else { return };
    let (upstream, _) = Upstream::mirrored(git);
    for owned in ["", "refs", "config", "objects"] {
        let path = upstream.place().join(owned);
        // Only root can change the owner.
        if chown(&path, Some(NOBODY), None).is_err() {
            return;
        }
        for more in [&[][..], &["--dry-run"]] {
            let ran = upstream.mirror_by(upstream.hexreg_with_git(), more);
            assert_eq!(ran.code, 1, "{owned}: {}", ran.transcript());
            let said = format!(
                ": it belongs to user {NOBODY}: git would run what that user may put there"
            );
            let said =
                if owned.is_empty() { format!("dep.git{said}") } else { format!("/{owned}{said}") };
            assert!(ran.stderr.contains(&said), "{owned}: {}", ran.stderr);
            assert!(ran.stderr.contains("chown -R"), "{}", ran.stderr);
        }
        chown(&path, Some(0), None).unwrap();
    }
    upstream.mirror_by(upstream.hexreg_with_git(), &[]).ok();
}

/// What leads git out of a mirrored repository: how to create it, the file in the message, and the message.
type Lead = (&'static str, fn(&Path, &Path), &'static str);

const LEADS: [Lead; 14] = [
    ("commondir", |place, to| write(&place.join("commondir"), to), "it leads git elsewhere"),
    ("config.worktree", |place, to| write(&place.join("config.worktree"), to), "it leads git"),
    ("info/grafts", |place, to| write(&place.join("info/grafts"), to), "it leads git elsewhere"),
    (
        "objects/info/alternates",
        |place, to| write(&place.join("objects/info/alternates"), &to.join("objects")),
        "it leads git elsewhere",
    ),
    (
        "objects/info/http-alternates",
        |place, to| write(&place.join("objects/info/http-alternates"), to),
        "it leads git elsewhere",
    ),
    ("shallow", |place, to| write(&place.join("shallow"), to), "it leads git elsewhere"),
    ("remotes", |place, to| write(&place.join("remotes/x"), to), "it leads git elsewhere"),
    ("branches/x", |place, to| write(&place.join("branches/x"), to), "it leads git elsewhere"),
    ("objects", |place, to| link(&place.join("objects"), &to.join("objects")), "a symbolic link"),
    (
        "refs/heads",
        |place, to| link(&place.join("refs/heads"), &to.join("refs/heads")),
        "a symbolic link",
    ),
    ("HEAD", |place, to| link(&place.join("HEAD"), &to.join("HEAD")), "a symbolic link"),
    ("config", |place, to| link(&place.join("config"), &to.join("config")), "a symbolic link"),
    ("dep.git", |place, to| link(place, to), "it is a symbolic link, and hexreg follows none"),
    (
        "org",
        |place, to| link(place.parent().unwrap(), to.parent().unwrap()),
        "it is a symbolic link",
    ),
];

fn write(path: &Path, to: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{}\n", to.display())).unwrap();
}

fn link(path: &Path, to: &Path) {
    fs::remove_dir_all(path).or_else(|_| fs::remove_file(path)).unwrap();
    symlink(to, path).unwrap();
}

#[test]
fn files_that_lead_git_out_of_a_repository_are_refused() {
    let test = "files_that_lead_git_out_of_a_repository_are_refused";
    let Some(git) = Git::find(test) else { return };
    let (upstream, _) = Upstream::mirrored(git);
    let root = upstream.repository.path("copy/git");
    let good = upstream.repository.path("good");
    let elsewhere = upstream.repository.path("elsewhere/dep.git");
    let copy = |from: &Path, to: &Path| {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    copy(&root, &good);
    copy(&upstream.place(), &elsewhere);
    let before = upstream.repository.files("elsewhere", |_| true);
    for (named, plant, said) in LEADS {
        plant(&upstream.place(), &elsewhere);
        for more in [&["--dry-run"][..], &[]] {
            let ran = upstream.mirror_by(upstream.hexreg_with_git(), more);
            assert_eq!(ran.code, 1, "{named}: {}", ran.transcript());
            let told = ran.stderr.contains(&format!("/{named}: ")) && ran.stderr.contains(said);
            assert!(told, "{named}: {}", ran.stderr);
            assert_eq!(upstream.repository.files("elsewhere", |_| true), before, "{named}");
        }
        fs::remove_dir_all(&root).unwrap();
        copy(&good, &root);
    }
    // A file with the path of a git directory in place of the folder.
    fs::remove_dir_all(upstream.place()).unwrap();
    fs::write(upstream.place(), format!("gitdir: {}\n", elsewhere.display())).unwrap();
    let ran = upstream.mirror_by(upstream.hexreg_with_git(), &[]);
    assert!(ran.stderr.contains("/dep.git: Not a directory"), "{}", ran.transcript());
    assert_eq!(upstream.repository.files("elsewhere", |_| true), before);
    // A pipe does not block.
    fs::remove_file(upstream.place()).unwrap();
    copy(&good.join(upstream.path().trim_start_matches("git/")), &upstream.place());
    let pipe = upstream.place().join("packed-refs");
    let _ = fs::remove_file(&pipe);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let ran = upstream.mirror_by(upstream.hexreg_with_git(), &[]);
    assert!(ran.stderr.contains("/packed-refs: it is a pipe"), "{}", ran.transcript());
    fs::remove_file(&pipe).unwrap();
    upstream.mirror_by(upstream.hexreg_with_git(), &[]).ok();
}

/// The owner of a link does not tell: files that were copied with `cp -r` belong to the user.
#[test]
fn no_repository_is_written_to_behind_a_link() {
    let test = "no_repository_is_written_to_behind_a_link";
    let Some(git) = Git::find(test) else { return };
    let (upstream, _) = Upstream::mirrored(git);
    let (git, disk) = (upstream.repository.path("copy/git"), upstream.repository.path("disk"));
    fs::rename(&git, &disk).unwrap();
    symlink(&disk, &git).unwrap();
    let before = upstream.repository.files("disk", |_| true);
    let ran = upstream.mirror_by(upstream.hexreg_with_git(), &[]);
    let said = "copy/git: it is a symbolic link, and hexreg follows none there";
    assert!(ran.code == 1 && ran.stderr.contains(said), "{}", ran.transcript());
    assert_eq!(upstream.repository.files("disk", |_| true), before);
}

#[test]
fn a_linked_folder_of_hexreg_is_neither_cleared_nor_written_to() {
    let test = "a_linked_folder_of_hexreg_is_neither_cleared_nor_written_to";
    let Some(git) = Git::find(test) else { return };
    let upstream = Upstream::new(git);
    let first = upstream.commit("trunk", "the first");
    upstream.publish();
    upstream.lock(&upstream.url(), &first);
    upstream.repository.write("victim/git/precious", b"theirs");
    upstream.repository.write("victim/journal", b"theirs");
    let before = upstream.repository.files("victim", |_| true);
    fs::create_dir(upstream.repository.path("copy")).unwrap();
    let own = upstream.repository.path("copy/.hexreg-mirror");
    symlink("../victim", &own).unwrap();
    for more in [&["--dry-run"][..], &[], &["--tarballs-only"]] {
        let ran = upstream.mirror_by(upstream.hexreg_with_git(), more);
        assert_eq!(ran.code, 2, "{}", ran.transcript());
        let said =
            "copy/.hexreg-mirror: it is a symbolic link, and hexreg follows none there: remove it";
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
        assert_eq!(upstream.repository.files("victim", |_| true), before);
    }
    // A link deeper down is removed, and its target stays.
    fs::remove_file(&own).unwrap();
    fs::create_dir(&own).unwrap();
    symlink("../../victim/git", own.join("git")).unwrap();
    upstream.mirror_by(upstream.hexreg_with_git(), &[]).ok();
    assert_eq!(upstream.repository.files("victim", |_| true), before);
    assert_eq!(upstream.resolved(&format!("refs/hexreg/{first}")), Some(first));
}

#[test]
fn a_branch_of_upstream_is_never_trusted_as_a_pin() {
    let test = "a_branch_of_upstream_is_never_trusted_as_a_pin";
    let Some(git) = Git::find(test) else { return };
    let (upstream, [first, second]) = Upstream::mirrored(git);
    let absent = "d".repeat(40);
    let branch = |name: &str, to: &str| {
        upstream.git.run(&upstream.work(), &["branch", "--quiet", "--force", name, to]);
    };
    branch(&format!("hexreg-{absent}"), &second);
    // The branch of an older pin was overwritten, and is written again.
    branch(&format!("hexreg-{first}"), &second);
    upstream.git.run(&upstream.work(), &["checkout", "--quiet", "--orphan", "trunk2"]);
    let third = upstream.commit("trunk2", "with nothing before it");
    upstream.git.run(&upstream.work(), &["branch", "--quiet", "-D", "trunk"]);
    upstream.git.run(&upstream.work(), &["branch", "--quiet", "-m", "trunk"]);
    let work = upstream.work();
    upstream.publish();
    let place = upstream.repository.path("public/git/git.example/org/dep.git");
    upstream.git.run(
        &work,
        &["push", "--quiet", place.to_str().unwrap(), &format!("+{second}:refs/hexreg/{absent}")],
    );
    upstream.git.run(&place, &["update-server-info"]);
    for _ in 0..2 {
        upstream.lock(&upstream.url(), &absent);
        let ran = upstream.mirror_by(upstream.hexreg_with_git(), &["--json"]);
        assert_eq!(ran.code, 1, "{}", ran.transcript());
        assert!(ran.stdout.contains(&format!("does not have {absent}")), "{}", ran.stdout);
        assert_eq!(upstream.resolved(&format!("refs/hexreg/{absent}")), None);
    }
    upstream.lock(&upstream.url(), &third);
    let printed = upstream.mirror_by(upstream.hexreg_with_git(), &[]).ok().stdout;
    assert_eq!(upstream.resolved(&format!("refs/hexreg/{first}")), Some(first.clone()));
    let ours = Server::run(upstream.repository.root(), &["--repo=acme=copy"]);
    let mirror = format!("{}/repos/acme", ours.url());
    upstream.clones(&printed, &mirror, &first, "the first");
    upstream.clones(&printed, &mirror, &third, "with nothing before it");
}

/// A mirror that was made before hexreg wrote references of its own.
#[test]
fn an_older_mirror_keeps_its_pins() {
    let Some(git) = Git::find("an_older_mirror_keeps_its_pins") else { return };
    let (upstream, [first, _]) = Upstream::mirrored(git);
    let old = |arguments: &[&str]| upstream.git.run(&upstream.place(), arguments);
    old(&["update-ref", "-d", &format!("refs/hexreg/{first}")]);
    old(&["config", "core.filemode", "true"]);
    old(&["update-ref", "-d", "refs/heads/trunk"]);
    assert_eq!(upstream.resolved(&format!("refs/heads/hexreg-{first}")), Some(first.clone()));
    fs::remove_dir_all(upstream.repository.path("public/git")).unwrap();
    upstream.lock(&upstream.url(), &first);
    let ran = upstream.mirror_by(upstream.hexreg_with_git(), &["--json"]).ok();
    assert!(ran.stdout.contains("\"is_new\":false"), "{}", ran.stdout);
    assert_eq!(upstream.resolved(&format!("refs/hexreg/{first}")), Some(first));
}

/// The user's configuration of `git fetch` removes nothing from a mirror.
#[test]
fn pins_stay_if_the_user_has_git_prune() {
    let test = "pins_stay_if_the_user_has_git_prune";
    let Some(git) = Git::find(test) else { return };
    let (upstream, [first, second]) = Upstream::mirrored(git);
    upstream.git.run(&upstream.work(), &["branch", "--quiet", "another", &first]);
    upstream.publish();
    let set = |hexreg: Hexreg, count: &str, key: &str| {
        let name = format!("GIT_CONFIG_KEY_{count}");
        hexreg.env(&name, key).env(&name.replace("KEY", "VALUE"), "true")
    };
    let pruning = upstream.hexreg_with_git().env("GIT_CONFIG_COUNT", "2");
    let pruning = set(set(pruning, "0", "fetch.prune"), "1", "fetch.pruneTags");
    upstream.mirror_by(pruning, &[]).ok();
    for revision in [first, second] {
        for reference in
            [format!("refs/hexreg/{revision}"), format!("refs/heads/hexreg-{revision}")]
        {
            assert_eq!(upstream.resolved(&reference).as_ref(), Some(&revision), "{reference}");
        }
    }
}

#[test]
fn git_gets_no_secret_and_no_variable_that_leads_it_elsewhere() {
    let test = "git_gets_no_secret_and_no_variable_that_leads_it_elsewhere";
    let Some(git) = Git::find(test) else { return };
    let (upstream, [_, second]) = Upstream::mirrored(git);
    let log = upstream.repository.path("environment");
    let real = upstream.git.0.display().to_string();
    let script = format!("env >> {}\nexec {real} \"$@\"\n", log.display());
    Upstream::script(&upstream.repository.path("bin/git"), &script);
    let path = format!("{}:/usr/bin:/bin", upstream.repository.path("bin").display());
    let key = String::from_utf8(upstream.repository.read("key.pem")).unwrap();
    let withheld = [
        ("HEXREG_PRIVATE_KEY", key.as_str()),
        ("HEXREG_PRIVATE_KEY_PASSPHRASE", "SECRET"),
        ("AWS_SECRET_ACCESS_KEY", "SECRET"),
        ("AZURE_STORAGE_KEY", "SECRET"),
        ("GOOGLE_SERVICE_ACCOUNT_KEY", "SECRET"),
        ("UPSTREAM_TOKEN", "Bearer SECRET"),
        ("GIT_ALTERNATE_OBJECT_DIRECTORIES", "/nowhere"),
        ("GIT_COMMON_DIR", "/nowhere"),
        ("GIT_CONFIG", "/nowhere"),
        ("GIT_DIR", "/nowhere"),
        ("GIT_EXEC_PATH", "/nowhere"),
        ("GIT_INDEX_FILE", "/nowhere"),
        ("GIT_NAMESPACE", "nowhere"),
        ("GIT_OBJECT_DIRECTORY", "/nowhere"),
        ("GIT_QUARANTINE_PATH", "/nowhere"),
        ("GIT_SHALLOW_FILE", "/nowhere"),
        ("GIT_TEMPLATE_DIR", "/nowhere"),
        ("GIT_WORK_TREE", "/nowhere"),
    ];
    let kept = [
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "http.userAgent"),
        ("GIT_CONFIG_VALUE_0", "mine"),
        ("GIT_SSH_VARIANT", "ssh"),
        ("AWS_PROFILE", "work"),
        ("SSH_AUTH_SOCK", "/nowhere"),
    ];
    let given = withheld.iter().chain(&kept);
    let hexreg = given.fold(upstream.repository.hexreg(), |it, (name, value)| it.env(name, value));
    let options = ["--upstream-auth=env:UPSTREAM_TOKEN"];
    upstream.mirror_by(hexreg.env("PATH", &path), &options).ok();
    assert_eq!(upstream.resolved(&format!("refs/hexreg/{second}")), Some(second));
    let seen = fs::read_to_string(log).unwrap();
    for (name, _) in withheld {
        let name = format!("{name}=");
        assert!(!seen.lines().any(|line| line.starts_with(&name)), "{name}");
    }
    assert!(!seen.contains("SECRET") && !seen.contains("PRIVATE KEY"), "{seen}");
    for (name, value) in kept {
        assert!(seen.lines().any(|line| line == format!("{name}={value}")), "{name}");
    }
}

/// Git follows a redirect of its first request by default, also from a public server to an internal address.
#[test]
fn git_follows_no_redirect_and_the_message_has_advice() {
    let test = "git_follows_no_redirect_and_the_message_has_advice";
    let Some(git) = Git::find(test) else { return };
    let upstream = Upstream::new(git);
    let first = upstream.commit("trunk", "the first");
    upstream.publish();
    let inside = upstream.url();
    let outside = Answering::by(move |request| {
        let path = request.line().strip_prefix("GET /dep.git").unwrap();
        format!(
            "HTTP/1.1 302 Found\r\nLocation: {inside}{path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    });
    upstream.lock(&format!("{}/dep.git", outside.url()), &first);
    let ran = upstream.mirror_by(upstream.hexreg_with_git(), &[]);
    assert_eq!(ran.code, 1, "{}", ran.transcript());
    assert!(ran.stderr.contains("it redirects to another URL"), "{}", ran.transcript());
    assert!(ran.stderr.contains("url.NEW.insteadOf OLD"), "{}", ran.transcript());
}
