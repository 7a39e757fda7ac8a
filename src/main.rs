//! The `hexreg` command: `cli` parses the arguments and prints; the library does the work.

#![expect(clippy::doc_markdown, reason = "doc comments of arguments are what --help prints")]
#![cfg_attr(
    not(all(feature = "buckets", feature = "mirror", feature = "serve", feature = "web")),
    allow(
        dead_code,
        unused_imports,
        reason = "a part that only one feature uses; what no feature uses shows where all are on"
    )
)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
