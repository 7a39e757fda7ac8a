//! The search data that `ExDoc` and Gleam write for the search in their pages.
//!
//! | written by | file | what it has |
//! | --- | --- | --- |
//! | ExDoc 0.20–0.21.2 | `dist/search_items-*.js` | `searchNodes=[{ref,title,module,type,doc},…]`, made by hand: not always JSON |
//! | ExDoc 0.21.3–0.29 | `dist/search_items-*.js` | `searchNodes=[{ref,title,type,doc},…]` |
//! | ExDoc 0.30– | `dist/search_data-*.js` | `searchData={"items":[{ref,title,type,doc},…],…}`, `doc` in Markdown |
//! | Gleam –1.8 | `search-data.js` | `window.Gleam.initSearch([{doc,title,content,url},…])`, `doc` is the module |
//! | Gleam 1.9–1.13 | `search_data.json` | `{"items":[{type,parentTitle,title,doc,ref},…],…}` |
//! | Gleam 1.14– | `search-data.json` | the same |

use serde::Deserialize;

use super::elixir_strings;
use super::limits;
use super::record::DocsRecord;
use super::search_item::SearchItem;

/// Whether a file of documentation is search data, by its path.
pub(super) fn is_search_data(path: &str) -> bool {
    let path = path.strip_prefix("./").unwrap_or(path);
    let is_ex_doc =
        ["dist/search_data", "dist/search_items"].iter().any(|start| path.starts_with(start));
    (is_ex_doc && path.strip_suffix(".js").is_some())
        || ["search_data.json", "search-data.json", "search-data.js"].contains(&path)
}

#[derive(Deserialize)]
struct Items<'a> {
    #[serde(borrow)]
    items: Vec<SearchItem<'a>>,
}

/// The records of search data. Text that is none has no records.
pub(super) fn records(bytes: &[u8]) -> Vec<DocsRecord> {
    let text = String::from_utf8_lossy(bytes);
    // `searchNodes=[…]`, `searchData={…}`, `window.Gleam.initSearch([…]);` or plain JSON.
    let Some(json) = text.find(['{', '[']).and_then(|start| text.get(start..)) else {
        return Vec::new();
    };
    let mut left = limits::ALL_TEXT;
    let mut records = Vec::new();
    for item in items(json) {
        if records.len() >= limits::RECORDS {
            break;
        }
        let Some(record) = record(&item) else { continue };
        let Some(rest) = left.checked_sub(record.text.len()) else { break };
        left = rest;
        records.push(record);
    }
    records
}

/// The items, in JSON or in what `ExDoc` 0.20 took for it.
fn items(json: &str) -> Vec<SearchItem<'_>> {
    // What follows the value is not read.
    let mut read = serde_json::Deserializer::from_str(json);
    if json.starts_with('{') {
        return Items::deserialize(&mut read).map(|read| read.items).unwrap_or_default();
    }
    Vec::deserialize(&mut read).unwrap_or_else(|_| elixir_strings::items(json))
}

fn record(item: &SearchItem<'_>) -> Option<DocsRecord> {
    if let Some(content) = &item.content {
        // `doc` is the module. Only the place tells a module or a page from what is in it.
        let is_part = item.url.contains('#') && !item.doc.is_empty() && item.doc != item.title;
        return if is_part {
            let title = format!("{}.{}", item.doc, item.title);
            DocsRecord::read("value", &title, &item.doc, &item.url, content)
        } else {
            let kind = if item.doc == item.title { "module" } else { "page" };
            DocsRecord::read(kind, &item.title, "", &item.url, content)
        };
    }
    if matches!(&*item.kind, "value" | "type") && !item.parent.is_empty() {
        let title = format!("{}.{}", item.parent, item.title);
        return DocsRecord::read(&item.kind, &title, &item.parent, &item.place, &item.doc);
    }
    // In 0.20, a page has its file as its module.
    let module = if item.kind == "extras" { "" } else { &*item.module };
    DocsRecord::read(&item.kind, &item.title, module, &item.place, &item.doc)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, title, module, place and text.
    fn found(text: &str) -> Vec<[String; 5]> {
        let records = records(text.as_bytes()).into_iter();
        records.map(|it| [it.kind, it.title, it.module, it.place, it.text]).collect()
    }

    fn row(fields: [&str; 5]) -> [String; 5] {
        fields.map(str::to_owned)
    }

    #[test]
    fn ex_doc_from_0_30_is_read() {
        let text = r#"searchData={"items":[{"doc":"Says *it*.","ref":"A.html","title":"A","type":"module"},
            {"doc":"","ref":"A.html#f/1","title":"A.f/1","type":"function"},
            {"doc":"o","ref":"A.html#f/1-options","title":"Options - A.f/1","type":"function"},
            {"doc":"x","ref":"https://evil.example/","title":"Evil","type":"extras"}],
            "content_type":"text/markdown","producer":{"name":"ex_doc","version":"0.40.3"},"proglang":"elixir"}"#;
        assert_eq!(
            found(text),
            [
                row(["module", "A", "A", "A.html", "Says it."]),
                row(["function", "A.f/1", "A", "A.html#f/1", ""]),
                row(["function", "Options - A.f/1", "", "A.html#f/1-options", "o"]),
            ]
        );
    }

    #[test]
    fn ex_doc_from_0_21_3_is_read() {
        let text = r#"searchNodes=[{"doc":"x","ref":"a.html","title":"Read me - Usage","type":"extras"},{"ref":"A.html#c:f/0","title":"A.f/0","type":"callback","doc":"y"}]"#;
        assert_eq!(
            found(text),
            [
                row(["extras", "Read me - Usage", "", "a.html", "x"]),
                row(["callback", "A.f/0", "A", "A.html#c:f/0", "y"])
            ]
        );
    }

    /// It wrote titles as they are, and texts as Elixir's `inspect` does.
    #[test]
    fn ex_doc_0_20_is_read_though_it_is_not_json() {
        let text = r#"searchNodes=[{"ref":"A.html","title":"A","module":"A","type":"module","doc":"a \"b\" \#{c} \e[0m \x{1F600}"},{"ref":"A.html#sigil_%22/2","title":"A.sigil_"/2","module":"A","type":"macro","doc":"q"},{"ref":"A.html#%5C%5C/2","title":"A.\\/2","module":"A","type":"function","doc":<<97, 255>>},{"ref":"r.html","title":"Read","module":"r","type":"extras","doc":"z"}]"#;
        assert_eq!(
            found(text),
            [
                row(["module", "A", "A", "A.html", "a \"b\" #{c} 0m 😀"]),
                row(["macro", "A.sigil_\"/2", "A", "A.html#sigil_%22/2", "q"]),
                row(["function", "A.\\\\/2", "A", "A.html#%5C%5C/2", ""]),
                row(["extras", "Read", "", "r.html", "z"]),
            ]
        );
    }

    #[test]
    fn gleam_is_read() {
        let expected = [
            row(["module", "a/b", "a/b", "a/b.html", "M"]),
            row(["value", "a/b.f", "a/b", "a/b.html#f", "fn() -> Nil"]),
            row(["page", "README", "", "index.html", "hi"]),
        ];
        let new = r#"{"items":[{"type":"module","parentTitle":"a/b","title":"a/b","doc":"M","ref":"a/b.html"},
            {"type":"value","parentTitle":"a/b","title":"f","doc":"<pre>fn() -&gt; Nil</pre>","ref":"a/b.html#f"},
            {"type":"page","parentTitle":"x","title":"README","doc":"hi","ref":"index.html"}],"proglang":"gleam"}"#;
        assert_eq!(found(new), expected);
        let old = r#"window.Gleam.initSearch([{"doc":"a/b","title":"a/b","content":"M","url":"a/b.html"},
            {"doc":"a/b","title":"f","content":"fn() -> Nil","url":"a/b.html#f"},
            {"doc":"x","title":"README","content":"hi","url":"index.html"}]);"#;
        assert_eq!(found(old), expected);
    }

    #[test]
    fn other_text_has_no_records() {
        for text in [
            "",
            "searchNodes=",
            "searchNodes=[{\"title\":1}]",
            "{\"items\":",
            "[1]",
            "sidebarNodes={}",
            "\u{0}[",
            "{\"items\":[{\"title\":{}}]}",
        ] {
            assert_eq!(found(text), [[""; 5]; 0], "{text}");
        }
        assert_eq!(found(&"[".repeat(1_000_000)), [[""; 5]; 0]);
        assert_eq!(found(&"[{\"ref\":\"".repeat(100_000)), [[""; 5]; 0]);
    }

    #[test]
    fn records_are_bounded() {
        let item = r#"{"ref":"a.html","title":"A","type":"module","doc":""}"#;
        let many = format!("searchNodes=[{}{item}]", format!("{item},").repeat(limits::RECORDS));
        assert_eq!(records(many.as_bytes()).len(), limits::RECORDS);
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
