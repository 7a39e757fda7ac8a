//! `hexreg auth`

use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hexreg::auth::{InvalidPassword, PasswordHash, UserName};
use hexreg::ops::auth::{self, AuthError, RemovedEntries, Written};
use hexreg::printable::Printable;
use serde::Serialize;
use zeroize::Zeroizing;

use super::failure::{Failure, Rejected, chain, exit_code};
use super::output;
use super::{secret_file, stderr};

/// Say who may read what `hexreg serve` serves
#[derive(clap::Subcommand)]
pub enum AuthCommand {
    Add(Add),
    Remove(Remove),
}

/// Give a name a new token, or a password
///
/// Creates FILE if it does not exist, readable by its owner alone. The token is printed on standard
/// output, this once: the file keeps its SHA-256. A name may have any number of tokens, and one password.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg auth add readers ci
  hexreg auth add readers ann --password
  token=$(hexreg auth add readers ci)

`htpasswd -B` changes the same file; hashes other than bcrypt and argon2id are refused.")]
pub struct Add {
    /// The file that says who may read, as `hexreg serve --auth-file` takes it
    file: PathBuf,
    /// The name of a person or a machine; no `:`
    name: UserName,
    /// Set a password instead of making a token: ask twice for it on the terminal, or read one line of
    /// standard input; it replaces the former one
    #[arg(long)]
    password: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

/// Remove the password and all tokens of a name
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg auth remove readers ci")]
pub struct Remove {
    /// The file that says who may read, as `hexreg serve --auth-file` takes it
    file: PathBuf,
    /// The name of a person or a machine
    name: UserName,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

/// What `add --json` prints.
#[derive(Serialize)]
struct AddJson<'a> {
    name: &'a UserName,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    file: String,
}

/// What `remove --json` prints.
#[derive(Serialize)]
struct RemoveJson<'a> {
    name: &'a UserName,
    file: String,
    passwords: usize,
    tokens: usize,
}

impl AuthCommand {
    /// Runs the command and prints its failure.
    pub fn main(self) -> ExitCode {
        let (done, json) = match &self {
            Self::Add(args) => (args.run(), args.json),
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

impl Add {
    fn run(&self) -> Result<(), Failure> {
        if self.password { self.set_password() } else { self.add_token() }
    }

    fn add_token(&self) -> Result<(), Failure> {
        let Self { file, name, .. } = self;
        let (token, written) = auth::add_token(file, name).map_err(failure)?;
        if self.json {
            let file = file.display().to_string();
            return output::json(&AddJson { name, token: Some(token.reveal()), file });
        }
        output::line(token.reveal())?;
        stderr::write(&format!(
            "* {verb} {file}\n\
             The token of {name} is on standard output, this once: the file has its SHA-256 alone.\n\
             mix:    mix hex.repo add REPO URL --public-key=public_key --auth-key TOKEN\n\
             rebar3: repo_key => <<\"TOKEN\">> beside the repository's repo_url\n",
            verb = verb(written),
            file = Printable(&file.display().to_string()),
            name = Printable(name.as_str()),
        ));
        warn_of_exposure(file);
        Ok(())
    }

    fn set_password(&self) -> Result<(), Failure> {
        let Self { file, name, .. } = self;
        let password = PasswordHash::of(&ask_password(name)?);
        let password = password.map_err(|error| match error {
            InvalidPassword::NoRandomness(_) | InvalidPassword::Hashing => {
                Failure::environment(error.to_string())
            }
            _ => Failure::input(error.to_string()),
        })?;
        let (written, replaced) = auth::set_password(file, name, &password).map_err(failure)?;
        if self.json {
            return output::json(&AddJson { name, token: None, file: file.display().to_string() });
        }
        output::line(&format!("* {} {}", verb(written), file.display()))?;
        let outcome = if replaced { "has another password" } else { "has a password" };
        output::line(&format!("{name} {outcome}"))?;
        warn_of_exposure(file);
        Ok(())
    }
}

impl Remove {
    fn run(&self) -> Result<(), Failure> {
        let Self { file, name, json } = self;
        let removed = auth::remove(file, name).map_err(failure)?;
        let RemovedEntries { passwords, tokens } = removed;
        if *json {
            let file = file.display().to_string();
            return output::json(&RemoveJson { name, file, passwords, tokens });
        }
        output::line(&format!("* {} {}", verb(Written::Updated), file.display()))?;
        output::line(&format!(
            "{name}: {} and {} removed",
            output::count(passwords, "password"),
            output::count(tokens, "token")
        ))?;
        warn_of_exposure(file);
        Ok(())
    }
}

/// Asks twice on a terminal, as a typing error would lock the user out; else reads one line.
fn ask_password(name: &UserName) -> Result<Zeroizing<String>, Failure> {
    let unread =
        |error: io::Error| Failure::environment(format!("could not read a password: {error}"));
    if io::stdin().is_terminal() {
        let ask = |prompt: String| rpassword::prompt_password(prompt).map(Zeroizing::new);
        let name = Printable(name.as_str());
        let password = ask(format!("Password of {name}: ")).map_err(unread)?;
        let again = ask(format!("Again, the password of {name}: ")).map_err(unread)?;
        if password == again {
            return Ok(password);
        }
        return Err(Failure::input("the two passwords differ").hint("nothing was changed"));
    }
    // A valid password is shorter; one that is cut off here is refused as too long.
    let mut line = Zeroizing::new(Vec::with_capacity(4096));
    io::stdin().lock().take(4096).read_until(b'\n', &mut line).map_err(unread)?;
    let text =
        std::str::from_utf8(&line).map_err(|_| Failure::input("the password is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

/// Reports that the file could not be read or changed.
pub fn failure(error: AuthError) -> Failure {
    let text = chain(&error);
    match error {
        AuthError::Invalid { path, source } => Failure::input(format!(
            "{} has {} that cannot be used",
            path.display(),
            output::count(source.lines.len(), "line")
        ))
        .rejecting(
            source
                .lines
                .into_iter()
                .map(|bad| Rejected {
                    path: format!("{}:{}", path.display(), bad.line),
                    reason: bad.error.to_string(),
                })
                .collect(),
        ),
        AuthError::TooLarge(_) | AuthError::NoEntry { .. } => Failure::input(text),
        AuthError::Changed(_) | AuthError::Busy(_) => {
            Failure::environment(text).hint("nothing was changed; try again")
        }
        AuthError::Owner { .. } => Failure::environment(text)
            .hint("nothing was changed; run it as the owner of the file, or as root"),
        _ => Failure::environment(text),
    }
}

fn warn_of_exposure(file: &Path) {
    if let Some(warning) = secret_file::exposure(file) {
        output::warning(&warning);
    }
}

fn verb(written: Written) -> &'static str {
    match written {
        Written::Created => "creating",
        Written::Updated => "updating",
    }
}
