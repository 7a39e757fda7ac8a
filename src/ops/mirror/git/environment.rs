//! The environment of the git program. It has what the user has set for git, as CI systems pass keys and `insteadOf` in
//! variables. It has neither secrets of hexreg nor what would lead git to other directories or programs.

use std::env;
use std::ffi::OsStr;
use std::process::Command;

use reqwest::header::HeaderValue;

/// Sets the environment of a git command. Any variable with the value of upstream's `Authorization` header is a secret.
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
        || (SECRET_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && !NOT_SECRET.contains(&name.as_ref()));
    is_sent || is_secret || LEADING_ELSEWHERE.contains(&name.as_ref())
}

/// Variables whose names begin like this have secrets of hexreg, or lead to them.
const SECRET_PREFIXES: [&str; 4] = ["HEXREG_", "AWS_", "AZURE_", "GOOGLE_"];

/// Other variables with secrets.
const SECRETS: [&str; 2] = ["IDENTITY_ENDPOINT", "IDENTITY_HEADER"];

/// Variables with these prefixes that have no secret. The user's credential helper may need them.
const NOT_SECRET: [&str; 6] = [
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
];

/// Variables that lead git to other directories, programs or objects. Git sets most of them if it runs hexreg itself.
const LEADING_ELSEWHERE: [&str; 21] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    // Read by `git config` alone.
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
    // Set for hooks.
    "GIT_PUSH_OPTION_COUNT",
    "GIT_REFLOG_ACTION",
];

/// Keeps git from prompting at a terminal or in a window, and limits its protocols, whatever the user's configuration
/// makes of a URL.
const UNATTENDED: [(&str, &str); 9] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    // Empty means that no program is run.
    ("GIT_ASKPASS", ""),
    // ssh runs this in place of prompting at a terminal, and takes its failure for a refusal.
    ("SSH_ASKPASS", "false"),
    ("SSH_ASKPASS_REQUIRE", "force"),
    ("LC_ALL", "C"),
    // The format that static servers can serve.
    ("GIT_DEFAULT_REF_FORMAT", "files"),
    // hexreg refuses file URLs in lock files. Only `insteadOf` of the user's configuration can lead to files.
    ("GIT_ALLOW_PROTOCOL", "http:https:ssh:git:file"),
    // The pinned object itself, and not the one that a reference replaces it by.
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    // A missing object is an error, and not fetched on access.
    ("GIT_NO_LAZY_FETCH", "1"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_what_leads_elsewhere_are_withheld() {
        let sent = HeaderValue::from_static("Bearer SECRET");
        let is_withheld =
            |name: &str, value: &str| is_withheld(name.as_ref(), value.as_ref(), Some(&sent));
        for name in LEADING_ELSEWHERE {
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
