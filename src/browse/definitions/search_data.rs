//! Names in the search data that `ExDoc` and Gleam write for the search of their pages.

use serde::Deserialize;

use super::names::DefinedNames;

/// Whether a file of documentation is search data, by its path.
pub(super) fn is_search_data(path: &str) -> bool {
    let path = path.strip_prefix("./").unwrap_or(path);
    let is_ex_doc =
        ["dist/search_data", "dist/search_items"].iter().any(|start| path.starts_with(start));
    (is_ex_doc && path.strip_suffix(".js").is_some())
        || ["search_data.json", "search-data.json", "search-data.js"].contains(&path)
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    title: String,
    #[serde(default, rename = "type")]
    kind: String,
    /// The module, in Gleam's.
    #[serde(default, rename = "parentTitle")]
    parent: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Items {
    List(Vec<Item>),
    Object { items: Vec<Item> },
}

/// Adds the names of modules and functions. Text that is no search data has none.
pub(super) fn search_data(bytes: &[u8], names: &mut DefinedNames) {
    let text = String::from_utf8_lossy(bytes);
    // `searchNodes=[…]`, `searchData={…}`, `window.Gleam.initSearch([…]);` or plain JSON.
    let Some(json) = text.find(['{', '[']).and_then(|start| text.get(start..)) else { return };
    let mut json = serde_json::Deserializer::from_str(json);
    let Ok(items) = Items::deserialize(&mut json) else { return };
    let (Items::List(items) | Items::Object { items }) = items;
    for item in items {
        // Pages and the headings in them have words, and no names.
        let is_page = matches!(item.kind.as_str(), "extras" | "page" | "task");
        if is_page || item.title.contains(char::is_whitespace) {
            continue;
        }
        if item.parent.is_empty() {
            names.add(&item.title);
        } else {
            names.add(&item.parent);
            names.add(&format!("{}.{}", item.parent, item.title));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut names = DefinedNames::default();
        search_data(text.as_bytes(), &mut names);
        names.into_vec()
    }

    #[test]
    fn names_of_each_format_are_found() {
        for text in [
            // ExDoc 0.22 to 0.29, and from 0.30.
            r#"searchNodes=[{"ref":"A.html","title":"A","type":"module","doc":"x"},{"ref":"A.html#f/1","title":"A.f/1","type":"function","doc":""},{"ref":"r.html","title":"Read me","type":"extras","doc":""},{"ref":"r.html","title":"LICENSE","type":"extras"}]"#,
            r#"searchData={"items":[{"doc":"","ref":"A.html","title":"A","type":"module"},{"title":"A.f/1","type":"function"},{"title":"Options - A.f/1","type":"function"},{"title":"mix a","type":"task"}],"content_type":"text/markdown","producer":{"name":"ex_doc","version":[48]},"proglang":"elixir"}"#,
        ] {
            assert_eq!(found(text), ["A", "A.f/1"], "{text}");
        }
        let gleam = r#"{"items":[{"type":"value","parentTitle":"a/b","title":"f","doc":"","ref":""},{"type":"page","parentTitle":"x","title":"README"}],"proglang":"gleam"}"#;
        assert_eq!(found(gleam), ["a/b", "a/b.f"]);
        assert_eq!(
            found(r#"window.Gleam.initSearch([{"doc":"a/b","title":"f","content":"","url":""}]);"#),
            ["f"]
        );
    }

    #[test]
    fn other_text_has_no_names() {
        for text in [
            "",
            "searchNodes=",
            "searchNodes=[{\"title\":1}]",
            "{\"items\":",
            "[1]",
            "sidebarNodes={}",
            "\u{0}[",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
        assert_eq!(found(&"[".repeat(1_000_000)), [""; 0]);
    }

    #[test]
    fn search_data_is_known_by_its_path() {
        for path in [
            "dist/search_data-1A2B.js",
            "./dist/search_items-ab.js",
            "search-data.json",
            "search_data.json",
            "search-data.js",
        ] {
            assert!(is_search_data(path), "{path}");
        }
        for path in [
            "dist/sidebar_items-1.js",
            "a/search-data.json",
            "dist/search_data-1.json",
            "search.html",
        ] {
            assert!(!is_search_data(path), "{path}");
        }
    }
}
