//! `hexreg auth add`

use std::io::{self, BufRead, IsTerminal, Read};
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use hexreg::auth::{
    AccessToken, Date, Grant, InvalidPassword, PackagePattern, PackagePatterns, PasswordHash,
    Permission, TokenId, UserName,
};
use hexreg::ops::auth;
use hexreg::printable::Printable;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cli::auth_file::{failure, verb, warn_of_exposure};
use crate::cli::failure::Failure;
use crate::cli::{output, stderr, time};

/// The longest line that `htpasswd` reads, in bytes. It refuses to change a file that has a longer one.
const MAX_HTPASSWD_LINE: usize = 255;

/// Give a name a new token, or a password
///
/// Creates FILE if it does not exist, readable by its owner alone. The token is printed on standard
/// output, and shown only now: the file keeps only its SHA-256. A name may have any number of tokens,
/// each with what it permits, and one password, which only reads.
///
/// A token is valid for every repository of a server that reads FILE. To separate repositories, run a
/// server for each, with a file of its own.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg auth add readers ci
  hexreg auth add readers ann --password
  hexreg auth add readers release --can=publish --packages='acme_*,tools' --until=2027-01-31
  token=$(hexreg auth add readers ci)

`htpasswd -B` changes the same file, and keeps tokens of other names; hashes other than bcrypt and
argon2id are refused.")]
pub struct Add {
    /// The file that says who may do what, as `hexreg serve --auth-file` takes it
    file: PathBuf,
    /// The name of a person or a machine; no `:`
    name: UserName,
    /// What the token permits: `read`; `publish`, to change packages as the server's rules allow; or
    /// `admin`, to change all packages, and to replace and revert releases at any time
    #[arg(
        long,
        value_name = "PERMISSION",
        value_parser = permission(),
        default_value = "read",
        conflicts_with = "password"
    )]
    can: Permission,
    /// With `--can=publish`: the packages that it may publish, with `*` for any characters, separated by
    /// commas; without it, all
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "password")]
    packages: Vec<PackagePattern>,
    /// The last day on which the token is valid, in UTC, such as 2027-01-31
    #[arg(long, value_name = "DATE", conflicts_with = "password")]
    until: Option<Date>,
    /// Set a password instead of making a token: ask twice for it on the terminal, or read one line of
    /// standard input; it replaces the former one
    #[arg(long)]
    password: bool,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// What `add --json` prints.
#[derive(Serialize)]
struct AddJson<'a> {
    name: &'a UserName,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<TokenId>,
    can: Permission,
    /// Absent for all packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    packages: Option<&'a PackagePatterns>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Date>,
    file: String,
}

fn permission() -> impl TypedValueParser<Value = Permission> {
    let words = Permission::ALL.map(Permission::word);
    PossibleValuesParser::new(words).try_map(|word| word.parse::<Permission>())
}

impl Add {
    /// Runs the command.
    pub fn run(&self) -> Result<(), Failure> {
        if self.password { self.set_password() } else { self.add_token(&self.grant()?) }
    }

    /// What the token permits.
    fn grant(&self) -> Result<Grant, Failure> {
        let packages = PackagePatterns::new(self.packages.iter().cloned()).ok();
        let grant = match self.can {
            Permission::Publish => Grant::publish(packages),
            _ if packages.is_some() => {
                return Err(Failure::environment(format!(
                    "--packages limits what --can=publish permits, and does not go with --can={}",
                    self.can
                ))
                .hint("give --can=publish, or leave out --packages"));
            }
            Permission::Read => Grant::read(),
            Permission::Admin => Grant::admin(),
        };
        match self.until {
            Some(last_day) if last_day.is_over(time::system_now()) => {
                Err(Failure::environment(format!("--until={last_day} is in the past (UTC)"))
                    .hint("give the last day on which the token is valid"))
            }
            last_day => Ok(grant.until_end_of(last_day)),
        }
    }

    fn add_token(&self, grant: &Grant) -> Result<(), Failure> {
        let Self { file, name, .. } = self;
        let (token, written) = auth::add_token(file, name, grant).map_err(failure)?;
        if self.json {
            return self.print_json(Some(&token), grant);
        }
        output::line(token.reveal())?;
        let publishing = if grant.may_publish_some() {
            "publish: HEX_API_KEY=TOKEN HEX_API_URL=URL/api mix hex.publish\n\
             \x20        (HEX_API_URL=URL/api/repos/NAME for a repository that is served with --repo=NAME=DEST)\n"
        } else {
            ""
        };
        stderr::write(&format!(
            "* {verb} {file}\n\
             The token of {name} is on standard output, and shown only now: {file} keeps only its SHA-256.\n\
             {words}\n\
             mix:    mix hex.repo add REPO URL --public-key=public_key --auth-key TOKEN\n\
             rebar3: repo_key => <<\"TOKEN\">> beside the repository's repo_url\n\
             {publishing}",
            verb = verb(written),
            file = Printable(&file.display().to_string()),
            name = Printable(name.as_str()),
            words = words(grant),
        ));
        warn_of_exposure(file);
        let line = format!("{name}:{}{grant}", token.digest());
        if line.len() > MAX_HTPASSWD_LINE {
            output::warning(&format!(
                "`htpasswd` no longer changes {}: the line of this token has {} bytes, and it reads {MAX_HTPASSWD_LINE}",
                file.display(),
                line.len()
            ));
        }
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
            return self.print_json(None, &Grant::read());
        }
        output::line(&format!("* {} {}", verb(written), file.display()))?;
        let outcome = if replaced { "has another password" } else { "has a password" };
        output::line(&format!("{name} {outcome}"))?;
        warn_of_exposure(file);
        Ok(())
    }

    fn print_json(&self, token: Option<&AccessToken>, grant: &Grant) -> Result<(), Failure> {
        output::json(&AddJson {
            name: &self.name,
            token: token.map(AccessToken::reveal),
            id: token.map(|token| token.digest().id()),
            can: grant.permission(),
            packages: grant.packages(),
            until: grant.until(),
            file: self.file.display().to_string(),
        })
    }
}

/// The repositories in which a token permits to publish.
const EVERYWHERE: &str = ", in every repository of the server";

/// What a token permits, as a sentence.
fn words(grant: &Grant) -> String {
    let can = match (grant.permission(), grant.packages()) {
        (Permission::Read, _) => "read".to_owned(),
        (Permission::Publish, None) => format!("read, and publish all packages{EVERYWHERE}"),
        (Permission::Publish, Some(packages)) => {
            format!("read, and publish {packages}{EVERYWHERE}")
        }
        (Permission::Admin, _) => format!(
            "read, publish all packages, and replace and revert releases at any time{EVERYWHERE}"
        ),
    };
    let until = grant.until().map(|last_day| format!(", until the end of {last_day} (UTC)"));
    format!("It may {can}{}.", until.unwrap_or_default())
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
