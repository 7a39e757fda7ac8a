//! `hexreg completions`

use clap::Command;
use clap_complete::Shell;

use super::failure::Failure;
use super::output;

/// Print completions for a shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg completions bash > ~/.local/share/bash-completion/completions/hexreg
  hexreg completions zsh > ~/.zfunc/_hexreg
  hexreg completions fish > ~/.config/fish/completions/hexreg.fish")]
pub struct Args {
    /// The shell to complete in
    shell: Shell,
}

impl Args {
    /// Prints the completions.
    pub fn run(self, mut hexreg: Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut hexreg, "hexreg", &mut script);
        output::raw(&script)
    }
}
