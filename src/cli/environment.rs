//! Environment variables. Secret stores and files add a line feed to them, and CI systems set a missing one to the empty
//! string.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::failure::Failure;

/// The value of a variable without white space around it; `None` if it is unset or empty.
pub fn text(name: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(value) = env::var_os(name) else { return Ok(None) };
    let value = unicode(name, value)?;
    let trimmed = value.trim();
    Ok((!trimmed.is_empty()).then(|| Zeroizing::new(trimmed.to_owned())))
}

/// The value of a variable without line ends at its end. Spaces may be part of a passphrase.
pub fn passphrase(name: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(value) = env::var_os(name) else { return Ok(None) };
    let value = unicode(name, value)?;
    let trimmed = value.trim_end_matches(['\r', '\n']);
    Ok((!trimmed.is_empty()).then(|| Zeroizing::new(trimmed.to_owned())))
}

/// The path in a variable, which need not be UTF-8.
pub fn path(name: &str) -> Result<Option<PathBuf>, Failure> {
    let Some(value) = env::var_os(name) else { return Ok(None) };
    let Some(text) = value.to_str() else { return Ok(Some(value.into())) };
    let trimmed = text.trim();
    if trimmed.contains(char::is_control) {
        return Err(Failure::environment(format!(
            "{name} has a control character in it: expected a path"
        )));
    }
    Ok((!trimmed.is_empty()).then(|| trimmed.into()))
}

fn unicode(name: &str, value: OsString) -> Result<Zeroizing<String>, Failure> {
    let text = value.into_string().map(Zeroizing::new);
    text.map_err(|_| Failure::environment(format!("{name} is not UTF-8")))
}
