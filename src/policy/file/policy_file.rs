//! A whole policy file.

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::fault::{FaultLog, PolicyFault, PolicyFileError};
use super::repository_table::{self, PlacedRepository};
use super::table::{PlacedText, PolicyTable};
use crate::lockfile::is_commit;
use crate::name::{PolicyName, RepositoryName};
use crate::policy::{AcceptedGit, GateRules, Policy, Visibility};
use crate::unknown_fields::UnknownFields;

/// What a policy file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// The policy, to be signed. No client ignores a part of it, except what `warnings` name.
    pub policy: Policy,
    /// The repositories of which only what is allowed may be used. Releases without a time of publication are not hidden
    /// there.
    pub deny_by_default: Vec<String>,
    /// What `hexreg check` alone applies. It is no part of the policy.
    pub gate: GateRules,
    /// What the policy does not do, though it may be expected.
    pub warnings: Vec<PolicyFault>,
}

const REPOSITORY: &str = "repository";

const GIT: &str = "git";

const KEYS: [&str; 3] = ["description", REPOSITORY, GIT];

/// Reads a policy file, for the policy `name` of `repository`.
///
/// # Errors
/// [`PolicyFileError`]: all faults of the file. A policy that clients ignore in part would let releases through.
pub fn read_policy(
    text: &str,
    repository: &RepositoryName,
    name: &PolicyName,
) -> Result<PolicyFile, PolicyFileError> {
    let log = FaultLog::of(text);
    let parsed = DeTable::parse(text);
    let table = parsed.map_err(|error| syntax_error(&log, &error))?;
    let root = PolicyTable::root(table.get_ref(), &log);
    let (description, repositories) = read_root(&root);
    let git = accepted_git(&root);
    let warnings = log.into_warnings()?;
    let deny_by_default = repositories.iter().filter(|one| one.deny_by_default);
    let deny_by_default = deny_by_default.map(|one| one.rules.repository.clone()).collect();
    let gates = repositories.iter().filter_map(|one| one.gate.clone());
    let gate = GateRules { repositories: gates.collect(), git };
    let policy = Policy {
        repository: repository.clone(),
        name: name.clone(),
        description,
        visibility: Visibility::Private,
        repositories: repositories.into_iter().map(|one| one.rules).collect(),
        unknown: UnknownFields::default(),
    };
    Ok(PolicyFile { policy, deny_by_default, gate, warnings })
}

/// The description, and the rules of each repository.
fn read_root(root: &PolicyTable<'_>) -> (Option<String>, Vec<PlacedRepository>) {
    root.refuse_unknown(&KEYS, |key| {
        let belongs_below = repository_table::KEYS.contains(&key);
        belongs_below.then(|| format!("move `{key}` below a [[repository]]"))
    });
    let description = root.text("description", "company rules");
    let description = description.map(|description| description.text.to_owned());
    if !root.has(REPOSITORY) || root.is_empty_array(REPOSITORY) {
        root.log.refuse(
            root.line_of(REPOSITORY),
            "the policy restricts nothing: it has no [[repository]]",
            "write [[repository]], and below it name = \"hexpm\" and a rule",
        );
    }
    let tables = root.tables(REPOSITORY, "[[repository]]", "write [[repository]] above its keys");
    let repositories: Vec<_> = tables.iter().filter_map(repository_table::read).collect();
    refuse_shadowed(root, &repositories);
    (description, repositories)
}

/// The git dependencies that are accepted.
fn accepted_git(root: &PolicyTable<'_>) -> Vec<AcceptedGit> {
    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    const EXAMPLE: &str = "git = [{ app = \"tool\", url = \"https://git.example.com/tool.git\" }]";
    let entries = root.tables(GIT, "`git`", &format!("write {EXAMPLE}"));
    let accepted = entries.iter().filter_map(|entry| {
        entry.refuse_unknown(&["app", "url", "commit", "comment"], |_| None);
        entry.text("comment", "SEC-12");
        let text = |key, example| {
            if !entry.has(key) {
                let message = format!("`{GIT}` has no `{key}`");
                entry.log.refuse(entry.line, message, format!("add {key} = {example:?}"));
            }
            let PlacedText { text, .. } = entry.text(key, example)?;
            Some(text.to_owned())
        };
        let app = text("app", "tool");
        let url = text("url", "https://git.example.com/tool.git");
        let commit = entry.text("commit", COMMIT);
        if let Some(PlacedText { text, line }) = commit.filter(|commit| !is_commit(commit.text)) {
            let hint = format!("write all 40 digits of it: commit = {COMMIT:?}");
            entry.log.refuse(line, format!("{text:?} is not a commit"), hint);
        }
        let commit = commit.map(|commit| commit.text.to_owned());
        Some(AcceptedGit { app: app?, url: url?, commit })
    });
    accepted.collect()
}

fn syntax_error(log: &FaultLog<'_>, error: &toml::de::Error) -> PolicyFileError {
    let line = log.line(&error.span().unwrap_or_default());
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    let message = format!("it is not TOML: {message}");
    let hint = "strings are in double quotes, and an array in [ ]".to_owned();
    PolicyFileError { faults: vec![PolicyFault { line, message, hint }] }
}

/// Clients use the first entry that is of a repository. For `hexpm:acme` that may be one of `acme`.
fn refuse_shadowed(root: &PolicyTable<'_>, repositories: &[PlacedRepository]) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for PlacedRepository { rules, line, .. } in repositories {
        let name = rules.repository.as_str();
        let organisation = name.strip_prefix("hexpm:").unwrap_or(name);
        let earlier = seen.get(name).or_else(|| seen.get(organisation));
        if let Some(earlier) = earlier {
            let message = format!(
                "clients ignore this [[repository]]: that of line {earlier} is used for {name:?}"
            );
            root.log.refuse(*line, message, "write all rules of a repository in one");
        }
        seen.entry(name).or_insert(*line);
    }
}
