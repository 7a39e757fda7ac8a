//! What the search of each tool reads.

use serde_json::{Value, json};

use super::{DocsFormat, DocsFunction, DocsModule, Documentation, Extra};

/// One thing that a search finds.
struct Item {
    kind: &'static str,
    /// Gleam names the module apart.
    parent: String,
    title: String,
    reference: String,
    text: String,
}

/// The file with the items, and the one of the sidebar.
pub fn files(docs: &Documentation) -> Vec<(String, Vec<u8>)> {
    let items = items(docs);
    let path = |default: &str| docs.format.search_script().unwrap_or(default).to_owned();
    let (path, text) = match docs.format {
        DocsFormat::ExDoc20 => (path(""), by_hand(&items)),
        DocsFormat::ExDoc22 => {
            let items: Vec<_> = items.iter().map(ex_doc).collect();
            (path(""), format!("searchNodes={}", Value::from(items)))
        }
        DocsFormat::ExDoc30 => {
            let items: Vec<_> = items.iter().map(ex_doc).collect();
            let data = json!({"content_type": "text/markdown", "items": items});
            (path(""), format!("searchData={data}"))
        }
        DocsFormat::ExDoc37 => {
            let items: Vec<_> = items.iter().map(ex_doc).collect();
            let data = json!({"content_type": "text/markdown", "items": items,
                "producer": {"name": "ex_doc", "version": "0.40.3"}, "proglang": "elixir"});
            (path(""), format!("searchData={data}"))
        }
        DocsFormat::Gleam => {
            let items = items.iter().map(|item| {
                json!({"doc": item.parent, "title": item.title, "content": item.text, "url": item.reference})
            });
            let items = Value::from(items.collect::<Vec<_>>());
            (path(""), format!("window.Gleam.initSearch({items});"))
        }
        DocsFormat::Gleam9 => (path("search_data.json"), gleam(&items)),
        DocsFormat::Gleam14 => (path("search-data.json"), gleam(&items)),
        DocsFormat::Edoc => return Vec::new(),
    };
    let mut files = vec![(path, text.into_bytes())];
    if docs.format.is_ex_doc() {
        let sidebar = format!("sidebarNodes={}", sidebar(docs));
        files.push(("dist/sidebar_items-A1B2C3D4.js".to_owned(), sidebar.into_bytes()));
    }
    files
}

fn items(docs: &Documentation) -> Vec<Item> {
    let modules = docs.modules.iter().flat_map(|module| {
        let own = Item {
            kind: "module",
            parent: module.name.clone(),
            title: module.name.clone(),
            reference: format!("{}.html", module.name),
            text: module.text.clone(),
        };
        let functions = module.functions.iter();
        std::iter::once(own)
            .chain(functions.map(|function| function_item(docs.format, module, function)))
    });
    let extras = docs.extras.iter().flat_map(|extra| extra_items(docs, extra));
    modules.chain(extras).collect()
}

fn function_item(format: DocsFormat, module: &DocsModule, function: &DocsFunction) -> Item {
    let (name, arity) = (&function.name, function.arity);
    if format.is_gleam() {
        let arguments = vec!["String"; arity].join(", ");
        let definition = match format {
            DocsFormat::Gleam9 => format!("pub fn {name}({arguments}) -&gt; String"),
            _ => format!("pub fn {name}({arguments}) -> String"),
        };
        return Item {
            kind: "value",
            parent: module.name.clone(),
            title: name.clone(),
            reference: format!("{}.html#{name}", module.name),
            text: format!("{definition}\n{}\n", function.text),
        };
    }
    Item {
        kind: "function",
        parent: module.name.clone(),
        title: format!("{}.{name}/{arity}", module.name),
        reference: format!("{}.html#{name}/{arity}", module.name),
        text: function.text.clone(),
    }
}

fn extra_items(docs: &Documentation, extra: &Extra) -> Vec<Item> {
    let page = |title: String, reference: String, text: String| Item {
        kind: if docs.format.is_gleam() { "page" } else { "extras" },
        parent: docs.name.clone(),
        title,
        reference,
        text,
    };
    let reference = format!("{}.html", extra.id);
    let texts: Vec<_> =
        extra.sections.iter().map(|(head, text)| format!("{head}\n{text}")).collect();
    if docs.format.is_gleam() {
        return vec![page(extra.title.clone(), reference, texts.join("\n"))];
    }
    let mut items = vec![page(extra.title.clone(), reference.clone(), String::new())];
    items.extend(extra.sections.iter().map(|(head, text)| {
        let anchor = super::pages::anchor(head);
        // Since 0.30 the section comes first.
        let title = match docs.format {
            DocsFormat::ExDoc20 | DocsFormat::ExDoc22 => format!("{} - {head}", extra.title),
            _ => format!("{head} - {}", extra.title),
        };
        page(title, format!("{reference}#{anchor}"), text.clone())
    }));
    items
}

fn ex_doc(item: &Item) -> Value {
    json!({"doc": item.text, "ref": item.reference, "title": item.title, "type": item.kind})
}

/// As Elixir prints a string: `\#{` is no escape of JSON.
fn by_hand(items: &[Item]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| {
            let text = item.text.replace('\\', "\\\\").replace('"', "\\\"").replace("#{", "\\#{");
            format!(
                "{{\"ref\":\"{}\",\"title\":\"{}\",\"type\":\"{}\",\"doc\":\"{text}\"}}",
                item.reference, item.title, item.kind
            )
        })
        .collect();
    format!("searchNodes=[{}]", items.join(","))
}

fn gleam(items: &[Item]) -> String {
    let items = items.iter().map(|item| {
        json!({"type": item.kind, "parentTitle": item.parent, "title": item.title, "doc": item.text,
            "ref": item.reference})
    });
    json!({"items": items.collect::<Vec<_>>(), "proglang": "gleam"}).to_string()
}

fn sidebar(docs: &Documentation) -> Value {
    let modules = docs.modules.iter().map(|module| {
        let nodes = module.functions.iter().map(|function| {
            let id = format!("{}/{}", function.name, function.arity);
            json!({"id": id, "anchor": id, "title": id, "deprecated": false})
        });
        json!({"id": module.name, "title": module.name, "group": "", "deprecated": false, "sections": [],
            "nodeGroups": [{"key": "functions", "name": "Functions", "nodes": nodes.collect::<Vec<_>>()}]})
    });
    let extras = docs.extras.iter().map(|extra| {
        let headers = extra.sections.iter().map(|(head, _)| json!({"id": head, "anchor": super::pages::anchor(head)}));
        json!({"id": extra.id, "title": extra.title, "group": "", "headers": headers.collect::<Vec<_>>()})
    });
    json!({"modules": modules.collect::<Vec<_>>(), "tasks": [], "extras": extras.collect::<Vec<_>>()})
}
