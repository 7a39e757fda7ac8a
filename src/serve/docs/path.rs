//! The paths below `docs/`.
//!
//! ```text
//! docs/NAME-VERSION.tar.gz          the archive: no page, and not read here
//! docs/NAME/VERSION/PATH            a file of the documentation of a release
//! docs/NAME/PATH                    the same of the latest release that has documentation
//! docs/~PASS/NAME/…                 the same where reading needs credentials
//! ```

use percent_encoding::percent_decode_str;

use super::pass::MARK;
use crate::name::PackageName;
use crate::version::Version;

/// In bytes: no file system has a file with a longer name, so there is no such package.
const MAX_NAME: usize = 255;

/// The file that is meant where none is named.
const INDEX: &str = "index.html";

/// A path below `docs/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DocsPath {
    /// What reads it in place of credentials.
    pub pass: Option<String>,
    pub package: PackageName,
    pub target: DocsTarget,
    /// What follows the pass, as it was asked for.
    pub asked: String,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DocsTarget {
    /// A file of the latest documentation: the path as it was asked for. `None` without a slash after the name.
    Latest(Option<String>),
    /// The documentation of a version, without a slash at the end.
    Version(Version),
    /// A file of it: its path in the archive.
    File(Version, String),
}

impl DocsPath {
    /// Reads what follows `docs/`; `None` if it names no documentation.
    pub fn parse(path: &str) -> Option<Self> {
        let (pass, asked) = match path.split_once('/') {
            Some((pass, rest)) if pass.starts_with(MARK) => (Some(pass.to_owned()), rest),
            _ => (None, path),
        };
        let (name, rest) = match asked.split_once('/') {
            Some((name, rest)) => (name, Some(rest)),
            None => (asked, None),
        };
        let package: PackageName = decoded(name)?.parse().ok()?;
        if package.as_str().len() > MAX_NAME {
            return None;
        }
        let target = target(rest)?;
        Some(Self { pass, package, target, asked: asked.to_owned() })
    }

    /// The file that is asked for, or would be once the version is known.
    pub fn file(&self) -> &str {
        match &self.target {
            DocsTarget::File(_, file) => file,
            DocsTarget::Latest(Some(rest)) if !rest.is_empty() => rest,
            DocsTarget::Latest(_) | DocsTarget::Version(_) => INDEX,
        }
    }

    /// The way from the path up to `docs/`, or to the pass below it.
    pub fn way_up(&self) -> String {
        "../".repeat(self.asked.matches('/').count())
    }
}

fn target(rest: Option<&str>) -> Option<DocsTarget> {
    let Some(rest) = rest else { return Some(DocsTarget::Latest(None)) };
    let (first, file) = match rest.split_once('/') {
        Some((first, file)) => (first, Some(file)),
        None => (rest, None),
    };
    let Ok(version) = decoded(first)?.parse::<Version>() else {
        return Some(DocsTarget::Latest(Some(rest.to_owned())));
    };
    Some(match file {
        None => DocsTarget::Version(version),
        Some(file) => {
            let mut file = decoded(file)?;
            if file.is_empty() || file.ends_with('/') {
                file.push_str(INDEX);
            }
            DocsTarget::File(version, file)
        }
    })
}

fn decoded(text: &str) -> Option<String> {
    Some(percent_decode_str(text).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> (DocsTarget, String) {
        let parsed = DocsPath::parse(path).unwrap();
        assert_eq!(parsed.package.as_str(), "plug");
        (parsed.target, parsed.asked)
    }

    fn file(version: &str, file: &str) -> DocsTarget {
        DocsTarget::File(version.parse().unwrap(), file.to_owned())
    }

    #[test]
    fn a_path_names_a_file_or_is_to_be_redirected() {
        let latest = |rest: &str| DocsTarget::Latest(Some(rest.to_owned()));
        for (path, expected) in [
            ("plug", DocsTarget::Latest(None)),
            ("plug/", latest("")),
            ("plug/Plug.Conn.html", latest("Plug.Conn.html")),
            ("plug/dist/a.js", latest("dist/a.js")),
            ("plug/1/x", latest("1/x")),
            ("plug/1.0.0", DocsTarget::Version("1.0.0".parse().unwrap())),
            ("plug/1.0.0/", file("1.0.0", "index.html")),
            ("plug/1.0.0/Plug.Conn.html", file("1.0.0", "Plug.Conn.html")),
            ("plug/1.0.0-rc.1/a/", file("1.0.0-rc.1", "a/index.html")),
            ("%70lug/1.0.0/a%20b%2Fc.html", file("1.0.0", "a b/c.html")),
            ("plug/1.0.0/../x", file("1.0.0", "../x")),
        ] {
            assert_eq!(parse(path), (expected, path.to_owned()), "{path}");
        }
        let (target, asked) = parse("~abc/plug/1.0.0/x.js");
        assert_eq!((target, &*asked), (file("1.0.0", "x.js"), "plug/1.0.0/x.js"));
    }

    #[test]
    fn the_way_up_leads_to_the_folder_of_all_documentation() {
        let up = |path: &str| DocsPath::parse(path).unwrap().way_up();
        assert_eq!(up("plug"), "");
        assert_eq!(up("plug/"), "../");
        assert_eq!(up("plug/1.0.0/a/b.html"), "../../../");
        assert_eq!(up("~p/plug/1.0.0/b.html"), "../../");
    }

    #[test]
    fn other_paths_are_none() {
        let long = "a".repeat(256);
        for path in ["", "/", "~abc", "~abc/", "Plug/1.0.0/", "..", "../x", "%ff", "a/%ff", &long] {
            assert_eq!(DocsPath::parse(path), None, "{path}");
        }
    }
}
