// What a browser would load for searches on a site of static files: runs templates/docs-search.js on the files of an index.
//
//   node static-search.js SCRIPT INDEX_DIR < QUERIES
//
// Prints one JSON object a query: the requests and bytes after the manifest, and the titles of the first results. A browser
// begins each search anew, with nothing loaded but the manifest.
"use strict";
const fs = require("fs"), path = require("path"), vm = require("vm");
const [script, folder] = process.argv.slice(2);
const source = fs.readFileSync(script, "utf8");
const pause = (time) => new Promise((done) => setTimeout(done, time));

function element(name) {
  return {
    name, children: [], textContent: "", hidden: false, dataset: {}, elements: {}, listeners: {},
    append(child) { this.children.push(child); },
    addEventListener(event, call) { this.listeners[event] = call; },
    remove() {},
    focus() {},
    select() {},
    querySelector() { return element("a"); },
  };
}

async function ask(query) {
  const elements = Object.fromEntries(["search", "status", "results", "more"].map((id) => ["docs-" + id, element(id)]));
  const form = elements["docs-search"];
  form.elements.q = Object.assign(element("input"), { value: "" });
  const used = { query, requests: 0, bytes: 0 };
  const window = {};
  const context = vm.createContext({
    window, console, setTimeout, addEventListener() {}, TextDecoder, TextEncoder, Blob, Response, DecompressionStream, URLSearchParams, Uint8Array, atob,
    unescape, encodeURIComponent, history: { replaceState() {} }, location: { search: "" },
    document: {
      currentScript: { dataset: { index: "", docs: "docs/", root: "" } },
      getElementById: (id) => elements[id],
      createElement: element,
      head: {
        append(tag) {
          setTimeout(() => {
            let text;
            try { text = fs.readFileSync(path.join(folder, tag.src), "utf8"); } catch { return tag.onerror(); }
            used.requests++;
            used.bytes += text.length;
            vm.runInContext("window." + text, context);
            tag.onload();
          });
        },
      },
    },
  });
  vm.runInContext(source, context);
  while (!used.requests) await pause(1);
  await pause(30);
  Object.assign(used, { requests: 0, bytes: 0 });
  form.elements.q.value = query;
  form.listeners.submit({ preventDefault() {} });
  const list = elements["docs-results"], status = elements["docs-status"];
  let quiet = 0;
  for (let before = -1; quiet < 5 || status.textContent === "Searching …"; await pause(40)) {
    quiet = before === used.requests ? quiet + 1 : 0;
    before = used.requests;
  }
  const titles = list.children.map((item) => item.children[0].children[0].textContent);
  return { ...used, status: status.textContent, titles };
}

(async () => {
  for (const query of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) console.log(JSON.stringify(await ask(query)));
})();
