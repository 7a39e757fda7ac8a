//! Makes system calls fail, or kills the process that makes them.
//!
//! strace counts the calls of each thread by itself, and a process has made many before it does what a
//! test is about. So it is set on a build that waits for its key, and that works with one thread: from
//! there on its n-th call is the same in every run.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use super::repository::TestRepository;
use super::tools;

/// How a build ended under strace.
#[derive(Debug)]
pub struct Traced {
    /// `None` where it was killed.
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stderr: String,
    /// The calls that were tampered with, as strace writes them, with the paths of open files.
    pub hits: Vec<String>,
}

/// Whether builds can be watched here; says so where not.
pub fn is_available(test: &str) -> bool {
    if tools::find("strace", test).is_none() {
        return false;
    }
    // To watch a process that is not its child takes rights that some systems keep for root.
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let restricted = scope.trim() != "" && scope.trim() != "0";
    let is_root = is_root_here();
    if restricted && !is_root {
        tools::leave_out(&format!("{test} may not watch other processes here"));
    }
    is_root || !restricted
}

fn is_root_here() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0)
}

/// Builds, with the `n`-th of these system calls tampered with: `signal=KILL`, `error=EIO`. `n` as
/// strace has it: `3+` is the third and all that follow.
pub fn build(repository: &TestRepository, calls: &str, tampering: &str, n: &str) -> Traced {
    let mut build = repository.hexreg().command();
    build.args(["build", "public", "--name=acme", "--private-key=-", "--jobs=1"]);
    build.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut build = build.spawn().unwrap();
    let watched = attach(repository.root(), build.id(), calls, tampering, n);
    // A killed process reads no more.
    let _ = build.stdin.take().unwrap().write_all(&repository.read("key.pem"));
    let ended = build.wait_with_output().unwrap();
    Traced {
        code: ended.status.code(),
        signal: ended.status.signal(),
        stderr: String::from_utf8(ended.stderr).unwrap(),
        hits: watched.hits(),
    }
}

/// A process that strace is set on.
pub struct Watched {
    strace: Child,
    said: BufReader<ChildStderr>,
    log: PathBuf,
}

/// Sets strace on a running process and all its threads, each of which has its calls counted by itself. The log is in
/// `directory`.
pub fn attach(directory: &Path, process: u32, calls: &str, tampering: &str, n: &str) -> Watched {
    let log = directory.join("strace.log");
    let mut strace = Command::new("strace")
        .args(watching(calls, tampering, n))
        .arg("-o")
        .arg(&log)
        .args(["-p", &process.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(strace.stderr.take().unwrap());
    let mut attached = String::new();
    said.read_line(&mut attached).unwrap();
    assert!(attached.contains("attached"), "{attached}");
    Watched { strace, said, log }
}

impl Watched {
    /// The calls that were tampered with, once the process has ended.
    pub fn hits(mut self) -> Vec<String> {
        std::io::copy(&mut self.said, &mut std::io::sink()).unwrap();
        self.strace.wait().unwrap();
        let log = std::fs::read_to_string(self.log).unwrap();
        let hits = log.lines().filter(|line| line.contains("(INJECTED)"));
        hits.map(str::to_owned).collect()
    }
}

fn watching(calls: &str, tampering: &str, n: &str) -> [String; 6] {
    // Not every processor has every call.
    let calls: Vec<_> = calls.split(',').map(|call| format!("?{call}")).collect();
    let calls = calls.join(",");
    let [trace, inject] =
        [format!("trace={calls}"), format!("inject={calls}:{tampering}:when={n}")];
    ["-f", "-y", "-e", &trace, "-e", &inject].map(str::to_owned)
}

/// Kills a command before the `n`-th of these system calls; whether it came to that. It has one processor, and so
/// one thread that does the work: its calls come one after the other.
pub fn kill(repository: &TestRepository, arguments: &[String], calls: &str, n: usize) -> bool {
    let hexreg = repository.hexreg().command();
    let mut strace = Command::new("taskset");
    strace.args(["--cpu-list", &a_processor(), "strace"]);
    strace.args(watching(calls, "signal=KILL", &n.to_string())).args(["-o", "/dev/null"]);
    strace.arg(hexreg.get_program()).args(arguments).current_dir(repository.root());
    let ended = strace.stdin(Stdio::null()).stdout(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    // It ends as what it watches does.
    let is_killed = ended.status.signal() == Some(SIGKILL);
    assert!(is_killed || ended.status.code() == Some(0), "{arguments:?}: {said}");
    is_killed
}

const SIGKILL: i32 = 9;

/// The number of one that this process may use.
pub fn a_processor() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    list.trim().split([',', '-']).next().unwrap().to_owned()
}
