//! `hexreg policy`

mod list;
mod remove;
mod set;
mod show;
mod why;

use std::process::ExitCode;

use super::failure::exit_code;
use super::output;
use list::ListPolicies;
use remove::RemovePolicy;
use set::SetPolicy;
use show::ShowPolicy;
use why::WhyPolicy;

/// Publish rules that mix obeys: which releases a project may resolve to
///
/// A policy is a signed file of a registry. mix of Hex 2.5 or later applies the one that a project or an
/// environment names, also to packages of hex.pm. It hides releases from the resolver: by name and version,
/// by advisory, by retirement, by age, or all that are not allowed.
#[derive(clap::Subcommand)]
pub enum PolicyCommand {
    Set(SetPolicy),
    Show(ShowPolicy),
    List(ListPolicies),
    Remove(RemovePolicy),
    Why(WhyPolicy),
}

impl PolicyCommand {
    /// Runs the command and prints its failure.
    pub fn main(self) -> ExitCode {
        let (done, json) = match &self {
            Self::Set(args) => return args.main(),
            Self::Remove(args) => return args.main(),
            Self::Show(args) => (args.run(), args.json),
            Self::List(args) => (args.run(), args.json),
            Self::Why(args) => (args.run(), args.json),
        };
        if let Err(failure) = &done {
            if !json || output::json(failure).is_err() {
                failure.print();
            }
        }
        exit_code(&done)
    }
}
