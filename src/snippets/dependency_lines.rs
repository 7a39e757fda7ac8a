//! What a project writes to depend on a release, by the file that it writes it in.

use crate::name::{PackageName, RepositoryName};
use crate::version::Version;

/// The repository that mix and rebar3 use without configuration, for dependencies that name no other.
pub(super) const HEXPM: &str = "hexpm";

/// Lines to copy.
pub struct DependencyLines {
    /// Of `mix.exs`, among the dependencies.
    pub mix: String,
    /// Of `rebar.config`, among the dependencies.
    pub rebar3: String,
    /// Of a `Makefile` with erlang.mk.
    pub erlang_mk: String,
    /// For a shell. Gleam takes packages from hex.pm alone.
    pub gleam: Option<String>,
}

impl DependencyLines {
    /// The lines for a release, or for a package without one.
    #[must_use]
    pub fn new(
        repository: &RepositoryName,
        package: &PackageName,
        app: &str,
        version: Option<&Version>,
    ) -> Self {
        let text = version.map_or_else(|| "0.0.0".to_owned(), Version::to_string);
        let is_public = repository.as_str() == HEXPM;
        Self {
            mix: mix(repository, package, app, version),
            rebar3: rebar3(package, app, &text),
            erlang_mk: format!("dep_{package} = hex {text}"),
            gleam: is_public.then(|| gleam(package, version)),
        }
    }
}

/// The requirement of a project that starts with this release, as hex.pm has it: a version before 1.0 may break with each
/// minor number.
pub(crate) fn requirement(latest: Option<&Version>) -> String {
    let Some(latest) = latest else { return ">= 0.0.0".to_owned() };
    let version = latest.to_string();
    match version.rsplit_once('.') {
        Some((minor, _patch)) if !latest.is_pre_release() && latest.major() > 0 => {
            format!("~> {minor}")
        }
        // A shorter requirement matches no pre-release.
        _ => format!("~> {version}"),
    }
}

/// Gleam reads `@1` as any release of that major version, and takes no pre-release but the one that is named.
fn gleam(package: &PackageName, version: Option<&Version>) -> String {
    match version {
        Some(version) if version.is_pre_release() => format!("gleam add {package}@{version}"),
        Some(version) => format!("gleam add {package}@{}", version.major()),
        None => format!("gleam add {package}"),
    }
}

fn mix(
    repository: &RepositoryName,
    package: &PackageName,
    app: &str,
    version: Option<&Version>,
) -> String {
    let requirement = requirement(version);
    let repository = match repository.as_str() {
        HEXPM => String::new(),
        repository => format!(", repo: \"{repository}\""),
    };
    if app == package.as_str() {
        return format!("{{:{package}, \"{requirement}\"{repository}}}");
    }
    let app = if is_plain(app) { format!(":{app}") } else { format!(":\"{}\"", escaped(app, '"')) };
    format!("{{{app}, \"{requirement}\", hex: :{package}{repository}}}")
}

fn rebar3(package: &PackageName, app: &str, version: &str) -> String {
    if app == package.as_str() {
        return format!("{{{package}, \"{version}\"}}");
    }
    let starts_well = app.starts_with(|first: char| first.is_ascii_lowercase());
    let app = if starts_well && is_plain(app) {
        app.to_owned()
    } else {
        format!("'{}'", escaped(app, '\''))
    };
    format!("{{{app}, \"{version}\", {{pkg, {package}}}}}")
}

/// Whether an atom needs no quotes in Elixir. Erlang needs a lowercase letter first, too.
fn is_plain(app: &str) -> bool {
    let starts_well = app.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    starts_well && app.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn escaped(app: &str, quote: char) -> String {
    // `#{` would be an expression in Elixir.
    let escape = |character| character == '\\' || character == quote || character == '#';
    app.chars().fold(String::new(), |mut text, character| {
        if escape(character) {
            text.push('\\');
        }
        text.push(character);
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(repository: &str, app: &str, version: Option<&str>) -> [String; 3] {
        let version = version.map(|version| version.parse().unwrap());
        let (repository, package) = (repository.parse().unwrap(), "foo".parse().unwrap());
        let lines = DependencyLines::new(&repository, &package, app, version.as_ref());
        [lines.mix, lines.rebar3, lines.erlang_mk]
    }

    #[test]
    fn lines_follow_hex_pm() {
        for (repository, app, version, expected) in [
            (
                "acme",
                "foo",
                "1.2.3",
                [r#"{:foo, "~> 1.2", repo: "acme"}"#, r#"{foo, "1.2.3"}"#, "dep_foo = hex 1.2.3"],
            ),
            (
                "hexpm",
                "foo",
                "0.1.2",
                [r#"{:foo, "~> 0.1.2"}"#, r#"{foo, "0.1.2"}"#, "dep_foo = hex 0.1.2"],
            ),
            (
                "acme",
                "foo_app",
                "2.0.0-rc.1",
                [
                    r#"{:foo_app, "~> 2.0.0-rc.1", hex: :foo, repo: "acme"}"#,
                    r#"{foo_app, "2.0.0-rc.1", {pkg, foo}}"#,
                    "dep_foo = hex 2.0.0-rc.1",
                ],
            ),
        ] {
            assert_eq!(lines(repository, app, Some(version)), expected);
        }
        assert_eq!(lines("acme", "foo", None)[0], r#"{:foo, ">= 0.0.0", repo: "acme"}"#);
    }

    #[test]
    fn an_application_of_any_name_stays_one_atom() {
        let [mix, rebar3, _] = lines("acme", r#"a-"'#{b}"#, Some("1.0.0"));
        assert_eq!(mix, r#"{:"a-\"'\#{b}", "~> 1.0", hex: :foo, repo: "acme"}"#);
        assert_eq!(rebar3, r#"{'a-"\'\#{b}', "1.0.0", {pkg, foo}}"#);
        assert_eq!(lines("acme", "Foo", Some("1.0.0"))[1], "{'Foo', \"1.0.0\", {pkg, foo}}");
    }

    #[test]
    fn gleam_adds_packages_of_hex_pm_alone() {
        let gleam = |repository: &str, version: &str| {
            let (repository, package) = (repository.parse().unwrap(), "foo".parse().unwrap());
            DependencyLines::new(&repository, &package, "foo", version.parse().ok().as_ref()).gleam
        };
        assert_eq!(gleam("acme", "1.2.3"), None);
        assert_eq!(gleam("hexpm", "1.2.3").unwrap(), "gleam add foo@1");
        assert_eq!(gleam("hexpm", "0.4.0").unwrap(), "gleam add foo@0");
        assert_eq!(gleam("hexpm", "2.0.0-rc.1").unwrap(), "gleam add foo@2.0.0-rc.1");
        assert_eq!(gleam("hexpm", "").unwrap(), "gleam add foo");
    }
}
