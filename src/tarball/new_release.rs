//! What the metadata of a new release must say, and what it must not.
//!
//! The rules are hex.pm's, which has not always had them, and one more: no text of the metadata has characters that a
//! terminal interprets, because clients print it. A build and a mirror take releases that break them, as clients do.

use std::error::Error;
use std::fmt;

use super::description::{self, Description};
use super::metadata::{Metadata, MetadataError};
use super::reserved::{ReservedFor, reserved_for};
use crate::name::PackageName;
use crate::printable::{unsafe_in_line, unsafe_in_lines};
use crate::requirement::VersionRequirement;

/// What is wrong with one key of the metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataFault {
    /// `app` is missing or empty.
    #[error("can't be blank: it names the OTP application, which clients start")]
    NoApp,
    /// `files` is missing or empty.
    #[error("can't be blank: it lists the files of the package")]
    NoFiles,
    /// `build_tools` is missing or empty, and the files do not show them.
    #[error("can't be blank: it says what compiles the package, such as mix or rebar3")]
    NoBuildTools,
    /// A text has a character that terminals interpret or readers do not see.
    #[error(
        "must not have the character U+{:04X}, which terminals interpret or readers do not see: remove it",
        u32::from(*.0)
    )]
    Hidden(char),
    /// A link is none that a browser may follow.
    #[error("has an invalid link {url:?} for {label:?}: expected http://… or https://…")]
    Link {
        /// What the link is called.
        label: String,
        /// Its target.
        url: String,
    },
    /// The requirement on Elixir is none.
    #[error("is not a requirement on the version of Elixir: {0:?}")]
    Elixir(String),
}

/// What is wrong with the metadata of a release: at least one fault, and one for each key at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataFaults(Vec<(&'static str, MetadataFault)>);

impl MetadataFaults {
    /// The faults, each with its key.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &MetadataFault)> {
        self.0.iter().map(|(key, fault)| (*key, fault))
    }

    /// Those of values, if any. Releases of years ago lack keys, and clients know what to do then.
    pub(crate) fn of_values(mut self) -> Option<Self> {
        let is_missing = |fault: &MetadataFault| {
            matches!(
                fault,
                MetadataFault::NoApp | MetadataFault::NoFiles | MetadataFault::NoBuildTools
            )
        };
        self.0.retain(|(_, fault)| !is_missing(fault));
        (!self.0.is_empty()).then_some(self)
    }
}

impl fmt::Display for MetadataFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<_> = self.iter().map(|(key, fault)| format!("{key} {fault}")).collect();
        write!(f, "metadata.config: {}", faults.join("; "))
    }
}

impl Error for MetadataFaults {}

/// What a new release may have, and should not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message names each field")]
pub enum ReleaseNotice {
    /// Something else has the name of the package. hex.pm refuses it.
    #[error("{package} is also {other}: publish it under another name, as hex.pm requires")]
    Reserved { package: PackageName, other: ReservedFor },
    /// A requirement on the package itself.
    #[error("{package} requires itself, a cycle at which mix stops: remove the requirement")]
    RequiresItself { package: PackageName },
}

/// What a release of a package should not have.
pub(crate) fn notices(package: &PackageName, metadata: &Metadata) -> Vec<ReleaseNotice> {
    let reserved = reserved_for(package)
        .map(|other| ReleaseNotice::Reserved { package: package.clone(), other });
    let mut required = metadata.requirements.iter();
    let is_itself = required.any(|one| one.package == package.as_str());
    let itself = is_itself.then(|| ReleaseNotice::RequiresItself { package: package.clone() });
    reserved.into_iter().chain(itself).collect()
}

/// The faults of a `metadata.config`, if it has any.
pub(super) fn faults(metadata: &[u8]) -> Result<Option<MetadataFaults>, MetadataError> {
    let description = Description::parse(metadata)?;
    let files = description::files(metadata)?;
    let requirements = Metadata::parse(metadata)?.requirements;
    let Description { app, description: text, licenses, links, maintainers, build_tools, elixir } =
        &description;
    let no_app = app.is_none().then_some(MetadataFault::NoApp);
    let is_unknown = build_tools.is_empty() && !files.iter().any(|file| shows_build_tool(file));
    let no_tools = is_unknown.then_some(MetadataFault::NoBuildTools);
    let bad_link = links.iter().find(|(_, url)| !is_web_url(url));
    let bad_link = bad_link.map(|(label, url)| (label.clone(), url.clone()));
    let bad_link = bad_link.map(|(label, url)| MetadataFault::Link { label, url });
    let bad_elixir = elixir.as_ref().filter(|it| it.parse::<VersionRequirement>().is_err());
    let required = requirements.iter().flat_map(|one| {
        [Some(&one.requirement.0), Some(&one.app), one.repository.as_ref()].into_iter().flatten()
    });
    let by_key = [
        ("app", no_app.or_else(|| hidden(app))),
        ("build_tools", no_tools.or_else(|| hidden(build_tools))),
        ("description", text.as_deref().and_then(unsafe_in_lines).map(MetadataFault::Hidden)),
        ("elixir", bad_elixir.cloned().map(MetadataFault::Elixir)),
        ("files", files.is_empty().then_some(MetadataFault::NoFiles)),
        ("licenses", hidden(licenses)),
        ("links", hidden(links.iter().flat_map(|(label, url)| [label, url])).or(bad_link)),
        ("maintainers", hidden(maintainers)),
        ("requirements", hidden(required)),
    ];
    let faults: Vec<_> =
        by_key.into_iter().filter_map(|(key, fault)| Some((key, fault?))).collect();
    Ok((!faults.is_empty()).then_some(MetadataFaults(faults)))
}

/// The first hidden character of texts of one line each.
fn hidden<'a>(texts: impl IntoIterator<Item = &'a String>) -> Option<MetadataFault> {
    texts.into_iter().find_map(|text| unsafe_in_line(text)).map(MetadataFault::Hidden)
}

/// Whether `hex_core` guesses a build tool from a file of the package.
fn shows_build_tool(file: &str) -> bool {
    matches!(file, "mix.exs" | "rebar.config" | "rebar" | "Makefile" | "Makefile.win")
}

/// Whether a link leads to a page of the web, and runs nothing: `http` or `https`, and a host.
#[must_use]
pub fn is_web_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_plain = |character: char| !character.is_whitespace() && !"<>\"\\".contains(character);
    is_web && !host.is_empty() && url.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: [(&str, &str); 8] = [
        ("name", r#"<<"foo">>"#),
        ("version", r#"<<"1.0.0">>"#),
        ("app", r#"<<"foo">>"#),
        ("build_tools", r#"[<<"mix">>]"#),
        ("files", r#"[<<"mix.exs">>]"#),
        ("description", r#"<<"Greets\n\tin two lines">>"#),
        ("elixir", r#"<<"~> 1.14 or ~> 2.0">>"#),
        ("links", r#"[{<<"GitHub">>,<<"https://github.com/acme/foo">>}]"#),
    ];

    /// The faults of sound metadata in which one key has another value, or is missing.
    fn faults_with(key: &str, value: &str) -> String {
        let others = SOUND.iter().filter(|(other, _)| *other != key);
        let all = others.copied().chain([(key, value)].into_iter().filter(|_| !value.is_empty()));
        let metadata: Vec<_> =
            all.map(|(key, value)| format!("{{<<\"{key}\">>,{value}}}.\n")).collect();
        let metadata = metadata.concat();
        let found = faults(metadata.as_bytes()).unwrap();
        found.map_or_else(String::new, |found| found.to_string())
    }

    #[test]
    fn what_clients_write_has_no_faults() {
        assert_eq!(faults_with("", ""), "");
        assert_eq!(faults_with("links", r#"#{<<"a">> => <<"HTTP://example.com:80">>}"#), "");
        // Erlang and Gleam need no Elixir, and hex_core guesses from the files.
        assert_eq!(faults_with("elixir", ""), "");
        for file in ["mix.exs", "rebar.config", "Makefile"] {
            let metadata = format!(
                "{{<<\"name\">>,<<\"a\">>}}.{{<<\"version\">>,<<\"1.0.0\">>}}.{{<<\"app\">>,<<\"a\">>}}.\
                 {{<<\"files\">>,[<<\"src/a.erl\">>,<<\"{file}\">>]}}."
            );
            assert_eq!(faults(metadata.as_bytes()).unwrap(), None, "{file}");
        }
    }

    #[test]
    fn what_hex_pm_requires_is_required() {
        for (key, value) in [
            ("app", ""),
            ("app", r#"<<"">>"#),
            ("files", ""),
            ("files", "[]"),
            ("build_tools", "[]"),
            ("build_tools", r#"[<<"">>]"#),
        ] {
            let found = faults_with(key, value);
            // The files show mix.
            let expected = key != "build_tools";
            assert_eq!(found.contains(&format!("{key} can't be blank")), expected, "{found}");
        }
        let metadata = br#"{<<"name">>,<<"a">>}.{<<"version">>,<<"1.0.0">>}."#;
        let all = faults(metadata).unwrap().unwrap();
        let keys: Vec<_> = all.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["app", "build_tools", "files"]);
        let found = faults_with("elixir", r#"<<"~> one">>"#);
        assert!(found.contains("elixir is not a requirement"), "{found}");
    }

    #[test]
    fn a_text_with_hidden_characters_is_a_fault() {
        for (key, value) in [
            ("app", r#"<<"a\e[31m">>"#),
            ("description", r#"<<"a\e[31m">>"#),
            ("description", r#"<<"good\rbad">>"#),
            ("description", "<<\"a\u{202e}b\"/utf8>>"),
            ("licenses", r#"[<<"MIT">>,<<"a\nb">>]"#),
            ("links", r#"[{<<"a\eb">>,<<"https://example.com">>}]"#),
            ("links", r#"[{<<"a">>,<<"https://example.com/\e">>}]"#),
            ("maintainers", "[<<\"a\u{200b}b\"/utf8>>]"),
            ("build_tools", r#"[<<"mix\t">>]"#),
            (
                "requirements",
                r#"[{<<"b">>,[{<<"app">>,<<"b\e">>},{<<"requirement">>,<<"~> 1.0">>}]}]"#,
            ),
            (
                "requirements",
                r#"[{<<"b">>,[{<<"repository">>,<<"b\e">>},{<<"requirement">>,<<"~> 1.0">>}]}]"#,
            ),
        ] {
            let found = faults_with(key, value);
            assert!(
                found.contains(&format!("{key} must not have the character U+")),
                "{key}: {found}"
            );
        }
    }

    #[test]
    fn names_of_others_and_cycles_are_noticed() {
        let notices = |name: &str, requires: &str| {
            let metadata = format!(
                "{{<<\"version\">>,<<\"1.0.0\">>}}.{{<<\"requirements\">>,[{{<<\"{requires}\">>,<<\"~> 1.0\">>}}]}}."
            );
            let metadata = Metadata::parse(metadata.as_bytes()).unwrap();
            let all = super::notices(&name.parse().unwrap(), &metadata);
            all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(notices("foo", "bar"), "");
        assert_eq!(
            notices("foo", "foo"),
            "foo requires itself, a cycle at which mix stops: remove the requirement"
        );
        assert_eq!(
            notices("kernel", "bar"),
            "kernel is also an application of Erlang/OTP, which a project would load in its place: publish it under \
             another name, as hex.pm requires"
        );
    }

    #[test]
    fn a_link_leads_to_the_web() {
        for url in [
            "javascript:alert(1)",
            "javascript://example.com/%0aalert(1)",
            "data:text/html,x",
            "ftp://example.com",
            "example.com",
            "//example.com",
            "https://",
            "https:///path",
            "https://example.com/ a",
            "https://example.com/\\\">",
            "",
        ] {
            assert!(!is_web_url(url), "{url}");
        }
        for url in ["http://localhost:4000", "https://example.com?a=b", "HTTPS://example.com/ä#x"]
        {
            assert!(is_web_url(url), "{url}");
        }
        let found = faults_with("links", r#"[{<<"Home">>,<<"javascript:alert(1)">>}]"#);
        assert!(found.contains(r#"invalid link "javascript:alert(1)" for "Home""#), "{found}");
    }
}
