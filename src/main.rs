//! The `hexreg` command: `cli` parses the arguments and prints; the library does the work.

#![expect(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
