//! Which packages a search finds, and in which order: `GET packages?search=…&sort=…&page=…&per_page=…`.
//!
//! The syntax is hex.pm's: words, `name:foo*`, `description:json` and `depends:foo`. A word is looked for in names and
//! descriptions. Anything else before a colon is a part of a word.

use std::cmp::Reverse;

use super::form;
use crate::name::PackageName;
use crate::package::UnixSeconds;

/// The most packages on a page, as on hex.pm, and how many there are if the client does not say.
const MAX_PER_PAGE: usize = 100;

/// How many terms are looked for; the rest is ignored. Each takes a look at every description.
const MAX_TERMS: usize = 8;

/// What a client searches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    /// A package has to match all of them.
    terms: Vec<Term>,
    order: Order,
    /// Counted from 0.
    page: usize,
    per_page: usize,
}

/// One condition, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    /// A part of the name or of the description.
    Word(String),
    /// The name, with `*` at its ends for any text.
    Name(Glob),
    /// A part of the description.
    Description(String),
    /// A package that the recommended release depends on.
    DependsOn(String),
}

/// A text that may be open at its ends.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob {
    text: String,
    is_open_before: bool,
    is_open_after: bool,
}

/// The order of what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// Names that are the word, then those that begin with it, that contain it, and descriptions.
    Relevance,
    Name,
    /// The latest package first.
    InsertedAt,
    /// The latest change first.
    UpdatedAt,
}

/// What a search looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub name: &'a PackageName,
    /// The description, if it is known.
    pub description: Option<&'a str>,
    /// The packages that its recommended release depends on, one a line.
    pub dependencies: &'a str,
    pub inserted_at: Option<UnixSeconds>,
    pub updated_at: Option<UnixSeconds>,
}

/// How well a term matches: less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    Exact = 0,
    Prefix = 1,
    Part = 2,
    Description = 3,
}

impl Query {
    /// Reads the query of a URL. Nothing in it is refused: what cannot be read counts as absent, as on hex.pm.
    pub fn parse(query: &str) -> Self {
        let mut parsed =
            Self { terms: Vec::new(), order: Order::Relevance, page: 0, per_page: MAX_PER_PAGE };
        for (name, value) in form::fields(query) {
            let number = || value.parse().ok().filter(|number| *number > 0);
            match name.as_str() {
                "search" => parsed.terms = terms(&value),
                "sort" => parsed.order = Order::named(&value),
                "page" => parsed.page = number().unwrap_or(1_usize).saturating_sub(1),
                "per_page" => {
                    parsed.per_page = number().unwrap_or(MAX_PER_PAGE).min(MAX_PER_PAGE);
                }
                _ => {}
            }
        }
        parsed
    }

    /// Whether it takes more than the names of packages and the times of their changes.
    pub fn looks_inside(&self) -> bool {
        let mut terms = self.terms.iter();
        self.order == Order::InsertedAt || terms.any(|term| !matches!(term, Term::Name(_)))
    }

    /// The names on the page that was asked for.
    pub fn select<'a>(
        &self,
        candidates: impl IntoIterator<Item = Candidate<'a>>,
    ) -> Vec<&'a PackageName> {
        let found = candidates.into_iter().filter_map(|one| Some((self.rank(&one)?, one)));
        let mut found: Vec<_> = found.collect();
        match self.order {
            Order::Relevance => found.sort_by_key(|(rank, one)| (*rank, one.name)),
            Order::Name => found.sort_by_key(|(_, one)| one.name),
            Order::InsertedAt => {
                found.sort_by_key(|(_, one)| (Reverse(one.inserted_at), one.name));
            }
            Order::UpdatedAt => found.sort_by_key(|(_, one)| (Reverse(one.updated_at), one.name)),
        }
        let start = self.page.saturating_mul(self.per_page);
        found.into_iter().skip(start).take(self.per_page).map(|(_, one)| one.name).collect()
    }

    /// How well a package matches; `None` if it does not.
    fn rank(&self, candidate: &Candidate<'_>) -> Option<u32> {
        let mut terms = self.terms.iter();
        terms.try_fold(0_u32, |sum, term| Some(sum.saturating_add(term.rank(candidate)? as u32)))
    }
}

impl Order {
    /// hex.pm has orders by downloads, too, which are not counted here.
    fn named(name: &str) -> Self {
        match name {
            "name" => Self::Name,
            "inserted_at" => Self::InsertedAt,
            "updated_at" => Self::UpdatedAt,
            _ => Self::Relevance,
        }
    }
}

impl Term {
    fn rank(&self, candidate: &Candidate<'_>) -> Option<Match> {
        let describes = |text: &str| {
            let description = candidate.description.unwrap_or_default();
            description.to_lowercase().contains(text).then_some(Match::Description)
        };
        match self {
            Self::Word(word) => {
                let name = candidate.name.as_str().to_ascii_lowercase();
                match name.find(word.as_str()) {
                    Some(0) if name.len() == word.len() => Some(Match::Exact),
                    Some(0) => Some(Match::Prefix),
                    Some(_) => Some(Match::Part),
                    None => describes(word),
                }
            }
            Self::Name(glob) => {
                let name = candidate.name.as_str().to_ascii_lowercase();
                glob.matches(&name).then_some(Match::Exact)
            }
            Self::Description(text) => describes(text),
            Self::DependsOn(package) => {
                let mut dependencies = candidate.dependencies.lines();
                dependencies.any(|name| name == package).then_some(Match::Exact)
            }
        }
    }
}

impl Glob {
    fn parse(text: &str) -> Self {
        let (is_open_before, rest) = text.strip_prefix('*').map_or((false, text), |it| (true, it));
        let (is_open_after, text) = rest.strip_suffix('*').map_or((false, rest), |it| (true, it));
        Self { text: text.to_owned(), is_open_before, is_open_after }
    }

    fn matches(&self, name: &str) -> bool {
        let text = self.text.as_str();
        match (self.is_open_before, self.is_open_after) {
            (false, false) => name == text,
            (false, true) => name.starts_with(text),
            (true, false) => name.ends_with(text),
            (true, true) => name.contains(text),
        }
    }
}

/// The terms of a search, which blanks separate. A value after a colon may be in double quotes, and has blanks then.
fn terms(search: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    let lowered = search.to_lowercase();
    let mut rest = lowered.trim_start();
    while !rest.is_empty() && terms.len() < MAX_TERMS {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let key = rest.find(':').filter(|colon| *colon < end).and_then(|colon| {
            let (key, value) = rest.split_at_checked(colon)?;
            Some((key, value.strip_prefix(':')?))
        });
        if let Some((key @ ("name" | "description" | "depends"), value)) = key {
            let (value, after) = read_value(value);
            rest = after;
            if !value.is_empty() {
                terms.push(Term::of(key, value));
            }
        } else {
            let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            terms.push(Term::Word(word.to_owned()));
            rest = after;
        }
        rest = rest.trim_start();
    }
    terms
}

/// A value, and what follows it.
fn read_value(text: &str) -> (&str, &str) {
    match text.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
        None => text.split_once(char::is_whitespace).unwrap_or((text, "")),
    }
}

impl Term {
    /// A term with a key. A repository before the name of a package is ignored: all packages are of one.
    fn of(key: &str, value: &str) -> Self {
        let after = |separator| value.rsplit_once(separator).map_or(value, |(_, name)| name);
        match key {
            "name" => Self::Name(Glob::parse(after('/'))),
            "depends" => Self::DependsOn(after(':').to_owned()),
            _ => Self::Description(value.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name, description, dependencies and times of packages.
    const PACKAGES: [(&str, Option<&str>, &str, i64); 6] = [
        ("addressBook", None, "", 1),
        ("json", Some("A parser"), "", 5),
        ("json_schema", Some("Checks JSON"), "json", 4),
        ("my_json", Some("Another"), "json\nplug", 3),
        ("plug", Some("HTTP, and json for all"), "", 6),
        ("zip", Some("Archives\u{a0}of Käse"), "plug", 2),
    ];

    fn search(query: &str) -> Vec<String> {
        let packages = PACKAGES.map(|(name, description, dependencies, time)| {
            (name.parse::<PackageName>().unwrap(), description, dependencies, UnixSeconds(time))
        });
        let candidates = packages.iter().map(|(name, description, dependencies, time)| Candidate {
            name,
            description: *description,
            dependencies,
            inserted_at: (name.as_str() != "zip")
                .then_some(UnixSeconds(100_i64.saturating_sub(time.0))),
            updated_at: Some(*time),
        });
        Query::parse(query).select(candidates).into_iter().map(PackageName::to_string).collect()
    }

    #[test]
    fn the_best_match_comes_first() {
        // What mix sends.
        let found = ["json", "json_schema", "my_json", "plug"];
        assert_eq!(search("search=json&sort=downloads"), found);
        assert_eq!(search("search=JSON"), found);
        assert_eq!(search("search=json+checks"), ["json_schema"]);
        assert_eq!(search("search=k%C3%A4se"), ["zip"]);
        assert_eq!(search("search=addressbook"), ["addressBook"]);
        assert_eq!(search("search=nothing"), [""; 0]);
    }

    #[test]
    fn without_a_search_all_are_found() {
        assert_eq!(search("").len(), 6);
        assert_eq!(search("search=++&sort=bogus")[..2], ["addressBook", "json"]);
    }

    #[test]
    fn orders_are_by_name_and_by_time() {
        assert_eq!(search("search=json&sort=name"), ["json", "json_schema", "my_json", "plug"]);
        assert_eq!(search("sort=updated_at")[..2], ["plug", "json"]);
        // What has no time comes last.
        let inserted = search("sort=inserted_at");
        assert_eq!((&*inserted[0], &*inserted[5]), ("addressBook", "zip"));
    }

    #[test]
    fn a_key_limits_what_is_looked_at() {
        assert_eq!(search("search=name:json"), ["json"]);
        assert_eq!(search("search=name:json*"), ["json", "json_schema"]);
        assert_eq!(search("search=name:*json"), ["json", "my_json"]);
        assert_eq!(search("search=name:*json*"), ["json", "json_schema", "my_json"]);
        assert_eq!(search("search=name:acme/json"), ["json"]);
        assert_eq!(search("search=depends:json"), ["json_schema", "my_json"]);
        assert_eq!(search("search=depends:acme:plug+my"), ["my_json"]);
        assert_eq!(search("search=description:json"), ["json_schema", "plug"]);
        assert_eq!(search("search=description:%22checks+json%22"), ["json_schema"]);
        assert_eq!(search("search=description:%22checks"), ["json_schema"]);
        // Any other key is a part of a word.
        assert_eq!(search("search=extra:a"), [""; 0]);
        assert_eq!(search("search=name:").len(), 6);
        let query = Query::parse("search=name:json");
        assert!(!query.looks_inside() && Query::parse("search=json").looks_inside());
    }

    #[test]
    fn pages_have_up_to_100_packages() {
        assert_eq!(search("per_page=2"), ["addressBook", "json"]);
        assert_eq!(search("per_page=2&page=3"), ["plug", "zip"]);
        assert_eq!(search("per_page=2&page=4"), [""; 0]);
        assert_eq!(search("page=0&per_page=0").len(), 6);
        assert_eq!(search("page=x&per_page=1000").len(), 6);
        assert_eq!(search("page=18446744073709551615&per_page=100"), [""; 0]);
        assert_eq!(Query::parse("per_page=1000").per_page, MAX_PER_PAGE);
    }

    #[test]
    fn a_long_search_is_cut() {
        let long = format!("search={}", "a+".repeat(100_000));
        assert_eq!(Query::parse(&long).terms.len(), MAX_TERMS);
    }
}
