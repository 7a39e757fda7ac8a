//! What several writers did at the same time, and whether the registry that they leave is one that they meant.

use std::collections::BTreeSet;

use hexreg::ops::verify::Defect;
use hexreg::store::BucketStore;

use crate::support::items::{Item, file_name};
use crate::support::verbs::{Machine, POLICY, Verb, policy_file};
use crate::support::witness::{Files, Tree};

/// What was done, from when to when, and what came of it.
#[derive(Clone, Debug)]
pub struct Done {
    pub verb: Verb<'static>,
    pub from: usize,
    pub to: usize,
    pub is_ok: bool,
}

pub const A1: Item<'_> = ("a", "1.0.0", 0);
pub const A2: Item<'_> = ("a", "2.0.0", 0);
pub const B1: Item<'_> = ("b", "1.0.0", 0);
pub const B2: Item<'_> = ("b", "2.0.0", 0);
pub const OTHER_A1: Item<'_> = ("a", "1.0.0", 1);

pub const ITEMS: [Item<'_>; 4] = [A1, A2, B1, B2];

/// What is wrong in the end, after these verbs and those of the history.
pub fn wrong(
    machine: &Machine,
    files: Files,
    store: &BucketStore,
    before: &[Verb<'static>],
    history: &[Done],
) -> Vec<String> {
    let mut wrong = Vec::new();
    // What was told that something would be lost had begun, perhaps; as if it were killed.
    let has_refused = history.iter().any(|done| !done.is_ok && matches!(done.verb, Verb::Push(_)));
    let verified = history.iter().filter(|done| matches!(done.verb, Verb::Verify) && !done.is_ok);
    wrong.extend(verified.map(|done| format!("{done:?} found a problem")));
    if !files.contains_key("names") {
        // It is written last: until then no client was told that there is a registry.
        let makes = |done: &&Done| {
            let makes_none = matches!(
                done.verb,
                Verb::Build | Verb::SetPolicy(_) | Verb::RemovePolicy | Verb::Verify
            );
            done.is_ok && !makes_none
        };
        wrong.extend(history.iter().find(makes).map(|done| format!("{done:?} made no registry")));
        return wrong;
    }
    let tree = Tree::of(files);
    let named: BTreeSet<_> = tree.releases().into_iter().collect();
    for (path, problem) in machine.problems(store) {
        let is_left = match problem {
            Defect::Unnamed => true,
            Defect::NotInVersions(_) | Defect::NotInNames(_) | Defect::VersionMissing { .. } => {
                has_refused
            }
            Defect::Missing => {
                let is_named = named.iter().any(|file| path == format!("tarballs/{file}"));
                has_refused && !is_named
            }
            _ => false,
        };
        if !is_left {
            wrong.push(format!("{path}: {problem}"));
        }
    }
    let marked = tree.versions().unwrap().packages.into_iter().flat_map(|(name, all)| {
        let marked = all.into_iter().filter(|one| one.marks.retired);
        marked.map(move |one| format!("{name}-{}.tar", one.version))
    });
    let marked: BTreeSet<_> = marked.collect();
    wrong.extend(created_twice(history));
    wrong.extend(wrong_policy(&tree, before, history));
    for item in ITEMS {
        let about = |done: &Done, adds: bool| match done.verb {
            Verb::Add(items) | Verb::Publish(items) => {
                adds && items.iter().any(|other| (other.0, other.1) == (item.0, item.1))
            }
            Verb::Replace(other) => adds && other.1 == item.1 && other.0 == item.0,
            Verb::Remove(other) | Verb::Revert(other) => {
                !adds && (other.0, other.1) == (item.0, item.1)
            }
            Verb::Overwrite(items) | Verb::Push(items) => adds == items.contains(&item),
            // Makes of what it finds, when others are half done, what they are about to.
            Verb::Build | Verb::Rotate => true,
            Verb::Retire(_)
            | Verb::Unretire(_)
            | Verb::SetPolicy(_)
            | Verb::RemovePolicy
            | Verb::Verify => false,
        };
        let adds: Vec<_> = history.iter().filter(|one| about(one, true)).collect();
        let removes: Vec<_> = history.iter().filter(|one| about(one, false)).collect();
        let sure = |these: &[&Done], others: &[&Done]| {
            these.iter().any(|one| {
                let is_told = one.is_ok && !matches!(one.verb, Verb::Build | Verb::Rotate);
                is_told && others.iter().all(|other| other.to < one.from)
            })
        };
        let is_named = named.contains(&file_name(item));
        if sure(&adds, &removes) && !is_named {
            wrong.push(format!("{item:?} was added and is not there"));
        }
        if sure(&removes, &adds) && is_named {
            wrong.push(format!("{item:?} was removed and is there"));
        }
        let retires = |done: &&Done| matches!(done.verb, Verb::Retire(other) if other == item);
        let undoes = |done: &&Done| match done.verb {
            Verb::Unretire(other) | Verb::Remove(other) | Verb::Revert(other) => other == item,
            Verb::Replace(other) => (other.0, other.1) == (item.0, item.1),
            Verb::Overwrite(_) => true,
            _ => false,
        };
        let retires: Vec<_> = history.iter().filter(retires).collect();
        let undoes: Vec<_> = history.iter().filter(undoes).collect();
        let is_unmarked = is_named && !marked.contains(&file_name(item));
        if sure(&retires, &undoes) && is_unmarked {
            wrong.push(format!("{item:?} was retired and is not marked"));
        }
    }
    wrong
}

/// Two publications of one release, with different tarballs, that were both told that they created it, though nothing may
/// have removed it.
fn created_twice(history: &[Done]) -> Option<String> {
    let creates = |wanted: Item<'_>| {
        history.iter().find(|done| {
            done.is_ok && matches!(done.verb, Verb::Publish(items) if items.contains(&wanted))
        })
    };
    let (one, other) = (creates(A1)?, creates(OTHER_A1)?);
    let is_kept = history.iter().all(|done| match done.verb {
        Verb::Remove(item) | Verb::Revert(item) => (item.0, item.1) != (A1.0, A1.1),
        Verb::Overwrite(_) | Verb::Build | Verb::Rotate => false,
        _ => true,
    });
    is_kept.then(|| format!("{one:?} and {other:?} both created it"))
}

/// What is wrong with the policy: it is not one that a writer meant whole, or the last writer's is lost.
fn wrong_policy(tree: &Tree, before: &[Verb<'static>], history: &[Done]) -> Option<String> {
    let writes = |verb: Verb<'_>| match verb {
        Verb::SetPolicy(days) => Some(Some(days)),
        // It removes what it does not bring along.
        Verb::RemovePolicy | Verb::Overwrite(_) => Some(None),
        _ => None,
    };
    let first = before.iter().rev().find_map(|verb| writes(*verb)).flatten();
    let written = history.iter().filter_map(|done| Some((done, writes(done.verb)?)));
    let written: Vec<_> = written.collect();
    let meant: BTreeSet<_> = written.iter().map(|(_, policy)| *policy).chain([first]).collect();
    let found = tree.policy(POLICY);
    let found = match &found {
        None => None,
        Some(found) => {
            let is_found = |days: &u8| policy_file(*days).policy == *found;
            let Some(days) = meant.iter().flatten().copied().find(is_found) else {
                return Some(format!("no writer meant this policy: {found:?}"));
            };
            Some(days)
        }
    };
    // What is overtaken by none that began before it ended is the last word.
    let may_be_last = |(done, _): &&(&Done, Option<u8>)| {
        let is_overtaken = |(other, _): &(&Done, Option<u8>)| other.is_ok && done.to < other.from;
        !written.iter().any(is_overtaken)
    };
    let is_begun = written.iter().any(|(done, _)| done.is_ok);
    let mut last: BTreeSet<_> =
        written.iter().filter(may_be_last).map(|(_, policy)| *policy).collect();
    if !is_begun {
        last.insert(first);
    }
    let is_last = last.contains(&found);
    (!is_last).then(|| format!("the policy is {found:?}, and not one of {last:?}"))
}
