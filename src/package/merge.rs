//! Three-way merge of remarks: what a registry says of a release, what upstream says now, and as the base what upstream
//! said when that was last carried over. Pure.
//!
//! ```text
//! upstream unchanged    → the registry's remark stays: it was changed here
//! registry unchanged    → upstream's remark is taken
//! both changed          → the registry's remark stays; if it has none, upstream's is taken
//! no base               → upstream's remark is taken; if it has none, the registry's stays
//! ```
//!
//! Without a base nothing is lost and nothing of upstream's is out of date, but what upstream took back stays.
//! `hexreg add` has no base, and keeps the registry's own retirement: see [`merge_without_base`].

use std::sync::Arc;

use crate::package::{Advisory, Remarks, Timestamp, UnknownInRelease};
use crate::unknown_fields::UnknownFields;

/// Merges what `upstream` says of a release into what the registry says of the same tarball. `before` is what upstream
/// said when that was last carried over, if it is known.
pub(crate) fn merge(registry: &Remarks, upstream: &Remarks, before: Option<&Remarks>) -> Remarks {
    let sides = Sides { registry, upstream, before };
    Remarks {
        retired: sides.choose(|remarks| remarks.retired.as_ref()).cloned(),
        published_at: published_at(registry, upstream).cloned(),
        advisories: sides.advisories(),
        unknown: sides.choose(unknown).cloned().unwrap_or_default(),
    }
}

/// Upstream never changes the second for the same tarball, so another second was set here. Further fields of the same
/// second are upstream's.
fn published_at<'a>(registry: &'a Remarks, upstream: &'a Remarks) -> Option<&'a Timestamp> {
    match (&registry.published_at, &upstream.published_at) {
        (Some(here), Some(there)) if here.seconds != there.seconds => Some(here),
        (here, there) => there.as_ref().or(here.as_ref()),
    }
}

/// Merges without a base, where the registry may differ on purpose: its own retirement stays.
pub(crate) fn merge_without_base(registry: &Remarks, upstream: &Remarks) -> Remarks {
    let retired = registry.retired.clone().or_else(|| upstream.retired.clone());
    Remarks { retired, ..merge(registry, upstream, None) }
}

/// Merges fields of a package that this version does not know, as [`merge`] does remarks.
pub(crate) fn merge_unknown(
    registry: &UnknownFields,
    upstream: &UnknownFields,
    before: Option<&UnknownFields>,
) -> UnknownFields {
    let sides = Sides { registry, upstream, before };
    sides.choose(|fields| (!fields.is_empty()).then_some(fields)).cloned().unwrap_or_default()
}

fn unknown(remarks: &Remarks) -> Option<&UnknownInRelease> {
    (remarks.unknown != UnknownInRelease::default()).then_some(&remarks.unknown)
}

/// The three sides of a merge.
struct Sides<'a, S> {
    registry: &'a S,
    upstream: &'a S,
    before: Option<&'a S>,
}

impl<'a, S> Sides<'a, S> {
    /// Merges one remark that each side may have.
    fn choose<T: PartialEq>(&self, remark: impl Fn(&'a S) -> Option<T>) -> Option<T> {
        let (registry, upstream) = (remark(self.registry), remark(self.upstream));
        match self.before.map(remark) {
            None => upstream.or(registry),
            Some(before) if upstream == before => registry,
            Some(before) if registry == before => upstream,
            Some(_) => registry.or(upstream),
        }
    }
}

impl Sides<'_, Remarks> {
    /// Upstream's advisories in its order, then the registry's own. An advisory is identified by its id.
    fn advisories(&self) -> Vec<Arc<Advisory>> {
        let own = self.registry.advisories.iter();
        let own = own.filter(|one| find(self.upstream, &one.id).is_none());
        let all = self.upstream.advisories.iter().chain(own);
        all.filter_map(|one| self.choose(|remarks| find(remarks, &one.id))).cloned().collect()
    }
}

fn find<'a>(remarks: &'a Remarks, id: &str) -> Option<&'a Arc<Advisory>> {
    remarks.advisories.iter().find(|advisory| advisory.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{Retirement, RetirementReason, Severity, UnixSeconds};

    /// `security: MESSAGE`, `-` for none.
    fn retired(message: &str) -> Remarks {
        let retirement = Retirement::new(RetirementReason::Security, Some(message.to_owned()));
        Remarks { retired: (message != "-").then_some(retirement), ..Remarks::default() }
    }

    /// `A1 B3`: advisory A of severity 1, B of severity 3.
    fn advised(text: &str) -> Remarks {
        let advisories = text.split_whitespace().map(|one| {
            let (id, severity) = one.split_at(1);
            Arc::new(Advisory {
                id: id.to_owned(),
                summary: String::new(),
                severity: Some(Severity::from_number(severity.parse().unwrap())),
                cvss_score: None,
                html_url: String::new(),
                api_url: String::new(),
                aliases: Vec::new(),
                unknown: UnknownFields::default(),
            })
        });
        Remarks { advisories: advisories.collect(), ..Remarks::default() }
    }

    fn told(remarks: &Remarks) -> String {
        let severity = |one: &Advisory| one.severity.map(Severity::number).unwrap();
        let all = remarks.advisories.iter().map(|one| format!("{}{}", one.id, severity(one)));
        all.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_retirement_arrives_changes_and_goes_unless_one_was_made_here() {
        // registry, upstream, before: merged
        for (registry, upstream, before, merged) in [
            ("-", "old", Some("-"), "old"),
            ("old", "new", Some("old"), "new"),
            ("old", "-", Some("old"), "-"),
            ("own", "-", Some("-"), "own"),
            ("own", "-", Some("old"), "own"),
            ("own", "old", Some("old"), "own"),
            ("own", "new", Some("old"), "own"),
            ("own", "new", Some("-"), "own"),
            // Taken back here.
            ("-", "old", Some("old"), "-"),
            // What upstream says since is another matter.
            ("-", "new", Some("old"), "new"),
            ("-", "old", None, "old"),
            ("old", "new", None, "new"),
            ("own", "-", None, "own"),
        ] {
            let before = before.map(retired);
            let found = merge(&retired(registry), &retired(upstream), before.as_ref());
            assert_eq!(found, retired(merged), "{registry}, {upstream}, {before:?}");
            // Once carried over, it stays so, whether that was noted or not.
            let again = merge(&found, &retired(upstream), Some(&retired(upstream)));
            assert_eq!(again, found, "{registry}, {upstream}");
        }
    }

    #[test]
    fn a_retirement_of_the_registry_stays_where_there_is_no_base() {
        for (registry, upstream, merged) in
            [("-", "new", "new"), ("own", "new", "own"), ("own", "-", "own"), ("-", "-", "-")]
        {
            let upstream = Remarks { advisories: advised("A2").advisories, ..retired(upstream) };
            let registry = Remarks { advisories: advised("A1 B1").advisories, ..retired(registry) };
            let found = merge_without_base(&registry, &upstream);
            assert_eq!(found.retired, retired(merged).retired, "{registry:?}, {upstream:?}");
            assert_eq!(told(&found), "A2 B1");
        }
    }

    #[test]
    fn unknown_fields_arrive_change_and_go_unless_others_were_written_here() {
        let unknown = |text: &str| UnknownFields::from_encoded(text.as_bytes().to_vec());
        let remarks = |text: &str| Remarks {
            unknown: UnknownInRelease { release: unknown(text), ..UnknownInRelease::default() },
            ..Remarks::default()
        };
        for (registry, upstream, before, merged) in [
            ("", "a", Some(""), "a"),
            ("a", "b", Some("a"), "b"),
            ("a", "", Some("a"), ""),
            ("own", "a", Some("a"), "own"),
            ("own", "", None, "own"),
            ("a", "b", None, "b"),
        ] {
            let found = merge(&remarks(registry), &remarks(upstream), before.map(remarks).as_ref());
            assert_eq!(found, remarks(merged), "{registry}, {upstream}, {before:?}");
            let base = before.map(unknown);
            let found = merge_unknown(&unknown(registry), &unknown(upstream), base.as_ref());
            assert_eq!(found, unknown(merged), "{registry}, {upstream}, {before:?}");
        }
    }

    #[test]
    fn each_advisory_arrives_changes_and_goes_for_itself() {
        for (registry, upstream, before, merged) in [
            ("", "A1 B2", Some(""), "A1 B2"),
            ("A1", "A1 B2", Some("A1"), "A1 B2"),
            ("A1 B2", "B2", Some("A1 B2"), "B2"),
            ("A1 B2", "A4 B2", Some("A1 B2"), "A4 B2"),
            // Of one's own.
            ("O1", "A1", Some(""), "A1 O1"),
            ("A1 O1", "", Some("A1"), "O1"),
            ("A3", "A1", Some("A1"), "A3"),
            ("A3", "", Some("A1"), "A3"),
            ("", "A1 B1", Some("A1 B1"), ""),
            ("B1", "A1 B2", Some("A1 B1"), "B2"),
            ("A1 O1", "A2 B1", None, "A2 B1 O1"),
        ] {
            let before = before.map(advised);
            let found = merge(&advised(registry), &advised(upstream), before.as_ref());
            assert_eq!(told(&found), merged, "{registry}, {upstream}, {before:?}");
            let again = merge(&found, &advised(upstream), Some(&advised(upstream)));
            assert_eq!(told(&again), merged, "{registry}, {upstream}");
        }
    }

    #[test]
    fn a_time_of_publication_stays_as_it_was_said_here() {
        let at = |time: Option<i64>| Remarks {
            published_at: time.map(|time| UnixSeconds(time).into()),
            ..Remarks::default()
        };
        for (registry, upstream, merged) in
            [(None, Some(1), Some(1)), (Some(2), Some(1), Some(2)), (Some(2), None, Some(2))]
        {
            for before in [None, Some(at(None)), Some(at(upstream))] {
                let found = merge(&at(registry), &at(upstream), before.as_ref());
                assert_eq!(found, at(merged), "{registry:?}, {upstream:?}, {before:?}");
            }
        }
    }
}
