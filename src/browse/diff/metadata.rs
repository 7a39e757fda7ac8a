//! The metadata of two versions.

use std::collections::BTreeMap;

use super::lines::shown;
use crate::package::Dependency;
use crate::tarball::Description;

/// The longest value that is shown, in characters.
const LONGEST: usize = 2_000;

/// The most changes that are given.
const MOST_CHANGES: usize = 500;

/// The metadata of one version.
#[derive(Clone, Copy, Debug)]
pub struct MetadataSide<'a> {
    /// What it says for people.
    pub description: &'a Description,
    /// What it depends on.
    pub dependencies: &'a [Dependency],
}

/// A value that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataChange {
    /// What the value says.
    pub field: MetadataField,
    /// The label of a link, or the package that is required; else empty.
    pub label: String,
    /// The value of the old version.
    pub old: Option<String>,
    /// The value of the new version.
    pub new: Option<String>,
}

/// A part of the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetadataField {
    /// What the package is.
    Description,
    /// A licence. One that was added has no old value.
    License,
    /// A package that is required.
    Requirement,
    /// The requirement on the version of Elixir.
    Elixir,
    /// A tool that builds the package.
    BuildTool,
    /// The OTP application.
    App,
    /// A URL.
    Link,
    /// The name of a person.
    Maintainer,
}

/// What differs in the metadata of two versions, in the order of the fields, and within a field by label and value. The
/// texts have no hidden characters, and are cut to a length.
#[must_use]
pub fn diff_metadata(old: MetadataSide<'_>, new: MetadataSide<'_>) -> Vec<MetadataChange> {
    let (before, after) = (values(old), values(new));
    let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
    let mut changes: Vec<MetadataChange> = keys
        .filter_map(|key| {
            let (old, new) = (before.get(key), after.get(key));
            let is_changed = old != new;
            let value = |value: Option<&String>| value.map(|text| cut(text));
            let (field, label, _) = key;
            is_changed.then(|| MetadataChange {
                field: *field,
                label: cut(label),
                old: value(old),
                new: value(new),
            })
        })
        .collect();
    changes.sort_by(|one, other| key_of(one).cmp(&key_of(other)));
    changes.truncate(MOST_CHANGES);
    changes
}

fn key_of(change: &MetadataChange) -> (MetadataField, &str, Option<&String>, Option<&String>) {
    (change.field, &change.label, change.old.as_ref(), change.new.as_ref())
}

/// The field and label of a value. Of values without a label, such as licences, each is a key of its own.
type Key<'a> = (MetadataField, String, &'a str);

fn each(field: MetadataField, values: &[String]) -> impl Iterator<Item = (Key<'_>, String)> {
    values.iter().map(move |value| ((field, String::new(), value.as_str()), value.clone()))
}

fn values(side: MetadataSide<'_>) -> BTreeMap<Key<'_>, String> {
    let MetadataSide { description, dependencies } = side;
    let one = |field, value: &Option<String>| {
        value.clone().map(|value| ((field, String::new(), ""), value))
    };
    let links = description.links.iter();
    let links = links.map(|(label, url)| ((MetadataField::Link, label.clone(), ""), url.clone()));
    let requirements = dependencies.iter().map(|dependency| {
        let label = match &dependency.repository {
            Some(repository) => format!("{repository}/{}", dependency.package),
            None => dependency.package.clone(),
        };
        ((MetadataField::Requirement, label, ""), requirement(dependency))
    });
    let mut values: BTreeMap<Key<'_>, String> = BTreeMap::new();
    values.extend(one(MetadataField::Description, &description.description));
    values.extend(one(MetadataField::Elixir, &description.elixir));
    values.extend(one(MetadataField::App, &description.app));
    values.extend(each(MetadataField::License, &description.licenses));
    values.extend(each(MetadataField::BuildTool, &description.build_tools));
    values.extend(each(MetadataField::Maintainer, &description.maintainers));
    values.extend(links);
    values.extend(requirements);
    values
}

/// `~> 1.0, optional, app foo_app`.
fn requirement(dependency: &Dependency) -> String {
    let mut text = dependency.requirement.0.clone();
    if dependency.optional {
        text += ", optional";
    }
    if dependency.app != dependency.package {
        text += ", app ";
        text += &dependency.app;
    }
    text
}

fn cut(text: &str) -> String {
    let mut characters = text.chars();
    let start: String = characters.by_ref().take(LONGEST).collect();
    let end = if characters.next().is_some() { "…" } else { "" };
    shown(&start) + end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::Requirement;

    fn dependency(package: &str, requirement: &str, optional: bool) -> Dependency {
        Dependency {
            package: package.to_owned(),
            requirement: Requirement(requirement.to_owned()),
            optional,
            app: package.to_owned(),
            repository: None,
        }
    }

    fn texts(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// `FIELD LABEL: OLD -> NEW` of each change, `-` for none.
    fn told(old: (&Description, &[Dependency]), new: (&Description, &[Dependency])) -> Vec<String> {
        let side = |(description, dependencies)| MetadataSide { description, dependencies };
        let changes = diff_metadata(side(old), side(new)).into_iter();
        let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
        changes
            .map(|MetadataChange { field, label, old, new }| {
                format!("{field:?} {label}: {} -> {}", text(old), text(new))
            })
            .collect()
    }

    #[test]
    fn each_value_that_differs_is_told() {
        let old = Description {
            app: Some("foo".to_owned()),
            description: Some("Greets".to_owned()),
            licenses: texts(&["MIT", "Apache-2.0"]),
            links: [("Docs", "https://a"), ("GitHub", "https://b")]
                .map(|(label, url)| (label.to_owned(), url.to_owned()))
                .into(),
            build_tools: texts(&["mix"]),
            elixir: Some("~> 1.14".to_owned()),
            ..Description::default()
        };
        let mut new = old.clone();
        new.description = Some("Greets\u{202e}".to_owned());
        new.licenses = texts(&["Apache-2.0", "BSD"]);
        new.links.insert("Docs".to_owned(), "https://c".to_owned());
        new.build_tools.push("rebar3".to_owned());
        new.elixir = None;
        let before = [dependency("bar", "~> 1.0", false), dependency("qux", "~> 1.0", false)];
        let other_app = Dependency { app: "quux".to_owned(), ..dependency("qux", "~> 1.0", true) };
        let after = [other_app, dependency("new", ">= 0.0.0", false)];
        assert_eq!(
            told((&old, &before), (&new, &after)),
            [
                "Description : Greets -> Greets\\u{202e}",
                "License : - -> BSD",
                "License : MIT -> -",
                "Requirement bar: ~> 1.0 -> -",
                "Requirement new: - -> >= 0.0.0",
                "Requirement qux: ~> 1.0 -> ~> 1.0, optional, app quux",
                "Elixir : ~> 1.14 -> -",
                "BuildTool : - -> rebar3",
                "Link Docs: https://a -> https://c",
            ]
        );
        assert_eq!(told((&new, &after), (&new, &after)), [""; 0]);
    }

    #[test]
    fn a_dependency_of_another_repository_is_another_one() {
        let none = Description::default();
        let other = Dependency {
            repository: Some("acme".to_owned()),
            ..dependency("bar", "~> 1.0", false)
        };
        assert_eq!(
            told((&none, &[dependency("bar", "~> 1.0", false)]), (&none, &[other])),
            ["Requirement acme/bar: - -> ~> 1.0", "Requirement bar: ~> 1.0 -> -"]
        );
    }

    #[test]
    fn long_values_and_many_changes_are_cut() {
        let long = Description { description: Some("x".repeat(100_000)), ..Description::default() };
        let none = Description::default();
        let many: Vec<_> =
            (0..1_000).map(|number| dependency(&format!("d{number}"), "~> 1.0", false)).collect();
        let side = |description, dependencies| MetadataSide { description, dependencies };
        let changes = diff_metadata(side(&none, &[]), side(&long, &many));
        assert_eq!(changes.len(), MOST_CHANGES);
        assert_eq!(changes[0].new.as_ref().unwrap().chars().count(), LONGEST + 1);
    }
}
