//! What git gets of this program's environment: what the user set for git stays, as CI systems pass keys and
//! `insteadOf` so; what would lead git elsewhere, and secrets of this program, do not get there.

use std::env;
use std::ffi::OsStr;
use std::process::Command;

use reqwest::header::HeaderValue;

/// Gives a command the environment that git runs in. What is sent to upstream as `Authorization` is a secret, whatever
/// variable it came from.
pub(super) fn prepare(command: &mut Command, authorization: Option<&HeaderValue>) {
    for (name, value) in env::vars_os() {
        if is_withheld(&name, &value, authorization) {
            command.env_remove(name);
        }
    }
    command.envs(UNATTENDED);
}

fn is_withheld(name: &OsStr, value: &OsStr, authorization: Option<&HeaderValue>) -> bool {
    let is_sent =
        authorization.is_some_and(|sent| value.as_encoded_bytes().trim_ascii() == sent.as_bytes());
    let name = name.to_string_lossy();
    let is_secret = SECRETS.contains(&name.as_ref())
        || (SECRET.iter().any(|prefix| name.starts_with(prefix))
            && !PLAIN.contains(&name.as_ref()));
    is_sent || is_secret || ELSEWHERE.contains(&name.as_ref())
}

/// How the names of variables begin that hold this program's secrets, or lead to them.
const SECRET: [&str; 4] = ["HEXREG_", "AWS_", "AZURE_", "GOOGLE_"];

/// Other variables that do.
const SECRETS: [&str; 2] = ["IDENTITY_ENDPOINT", "IDENTITY_HEADER"];

/// What is no secret among those: a credential helper of the user's may need it.
const PLAIN: [&str; 6] = [
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
];

/// What leads git to other directories, programs or objects; most of it is set where it is git that runs this program.
const ELSEWHERE: [&str; 21] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    // Of `git config` alone.
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_EXEC_PATH",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REFERENCE_BACKEND",
    "GIT_REF_FORMAT",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_TEMPLATE_DIR",
    "GIT_WORK_TREE",
    // What a hook that runs this program was given.
    "GIT_PUSH_OPTION_COUNT",
    "GIT_REFLOG_ACTION",
];

/// How git is kept from asking, at a terminal or in a window, and what it may talk by: no configuration allows
/// more, whatever it makes of a URL.
const UNATTENDED: [(&str, &str); 9] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    // Nothing is run where this is empty.
    ("GIT_ASKPASS", ""),
    // ssh runs this in place of asking at a terminal, and takes what it says for a refusal.
    ("SSH_ASKPASS", "false"),
    ("SSH_ASKPASS_REQUIRE", "force"),
    ("LC_ALL", "C"),
    // What static servers serve.
    ("GIT_DEFAULT_REF_FORMAT", "files"),
    // No lock file's URL leads to a file: only what the user's own configuration makes of one may.
    ("GIT_ALLOW_PROTOCOL", "http:https:ssh:git:file"),
    // What is pinned is an object, and not what a reference says takes its place.
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    // What is missing is not fetched in passing.
    ("GIT_NO_LAZY_FETCH", "1"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_elsewhere_and_secrets_are_withheld_and_what_the_user_set_stays() {
        let sent = HeaderValue::from_static("Bearer SECRET");
        let is_withheld =
            |name: &str, value: &str| is_withheld(name.as_ref(), value.as_ref(), Some(&sent));
        for name in ELSEWHERE {
            assert!(is_withheld(name, "x"), "{name}");
        }
        for name in [
            "HEXREG_PRIVATE_KEY",
            "HEXREG_PRIVATE_KEY_PASSPHRASE",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
            "AZURE_STORAGE_KEY",
            "AZURE_CLIENT_SECRET",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "IDENTITY_HEADER",
        ] {
            assert!(is_withheld(name, "x"), "{name}");
        }
        assert!(is_withheld("UPSTREAM_TOKEN", "Bearer SECRET\n"));
        for name in [
            "PATH",
            "HOME",
            "UPSTREAM_TOKEN",
            "AWS_PROFILE",
            "GIT_ASKPASS",
            "GIT_CONFIG_COUNT",
            "GIT_CONFIG_GLOBAL",
            "GIT_CONFIG_KEY_0",
            "GIT_CONFIG_NOSYSTEM",
            "GIT_CONFIG_PARAMETERS",
            "GIT_CONFIG_SYSTEM",
            "GIT_CONFIG_VALUE_0",
            "GIT_SSH",
            "GIT_SSH_COMMAND",
            "GIT_SSH_VARIANT",
            "GIT_SSL_CAINFO",
            "GIT_PROXY_COMMAND",
            "HTTPS_PROXY",
            "SSH_AUTH_SOCK",
        ] {
            assert!(!is_withheld(name, "x"), "{name}");
        }
    }
}
