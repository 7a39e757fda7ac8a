//! The page of everything that a release pulls in: "can I have this here?"

use std::collections::BTreeSet;
use std::fmt::Write;

use askama::Template;

use super::badges::badges;
use super::frame::Frame;
use super::text::{counted, size};
use crate::browse::closure::{
    Closure, ClosureOutcome, ClosurePackage, LackReason, LackingPackage, QualifiedName, RequiredBy,
    Whereabouts,
};
use crate::browse::native_code::NativeCode;
use crate::browse::readme::{plain_line, plain_text};
use crate::name::{PackageName, RepositoryName};
use crate::registry::PUBLIC_REPOSITORY;
use crate::version::Version;

/// How many packages a row names that need its package.
const MAX_NEEDED_BY: usize = 3;

/// The page of everything that a release pulls in.
#[derive(Clone, Copy)]
pub struct RequirementsPage<'a> {
    /// What is around it.
    pub frame: &'a Frame<'a>,
    /// The name of the repository.
    pub repository: &'a RepositoryName,
    /// The package.
    pub name: &'a PackageName,
    /// Its version.
    pub version: &'a Version,
    /// What it pulls in.
    pub closure: &'a Closure,
    /// What is known of a package of the set beside that.
    pub facts: &'a dyn Fn(&ClosurePackage) -> RequiredFacts,
}

/// What is known of a package that is pulled in.
#[derive(Clone, Debug, Default)]
pub struct RequiredFacts {
    /// Its page.
    pub url: Option<String>,
    /// The size of its tarball in bytes, if it is here.
    pub size: Option<u64>,
    /// Whether a tarball that is not here is fetched from upstream when a client asks for it.
    pub is_pulled: bool,
    /// Its licences, if the tarball was read.
    pub licenses: Option<Vec<String>>,
    /// What it compiles, or downloads, when it is built.
    pub native_code: Vec<NativeCode>,
    /// The policies that hide the release, as projects name them.
    pub hidden_by: Vec<String>,
}

#[derive(Template)]
#[template(path = "browse/requirements.html")]
struct RequirementsTemplate<'a> {
    frame: &'a Frame<'a>,
    repository: &'a str,
    name: &'a str,
    version: String,
    release_url: String,
    verdict: String,
    mirror_lines: Option<String>,
    conflict: Option<String>,
    count: String,
    rows: Vec<Row>,
    total: String,
    remarks: Vec<String>,
}

struct Row {
    name: String,
    url: Option<String>,
    badges: Vec<String>,
    labels: Vec<&'static str>,
    version: String,
    place: String,
    licenses: String,
    size: String,
    needed_by: String,
}

impl RequirementsPage<'_> {
    /// The page.
    #[must_use]
    pub fn render(&self) -> String {
        let facts: Vec<RequiredFacts> = self.closure.packages.iter().map(self.facts).collect();
        let set = Set::new(self.closure, &facts);
        let rows =
            set.packages.iter().map(|(package, facts, place)| self.row(package, facts, place));
        let lacking = self.closure.lacking.iter().map(|one| self.lacking_row(one));
        let name = self.name.as_str();
        let page = RequirementsTemplate {
            frame: self.frame,
            repository: self.repository.as_str(),
            name,
            version: self.version.to_string(),
            release_url: self.frame.urls.release(name, self.version),
            verdict: self.verdict(&set),
            mirror_lines: self.mirror_lines(&set),
            conflict: match &self.closure.outcome {
                ClosureOutcome::Conflict { explanation } => {
                    Some(plain_text(&explanation.join("\n")).into_owned())
                }
                _ => None,
            },
            count: counted(self.closure.packages.len(), "package"),
            rows: rows.chain(lacking).collect(),
            total: total(&facts),
            remarks: self.remarks(&facts),
        };
        // Writing into memory cannot fail.
        page.render().unwrap_or_default()
    }

    fn verdict(&self, set: &Set<'_>) -> String {
        let upstream = set.count(&TarballPlace::Upstream);
        let lacking = self.closure.lacking.len().saturating_add(set.count(&TarballPlace::Missing));
        match &self.closure.outcome {
            ClosureOutcome::Conflict { .. } => {
                "No: no versions of what is here meet all requirements.".to_owned()
            }
            ClosureOutcome::Stopped(reason) => format!("It is not known: {reason}."),
            ClosureOutcome::Complete | ClosureOutcome::Incomplete if lacking > 0 => {
                format!("Not yet: {} of it cannot be had here.", counted(lacking, "package"))
            }
            ClosureOutcome::Complete | ClosureOutcome::Incomplete if upstream > 0 => format!(
                "Yes: {} of it will be fetched from upstream when a client asks for it.",
                counted(upstream, "package")
            ),
            ClosureOutcome::Complete | ClosureOutcome::Incomplete => {
                "Yes: all that it pulls in is here.".to_owned()
            }
        }
    }

    /// The line that brings what is missing of hex.pm.
    fn mirror_lines(&self, set: &Set<'_>) -> Option<String> {
        let lacking = self.closure.names_to_mirror();
        let lacking = lacking.get(PUBLIC_REPOSITORY).into_iter().flatten().copied();
        let missing = set.packages.iter().filter(|(.., place)| *place == TarballPlace::Missing);
        let missing = missing.map(|(package, ..)| &package.name);
        let missing = missing.filter(|name| name.repository == PUBLIC_REPOSITORY);
        let names: BTreeSet<&str> =
            lacking.chain(missing.map(|name| name.package.as_str())).collect();
        let only: Vec<String> = names.into_iter().map(|name| format!("--only {name}")).collect();
        (!only.is_empty()).then(|| format!("hexreg mirror DIR {} --with-deps", only.join(" ")))
    }

    /// The name of a package, with its repository if that is another one.
    fn shown_name(&self, name: &QualifiedName) -> String {
        if name.repository == self.repository.as_str() {
            name.package.clone()
        } else {
            name.to_string()
        }
    }

    fn needed_by(&self, all: &[RequiredBy]) -> String {
        let shown = all.iter().take(MAX_NEEDED_BY).map(|one| {
            let optional = if one.is_optional { ", optionally" } else { "" };
            format!("{} ({}{optional})", self.shown_name(&one.name), one.requirement)
        });
        let mut text = shown.collect::<Vec<_>>().join(", ");
        let more = all.len().saturating_sub(MAX_NEEDED_BY);
        if more > 0 {
            let _ = write!(text, " and {more} more");
        }
        plain_line(&text)
    }

    fn row(&self, package: &ClosurePackage, facts: &RequiredFacts, place: &TarballPlace) -> Row {
        let place = match place {
            TarballPlace::Here => "here".to_owned(),
            TarballPlace::Upstream => "upstream".to_owned(),
            TarballPlace::Missing => "not here".to_owned(),
            TarballPlace::Unknown(reason) => format!("not known: {reason}"),
        };
        let unfit = (!package.fits()).then(|| "does not fit".to_owned());
        let hidden = facts.hidden_by.iter().map(|label| format!("hidden by {label}"));
        Row {
            name: self.shown_name(&package.name),
            url: facts.url.clone(),
            badges: badges(&package.release).into_iter().chain(unfit).chain(hidden).collect(),
            labels: native_labels(&facts.native_code),
            version: package.release.version.to_string(),
            place,
            licenses: facts.licenses.as_ref().map_or_else(String::new, |all| all.join(", ")),
            size: facts.size.map(size).unwrap_or_default(),
            needed_by: self.needed_by(&package.required_by),
        }
    }

    fn lacking_row(&self, lacking: &LackingPackage) -> Row {
        let place = match &lacking.reason {
            LackReason::Missing => "missing".to_owned(),
            LackReason::NoFittingVersion { newest: Some(newest) } => {
                format!("no version that fits; the newest is {newest}")
            }
            LackReason::NoFittingVersion { newest: None } => "no version that fits".to_owned(),
            LackReason::Unknown(reason) => format!("not known: {reason}"),
        };
        Row {
            name: self.shown_name(&lacking.name),
            url: None,
            badges: vec!["not here".to_owned()],
            labels: Vec::new(),
            version: String::new(),
            place,
            licenses: String::new(),
            size: String::new(),
            needed_by: self.needed_by(&lacking.required_by),
        }
    }

    /// What there is to say beside the table, in sentences.
    fn remarks(&self, facts: &[RequiredFacts]) -> Vec<String> {
        let mut remarks = Vec::new();
        let licenses: BTreeSet<&str> = facts
            .iter()
            .filter_map(|one| one.licenses.as_ref())
            .flatten()
            .map(String::as_str)
            .collect();
        if !licenses.is_empty() {
            let licenses: Vec<_> = licenses.into_iter().collect();
            remarks.push(format!("Licences of all: {}.", licenses.join(", ")));
        }
        let policies: BTreeSet<&str> =
            facts.iter().flat_map(|one| &one.hidden_by).map(String::as_str).collect();
        if !policies.is_empty() {
            let policies: Vec<_> = policies.into_iter().collect();
            remarks.push(format!(
                "This is resolved without a policy. A project under {} takes other versions of what is marked, or none.",
                policies.join(" or ")
            ));
        }
        let older = self.closure.avoided.iter().map(|one| self.shown_name(&one.name));
        let older: Vec<_> = older.collect();
        if !older.is_empty() {
            remarks.push(format!(
                "Newer versions of some packages need what is not here, so older ones are taken: {}.",
                older.join(", ")
            ));
        }
        let optional = self.closure.optional.iter().map(|one| self.shown_name(&one.name));
        let optional: Vec<_> = optional.collect();
        if !optional.is_empty() {
            remarks.push(format!(
                "It can also use, if a project depends on them: {}.",
                optional.join(", ")
            ));
        }
        remarks.extend(self.closure.unreadable.iter().map(|one| {
            format!(
                "mix stops on what {} {} requires of {}: {}.",
                self.shown_name(&one.name),
                one.version,
                one.dependency,
                one.reason
            )
        }));
        remarks
    }
}

fn native_labels(native_code: &[NativeCode]) -> Vec<&'static str> {
    let downloads = native_code.iter().any(|one| one.kind.downloads());
    let is_native = (!native_code.is_empty()).then_some("native code");
    is_native.into_iter().chain(downloads.then_some("downloads when built")).collect()
}

/// Where the tarball of a package of the set is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum TarballPlace {
    Here,
    Upstream,
    Missing,
    Unknown(String),
}

/// The packages of the set, with what is known of them.
struct Set<'a> {
    packages: Vec<(&'a ClosurePackage, &'a RequiredFacts, TarballPlace)>,
}

impl<'a> Set<'a> {
    fn new(closure: &'a Closure, facts: &'a [RequiredFacts]) -> Self {
        let packages = closure.packages.iter().zip(facts);
        let placed =
            packages.map(|(package, facts)| (package, facts, TarballPlace::of(package, facts)));
        Self { packages: placed.collect() }
    }

    fn count(&self, place: &TarballPlace) -> usize {
        self.packages.iter().filter(|(.., one)| one == place).count()
    }
}

impl TarballPlace {
    /// A signed file may list a release whose tarball was not copied.
    fn of(package: &ClosurePackage, facts: &RequiredFacts) -> Self {
        match &package.whereabouts {
            Whereabouts::Here if facts.size.is_some() => Self::Here,
            Whereabouts::Here | Whereabouts::Upstream if facts.is_pulled => Self::Upstream,
            Whereabouts::Here | Whereabouts::Upstream | Whereabouts::Missing => Self::Missing,
            Whereabouts::Unknown(reason) => Self::Unknown(reason.clone()),
        }
    }
}

/// The bytes of all, as far as they are known.
fn total(facts: &[RequiredFacts]) -> String {
    let bytes = facts.iter().filter_map(|one| one.size).fold(0, u64::saturating_add);
    let unknown = facts.iter().filter(|one| one.size.is_none()).count();
    match unknown {
        0 => format!("{} in all.", size(bytes)),
        unknown if unknown == facts.len() => "The sizes are not known here.".to_owned(),
        _ => format!(
            "{} in all, without {} whose size is not known.",
            size(bytes),
            counted(unknown, "package")
        ),
    }
}
