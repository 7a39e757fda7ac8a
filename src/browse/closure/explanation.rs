//! Why no versions fit, in sentences.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use pubgrub::{
    DefaultStringReporter, DerivationTree, Derived, External, Map, ReportFormatter, Reporter, Term,
};

use super::catalog::Catalog;
use super::choice::{Choice, Choices, repository_of};
use super::solver::{Proof, facts};

/// Of a proof with more parts, only the facts are listed: it is too long to follow, and the reporter calls itself for each part.
const MOST_PARTS: usize = 60;

/// The most lines of an explanation.
const MOST_LINES: usize = 80;

/// The most intervals of a set of versions that are written out.
const MOST_INTERVALS: usize = 6;

type Terms = Map<Arc<str>, Term<Choices>>;
type Fact = External<Arc<str>, Choices, String>;
type Conclusion = Derived<Arc<str>, Choices, String>;

/// Explains a proof: a sentence each line, an empty line between arguments. A number in parentheses after a sentence is
/// that by which later ones refer to it.
pub(super) fn explain(proof: &Proof, catalog: &Catalog<'_>, root: (&str, usize)) -> Vec<String> {
    let words = Words { catalog, root, requirements: requirements(catalog) };
    let mut lines: Vec<String> = if parts(proof) > MOST_PARTS {
        let facts = facts(proof).into_iter().filter(|fact| !words.is_gap(fact));
        let mut lines: Vec<_> = facts.map(|fact| format!("{}.", words.fact(fact))).collect();
        lines.sort();
        lines.dedup();
        lines
    } else if let DerivationTree::External(fact) = proof {
        vec![format!("{}.", words.fact(fact))]
    } else {
        let text = DefaultStringReporter::report_with_formatter(proof, &words);
        text.split('\n').map(str::to_owned).collect()
    };
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    if more > 0 {
        lines.push(format!("And {more} more."));
    }
    lines
}

/// How many conclusions a proof has.
fn parts(proof: &Proof) -> usize {
    let mut seen = HashSet::new();
    let mut open = vec![proof];
    let mut count: usize = 0;
    while let Some(part) = open.pop() {
        if let DerivationTree::Derived(derived) = part {
            count = count.saturating_add(1);
            let causes = [&derived.cause1, &derived.cause2].into_iter();
            open.extend(causes.filter(|one| seen.insert(Arc::as_ptr(one))).map(AsRef::as_ref));
        }
    }
    count
}

/// The texts of the requirements that were read, by what they allow.
fn requirements(catalog: &Catalog<'_>) -> HashMap<Choices, String> {
    catalog.requirement_texts().into_iter().collect()
}

struct Words<'a> {
    catalog: &'a Catalog<'a>,
    /// The package that the closure is of, and its repository.
    root: (&'a str, usize),
    requirements: HashMap<Choices, String>,
}

impl Words<'_> {
    /// A package, with its repository if that is another one.
    fn name(&self, package: &str, choices: &Choices) -> String {
        let repositories = choices.iter().map(|(lower, _)| repository_of(lower));
        match repositories.into_iter().find(|number| *number > 0) {
            Some(other) if other != self.root.1 => self.catalog.name(other, package).to_string(),
            _ => package.to_owned(),
        }
    }

    /// `foo 1.0.0`, `foo >= 1.0.0 and < 2.0.0`, `every version of foo`.
    fn versions(&self, package: &Arc<str>, choices: &Choices) -> String {
        let name = self.name(package, choices);
        let mut numbers: Vec<_> = choices.iter().map(|(lower, _)| repository_of(lower)).collect();
        numbers.dedup();
        let known = numbers.into_iter();
        let known = known.filter_map(|number| Some((number, self.catalog.known(number, package)?)));
        let known: Vec<_> = known.collect();
        let all = known.iter().flat_map(|(number, package)| {
            package.versions().map(|version| Choice::new(*number, version.clone()))
        });
        let all: Vec<Choice> = all.collect();
        let chosen: Vec<_> = all.iter().filter(|one| choices.contains(*one)).collect();
        match chosen.as_slice() {
            [] => format!("{name} {}", self.requirement(choices)),
            [one] => format!("{name} {one}"),
            _ if chosen.len() == all.len() => format!("every version of {name}"),
            _ => {
                let simple = choices.simplify(all.iter());
                format!("{name} {}", intervals(&simple))
            }
        }
    }

    fn requirement(&self, choices: &Choices) -> String {
        let known = self.requirements.get(choices);
        known.map_or_else(|| intervals(choices), |text| format!("{text:?}"))
    }

    fn needs(&self, dependent: (&Arc<str>, &Choices), on: (&Arc<str>, &Choices)) -> String {
        let absent = Choices::singleton(Choice::ABSENT);
        let is_optional = on.1.contains(&Choice::ABSENT);
        let choices = on.1.intersection(&absent.complement());
        let verb = if is_optional { "fits only with" } else { "needs" };
        let (dependent, name) =
            (self.versions(dependent.0, dependent.1), self.name(on.0, &choices));
        format!("{dependent} {verb} {name} {}", self.requirement(&choices))
    }

    fn fact(&self, fact: &Fact) -> String {
        match fact {
            External::NotRoot(package, version) => format!("{package} {version} is asked for"),
            External::NoVersions(package, choices) => {
                let name = self.name(package, choices);
                let numbers = choices.iter().map(|(lower, _)| repository_of(lower));
                let known = numbers.filter_map(|number| self.catalog.known(number, package));
                if known.map(|one| one.versions().count()).sum::<usize>() == 0 {
                    return format!("there is no package {name}");
                }
                format!("no version of {name} is {}", self.requirement(choices))
            }
            External::Custom(package, choices, reason) => {
                format!("{} {reason}", self.versions(package, choices))
            }
            External::FromDependencyOf(package, choices, other, allowed) => {
                self.needs((package, choices), (other, allowed))
            }
        }
    }

    /// Whether a fact only says that nothing is between versions that were tried: not worth a word.
    fn is_gap(&self, fact: &Fact) -> bool {
        let External::NoVersions(package, choices) = fact else { return false };
        choices.iter().all(|(lower, _)| match lower {
            Bound::Excluded(Choice { repository, version: Some(version) }) => {
                let known = self.catalog.known(*repository, package);
                known.is_some_and(|known| known.release(version).is_some())
            }
            _ => false,
        })
    }

    /// Both facts; one of them if the other is the same, or a gap.
    fn both(&self, one: &Fact, other: &Fact) -> Option<String> {
        let mut facts: Vec<String> = Vec::new();
        for fact in [one, other].into_iter().filter(|fact| !self.is_gap(fact)) {
            let text = self.fact(fact);
            if !facts.contains(&text) {
                facts.push(text);
            }
        }
        (!facts.is_empty()).then(|| facts.join(" and "))
    }

    fn terms(&self, terms: &Terms) -> String {
        let mut sorted: Vec<_> = terms.iter().collect();
        sorted.sort_by_key(|(package, _)| Arc::clone(package));
        match sorted.as_slice() {
            [] => format!("{} is not to be had", self.root.0),
            [(package, Term::Positive(choices))] => {
                format!("{} cannot be used", self.versions(package, choices))
            }
            [(package, Term::Negative(choices))] => {
                format!("{} has to be used", self.versions(package, choices))
            }
            [(one, Term::Positive(is)), (other, Term::Negative(needs))]
            | [(other, Term::Negative(needs)), (one, Term::Positive(is))] => {
                self.needs((one, is), (other, needs))
            }
            many => {
                let texts = many.iter().map(|(package, term)| match term {
                    Term::Positive(choices) => self.versions(package, choices),
                    Term::Negative(choices) => {
                        format!("another version than {}", self.versions(package, choices))
                    }
                });
                let texts: Vec<_> = texts.collect();
                format!("{} cannot be used together", texts.join(" and "))
            }
        }
    }
}

impl ReportFormatter<Arc<str>, Choices, String> for Words<'_> {
    type Output = String;

    fn format_external(&self, fact: &Fact) -> String {
        self.fact(fact)
    }

    fn format_terms(&self, terms: &Terms) -> String {
        self.terms(terms)
    }

    fn explain_both_external(&self, one: &Fact, other: &Fact, so: &Terms) -> String {
        let (facts, so) = (self.both(one, other), self.terms(so));
        match facts {
            Some(facts) if facts != so => format!("Because {facts}, {so}."),
            _ => format!("{so}."),
        }
    }

    fn explain_both_ref(
        &self,
        number: usize,
        one: &Conclusion,
        other_number: usize,
        other: &Conclusion,
        so: &Terms,
    ) -> String {
        let (one, other) = (self.terms(&one.terms), self.terms(&other.terms));
        format!("Because {one} ({number}) and {other} ({other_number}), {}.", self.terms(so))
    }

    fn explain_ref_and_external(
        &self,
        number: usize,
        one: &Conclusion,
        fact: &Fact,
        so: &Terms,
    ) -> String {
        let (one, so) = (self.terms(&one.terms), self.terms(so));
        if self.is_gap(fact) {
            return format!("Because {one} ({number}), {so}.");
        }
        format!("Because {one} ({number}) and {}, {so}.", self.fact(fact))
    }

    fn and_explain_external(&self, fact: &Fact, so: &Terms) -> String {
        self.and_explain_prior_and_external(fact, fact, so)
    }

    fn and_explain_ref(&self, number: usize, one: &Conclusion, so: &Terms) -> String {
        format!("And because {} ({number}), {}.", self.terms(&one.terms), self.terms(so))
    }

    fn and_explain_prior_and_external(&self, prior: &Fact, fact: &Fact, so: &Terms) -> String {
        match self.both(prior, fact) {
            Some(facts) => format!("And because {facts}, {}.", self.terms(so)),
            None => format!("So {}.", self.terms(so)),
        }
    }
}

/// `>= 1.0.0 and < 2.0.0 or 3.0.0`.
fn intervals(choices: &Choices) -> String {
    let version = |end: &Choice| end.version.as_ref().map(ToString::to_string);
    let mut texts: Vec<String> = Vec::new();
    for (lower, upper) in choices.iter() {
        let text = match (lower, upper) {
            (Bound::Included(one), Bound::Included(other)) if one == other => version(one),
            _ => {
                let lower = match lower {
                    Bound::Included(end) => version(end).map(|end| format!(">= {end}")),
                    Bound::Excluded(end) => version(end).map(|end| format!("> {end}")),
                    Bound::Unbounded => None,
                };
                let upper = match upper {
                    Bound::Included(end) => version(end).map(|end| format!("<= {end}")),
                    Bound::Excluded(end) => version(end).map(|end| format!("< {end}")),
                    Bound::Unbounded => None,
                };
                let ends: Vec<String> = lower.into_iter().chain(upper).collect();
                Some(if ends.is_empty() { "of any version".to_owned() } else { ends.join(" and ") })
            }
        };
        texts.extend(text);
    }
    if texts.is_empty() {
        return "of no version".to_owned();
    }
    let more = texts.len().saturating_sub(MOST_INTERVALS);
    texts.truncate(MOST_INTERVALS);
    let text = texts.join(" or ");
    if more > 0 { format!("{text} or {more} more") } else { text }
}
