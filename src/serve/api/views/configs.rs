//! What a project writes to depend on a release, by the file that it writes it in.
//!
//! gleam is not among them: it takes packages from hex.pm alone.

use serde::Serialize;

use crate::name::{PackageName, RepositoryName};
use crate::registry::PUBLIC_REPOSITORY;
use crate::serve::snippets::requirement;
use crate::version::Version;

/// Lines to copy. `mix hex.info` crashes without the one of `mix.exs`.
#[derive(Serialize)]
pub(super) struct Configs {
    #[serde(rename = "mix.exs")]
    mix: String,
    #[serde(rename = "rebar.config")]
    rebar3: String,
    #[serde(rename = "erlang.mk")]
    erlang_mk: String,
}

impl Configs {
    /// The lines for a release, or for a package without one.
    pub fn new(
        repository: &RepositoryName,
        package: &PackageName,
        app: &str,
        version: Option<&Version>,
    ) -> Self {
        let text = version.map_or_else(|| "0.0.0".to_owned(), Version::to_string);
        Self {
            mix: mix(repository, package, app, version),
            rebar3: rebar3(package, app, &text),
            erlang_mk: format!("dep_{package} = hex {text}"),
        }
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
        PUBLIC_REPOSITORY => String::new(),
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

    fn configs(repository: &str, app: &str, version: Option<&str>) -> [String; 3] {
        let version = version.map(|version| version.parse().unwrap());
        let (repository, package) = (repository.parse().unwrap(), "foo".parse().unwrap());
        let configs = Configs::new(&repository, &package, app, version.as_ref());
        [configs.mix, configs.rebar3, configs.erlang_mk]
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
            assert_eq!(configs(repository, app, Some(version)), expected);
        }
        assert_eq!(configs("acme", "foo", None)[0], r#"{:foo, ">= 0.0.0", repo: "acme"}"#);
    }

    #[test]
    fn an_application_of_any_name_stays_one_atom() {
        let [mix, rebar3, _] = configs("acme", r#"a-"'#{b}"#, Some("1.0.0"));
        assert_eq!(mix, r#"{:"a-\"'\#{b}", "~> 1.0", hex: :foo, repo: "acme"}"#);
        assert_eq!(rebar3, r#"{'a-"\'\#{b}', "1.0.0", {pkg, foo}}"#);
        assert_eq!(configs("acme", "Foo", Some("1.0.0"))[1], "{'Foo', \"1.0.0\", {pkg, foo}}");
    }
}
