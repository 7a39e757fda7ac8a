//! `allow`, `deny` and `except` of a repository: the overrides of its policy.

use super::table::{PlacedText, PolicyTable};
use crate::name::PackageName;
use crate::package::RetirementReason;
use crate::policy::inert::LONGEST_COMMENT;
use crate::policy::{Override, OverrideAction, PackageRef};
use crate::requirement::VersionRequirement;
use crate::unknown_fields::UnknownFields;

/// An override and its line.
pub(super) struct PlacedOverride {
    pub exception: Override,
    pub line: usize,
}

/// What `allow`, `deny` and `except` of a repository say.
pub(super) struct OverrideEntries {
    pub overrides: Vec<PlacedOverride>,
    /// The releases that may have any licence.
    pub any_license: Vec<PackageRef>,
}

const PACKAGE: &str = "package";
const REQUIREMENT: &str = "requirement";
const COMMENT: &str = "comment";
const ADVISORY: &str = "advisory";
const RETIRED: &str = "retired";
const COOLDOWN: &str = "cooldown";
const LICENSE: &str = "license";

const PLAIN: [&str; 3] = [PACKAGE, REQUIREMENT, COMMENT];
const SCOPED: [&str; 7] = [PACKAGE, REQUIREMENT, ADVISORY, RETIRED, COOLDOWN, LICENSE, COMMENT];

const ADVISORY_EXAMPLE: &str = "GHSA-2q6v-32mr-8p8x";

/// The overrides of a repository: denials, then what is allowed, then exceptions. Of two that apply in the same way,
/// clients take the first one, so a denial wins.
pub(super) fn read(repository: &PolicyTable<'_>) -> OverrideEntries {
    let entries = |key, name, example: &str| {
        let hint = format!("write {key} = [{{ package = \"left_pad\"{example} }}]");
        repository.tables(key, name, &hint)
    };
    let deny = entries("deny", "`deny`", "");
    let allow = entries("allow", "`allow`", "");
    let example = format!(", advisory = \"{ADVISORY_EXAMPLE}\"");
    let except = entries("except", "`except`", &example);
    let denied = deny.iter().map(|entry| plain(entry, OverrideAction::Deny));
    let allowed = allow.iter().map(|entry| plain(entry, OverrideAction::Allow));
    let (licenses, except): (Vec<_>, Vec<_>) =
        except.iter().partition(|entry| says_only(entry, LICENSE));
    let all = denied.chain(allowed).chain(except.into_iter().map(scoped));
    let overrides: Vec<_> = all.flatten().collect();
    refuse_repeated(repository, &overrides);
    let any_license = licenses.into_iter().filter_map(any_license).collect();
    OverrideEntries { overrides, any_license }
}

/// What an entry of `except` may accept.
const ACCEPTED: [&str; 4] = [ADVISORY, RETIRED, COOLDOWN, LICENSE];

fn says_only(entry: &PolicyTable<'_>, key: &str) -> bool {
    ACCEPTED.iter().all(|one| entry.has(one) == (*one == key))
}

/// An entry of `except` that accepts each licence of a package.
fn any_license(entry: &PolicyTable<'_>) -> Option<PackageRef> {
    entry.refuse_unknown(&SCOPED, |_| None);
    entry.flag(LICENSE);
    Some(with_action(entry, OverrideAction::Allow, None, None)?.exception.package)
}

/// An entry of `allow` or `deny`.
fn plain(entry: &PolicyTable<'_>, action: OverrideAction) -> Option<PlacedOverride> {
    entry.refuse_unknown(&PLAIN, |key| {
        let is_scoped = SCOPED.contains(&key);
        is_scoped.then(|| {
            let name = entry.name;
            format!(
                "move the entry to `except`: clients ignore an entry of {name} that has `{key}`"
            )
        })
    });
    with_action(entry, action, None, None)
}

/// An entry of `except`.
fn scoped(entry: &PolicyTable<'_>) -> Option<PlacedOverride> {
    entry.refuse_unknown(&SCOPED, |_| None);
    let given = ACCEPTED.map(|key| usize::from(entry.has(key)));
    match given.iter().sum() {
        1_usize => {}
        0 => {
            let message = "`except` does not say what is accepted";
            let hint = format!(
                "add advisory = \"{ADVISORY_EXAMPLE}\", retired = \"deprecated\", cooldown = true or \
                 license = true; or, to accept all, move the entry to `allow`"
            );
            entry.log.refuse(entry.line, message, hint);
            return None;
        }
        _ => {
            let message = "`except` accepts one thing: clients ignore an entry with more";
            let hint = "write one entry for each of advisory, retired, cooldown and license";
            entry.log.refuse(entry.line, message, hint);
            return None;
        }
    }
    if entry.has(ADVISORY) {
        let id = advisory(entry)?;
        return with_action(entry, OverrideAction::Advisory, Some(id.to_owned()), None);
    }
    if entry.has(RETIRED) {
        let reason = entry.text(RETIRED, "deprecated")?;
        let reason = retirement_reason(entry, &reason)?;
        return with_action(entry, OverrideAction::Retirement, None, Some(reason));
    }
    entry.flag(COOLDOWN);
    with_action(entry, OverrideAction::Cooldown, None, None)
}

fn with_action(
    entry: &PolicyTable<'_>,
    action: OverrideAction,
    advisory_id: Option<String>,
    retirement_reason: Option<RetirementReason>,
) -> Option<PlacedOverride> {
    let package = package(entry);
    let requirement = requirement(entry);
    let comment = comment(entry);
    let package = PackageRef { package: package?, requirement, unknown: UnknownFields::default() };
    let unknown = UnknownFields::default();
    let exception = Override { action, package, advisory_id, retirement_reason, comment, unknown };
    Some(PlacedOverride { exception, line: entry.line })
}

fn package(entry: &PolicyTable<'_>) -> Option<String> {
    const EXAMPLE: &str = "left_pad";
    if !entry.has(PACKAGE) {
        let message = format!("{} has no `{PACKAGE}`", entry.name);
        entry.log.refuse(entry.line, message, format!("add {PACKAGE} = {EXAMPLE:?}"));
        return None;
    }
    let PlacedText { text, line } = entry.text(PACKAGE, EXAMPLE)?;
    if let Err(error) = text.parse::<PackageName>() {
        let spelled = text.trim().to_lowercase().replace('-', "_");
        let hint = match spelled.parse::<PackageName>() {
            Ok(meant) => format!("write {PACKAGE} = \"{meant}\", if that is meant"),
            Err(_) if text.contains('*') => "name each package: there are no patterns".to_owned(),
            Err(_) => "write the name as it is in mix.lock".to_owned(),
        };
        entry.log.refuse(line, error.to_string(), hint);
        return None;
    }
    Some(text.to_owned())
}

/// Clients compare versions with it, as Elixir does. It does not get to their solver, which reads less.
fn requirement(entry: &PolicyTable<'_>) -> Option<String> {
    let PlacedText { text, line } = entry.text(REQUIREMENT, ">= 1.0.0 and < 2.0.0")?;
    let refuse = |message: String, hint: &str| {
        entry.log.refuse(line, message, hint);
        None
    };
    match text.parse::<VersionRequirement>() {
        Err(error) if text.trim().is_empty() => {
            refuse(error.to_string(), "leave `requirement` out for all versions")
        }
        Err(error) => refuse(
            error.to_string(),
            "write a requirement as in mix.exs, with whole versions: \"~> 1.7\", \">= 2.0.0\"; clients \
             ignore others",
        ),
        // Elixir has deprecated it: mix prints a warning with a stack trace for each release that it compares. Once
        // Elixir no longer reads it, clients ignore the entry.
        Ok(requirement) if requirement.has_not_equal() => refuse(
            format!(
                "{text:?} has `!=`, which Elixir has deprecated: mix warns of it for each release"
            ),
            "write alternatives with `or`, as in \"< 1.2.3 or > 1.2.3\"",
        ),
        Ok(requirement) if requirement.matches_nothing() => refuse(
            format!("no version matches {text:?}: the entry has no effect"),
            "correct the versions, or write alternatives with `or`, as in \"< 1.2.3 or > 1.2.3\"",
        ),
        Ok(_) => Some(text.to_owned()),
    }
}

fn comment(entry: &PolicyTable<'_>) -> Option<String> {
    let PlacedText { text, line } = entry.text(COMMENT, "SEC-12")?;
    let length = text.chars().count();
    if length > LONGEST_COMMENT {
        let message = format!(
            "`comment` has {length} characters: clients ignore an entry with more than {LONGEST_COMMENT}"
        );
        entry.log.refuse(line, message, "shorten it, or write a link");
        return None;
    }
    Some(text.to_owned())
}

fn advisory<'a>(entry: &PolicyTable<'a>) -> Option<&'a str> {
    let PlacedText { text, line } = entry.text(ADVISORY, ADVISORY_EXAMPLE)?;
    if text.is_empty() || text.contains(char::is_whitespace) {
        let message = format!("{text:?} is not the id of an advisory");
        let hint = format!("write one id, such as {ADVISORY_EXAMPLE:?} or \"CVE-2026-32148\"");
        entry.log.refuse(line, message, hint);
        return None;
    }
    Some(text)
}

/// The reason for a retirement, as a word.
pub(super) fn retirement_reason(
    table: &PolicyTable<'_>,
    word: &PlacedText<'_>,
) -> Option<RetirementReason> {
    let reason = word.text.parse::<RetirementReason>();
    let refuse = |error: &dyn std::fmt::Display| {
        let message = format!("{:?} is not a reason for a retirement", word.text);
        table.log.refuse(word.line, message, error.to_string());
    };
    reason.inspect_err(|error| refuse(error)).ok()
}

/// Refuses an override that has no effect, since clients take an earlier one about the same releases.
fn refuse_repeated(repository: &PolicyTable<'_>, all: &[PlacedOverride]) {
    let is_final =
        |one: &Override| matches!(one.action, OverrideAction::Allow | OverrideAction::Deny);
    let is_same = |one: &Override, other: &Override| {
        let is_about_the_same = one.package == other.package
            && one.retirement_reason == other.retirement_reason
            && one.advisory_id.as_deref().map(str::to_lowercase)
                == other.advisory_id.as_deref().map(str::to_lowercase);
        is_about_the_same && (one.action == other.action || (is_final(one) && is_final(other)))
    };
    for (number, PlacedOverride { exception, line }) in all.iter().enumerate() {
        let mut earlier = all.iter().take(number);
        let Some(earlier) = earlier.find(|earlier| is_same(&earlier.exception, exception)) else {
            continue;
        };
        let first = &earlier.exception;
        let hint = if first.action == exception.action {
            "remove one of the two"
        } else {
            "remove one of the two, or give this one a requirement: it is then stronger"
        };
        let message = format!("{exception} has no effect: line {} says {first}", earlier.line);
        repository.log.refuse(*line, message, hint);
    }
}
