//! `hexreg man`

use std::fs;
use std::path::PathBuf;

use clap::Command;

use super::failure::Failure;
use super::output;

/// Write the manual pages into a directory
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg man ~/.local/share/man/man1
  man hexreg-build")]
pub struct Args {
    /// The directory to write to; it is created if it does not exist
    dir: PathBuf,
}

impl Args {
    /// Writes one page per command.
    pub fn run(self, hexreg: Command) -> Result<(), Failure> {
        let dir = self.dir.display();
        fs::create_dir_all(&self.dir)
            .and_then(|()| clap_mangen::generate_to(hexreg, &self.dir))
            .map_err(|error| Failure::environment(format!("could not write to {dir}: {error}")))?;
        output::line(&format!("* creating {dir}/hexreg.1 and one page per command"))
    }
}
