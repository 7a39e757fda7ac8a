//! `hexreg retire` and `hexreg unretire`

use std::process::ExitCode;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use hexreg::ops::retire;
use hexreg::package::{Retirement, RetirementReason};
use hexreg::tarball::FileName;

use super::edit::{ENVIRONMENT, EditCommand, ReleaseArgs, WhichArgs};
use super::write::WriteArgs;

/// Warn of a release that should no longer be used
///
/// Clients show reason and message to users that have it or get it, and install it all the same.
#[derive(clap::Args)]
#[command(after_help = format!("\
Example:
  hexreg retire foo 1.0.0 --reason=security --message='use 1.0.1' \\
      --to public --name=acme --private-key=acme.pem

{ENVIRONMENT}"))]
pub struct Args {
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    which: WhichArgs,
    /// Why, in one word
    #[arg(long, value_parser = reason())]
    reason: RetirementReason,
    /// Why, in a few words
    #[arg(long, value_name = "TEXT", value_parser = message)]
    message: Option<String>,
    #[command(flatten)]
    change: WriteArgs,
}

/// Take back the retirement of a release
#[derive(clap::Args)]
#[command(after_help = format!("\
Example:
  hexreg unretire foo 1.0.0 --to public --name=acme --private-key=acme.pem

{ENVIRONMENT}"))]
pub struct UnretireArgs {
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    change: WriteArgs,
}

fn reason() -> impl TypedValueParser<Value = RetirementReason> {
    let words = RetirementReason::ALL.iter().filter_map(|reason| reason.word());
    PossibleValuesParser::new(words).try_map(|word| word.parse::<RetirementReason>())
}

/// Clients print the message as it is, so it has no control characters.
fn message(text: &str) -> Result<String, &'static str> {
    if text.chars().any(char::is_control) {
        return Err("expected one line, without control characters");
    }
    Ok(text.to_owned())
}

impl Args {
    /// Retires the release and reports the result.
    pub fn main(self) -> ExitCode {
        let retirement = Retirement::new(self.reason, self.message);
        main(&self.which, &self.change, &self.release.into(), Some(&retirement))
    }
}

impl UnretireArgs {
    /// Takes the retirement back and reports the result.
    pub fn main(self) -> ExitCode {
        main(&self.which, &self.change, &self.release.into(), None)
    }
}

fn main(
    which: &WhichArgs,
    args: &WriteArgs,
    release: &FileName,
    retirement: Option<&Retirement>,
) -> ExitCode {
    let command = EditCommand {
        which,
        attempt: "change",
        work: &|store, options, reporter| {
            let report = retire::retire(store, options, release, retirement, reporter)?;
            let FileName { package, version } = release;
            let summary = match retirement {
                Some(Retirement { reason, .. }) => {
                    format!("{package} {version} retired ({reason})")
                }
                None => format!("{package} {version} is retired no longer"),
            };
            Ok((report, summary.into()))
        },
    };
    command.main(args)
}
