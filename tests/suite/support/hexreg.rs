//! Runs the binary as a person would.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Both streams as one text for a snapshot.
    pub fn transcript(&self) -> String {
        let Self { code, stdout, stderr } = self;
        format!("exit code: {code}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }

    /// The run, which must have gone well.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.transcript());
        self
    }
}

/// A run to be: the environment holds nothing that hexreg would read unless it is given here.
pub struct Hexreg {
    command: Command,
    input: Vec<u8>,
}

impl Hexreg {
    pub fn new(directory: &Path) -> Self {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("hexreg"));
        // Each test has a cache of its own.
        command.current_dir(directory).env_clear().env("HEXREG_CACHE_DIR", directory.join("cache"));
        Self { command, input: Vec::new() }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn input(self, input: &[u8]) -> Self {
        Self { input: input.to_vec(), ..self }
    }

    /// The command itself, for what is more than to wait for its end.
    pub fn command(self) -> Command {
        self.command
    }

    pub fn run<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Ran {
        self.command.args(arguments);
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        // A command that reads no input may be gone before it is given some.
        let _ = child.stdin.take().unwrap().write_all(&self.input);
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().expect("hexreg is not killed by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Whether the program under test has a command: one of a feature that is off is missing.
pub fn has_command(command: &str) -> bool {
    let needs_serve = ["auth", "serve"].contains(&command);
    (cfg!(feature = "serve") || !needs_serve)
        && (cfg!(feature = "mirror") || command != "mirror")
        && (cfg!(feature = "web") || command != "site")
}
