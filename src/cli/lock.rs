//! Reads the lock files of `--lock`.

use std::io;
use std::path::{Path, PathBuf};

use hexreg::lockfile::{self, Format, LockFile};
use hexreg::regular_file;

use crate::cli::failure::{Failure, chain};

/// In bytes: a thousand times the lock file of a large project. A device could be endless.
const MAX_LOCK: u64 = 64 << 20;

const EXPECTED: &str = "expected a mix.lock, a rebar.lock or a manifest.toml";

/// Reads all lock files, each with its name for messages. An empty one pins nothing. With `--prune` it is refused: a failed
/// command may have left it, and everything would be removed.
pub fn read_all(paths: &[PathBuf], prune: bool) -> Result<Vec<(String, LockFile)>, Failure> {
    refuse_two_inputs(paths)?;
    paths.iter().map(|path| parse(&read_text(path)?, prune)).collect()
}

fn refuse_two_inputs(paths: &[PathBuf]) -> Result<(), Failure> {
    if paths.iter().filter(|path| is_standard_input(path)).count() > 1 {
        return Err(Failure::environment(
            "--lock=- is given twice, and there is one standard input",
        ));
    }
    Ok(())
}

/// Reads all lock files for a check of what the build tool takes from them: a file that the tool would not write so is
/// refused.
pub fn read_as_written(paths: &[PathBuf]) -> Result<Vec<(String, LockFile)>, Failure> {
    if let Some(script) = paths.iter().find_map(|path| script_beside(path)) {
        let message = format!("{} changes what rebar3 takes from rebar.lock", script.display());
        return Err(Failure::input(message)
            .hint("remove it: hexreg runs no scripts, so it cannot tell what is locked"));
    }
    refuse_two_inputs(paths)?;
    let read = |path: &PathBuf| {
        let text = read_text(path)?;
        let parsed = parse(&text, false)?;
        if let Some(format) = parsed.1.format {
            let checked = lockfile::check_as_written(format, &text.bytes);
            checked.map_err(|error| Failure::input(format!("{}: {error}", text.name)))?;
        }
        Ok(parsed)
    };
    paths.iter().map(read).collect()
}

/// rebar3 evaluates `rebar.lock.script`, if there is one, in place of what it has read from `rebar.lock`.
fn script_beside(path: &Path) -> Option<PathBuf> {
    let script = path.with_file_name("rebar.lock.script");
    let is_rebar = path.file_name().is_some_and(|name| name == "rebar.lock");
    (is_rebar && script.symlink_metadata().is_ok()).then_some(script)
}

/// Whether a path means standard input.
pub fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// A lock file that was read.
struct LockText<'a> {
    path: &'a Path,
    /// For messages.
    name: String,
    bytes: Vec<u8>,
}

fn read_text(path: &Path) -> Result<LockText<'_>, Failure> {
    let (name, read) = if is_standard_input(path) {
        let read = regular_file::read_to_limit(io::stdin().lock(), MAX_LOCK);
        ("standard input".to_owned(), read)
    } else {
        (path.display().to_string(), regular_file::read_given(path, MAX_LOCK))
    };
    let text = read.map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => Failure::input(format!(
            "{name} has more than {MAX_LOCK} bytes, the most that a lock file may have"
        )),
        _ => Failure::environment(format!("could not read {name}: {error}")),
    })?;
    Ok(LockText { path, name, bytes: text })
}

fn parse(text: &LockText<'_>, prune: bool) -> Result<(String, LockFile), Failure> {
    let LockText { path, name, bytes: text } = text;
    if lockfile::is_blank(text) && lockfile::foreign(path, text).is_none() {
        return if prune { Err(blank(name)) } else { Ok((name.clone(), LockFile::default())) };
    }
    let format = Format::detect(path, text).ok_or_else(|| unknown(path, name, text))?;
    let parsed = lockfile::parse(format, text);
    let parsed = parsed.map_err(|error| Failure::input(format!("{name}: {}", chain(&error))))?;
    Ok((name.clone(), parsed))
}

fn blank(name: &str) -> Failure {
    let message = format!("{name} is empty, and --prune would remove all that is mirrored");
    Failure::input(message).hint(
        "nothing was changed; a project without dependencies is `%{}` in a mix.lock, `[].` in a rebar.lock, \
         `packages = []` in a manifest.toml",
    )
}

/// The error for a file that is no supported lock file.
fn unknown(path: &Path, name: &str, text: &[u8]) -> Failure {
    let message = match lockfile::foreign(path, text) {
        Some(what) => format!("{name} is {what}"),
        None => format!("{name} is not a supported lock file"),
    };
    Failure::input(message).hint(EXPECTED)
}
