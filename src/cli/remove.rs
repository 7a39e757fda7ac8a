//! `hexreg remove`

use std::process::ExitCode;

use hexreg::ops::remove;
use hexreg::tarball::FileName;

use super::edit::{ENVIRONMENT, EditCommand, ReleaseArgs, WhichArgs};
use super::write::WriteArgs;

/// Remove a release from a registry, its tarball and its documentation
///
/// Removes it from `versions` and `names` first, then from the file of its package, and removes the tarball and
/// the documentation last. Projects that have locked it can no longer fetch it: `hexreg retire` warns of a release instead.
#[derive(clap::Args)]
#[command(after_help = format!("\
Examples:
  hexreg remove foo 1.0.0 --to public --name=acme --private-key=acme.pem
  hexreg remove foo 1.0.0 --to s3://BUCKET/hex --name=acme --dry-run

{ENVIRONMENT}"))]
pub struct Args {
    #[command(flatten)]
    release: ReleaseArgs,
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    change: WriteArgs,
}

impl Args {
    /// Removes the release and reports the result.
    pub fn main(self) -> ExitCode {
        let release = FileName::from(self.release);
        let command = EditCommand {
            which: &self.which,
            attempt: "remove from",
            work: &|store, options, reporter| {
                let report = remove::remove(store, options, &release, reporter)?;
                Ok((report, format!("{} {} removed", release.package, release.version).into()))
            },
        };
        command.main(&self.change)
    }
}
