//! What `hexreg serve` warns of when it starts, and `hexreg config check` before.

use std::path::PathBuf;

use hexreg::serve::Options;

use super::spelling::Spelling;
use crate::cli::secret_file;

/// Warns of keys that no client can use, and of files with secrets that others can read: `keys` are those of private
/// keys.
pub fn of(options: &Options, keys: &[PathBuf], spelling: Spelling) -> Vec<String> {
    let Options { auth_file, tls, repositories, .. } = options;
    let mut warnings = Vec::new();
    if auth_file.is_none() && repositories.iter().any(|one| one.key.is_some()) {
        warnings.push(format!(
            "{} has no effect without {}: clients publish with tokens. Make one with `hexreg auth add FILE NAME \
             --can=publish`, and give {}",
            spelling.option("private-key"),
            spelling.option("auth-file"),
            spelling.with_value("auth-file", "FILE"),
        ));
    }
    let secrets = keys.iter().chain(auth_file).chain(tls.iter().map(|tls| &tls.key));
    warnings.extend(secrets.filter_map(|secret| secret_file::exposure(secret)));
    warnings
}
