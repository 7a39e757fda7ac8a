//! What commands say of the file that says who may do what.

use std::path::Path;

use hexreg::auth::Grant;
use hexreg::ops::auth::{AuthError, Written};

use super::failure::{Failure, Rejected, chain};
use super::{output, secret_file};

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
        AuthError::NoToken { ref path, .. } => Failure::input(text)
            .hint(format!("`hexreg auth list {}` shows the tokens of each name", path.display())),
        AuthError::TooLarge(_) | AuthError::NoEntry { .. } => Failure::input(text),
        AuthError::Changed(_) | AuthError::Busy(_) => {
            Failure::environment(text).hint("nothing was changed; try again")
        }
        AuthError::Owner { .. } => Failure::environment(text)
            .hint("nothing was changed; run it as the owner of the file, or as root"),
        _ => Failure::environment(text),
    }
}

/// Warns if others can read or change the file.
pub fn warn_of_exposure(file: &Path) {
    if let Some(warning) = secret_file::exposure(file) {
        output::warning(&warning);
    }
}

/// The verb for a change of the file.
pub fn verb(written: Written) -> &'static str {
    match written {
        Written::Created => "creating",
        Written::Updated => "updating",
    }
}

/// What a grant permits, on a line of a list: `publish acme_*,tools`.
pub fn permission(grant: &Grant) -> String {
    let packages = grant.packages().map(|packages| format!(" {packages}"));
    format!("{}{}", grant.permission(), packages.unwrap_or_default())
}
