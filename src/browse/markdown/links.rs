//! Where links and images of a document lead.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::printable::is_hidden;

/// The beginning of every `id` of a document, so that none is one of the page around it.
pub(super) const ID_PREFIX: &str = "user-content-";

/// The longest link, in bytes.
const MAX_LINK: usize = 4096;

/// The endings of images that browsers show. SVG is shown by `<img>` alone, in which it runs no script.
const IMAGES: [&str; 6] = ["png", "jpg", "jpeg", "gif", "webp", "svg"];

/// Where the files of a package are shown.
///
/// Paths have no `.`, `..` or empty part. They are those of the document, decoded, and may be of no file at all.
pub trait Links {
    /// The folder that the document lies in, as `guides/intro`; at the root of the package, `""`.
    fn folder(&self) -> &str;

    /// The URL of the page of a file or folder, if there is one.
    fn file(&self, path: &str) -> Option<String>;

    /// The URL of the bytes of an image, if there is one.
    fn raw(&self, path: &str) -> Option<String>;
}

/// The target of a link: a web page, an e-mail address, a place in the document, or a file of the package. All else, as
/// `javascript:`, has none.
pub(super) fn link(written: &str, links: &dyn Links) -> Option<String> {
    let written = clean(written)?;
    if let Some(scheme) = scheme(&written)? {
        return external(&scheme, &written);
    }
    if written.starts_with("//") {
        return external("https", &format!("https:{written}"));
    }
    let (path, fragment) = written.split_once('#').unwrap_or((&written, ""));
    if path.is_empty() {
        return (!fragment.is_empty()).then(|| format!("#{}", prefixed(fragment)));
    }
    let mut target = links.file(&resolve(path, links.folder())?)?;
    if is_line(fragment) {
        target.push('#');
        target.push_str(fragment);
    } else if !fragment.is_empty() {
        target.push('#');
        target.push_str(&prefixed(fragment));
    }
    Some(target)
}

/// The URL of an image of the package. Images of other places have none: to fetch them would say who reads.
pub(super) fn image(written: &str, links: &dyn Links) -> Option<String> {
    let written = clean(written)?;
    if scheme(&written)?.is_some() || written.starts_with("//") {
        return None;
    }
    let (path, _) = written.split_once('#').unwrap_or((&written, ""));
    let path = resolve(path, links.folder())?;
    let (_, ending) = path.rsplit_once('.')?;
    let is_image = IMAGES.iter().any(|known| ending.eq_ignore_ascii_case(known));
    if is_image { links.raw(&path) } else { None }
}

/// An id of the document, which begins with [`ID_PREFIX`] once.
pub(super) fn prefixed(id: &str) -> String {
    format!("{ID_PREFIX}{}", id.strip_prefix(ID_PREFIX).unwrap_or(id))
}

/// A link without white space at its ends and without control characters, which browsers ignore in `java\tscript:`.
fn clean(written: &str) -> Option<String> {
    if written.len() > MAX_LINK {
        return None;
    }
    let visible: String = written.chars().filter(|character| !is_hidden(*character)).collect();
    let trimmed = visible.trim();
    // Browsers take a backslash for a slash.
    let is_clear = !trimmed.is_empty() && !trimmed.contains('\\');
    is_clear.then(|| trimmed.to_owned())
}

/// The scheme of a URL, in small letters. `Some(None)` if it is relative, and None if readers could disagree on that.
#[expect(clippy::option_option, reason = "no scheme is not a wrong one")]
fn scheme(url: &str) -> Option<Option<String>> {
    let end = url.find([':', '/', '?', '#']);
    let Some((scheme, ':')) =
        end.and_then(|end| Some((url.get(..end)?, url.get(end..)?.chars().next()?)))
    else {
        return Some(None);
    };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|next| next.is_ascii_alphanumeric() || "+-.".contains(next));
    is_scheme.then(|| Some(scheme.to_ascii_lowercase()))
}

/// A link out of the package, as browsers read it.
fn external(scheme: &str, url: &str) -> Option<String> {
    let parsed = Url::parse(url).ok()?;
    let is_allowed = match scheme {
        // Without credentials: `https://hex.pm@example.com` is of example.com.
        "http" | "https" => {
            parsed.has_host() && parsed.username().is_empty() && parsed.password().is_none()
        }
        "mailto" => true,
        _ => false,
    };
    let is_same = parsed.scheme() == scheme;
    (is_allowed && is_same).then(|| parsed.into())
}

/// The path of a file in the package that a relative link leads to. A path that begins with a slash is one from the root,
/// as on the pages of code hosts.
fn resolve(link: &str, folder: &str) -> Option<String> {
    let (path, _) = link.split_once('?').unwrap_or((link, ""));
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let base = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    let is_safe = !path.contains(['\\', '\0']);
    is_safe.then(|| parts.join("/"))
}

/// Whether a fragment is one of lines of a source, as `L10` or `L10-L20`.
fn is_line(fragment: &str) -> bool {
    let is_number = |text: &str| {
        let digits = text.strip_prefix('L').unwrap_or_default();
        !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    fragment.split('-').count() <= 2 && fragment.split('-').all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Package(&'static str);

    const PACKAGE: Package = Package("docs/guides");

    impl Links for Package {
        fn folder(&self) -> &str {
            self.0
        }

        fn file(&self, path: &str) -> Option<String> {
            (!path.contains("missing")).then(|| format!("/files/{path}"))
        }

        fn raw(&self, path: &str) -> Option<String> {
            (!path.contains("missing")).then(|| format!("/raw/{path}"))
        }
    }

    #[test]
    fn links_lead_to_the_web_to_mail_to_places_and_to_files() {
        for (written, expected) in [
            ("https://example.com/a?b=c&d#e", "https://example.com/a?b=c&d#e"),
            (" HTTP://Example.com ", "http://example.com/"),
            ("https:example.com", "https://example.com/"),
            ("//example.com/a", "https://example.com/a"),
            ("https://exämple.com/ä", "https://xn--exmple-cua.com/%C3%A4"),
            ("mailto:a@example.com", "mailto:a@example.com"),
            ("#usage", "#user-content-usage"),
            ("#user-content-usage", "#user-content-usage"),
            ("a.md", "/files/docs/guides/a.md"),
            ("./a%20b.md?raw=true#c", "/files/docs/guides/a b.md#user-content-c"),
            ("../../lib/a.ex#L10", "/files/lib/a.ex#L10"),
            ("../../lib/a.ex#L10-L12", "/files/lib/a.ex#L10-L12"),
            ("/lib//a.ex", "/files/lib/a.ex"),
            ("../..", "/files/"),
            ("ht\ttps://exam\nple.com", "https://example.com/"),
        ] {
            assert_eq!(link(written, &PACKAGE).as_deref(), Some(expected), "{written}");
        }
    }

    #[test]
    fn other_links_have_no_target() {
        for written in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " \u{1}javascript:alert(1)",
            "java\tscript:alert(1)",
            "java\r\nscript\n:alert(1)",
            "java\0script:alert(1)",
            "java\u{ad}script:alert(1)",
            "\u{feff}javascript:alert(1)",
            "javascript\t:alert(1)",
            "javascript :alert(1)",
            "vbscript:x",
            "data:text/html,<script>",
            "file:///etc/passwd",
            "blob:https://example.com/x",
            "view-source:https://example.com",
            "feed:https://example.com",
            "intent://x",
            "ftp://example.com",
            "about:blank",
            "x:y",
            "a b:c",
            ":a",
            "\\\\evil",
            "/\\evil",
            "\\/evil",
            "a\\b",
            "a%5Cb",
            "a%00b",
            "%ff",
            "https://hex.pm@example.com",
            "https://a:b@example.com",
            "https://",
            "https://[",
            "../../../up",
            "/../up",
            "missing.md",
            "",
            "#",
            " ",
        ] {
            assert_eq!(link(written, &PACKAGE), None, "{written:?}");
        }
        assert_eq!(link(&"a".repeat(MAX_LINK + 1), &PACKAGE), None);
    }

    /// What is encoded twice is a name, and no scheme.
    #[test]
    fn encoded_schemes_are_names_of_files() {
        assert_eq!(
            link("javascript%3Aalert(1)", &PACKAGE).as_deref(),
            Some("/files/docs/guides/javascript:alert(1)")
        );
    }

    #[test]
    fn images_are_of_the_package() {
        for (written, expected) in [
            ("a.png", Some("/raw/docs/guides/a.png")),
            ("/assets/a.SVG?raw=true", Some("/raw/assets/a.SVG")),
            ("a.html", None),
            ("a", None),
            ("missing.png", None),
            ("https://example.com/a.png", None),
            ("//example.com/a.png", None),
            ("data:image/png;base64,AAAA", None),
            ("\\\\evil\\a.png", None),
            ("../../../a.png", None),
            ("#a.png", None),
        ] {
            assert_eq!(image(written, &PACKAGE).as_deref(), expected, "{written}");
        }
    }
}
