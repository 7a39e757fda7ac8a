//! `metadata.config`, the metadata of a package.

use std::fmt;

use crate::erlang::{self, SyntaxError, Term};
use crate::name::{InvalidName, PackageName, RepositoryName};
use crate::package::{Dependency, Requirement};
use crate::version::{InvalidVersion, Version};

/// The part of the metadata that a registry needs.
///
/// Hex specification, "Package metadata". Other keys (description, licenses, links …) are parsed and ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The name of the package; `None` in tarballs made before 2015, which have it only in their file name.
    pub name: Option<PackageName>,
    /// The version of the release.
    pub version: Version,
    /// The OTP application, often named like the package; `None` in releases before October 2014.
    pub app: Option<String>,
    /// The requirements, sorted by package name, bytewise. Their `repository` is as written in the metadata.
    pub requirements: Vec<Dependency>,
}

/// Why `metadata.config` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The file is not a sequence of Erlang terms.
    #[error("it does not parse")]
    Syntax(#[from] SyntaxError),
    /// A term is not a pair with a binary as its key.
    #[error("{0} is not in key-value form: expected {{<<\"key\">>, Value}}")]
    NotKeyValue(String),
    /// A key occurs twice. Hex would use the last one.
    #[error("{place} has {key:?} twice")]
    RepeatedKey {
        /// The part of the metadata.
        place: String,
        /// The repeated key.
        key: String,
    },
    /// A required key is missing.
    #[error("{0:?} is missing")]
    Missing(&'static str),
    /// Neither the metadata nor the file name has the name of the package.
    #[error(
        "it has neither \"name\" nor \"app\": the file must be called NAME-VERSION.tar to name its package"
    )]
    Nameless,
    /// A value is not text, or not UTF-8.
    #[error("{key} is {found}: expected {expected}")]
    WrongType {
        /// The key of the value.
        key: String,
        /// The value, shortened.
        found: String,
        /// The type that it must have.
        expected: &'static str,
    },
    /// The metadata has an atom that Hex reads only if it is loaded already.
    #[error("it has the atom {0}: expected true, false, nil or undefined, which Hex always reads")]
    UnknownAtom(String),
    /// The name is not one that hex.pm accepts.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The version is not one that Elixir accepts.
    #[error(transparent)]
    Version(#[from] InvalidVersion),
    /// A requirement has no key `requirement`.
    #[error("the requirement on {0:?} does not say which versions: \"requirement\" is missing")]
    NoRequirement(String),
}

impl Metadata {
    /// Parses `metadata.config`.
    ///
    /// # Errors
    /// [`MetadataError`] names the first key that is not valid.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetadataError> {
        let terms = erlang::parse_terms(&erlang::decode(bytes))?;
        let pairs = Pairs::of_forms(&terms)?;
        if let Some(atom) = terms.iter().find_map(unknown_atom) {
            return Err(MetadataError::UnknownAtom(excerpt(atom)));
        }
        check_files(&pairs)?;
        let name = pairs.present("name").map(|term| text("name", term)).transpose()?;
        let version = pairs.get("version").ok_or(MetadataError::Missing("version"))?;
        let version = text("version", version)?;
        // hex_core accepts an empty one. A registry does not list it.
        let app = pairs.present("app").filter(|term| !is_empty(term));
        let app = app.map(|term| text("app", term)).transpose()?;
        let requirements = pairs.present("requirements").map_or(Ok(Vec::new()), requirements)?;
        let name = name.map(|name| name.parse()).transpose()?;
        Ok(Self { name, version: version.parse()?, app, requirements })
    }
}

/// The first atom that Hex may refuse. It refuses an atom that its virtual machine does not have yet, so the result
/// depends on the modules that are loaded. It always has these four, and the metadata of packages has no others.
fn unknown_atom(term: &Term) -> Option<&Term> {
    match term {
        Term::Atom(atom) => match atom.as_str() {
            "true" | "false" | "nil" | "undefined" => None,
            _ => Some(term),
        },
        Term::Tuple(items) | Term::List(items) => items.iter().find_map(unknown_atom),
        Term::Map(pairs) => {
            pairs.iter().find_map(|(key, value)| unknown_atom(key).or_else(|| unknown_atom(value)))
        }
        Term::Integer(_) | Term::Binary(_) | Term::String(_) => None,
    }
}

/// Without `build_tools`, Hex guesses them from `files` and crashes if those are not file names.
fn check_files(pairs: &Pairs<'_>) -> Result<(), MetadataError> {
    let Some(files) = pairs.get("files") else { return Ok(()) };
    let guesses = !matches!(pairs.get("build_tools"), Some(Term::List(_)));
    let is_name = |term: &Term| matches!(term, Term::Binary(_));
    match files {
        Term::List(files) if files.iter().all(is_name) => Ok(()),
        other if guesses => Err(MetadataError::WrongType {
            key: "files".to_owned(),
            found: excerpt(other),
            expected: "a list of binaries, as there are no build_tools",
        }),
        _ => Ok(()),
    }
}

/// Pairs sorted by key; each key is a binary and unique.
struct Pairs<'a>(Vec<(&'a [u8], &'a Term)>);

impl<'a> Pairs<'a> {
    fn of_forms(forms: &'a [Term]) -> Result<Self, MetadataError> {
        Self::collect("the metadata", forms.iter().map(pair_of_tuple))
    }

    /// The pairs of a list of two-element tuples or of a map. Hex accepts both.
    fn of_term(place: impl fmt::Display, term: &'a Term) -> Result<Self, MetadataError> {
        match term {
            Term::List(items) => Self::collect(place, items.iter().map(pair_of_tuple)),
            Term::Map(items) => Self::collect(place, items.iter().map(|(k, v)| Ok((k, v)))),
            other => Err(MetadataError::WrongType {
                key: place.to_string(),
                found: excerpt(other),
                expected: "a list of pairs",
            }),
        }
    }

    fn collect(
        place: impl fmt::Display,
        items: impl Iterator<Item = Result<(&'a Term, &'a Term), MetadataError>>,
    ) -> Result<Self, MetadataError> {
        let pairs = items.map(|item| match item? {
            (Term::Binary(key), value) => Ok((key.as_slice(), value)),
            (key, _) => Err(MetadataError::NotKeyValue(excerpt(key))),
        });
        let mut pairs: Vec<_> = pairs.collect::<Result<_, _>>()?;
        pairs.sort_by_key(|(key, _)| *key);
        let mut neighbours = pairs.iter().zip(pairs.iter().skip(1));
        match neighbours.find(|((a, _), (b, _))| a == b) {
            Some(((key, _), _)) => Err(MetadataError::RepeatedKey {
                place: place.to_string(),
                key: String::from_utf8_lossy(key).into_owned(),
            }),
            None => Ok(Self(pairs)),
        }
    }

    /// The value of a key, unless it is `nil` or `undefined`.
    fn present(&self, key: &str) -> Option<&'a Term> {
        self.get(key).filter(|term| !is_nothing(term))
    }

    fn get(&self, wanted: &str) -> Option<&'a Term> {
        let found = self.0.binary_search_by_key(&wanted.as_bytes(), |(key, _)| *key).ok()?;
        self.0.get(found).map(|(_, value)| *value)
    }
}

fn pair_of_tuple(term: &Term) -> Result<(&Term, &Term), MetadataError> {
    match term {
        Term::Tuple(items) => match items.as_slice() {
            [key, value] => Ok((key, value)),
            _ => Err(MetadataError::NotKeyValue(excerpt(term))),
        },
        _ => Err(MetadataError::NotKeyValue(excerpt(term))),
    }
}

/// Reads requirements of each form: `{Name, Pairs}` of today, `{Name, Requirement}` of 2014, and the list of lists of old
/// rebar, with `name` among the pairs.
fn requirements(term: &Term) -> Result<Vec<Dependency>, MetadataError> {
    let mut requirements = match term {
        Term::List(items) if matches!(items.first(), Some(Term::List(_))) => {
            items.iter().map(legacy_requirement).collect::<Result<Vec<_>, _>>()?
        }
        _ => {
            let Pairs(pairs) = Pairs::of_term("\"requirements\"", term)?;
            let named = pairs.into_iter().map(|(name, term)| {
                let name = utf8("the name of a requirement", name)?;
                if matches!(term, Term::Binary(_)) || is_nothing(term) {
                    return requirement(name, &Pairs(vec![(b"requirement", term)]));
                }
                let pairs = Pairs::of_term(format_args!("the requirement on {name:?}"), term)?;
                requirement(name, &pairs)
            });
            named.collect::<Result<Vec<_>, _>>()?
        }
    };
    requirements.sort_by(|a, b| a.package.cmp(&b.package));
    let mut neighbours = requirements.windows(2);
    if let Some([twice, _]) =
        neighbours.find(|pair| matches!(pair, [a, b] if a.package == b.package))
    {
        return Err(MetadataError::RepeatedKey {
            place: "\"requirements\"".to_owned(),
            key: twice.package.clone(),
        });
    }
    Ok(requirements)
}

fn legacy_requirement(term: &Term) -> Result<Dependency, MetadataError> {
    let pairs = Pairs::of_term("a requirement", term)?;
    let name = pairs.get("name").ok_or(MetadataError::Missing("name"))?;
    requirement(text("the name of a requirement", name)?, &pairs)
}

fn requirement(package: String, pairs: &Pairs<'_>) -> Result<Dependency, MetadataError> {
    // Clients request `packages/NAME`, so the name must be a plain file name, whatever the rules of its repository.
    if package.parse::<RepositoryName>().is_err() || package.starts_with('.') {
        return Err(MetadataError::WrongType {
            key: "the name of a requirement".to_owned(),
            found: excerpt(&binary(&package)),
            expected: "letters, digits, _, . or -",
        });
    }
    let of = |key| KeyOf { key, package: &package };
    let requirement = match pairs.get("requirement") {
        None => return Err(MetadataError::NoRequirement(package)),
        Some(term) if is_nothing(term) => Requirement::any(),
        Some(term) => Requirement(text(of("requirement"), term)?),
    };
    let optional = match pairs.get("optional") {
        None => false,
        Some(Term::Atom(atom)) if atom == "true" => true,
        Some(Term::Atom(atom)) if atom == "false" => false,
        Some(term) if is_nothing(term) => false,
        Some(other) => {
            return Err(MetadataError::WrongType {
                key: of("optional").to_string(),
                found: excerpt(other),
                expected: "true or false",
            });
        }
    };
    // In a registry, an absent `app` means the name of the package.
    let app = pairs.present("app").map(|term| text(of("app"), term));
    let app = app.transpose()?.unwrap_or_else(|| package.clone());
    let repository = pairs.present("repository").map(|term| text(of("repository"), term));
    let repository = repository.transpose()?;
    Ok(Dependency { package, requirement, optional, app, repository })
}

/// A key of a requirement, for messages.
struct KeyOf<'a> {
    key: &'static str,
    package: &'a str,
}

impl fmt::Display for KeyOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of the requirement on {:?}", self.key, self.package)
    }
}

/// Whether a term is Elixir's or Erlang's atom for an absent value.
fn is_nothing(term: &Term) -> bool {
    matches!(term, Term::Atom(atom) if atom == "nil" || atom == "undefined")
}

fn is_empty(term: &Term) -> bool {
    matches!(term, Term::Binary(bytes) if bytes.is_empty())
}

fn text(key: impl fmt::Display, term: &Term) -> Result<String, MetadataError> {
    match term {
        Term::Binary(bytes) => utf8(key, bytes),
        other => Err(MetadataError::WrongType {
            key: key.to_string(),
            found: excerpt(other),
            expected: "a binary such as <<\"text\">>",
        }),
    }
}

fn utf8(key: impl fmt::Display, bytes: &[u8]) -> Result<String, MetadataError> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| MetadataError::WrongType {
        key: key.to_string(),
        found: excerpt(&Term::Binary(bytes.to_vec())),
        expected: "text in UTF-8, and not empty",
    })
}

/// The beginning of a term, for messages.
fn excerpt(term: &Term) -> String {
    let whole = term.to_string();
    match whole.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", whole.get(..end).unwrap_or_default()),
        None => whole,
    }
}

/// Terms that [`Metadata::parse`] and Hex read back, one per line.
impl fmt::Display for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requirements = Term::List(self.requirements.iter().map(requirement_term).collect());
        let pairs = [
            ("app", self.app.as_deref().map(binary)),
            ("name", self.name.as_ref().map(|name| binary(name.as_str()))),
            ("requirements", Some(requirements)),
            ("version", Some(binary(&self.version.to_string()))),
        ];
        let mut pairs = pairs.into_iter().filter_map(|(key, value)| Some(pair(key, value?)));
        pairs.try_for_each(|pair| writeln!(f, "{pair}."))
    }
}

fn requirement_term(requirement: &Dependency) -> Term {
    let repository = requirement.repository.as_deref().map(|name| pair("repository", binary(name)));
    let pairs = [
        pair("app", binary(&requirement.app)),
        pair("optional", Term::Atom(requirement.optional.to_string())),
        pair("requirement", binary(&requirement.requirement.0)),
    ];
    pair(&requirement.package, Term::List(pairs.into_iter().chain(repository).collect()))
}

fn pair(key: &str, value: Term) -> Term {
    Term::Tuple(vec![binary(key), value])
}

fn binary(text: &str) -> Term {
    Term::Binary(text.as_bytes().to_vec())
}
