//! `hexreg remove`

use std::process::ExitCode;

use hexreg::ops::remove;
use hexreg::tarball::FileName;

use super::edit::{Amendment, ENVIRONMENT, ReleaseArgs, WhichArgs};
use super::write::WriteArgs;

/// Remove a release from a registry, and its tarball
///
/// Takes it out of `versions` and `names` first, then out of its package's file, and removes the tarball
/// last. Whoever has locked it cannot fetch it any more: `hexreg retire` warns of a release instead.
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
    /// Removes, and tells how it went.
    pub fn main(self) -> ExitCode {
        let release = FileName::from(self.release);
        let amendment = Amendment {
            which: &self.which,
            attempt: "remove from",
            work: &|store, options, listener| {
                let report = remove::remove(store, options, &release, listener)?;
                Ok((report, format!("{} {} removed", release.package, release.version)))
            },
        };
        amendment.main(&self.change)
    }
}
