//! The search: which packages a query finds, and in which order.
//!
//! The name that is the query comes first, then names that begin with it, then names that have all words. What other
//! packages say is added up, word by word, and a rare word counts for more. Among equals, the package on which most depend
//! comes first, then the one with the latest release, then the first by name. So the order does not depend on how the
//! index came to be.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::match_kind::{MatchKind, Strength};
use super::matching::{Strengths, strengths};
use super::package_index::PackageIndex;
use super::query::Query;
use super::similar::match_similar;
use crate::name::PackageName;

/// With fewer packages than this, similar names are looked for.
const FEW: usize = 3;

/// What a search has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many packages there are in all.
    pub total: usize,
    /// The packages on the page that was asked for.
    pub hits: Vec<Hit>,
    /// Another query that was perhaps meant, if little was found.
    pub did_you_mean: Option<String>,
    /// Whether no package has all words, and those with some of them are listed.
    pub has_some_words: bool,
}

/// A package that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its name.
    pub name: PackageName,
    /// Why it was found.
    pub why: MatchKind,
    /// Its place in the order; the least is the best. Hits of several indexes can be merged by it.
    pub rank: Rank,
}

/// The place of a package in the order of what was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    tier: u8,
    score: Reverse<u32>,
    dependents: Reverse<u32>,
    date: Reverse<i64>,
}

/// A package that matches.
#[derive(Clone, Copy)]
struct Match {
    slot: usize,
    why: MatchKind,
    rank: Rank,
}

/// A word of a query, matched.
struct MatchedWord {
    strengths: Strengths,
    /// How much it counts: the logarithm of how rare it is.
    weight: u32,
}

/// A query, matched.
struct Matched {
    required: Vec<MatchedWord>,
    optional: Vec<MatchedWord>,
    /// The packages that meet all conditions.
    allowed: Vec<bool>,
    /// The query that was perhaps meant.
    meant: Option<Query>,
    /// Whether one of the words is enough.
    takes_some: bool,
}

impl Matched {
    /// How well the word matches each package that matches worst, or best if one is enough; without words, all match.
    fn decisive(&self) -> Vec<Strength> {
        if self.takes_some {
            let mut best = vec![Strength::None; self.allowed.len()];
            for word in &self.required {
                for (best, strength) in best.iter_mut().zip(word.strengths.as_slice()) {
                    *best = (*best).max(*strength);
                }
            }
            return best;
        }
        let mut worst = vec![Strength::NameWord; self.allowed.len()];
        for word in &self.required {
            for (worst, strength) in worst.iter_mut().zip(word.strengths.as_slice()) {
                *worst = (*worst).min(*strength);
            }
        }
        worst
    }
}

impl PackageIndex {
    /// The packages that a query finds, from `offset` on, `limit` at most. A query that asks for nothing finds all, by
    /// name. What is not `visible` is not found, and not counted.
    #[must_use]
    pub fn search(
        &self,
        query: &Query,
        visible: &dyn Fn(&PackageName) -> bool,
        offset: usize,
        limit: usize,
    ) -> Found {
        if query.is_empty() {
            return self.list(visible, offset, limit);
        }
        let mut matched = self.match_query(query);
        let mut candidates = self.candidates(query, &matched, visible);
        let is_certain = |one: &Match| one.why <= MatchKind::NameWords;
        let mut did_you_mean = None;
        if candidates.len() < FEW && !candidates.iter().any(is_certain) {
            did_you_mean = self.match_misspelt(query, &mut matched, visible);
            matched.meant = did_you_mean.as_deref().map(Query::parse);
            candidates = self.candidates(query, &matched, visible);
        }
        matched.takes_some = candidates.is_empty() && matched.required.len() > 1;
        if matched.takes_some {
            candidates = self.candidates(query, &matched, visible);
        }
        Found {
            total: candidates.len(),
            hits: self.page(candidates, offset, limit),
            did_you_mean,
            has_some_words: matched.takes_some,
        }
    }

    /// What may be meant by a text that is being typed, the best first.
    #[must_use]
    pub fn suggest(
        &self,
        text: &str,
        visible: &dyn Fn(&PackageName) -> bool,
        limit: usize,
    ) -> Vec<Hit> {
        let query = Query::parse(text);
        if query.is_empty() { Vec::new() } else { self.search(&query, visible, 0, limit).hits }
    }

    fn list(&self, visible: &dyn Fn(&PackageName) -> bool, offset: usize, limit: usize) -> Found {
        let names: Vec<&PackageName> = self.names_in_order().filter(|name| visible(name)).collect();
        let hit = |name: &PackageName| Hit {
            name: name.clone(),
            why: MatchKind::Listed,
            rank: Rank::default(),
        };
        let page = names.iter().skip(offset).take(limit).map(|name| hit(name));
        Found { total: names.len(), hits: page.collect(), ..Found::default() }
    }

    fn match_query(&self, query: &Query) -> Matched {
        let mut allowed = vec![true; self.slots()];
        for condition in query.conditions() {
            condition.retain(self, &mut allowed);
        }
        let required = query.required().map(|(_, word, is_last)| {
            let strengths = strengths(self, word, is_last);
            MatchedWord { weight: self.rarity(&strengths), strengths }
        });
        let optional = query.optional().map(|word| {
            let strengths = strengths(self, word, false);
            MatchedWord { weight: self.rarity(&strengths), strengths }
        });
        Matched {
            required: required.collect(),
            optional: optional.collect(),
            allowed,
            meant: None,
            takes_some: false,
        }
    }

    /// The logarithm of the share of packages that do not match.
    fn rarity(&self, strengths: &Strengths) -> u32 {
        let count = strengths.matches().count().max(1);
        let ratio = self.len().checked_div(count).unwrap_or_default();
        ratio.checked_ilog2().unwrap_or_default().saturating_add(1)
    }

    /// All visible packages that match.
    fn candidates(
        &self,
        query: &Query,
        matched: &Matched,
        visible: &dyn Fn(&PackageName) -> bool,
    ) -> Vec<Match> {
        let decisive = matched.decisive();
        let first_letter = query.squashed().bytes().next();
        let may_match = |slot: usize, worst: Strength| {
            let may_be_meant = || self.names().first_letter(slot) == first_letter;
            worst != Strength::None || first_letter.is_some() && may_be_meant()
        };
        let slots = matched.allowed.iter().zip(decisive).enumerate();
        // Most packages do not match, and nothing else is read of them.
        let slots = slots.filter(|(slot, (allowed, worst))| **allowed && may_match(*slot, *worst));
        let candidates = slots.filter_map(|(slot, (_, worst))| {
            let name = self.name(slot)?;
            let (tier, score, why) =
                judge(query, matched, slot, worst, name.as_str(), self.names().lower(slot))?;
            let (dependents, date) = self.weight(slot);
            let rank = Rank {
                tier,
                score: Reverse(score),
                dependents: Reverse(dependents),
                date: Reverse(date),
            };
            visible(name).then_some(Match { slot, why, rank })
        });
        candidates.collect()
    }

    /// Looks for names that are similar to words which matched little. Returns the query with them.
    fn match_misspelt(
        &self,
        query: &Query,
        matched: &mut Matched,
        visible: &dyn Fn(&PackageName) -> bool,
    ) -> Option<String> {
        let mut meant = HashMap::new();
        for ((at, word, _), matched) in query.required().zip(&mut matched.required) {
            let visible_slot = |slot: usize| self.name(slot).is_some_and(visible);
            let seen = matched.strengths.matches().filter(|(slot, _)| visible_slot(*slot));
            if seen.take(FEW).count() < FEW {
                let similar = match_similar(self, word, visible, &mut matched.strengths);
                meant.extend(similar.filter(|it| *it != word.whole).map(|it| (at, it)));
            }
        }
        (!meant.is_empty()).then(|| query.with_words(|at| meant.get(&at).cloned()))
    }

    /// The hits of one page.
    fn page(&self, mut candidates: Vec<Match>, offset: usize, limit: usize) -> Vec<Hit> {
        let order = |one: &Match, other: &Match| {
            let name = |it: &Match| self.name(it.slot);
            one.rank.cmp(&other.rank).then_with(|| name(one).cmp(&name(other)))
        };
        let end = offset.saturating_add(limit);
        if end < candidates.len() {
            candidates.select_nth_unstable_by(end, order);
            candidates.truncate(end);
        }
        candidates.sort_unstable_by(order);
        let page = candidates.into_iter().skip(offset);
        let hits = page.filter_map(|Match { slot, why, rank }| {
            Some(Hit { name: self.name(slot)?.clone(), why, rank })
        });
        hits.collect()
    }
}

/// The tier of a package, its score within that, and why it was found; `None` if it does not match.
fn judge(
    query: &Query,
    matched: &Matched,
    slot: usize,
    worst: Strength,
    name: &str,
    lower: &str,
) -> Option<(u8, u32, MatchKind)> {
    let of = |word: &MatchedWord| word.strengths.of(slot);
    if !query.squashed().is_empty() {
        if name == query.joined() {
            return Some((0, 0, MatchKind::ExactName));
        }
        if lower.eq_ignore_ascii_case(query.joined()) {
            return Some((1, 0, MatchKind::ExactName));
        }
        match begins_squashed(lower, query.squashed()) {
            Some(true) => return Some((2, 0, MatchKind::ExactName)),
            Some(false) => return Some((3, 0, MatchKind::NamePrefix)),
            None => {}
        }
    }
    if matched.required.is_empty() {
        return Some((5, 0, MatchKind::Listed));
    }
    match worst {
        Strength::None => return None,
        _ if matched.takes_some => {}
        Strength::NameWord => return Some((4, 0, MatchKind::NameWords)),
        Strength::NameAlike => return Some((5, 0, MatchKind::NameWords)),
        Strength::Similar => {
            // In the order that the query would have found them in.
            let meant = matched.meant.as_ref().map_or("", Query::squashed);
            let score = match begins_squashed(lower, meant) {
                Some(true) => 2,
                Some(false) => 1,
                None => 0,
            };
            return Some((7, score, MatchKind::Similar));
        }
        _ => {}
    }
    let optional = matched.optional.iter().filter(|word| of(word) >= Strength::NamePart);
    let words = matched.required.iter().chain(optional);
    let scores = words.map(|word| of(word).score().saturating_mul(word.weight));
    let tier = if matched.takes_some { 8 } else { 6 };
    Some((tier, scores.fold(0, u32::saturating_add), MatchKind::of(worst)))
}

/// Whether a name begins with these letters, and whether it has no others. `_` does not count.
fn begins_squashed(name: &str, squashed: &str) -> Option<bool> {
    let mut letters = name.bytes().filter(|byte| *byte != b'_');
    squashed.bytes().all(|byte| letters.next() == Some(byte)).then(|| letters.next().is_none())
}

#[cfg(test)]
mod tests;
