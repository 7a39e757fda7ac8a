//! The most memory that a program takes while it runs.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::hexreg::Ran;

/// The peak of a process so far, in MiB; none once it has ended.
pub fn of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    Some(kib / 1024)
}

/// Runs a program to its end, with its output in files of a directory; its peak in MiB.
pub fn run(mut command: Command, directory: &Path) -> (Ran, u64) {
    let [stdout, stderr] = ["peak.stdout", "peak.stderr"].map(|file| directory.join(file));
    command.stdin(Stdio::null());
    command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
    let mut child = command.spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        // It only ever grows, so what is seen last is the peak of nearly all the time.
        peak = of(child.id()).unwrap_or(peak).max(peak);
        thread::sleep(Duration::from_millis(2));
    };
    assert!(peak > 0, "it was seen running");
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let code = status.code().expect("hexreg is not killed by a signal");
    (Ran { code, stdout: read(&stdout), stderr: read(&stderr) }, peak)
}
