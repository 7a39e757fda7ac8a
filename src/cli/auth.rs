//! `hexreg auth`

mod add;
mod list;
mod remove;

use std::process::ExitCode;

use super::failure::exit_code;
use super::output;
use add::Add;
use list::List;
use remove::Remove;

/// Manage the users who may read what `hexreg serve` serves, and publish to it
#[derive(clap::Subcommand)]
pub enum AuthCommand {
    Add(Add),
    List(List),
    Remove(Remove),
}

impl AuthCommand {
    /// Runs the command and prints its failure.
    pub fn main(self) -> ExitCode {
        let (done, json) = match &self {
            Self::Add(args) => (args.run(), args.json),
            Self::List(args) => (args.run(), args.json),
            Self::Remove(args) => (args.run(), args.json),
        };
        if let Err(failure) = &done {
            if !json || output::json(failure).is_err() {
                failure.print();
            }
        }
        exit_code(&done)
    }
}
