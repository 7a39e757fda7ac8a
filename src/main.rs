//! Parse, run, exit. What there is to run stands in `cli/`, what it does in the library.

#![expect(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
