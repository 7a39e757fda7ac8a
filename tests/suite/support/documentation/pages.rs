//! The pages of documentation, and what they load.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{DocsFormat, DocsModule, Documentation, Extra};

const SCRIPT: &str = include_str!("reader.js");
const STYLE: &str = include_str!("reader.css");

/// Scripts in the pages themselves, which read storage before there is a page: those of old versions are guarded.
const GUARDED: &str = "try { if (localStorage.getItem('night-mode') === 'true') document.body.className += ' night'; } catch (e) { }";
const UNGUARDED: &str = "if (JSON.parse(localStorage.getItem('reader:settings') || '{}').theme === 'night') document.body.className += ' night'; \
     document.body.dataset.sidebar = sessionStorage.getItem('reader:sidebar') || 'open';";

/// The identifier of a heading.
pub fn anchor(heading: &str) -> String {
    let characters = heading.chars().map(|one| if one.is_alphanumeric() { one } else { '-' });
    characters.collect::<String>().to_lowercase()
}

pub fn files(docs: &Documentation) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut add = |path: String, text: String| files.insert(path, text.into_bytes());
    let first = format!("{}.html", docs.extras[0].id);
    for module in &docs.modules {
        let path = format!("{}.html", module.name);
        let text = page(docs, &path, &module.name, "modules", &module_text(docs.format, module));
        add(path, text);
    }
    for extra in &docs.extras {
        let path = format!("{}.html", extra.id);
        let text = page(docs, &path, &extra.title, "extras", &extra_text(extra));
        add(path, text);
    }
    add(docs.format.script().to_owned(), SCRIPT.to_owned());
    if docs.format.is_ex_doc() {
        add(
            "index.html".to_owned(),
            format!(
                "<!DOCTYPE html>\n<html lang=\"en\">\n  <head>\n    <meta charset=\"utf-8\">\n    <title>{} v{} — Documentation</title>\n    \
                 <meta http-equiv=\"refresh\" content=\"0; url={first}\">\n    <meta name=\"robots\" content=\"noindex\">\n  </head>\n  \
                 <body></body>\n</html>\n",
                docs.name, docs.version
            ),
        );
        let missing = "<h1>Page not found</h1><p>There is no such page.</p>";
        add("404.html".to_owned(), page(docs, "404.html", "404", "extras", missing));
        let search = "<h1>Search</h1><ul id=\"found\"></ul>";
        add("search.html".to_owned(), page(docs, "search.html", "Search", "search", search));
        add("dist/html-elixir-STYL3E2E.css".to_owned(), STYLE.to_owned());
        add(
            ".build".to_owned(),
            "dist/html-elixir-STYL3E2E.css\nindex.html\n404.html\n".to_owned(),
        );
    } else {
        let text = page(docs, "index.html", &docs.name, "extras", &extra_text(&docs.extras[0]));
        add("index.html".to_owned(), text);
        let style = if docs.format.is_gleam() { "css/index.css" } else { "stylesheet.css" };
        add(style.to_owned(), STYLE.to_owned());
    }
    // A server makes it anew: this one lies.
    add(
        "docs_config.js".to_owned(),
        "var versionNodes = [{\"version\":\"v9.9.9\",\"url\":\"https://hexdocs.pm/wrong/9.9.9\"}];\n"
            .to_owned(),
    );
    files
}

fn module_text(format: DocsFormat, module: &DocsModule) -> String {
    let mut text = format!("<h1>{}</h1>\n<p>{}</p>\n", module.name, module.text);
    for function in &module.functions {
        let (name, arity) = (&function.name, function.arity);
        let (id, shown) = match format {
            DocsFormat::Edoc => (format!("{name}-{arity}"), format!("{name}/{arity}")),
            _ if format.is_gleam() => (name.clone(), format!("{name}()")),
            _ => (format!("{name}/{arity}"), format!("{name}/{arity}")),
        };
        let _ = writeln!(
            text,
            "<section class=\"detail\" id=\"{id}\"><h3 id=\"{id}-heading\"><a href=\"#{id}\">{shown}</a></h3><p>{}</p></section>",
            function.text
        );
    }
    text
}

fn extra_text(extra: &Extra) -> String {
    let mut text = format!("<h1>{}</h1>\n", extra.title);
    for (head, paragraph) in &extra.sections {
        let anchor = anchor(head);
        let _ = writeln!(text, "<h2 id=\"{anchor}\">{head}</h2>\n<p>{paragraph}</p>");
    }
    text
}

/// A whole page at a path. Gleam's modules may be in folders.
fn page(docs: &Documentation, path: &str, title: &str, kind: &str, text: &str) -> String {
    let (name, version, format) = (&docs.name, &docs.version, docs.format);
    let up = "../".repeat(path.matches('/').count());
    let mut head = String::new();
    let mut tail = String::new();
    if format.is_ex_doc() {
        let defer = if format == DocsFormat::ExDoc37 { "defer " } else { "" };
        let late = if format == DocsFormat::ExDoc37 { "defer" } else { "async" };
        let _ = write!(
            head,
            "    <link rel=\"stylesheet\" href=\"dist/html-elixir-STYL3E2E.css\" />\n    \
             <link rel=\"canonical\" href=\"https://hexdocs.pm/{name}/{path}\" />\n    \
             <script {defer}src=\"dist/sidebar_items-A1B2C3D4.js\"></script>\n    \
             <script {defer}src=\"docs_config.js\"></script>\n"
        );
        if let (true, Some(script)) = (kind == "search", format.search_script()) {
            let _ = writeln!(head, "    <script {defer}src=\"{script}\"></script>");
        }
        let _ = writeln!(head, "    <script {late} src=\"{}\"></script>", format.script());
        let _ = write!(
            tail,
            "<footer><p><a href=\"https://hex.pm/packages/{name}/{version}\">Hex Package</a> \
             <a href=\"https://preview.hex.pm/preview/{name}/{version}\">Hex Preview</a> \
             <button id=\"packages\">Go to package docs</button></p>\n\
             <p>Built using <a href=\"https://github.com/elixir-lang/ex_doc\">ExDoc</a> for the \
             <a href=\"https://elixir-lang.org\" target=\"_blank\">Elixir programming language</a></p></footer>"
        );
    } else if format.is_gleam() {
        let _ = write!(
            head,
            "    <link rel=\"stylesheet\" href=\"{up}./css/index.css?v=1\"/>\n    <script src=\"{up}./docs_config.js\"></script>\n"
        );
        let _ = write!(tail, "<script src=\"{up}./{}?v=1\"></script>", format.script());
        match format {
            DocsFormat::Gleam => {
                let _ = write!(tail, "<script src=\"{up}./search-data.js?v=1\"></script>");
            }
            DocsFormat::Gleam9 => tail.push_str(&fetched(&up, "search_data.json")),
            _ => tail.push_str(&fetched(&up, "search-data.json")),
        }
    } else {
        head.push_str("    <link rel=\"stylesheet\" type=\"text/css\" href=\"stylesheet.css\">\n");
        let _ = write!(tail, "<script src=\"{}\"></script>", format.script());
    }
    let early = match format {
        DocsFormat::ExDoc37 | DocsFormat::Gleam | DocsFormat::Gleam9 | DocsFormat::Gleam14 => {
            UNGUARDED
        }
        _ => GUARDED,
    };
    let links =
        docs.links.iter().map(|(text, href)| format!("<li><a href=\"{href}\">{text}</a></li>\n"));
    let scripts = docs.scripts.iter().map(|script| format!("<script>{script}</script>\n"));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n  <head>\n    <meta charset=\"utf-8\">\n    \
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1.0\">\n    \
         <meta name=\"generator\" content=\"{}\">\n    <meta name=\"project\" content=\"{name} v{version}\">\n\
         <title>{title} — {name} v{version}</title>\n{head}  </head>\n  <body data-type=\"{kind}\">\n<script>{early}</script>\n\
         <nav id=\"sidebar\"><a href=\"{up}index.html\" class=\"sidebar-projectName\">{name}</a> \
         <span class=\"sidebar-projectVersion\">v{version}</span>\n\
         <form action=\"{up}search.html\"><input name=\"q\" aria-label=\"Search\"></form>\n<ul id=\"nodes\"></ul></nav>\n\
         <main id=\"content\">\n{text}<ul class=\"links\">\n{}</ul>\n</main>\n{tail}\n{}</body>\n</html>\n",
        format.generator(),
        links.collect::<String>(),
        scripts.collect::<String>(),
    )
}

/// How Gleam's pages load their search data.
fn fetched(up: &str, file: &str) -> String {
    format!(
        "<script>fetch(\"{up}./{file}?v=1\").then(answer => answer.json()).then(data => window.Gleam.initSearch(data));</script>"
    )
}
