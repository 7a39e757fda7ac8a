//! Variables of the environment: their values, and those that are likely misspelled.

use std::env;

use super::keys::FILE;
use super::values::nearest;

/// What the name of each variable of hexreg begins with.
const PREFIX: &str = "HEXREG_";

/// Variables that are no keys of the file, and are read by other parts of hexreg.
const OTHERS: [&str; 2] = ["PRIVATE_KEY", "PRIVATE_KEY_PASSPHRASE"];

/// The value of a variable without line ends at its end, which files and secret stores add. A byte that is not UTF-8 is
/// replaced by a character that no value has.
pub fn value(name: &str) -> Option<String> {
    let value = env::var_os(name)?;
    Some(value.to_string_lossy().trim_end_matches(['\r', '\n']).to_owned())
}

/// A warning for each variable whose name is like that of one that would be used.
pub fn misspelled() -> Vec<String> {
    let names = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut warnings: Vec<_> = names.filter_map(|name| warning(&name)).collect();
    warnings.sort();
    warnings
}

/// Others are not warned of: Kubernetes makes `HEXREG_PORT` and more for a service of that name.
fn warning(name: &str) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    let keys = FILE.iter().filter(|key| **key != "repository");
    let known: Vec<_> = keys.map(|key| key.to_uppercase().replace('-', "_")).collect();
    let known = || known.iter().map(String::as_str).chain(OTHERS);
    if known().any(|one| one == rest) {
        return None;
    }
    let nearest = nearest(rest, known())?;
    Some(format!("{name} has no effect; did you mean {PREFIX}{nearest}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_like_a_known_name_is_warned_of() {
        for name in [
            "HEXREG_LISTEN",
            "HEXREG_PRIVATE_KEY",
            "HEXREG_PRIVATE_KEY_PASSPHRASE",
            "HEXREG_CACHE_DIR",
            "LISTN",
            // Of a service in Kubernetes.
            "HEXREG_PORT",
            "HEXREG_PORT_80_TCP",
            "HEXREG_PORT_80_TCP_ADDR",
            "HEXREG_SERVICE_HOST",
            "HEXREG_SERVICE_PORT_HTTP",
            // Of tests and scripts.
            "HEXREG_TEST_TOOLS",
            "HEXREG_TEST_TOOLS_DIR",
            "HEXREG_TEST_LEFT_OUT",
            "HEXREG_TEST_PICTURES",
            "HEXREG_SEED",
            "HEXREG_SECONDS",
            "HEXREG_EVERY",
            "HEXREG_KILLS",
            "HEXREG_ROUNDS",
            "HEXREG_UPDATE_SCHEMAS",
            "HEXREG_IMAGE",
        ] {
            assert_eq!(warning(name), None);
        }
        for (name, meant) in [
            ("HEXREG_LISTN", "HEXREG_LISTEN"),
            ("HEXREG_AUTHFILE", "HEXREG_AUTH_FILE"),
            ("HEXREG_METRICS_LISTENER", "HEXREG_METRICS_LISTEN"),
            ("HEXREG_TRUSTED_PROXIES", "HEXREG_TRUSTED_PROXY"),
        ] {
            let said = warning(name).unwrap();
            assert_eq!(said, format!("{name} has no effect; did you mean {meant}?"));
        }
    }
}
