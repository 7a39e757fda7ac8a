"""Documentation of packages, for pictures: pages of our own, with the script and the style of the tests' documentation."""

import gzip
import json

from .measure import ROOT

ASSETS = ROOT / "tests/suite/support/documentation"

PAGE = """<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="generator" content="ExDoc v0.40.3">
    <title>{title} — {name} v{version}</title>
    <link rel="stylesheet" href="dist/html-elixir-STYL3E2E.css">
    <script defer src="dist/sidebar_items-A1B2C3D4.js"></script>
    <script defer src="docs_config.js"></script>
    <script defer src="dist/html-RDR4TST2.js"></script>
  </head>
  <body>
    <nav id="sidebar"><a href="index.html" class="sidebar-projectName">{name}</a>
      <span class="sidebar-projectVersion">v{version}</span>
      <form action="search.html"><input name="q" aria-label="Search" placeholder="Search"></form>
      <ul id="nodes"></ul></nav>
    <main id="content"><h1>{title}</h1>{text}</main>
  </body>
</html>
"""


def files(name, version, modules):
    """The files of one version: `modules` are (name, text, functions), functions (name, arity, text)."""
    sidebar = {"extras": [], "tasks": [], "modules": [{"id": one, "title": one, "group": ""} for one, _, _ in modules]}
    items, pages = [], {}
    for module, text, functions in modules:
        items.append({"ref": f"{module}.html", "title": module, "type": "module", "doc": text})
        body = f"<p>{text}</p>"
        for function, arity, about in functions:
            place = f"{function}/{arity}"
            items.append({"ref": f"{module}.html#{place}", "title": f"{module}.{place}", "type": "function", "doc": about})
            body += f'<section class="detail" id="{place}"><h3>{place}</h3><p>{about}</p></section>'
        pages[f"{module}.html"] = PAGE.format(title=module, name=name, version=version, text=body)
    first = modules[0][0]
    data = {"items": items, "content_type": "text/markdown", "producer": {"name": "ex_doc", "version": "0.40.3"}}
    return pages | {
        "index.html": f'<meta http-equiv="refresh" content="0; url={first}.html">',
        "dist/sidebar_items-A1B2C3D4.js": f"sidebarNodes={json.dumps(sidebar)}",
        "dist/search_data-5F4DCC3B.js": f"searchData={json.dumps(data)}",
        "dist/html-RDR4TST2.js": (ASSETS / "reader.js").read_text(),
        "dist/html-elixir-STYL3E2E.css": (ASSETS / "reader.css").read_text(),
    }


def archive(tar, name, version, modules):
    """`docs/NAME-VERSION.tar.gz`; `tar` makes an archive of files."""
    data = {path: text.encode() for path, text in files(name, version, modules).items()}
    return gzip.compress(tar(data), mtime=0)
