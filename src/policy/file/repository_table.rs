//! `[[repository]]`: the rules for the packages of one repository.

use super::override_entries::{self, OverrideEntries, PlacedOverride};
use super::table::{PlacedText, PolicyTable};
use crate::name::{PackageName, RepositoryName};
use crate::package::{RetirementReason, Severity};
use crate::policy::cooldown::{LONGEST_COOLDOWN, NEVER, seconds};
use crate::policy::{OverrideAction, RepositoryGate, RepositoryPolicy, Restriction};
use crate::unknown_fields::UnknownFields;

/// The rules for a repository.
pub(super) struct PlacedRepository {
    pub rules: RepositoryPolicy,
    /// What only `hexreg check` applies; `None` if that is nothing.
    pub gate: Option<RepositoryGate>,
    pub line: usize,
    /// Whether only what is allowed may be used.
    pub deny_by_default: bool,
}

const NAME: &str = "name";
const SEVERITY: &str = "minimum-severity";
const RETIRED: &str = "retired";
const COOLDOWN: &str = "cooldown";
const DEFAULT: &str = "default";
const LICENSES: &str = "licenses";
const ALLOW_PUBLIC: &str = "allow-public";

/// The keys of a `[[repository]]`.
pub(super) const KEYS: [&str; 10] =
    [NAME, SEVERITY, RETIRED, COOLDOWN, DEFAULT, "allow", "deny", "except", LICENSES, ALLOW_PUBLIC];

pub(super) fn read(table: &PolicyTable<'_>) -> Option<PlacedRepository> {
    table.refuse_unknown(&KEYS, |key| {
        let is_of_file = matches!(key, "description" | "git");
        is_of_file.then(|| format!("move `{key}` above the first [[repository]]"))
    });
    let name = name(table);
    let advisory_min_severity = severity(table);
    let retirement_reasons = retired(table);
    let deny_by_default = denies_by_default(table);
    let cooldown = if deny_by_default { Some(NEVER.to_owned()) } else { cooldown(table) };
    let OverrideEntries { overrides, any_license } = override_entries::read(table);
    let gate = RepositoryGate {
        repository: String::new(),
        licenses: licenses(table, !any_license.is_empty()),
        any_license,
        allow_public: allow_public(table),
    };
    let gate = (gate != RepositoryGate::default()).then_some(gate);
    if deny_by_default {
        check_allow_list(table, &overrides);
    }
    let has_restriction = [SEVERITY, RETIRED, COOLDOWN].iter().any(|key| table.has(key));
    if !has_restriction && !deny_by_default && overrides.is_empty() && gate.is_none() {
        table.log.warn(
            table.line,
            "this [[repository]] restricts nothing",
            "add a rule, such as minimum-severity = \"high\", or remove it",
        );
    }
    warn_of_older_clients(table, &overrides);
    let restriction = Restriction {
        advisory_min_severity,
        retirement_reasons,
        cooldown,
        unknown: UnknownFields::default(),
    };
    let name = name?;
    let gate = gate.map(|gate| RepositoryGate { repository: name.clone(), ..gate });
    let rules = RepositoryPolicy {
        repository: name,
        restriction: (restriction != Restriction::default()).then_some(restriction),
        overrides: overrides.into_iter().map(|one| one.exception).collect(),
        unknown: UnknownFields::default(),
    };
    Some(PlacedRepository { rules, gate, line: table.line, deny_by_default })
}

/// The name by which clients know the repository; that of an organisation of hex.pm may begin with `hexpm:`.
fn name(table: &PolicyTable<'_>) -> Option<String> {
    if !table.has(NAME) {
        table.log.refuse(
            table.line,
            "[[repository]] has no `name`",
            "add name = \"hexpm\" for hex.pm, or the name that clients have configured",
        );
        return None;
    }
    let PlacedText { text, line } = table.text(NAME, "hexpm")?;
    if matches!(text.to_lowercase().as_str(), "hex" | "hex.pm" | "hexpm") && text != "hexpm" {
        let message = format!("clients have no repository {text:?}");
        table.log.refuse(line, message, "write name = \"hexpm\" for hex.pm");
        return None;
    }
    let organisation = text.strip_prefix("hexpm:").unwrap_or(text);
    if let Err(error) = organisation.parse::<RepositoryName>() {
        let hint = if text.contains('/') {
            "write the name that `mix hex.repo list` shows, and not its URL"
        } else {
            "write the name that `mix hex.repo list` shows"
        };
        table.log.refuse(line, error.to_string(), hint);
        return None;
    }
    Some(text.to_owned())
}

fn severity(table: &PolicyTable<'_>) -> Option<Severity> {
    let PlacedText { text, line } = table.text(SEVERITY, "high")?;
    let found = Severity::ALL.iter().copied().find(|one| one.word() == Some(text));
    match found {
        None => {
            let message = format!("{text:?} is not a severity");
            table.log.refuse(line, message, "expected one of none, low, medium, high, critical");
        }
        Some(Severity::None) => table.log.warn(
            line,
            "minimum-severity = \"none\" hides each release that has an advisory",
            "remove the line if no release is to be hidden for an advisory",
        ),
        Some(_) => {}
    }
    found
}

fn retired(table: &PolicyTable<'_>) -> Vec<RetirementReason> {
    let mut reasons = Vec::new();
    for word in table.texts(RETIRED, "security") {
        let Some(reason) = override_entries::retirement_reason(table, &word) else { continue };
        if reasons.contains(&reason) {
            let message = format!("`{RETIRED}` has {:?} twice", word.text);
            table.log.refuse(word.line, message, "remove one of the two");
        } else {
            reasons.push(reason);
        }
    }
    reasons
}

/// The licences that are accepted. `has_exceptions` says whether an exception needs that there are some.
fn licenses(table: &PolicyTable<'_>, has_exceptions: bool) -> Option<Vec<String>> {
    if !table.has(LICENSES) {
        if has_exceptions {
            table.log.refuse(
                table.line,
                "`except` accepts a licence, and no `licenses` are listed: each is accepted",
                "add licenses = [\"MIT\", \"Apache-2.0\"], or remove the exception",
            );
        }
        return None;
    }
    let licenses = table.texts(LICENSES, "Apache-2.0");
    for PlacedText { text, line } in &licenses {
        if text.trim().is_empty() {
            let hint =
                "write an SPDX identifier, such as \"MIT\", or a licence as packages write it";
            table.log.refuse(*line, format!("`{LICENSES}` has an empty text"), hint);
        }
    }
    Some(licenses.into_iter().map(|one| one.text.to_owned()).collect())
}

/// The packages that may have the name of a package of another repository.
fn allow_public(table: &PolicyTable<'_>) -> Vec<String> {
    let names = table.texts(ALLOW_PUBLIC, "acme_client");
    for PlacedText { text, line } in &names {
        if let Err(error) = text.parse::<PackageName>() {
            table.log.refuse(*line, error.to_string(), "write the name as it is in mix.lock");
        }
    }
    names.into_iter().map(|one| one.text.to_owned()).collect()
}

fn cooldown(table: &PolicyTable<'_>) -> Option<String> {
    let PlacedText { text, line } = table.text(COOLDOWN, "7d")?;
    let refuse = |why: &str, hint: &str| {
        table.log.refuse(line, format!("{text:?} is not a cooldown: {why}"), hint);
        None
    };
    match seconds(text) {
        None => refuse(
            "clients ignore what they do not read",
            "write a number of days, weeks or months: \"7d\", \"2w\", \"1mo\"",
        ),
        Some(seconds) if seconds > LONGEST_COOLDOWN => refuse(
            "it ends after the year 9999, where mix crashes",
            "to allow only some packages, write default = \"deny\" and allow them",
        ),
        Some(_) => Some(text.to_owned()),
    }
}

fn denies_by_default(table: &PolicyTable<'_>) -> bool {
    let Some(PlacedText { text, line }) = table.text(DEFAULT, "deny") else { return false };
    match text {
        "allow" => false,
        "deny" => true,
        _ => {
            let message = format!("`{DEFAULT}` is {text:?}");
            let hint = "write default = \"allow\", or default = \"deny\" for an allow list";
            table.log.refuse(line, message, hint);
            false
        }
    }
}

/// Checks the rules beside `default = "deny"`, which is a cooldown that never ends.
fn check_allow_list(table: &PolicyTable<'_>, overrides: &[PlacedOverride]) {
    if table.has(COOLDOWN) {
        table.log.refuse(
            table.line_of(COOLDOWN),
            "`cooldown` has no effect beside default = \"deny\": what is allowed has no cooldown",
            "remove `cooldown`, or allow the versions that are old enough",
        );
    }
    let line = table.line_of(DEFAULT);
    let allows = |action| overrides.iter().any(|one| one.exception.action == action);
    if allows(OverrideAction::Allow) {
        let ignored: Vec<_> =
            [SEVERITY, RETIRED].into_iter().filter(|key| table.has(key)).collect();
        if let Some(first) = ignored.first() {
            let keys: Vec<_> = ignored.iter().map(|key| format!("`{key}`")).collect();
            table.log.warn(
                table.line_of(first),
                format!("`allow` shows releases that {} would hide", keys.join(" and ")),
                "allow versions by a requirement, and deny the vulnerable ones",
            );
        }
    } else if !allows(OverrideAction::Cooldown) {
        table.log.warn(
            line,
            "default = \"deny\" without `allow` hides every package of this repository",
            "add allow = [{ package = \"…\" }]",
        );
    }
}

/// Hex 2.5.0 and 2.5.1 know `allow` and `deny` alone.
fn warn_of_older_clients(table: &PolicyTable<'_>, overrides: &[PlacedOverride]) {
    let is_scoped = |one: &&PlacedOverride| {
        !matches!(one.exception.action, OverrideAction::Allow | OverrideAction::Deny)
    };
    let Some(first) = overrides.iter().find(is_scoped) else { return };
    table.log.warn(
        first.line,
        "Hex 2.5.0 and 2.5.1 ignore `except`, so they hide the release that it is about",
        "let developers update Hex by `mix local.hex`, or use `allow`",
    );
}
