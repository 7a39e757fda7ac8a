//! `[[repository]]`: the rules for the packages of one repository.

use super::override_entries::{self, PlacedOverride};
use super::table::{PlacedText, PolicyTable};
use crate::name::RepositoryName;
use crate::package::{RetirementReason, Severity};
use crate::policy::cooldown::{LONGEST_COOLDOWN, NEVER, seconds};
use crate::policy::{OverrideAction, RepositoryPolicy, Restriction};
use crate::unknown_fields::UnknownFields;

/// The rules for a repository.
pub(super) struct PlacedRepository {
    pub rules: RepositoryPolicy,
    pub line: usize,
    /// Whether only what is allowed may be used.
    pub deny_by_default: bool,
}

const NAME: &str = "name";
const SEVERITY: &str = "minimum-severity";
const RETIRED: &str = "retired";
const COOLDOWN: &str = "cooldown";
const DEFAULT: &str = "default";

const KEYS: [&str; 8] = [NAME, SEVERITY, RETIRED, COOLDOWN, DEFAULT, "allow", "deny", "except"];

pub(super) fn read(table: &PolicyTable<'_>) -> Option<PlacedRepository> {
    table.refuse_unknown(&KEYS, |key| {
        let is_of_file = matches!(key, "description");
        is_of_file.then(|| format!("move `{key}` above the first [[repository]]"))
    });
    let name = name(table);
    let advisory_min_severity = severity(table);
    let retirement_reasons = retired(table);
    let deny_by_default = denies_by_default(table);
    let cooldown = if deny_by_default { Some(NEVER.to_owned()) } else { cooldown(table) };
    let overrides = override_entries::read(table);
    if deny_by_default {
        check_allow_list(table, &overrides);
    }
    let has_restriction = [SEVERITY, RETIRED, COOLDOWN].iter().any(|key| table.has(key));
    if !has_restriction && !deny_by_default && overrides.is_empty() {
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
    let rules = RepositoryPolicy {
        repository: name?,
        restriction: (restriction != Restriction::default()).then_some(restriction),
        overrides: overrides.into_iter().map(|one| one.exception).collect(),
        unknown: UnknownFields::default(),
    };
    Some(PlacedRepository { rules, line: table.line, deny_by_default })
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
