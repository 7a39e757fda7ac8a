//! The sanitizer, which has the last word on the HTML of a document.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

use super::elements::{ELEMENTS, HIDDEN, is_class};
use super::links::ID_PREFIX;

/// The HTML without what is not on its list, whatever a browser makes of it.
pub(super) fn sanitize(html: &str) -> String {
    SANITIZER.clean(html).to_string()
}

static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut sanitizer = Builder::empty();
    let mut attributes: HashMap<&str, HashSet<&str>> = HashMap::new();
    for element in &ELEMENTS {
        let names = element.attributes.iter().map(|attribute| attribute.name());
        attributes.entry(element.written).or_default().extend(names);
    }
    for (tag, more) in [
        ("a", &["href"][..]),
        ("img", &["alt", "loading", "src"]),
        ("input", &["aria-label", "checked", "disabled", "type"]),
        ("code", &["class"]),
        ("div", &["tabindex"]),
        ("pre", &["tabindex"]),
    ] {
        attributes.entry(tag).or_default().extend(more);
    }
    sanitizer
        .tags(ELEMENTS.iter().map(|element| element.written).collect())
        .tag_attributes(attributes)
        .generic_attributes(HashSet::from(["dir", "id"]))
        .clean_content_tags(HIDDEN.into_iter().collect())
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        // Links to pages of the package. What the document has written was resolved before.
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("nofollow noopener noreferrer"))
        .id_prefix(Some(ID_PREFIX))
        .attribute_filter(|_, attribute, value| match attribute {
            "class" => {
                let mut classes = value.split_ascii_whitespace();
                classes
                    .all(|class| is_class(class) || class.starts_with("language-"))
                    .then_some(Cow::Borrowed(value))
            }
            "type" => (value == "checkbox").then_some(Cow::Borrowed(value)),
            "tabindex" => (value == "0").then_some(Cow::Borrowed(value)),
            // No image is fetched from elsewhere.
            "src" => {
                let is_here = !value.contains(':') && !value.starts_with("//");
                is_here.then_some(Cow::Borrowed(value))
            }
            _ => Some(Cow::Borrowed(value)),
        });
    sanitizer
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Without the step before it, the sanitizer is safe too.
    #[test]
    fn the_sanitizer_alone_is_safe() {
        for (html, expected) in [
            ("<script>a</script>b<style>c</style>", "b"),
            ("<p onclick=a style=b id=q class=x>c</p>", "<p id=\"user-content-q\">c</p>"),
            ("<svg><style><a id=\"</style><img src=1 onerror=alert(1)>\"></svg>d", "d"),
            ("<a href=javascript:a>b</a>", "<a rel=\"nofollow noopener noreferrer\">b</a>"),
            (
                "<img src=data:a><img src=https://a><img src=//a><img src=/a>",
                "<img><img><img><img src=\"/a\">",
            ),
            ("<input type=text><div tabindex=5>", "<input><div></div>"),
        ] {
            assert_eq!(sanitize(html), expected, "{html}");
        }
    }
}
