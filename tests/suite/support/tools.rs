//! Programs that tests need and a machine may lack.

use std::env;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

/// Where a program is; `None` where it is absent, which is said even when output is captured.
/// `scripts/test` sets `HEXREG_TEST_TOOLS=required`, so that no test is left out there.
pub fn find(program: &str, test: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = env::split_paths(&path).collect();
    // Servers lie where the PATH of an ordinary user does not lead.
    directories.push("/usr/sbin".into());
    let found =
        directories.iter().map(|directory| directory.join(program)).find(|path| path.is_file());
    or_leave_out(found, program, test)
}

/// Where a program is that `scripts/test` installs itself; `None` as above.
pub fn find_installed(program: &str, test: &str) -> Option<PathBuf> {
    let directory = env::var_os("HEXREG_TEST_TOOLS_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools")),
        PathBuf::from,
    );
    let found = Some(directory.join(program)).filter(|path| path.is_file());
    or_leave_out(found, program, test)
}

fn or_leave_out(found: Option<PathBuf>, program: &str, test: &str) -> Option<PathBuf> {
    if found.is_none() {
        let required = env::var_os("HEXREG_TEST_TOOLS").is_some_and(|value| value == "required");
        assert!(!required, "{test} needs {program}, which is not installed");
        leave_out(&format!("{test} needs {program}, which is not installed"));
    }
    found
}

/// Says that a test is left out, and why, even when output is captured. `scripts/check` repeats at its end what was
/// appended to the file that `HEXREG_TEST_LEFT_OUT` names, as cargo-nextest hides the output of a test that passes.
pub fn leave_out(why: &str) {
    let line = format!("LEFT OUT: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    if let Some(log) = env::var_os("HEXREG_TEST_LEFT_OUT") {
        let mut log = File::options().create(true).append(true).open(log).unwrap();
        log.write_all(line.as_bytes()).unwrap();
    }
}
