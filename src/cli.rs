//! The command line: the only part of hexreg that prints.

mod add;
#[cfg(feature = "serve")]
mod auth;
#[cfg(feature = "serve")]
mod auth_file;
mod build;
mod cache;
mod change_log;
mod check;
mod completions;
#[cfg(feature = "serve")]
mod config;
mod destination;
mod edit;
mod environment;
mod failure;
mod inspect;
mod key;
mod lock;
#[cfg(feature = "serve")]
mod log;
mod man;
#[cfg(feature = "mirror")]
mod mirror;
mod output;
mod policy;
mod policy_argument;
mod private_key;
mod progress;
mod public_key;
mod push;
mod quota;
#[cfg(all(test, feature = "buckets", feature = "mirror", feature = "web"))]
mod reference;
mod registry_argument;
mod remove;
mod reporter;
mod retire;
mod secret_file;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "web")]
mod site;
mod stderr;
mod time;
#[cfg(feature = "mirror")]
mod upstream_auth;
mod verify;
mod view;
mod write;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use failure::Failure;

/// Build, sign and check Hex package registries.
///
/// Hex is the package registry of Elixir, Erlang and Gleam. hexreg makes one of your own out of a
/// directory of package tarballs.
#[derive(Parser)]
#[command(name = "hexreg", version, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done; 1 the input is at fault; 2 usage or environment.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Build(build::Args),
    Verify(verify::Args),
    Check(Box<check::Args>),
    Add(add::Args),
    Remove(remove::Args),
    Retire(retire::Args),
    Unretire(retire::UnretireArgs),
    Push(push::Args),
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    Inspect(inspect::Args),
    #[cfg(feature = "web")]
    Site(site::Args),
    #[cfg(feature = "serve")]
    Serve(Box<serve::Args>),
    #[cfg(feature = "serve")]
    #[command(subcommand)]
    Config(config::ConfigCommand),
    #[cfg(feature = "mirror")]
    Mirror(mirror::Args),
    #[command(subcommand)]
    Key(key::KeyCommand),
    #[cfg(feature = "serve")]
    #[command(subcommand)]
    Auth(auth::AuthCommand),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs what the arguments say and tells how it ended.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        // These report their failures themselves: as JSON where that was asked for.
        Command::Build(args) => return args.main(),
        Command::Verify(args) => return args.main(),
        Command::Check(args) => return args.main(),
        Command::Add(args) => return args.main(),
        Command::Remove(args) => return args.main(),
        Command::Retire(args) => return args.main(),
        Command::Unretire(args) => return args.main(),
        Command::Push(args) => return args.main(),
        Command::Policy(command) => return command.main(),
        Command::Inspect(args) => return args.main(),
        #[cfg(feature = "web")]
        Command::Site(args) => return args.main(),
        #[cfg(feature = "mirror")]
        Command::Mirror(args) => return args.main(),
        #[cfg(feature = "serve")]
        Command::Serve(args) => args.run(),
        #[cfg(feature = "serve")]
        Command::Config(command) => return command.main(),
        #[cfg(feature = "serve")]
        Command::Auth(command) => return command.main(),
        Command::Key(command) => command.run(),
        Command::Completions(args) => args.run(Cli::command()),
        Command::Man(args) => args.run(Cli::command()),
    };
    failure::exit_code(&done.inspect_err(Failure::print))
}
