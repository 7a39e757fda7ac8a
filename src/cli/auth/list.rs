//! `hexreg auth list`

use std::path::PathBuf;

use hexreg::auth::{Date, PackagePatterns, Permission, TokenId, User, UserName};
use hexreg::ops::auth;
use hexreg::package::UnixSeconds;
use serde::Serialize;

use crate::cli::auth_file::{failure, permission, warn_of_exposure};
use crate::cli::failure::Failure;
use crate::cli::{output, time};

/// List who may do what, and until when
///
/// Prints one line for each password and each token, in the order of FILE, and no hash.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  hexreg auth list readers")]
pub struct List {
    /// The file that says who may do what, as `hexreg serve --auth-file` takes it
    file: PathBuf,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// What `list --json` prints.
#[derive(Serialize)]
struct ListJson {
    file: String,
    entries: Vec<EntryJson>,
}

/// An entry: of a token if it has an `id`, else of a password.
#[derive(Serialize)]
struct EntryJson {
    name: UserName,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<TokenId>,
    can: Permission,
    /// Absent for all packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    packages: Option<PackagePatterns>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Date>,
    is_expired: bool,
}

impl List {
    /// Runs the command.
    pub fn run(&self) -> Result<(), Failure> {
        let Self { file, json } = self;
        let users: Vec<User> = auth::read(file).map_err(failure)?.users().collect();
        let now = time::system_now();
        if *json {
            let entries = users.into_iter().map(|user| EntryJson::of(user, now)).collect();
            return output::json(&ListJson { file: file.display().to_string(), entries });
        }
        let width = |user: &User| user.name.as_str().chars().count();
        let names = users.iter().map(width).max().unwrap_or(0);
        for user in &users {
            output::line(&line(user, names, now))?;
        }
        if users.is_empty() {
            output::hint(&format!("{} has no entry: `hexreg auth add` makes one", file.display()));
        }
        warn_of_exposure(file);
        Ok(())
    }
}

/// Such as `ci   token 2bb80d53  publish acme_*, until 2027-01-31`.
fn line(User { name, grant, token }: &User, names: usize, now: UnixSeconds) -> String {
    let kind = token.map_or_else(|| "password".to_owned(), |id| format!("token {id}"));
    let until = grant.until().map(|last_day| format!(", until {last_day}")).unwrap_or_default();
    let expired = if grant.is_expired(now) { ": expired" } else { "" };
    format!("{:names$}  {kind:14}  {}{until}{expired}", name.as_str(), permission(grant))
}

impl EntryJson {
    fn of(User { name, grant, token }: User, now: UnixSeconds) -> Self {
        Self {
            name,
            kind: if token.is_some() { "token" } else { "password" },
            id: token,
            can: grant.permission(),
            packages: grant.packages().cloned(),
            until: grant.until(),
            is_expired: grant.is_expired(now),
        }
    }
}
