// The search of a site of static files. It reads the files that src/docs/search.rs describes, each as a script, so that it
// works from file:// too. The page has, in this order:
//   <form id="docs-search"> with an input called q, <p id="docs-status" role="status">, <ol id="docs-results">,
//   <button id="docs-more" hidden>, and
//   <script src="docs-search.js" data-index="search/" data-docs="docs/" data-root=""></script>
// with the folder of the index, that of all documentation, and that of the site, as seen from the page. A record of the kind
// "package" has its place below the site, and all others below their documentation.
(function () {
  "use strict";
  const { index: folder, docs: docsFolder, root } = document.currentScript.dataset;
  const [form, status, list, more] = ["search", "status", "results", "more"].map((id) => document.getElementById("docs-" + id));
  const SHOWN = 10, REQUESTS = 6, BYTES = 85000, TERMS = 128, SEEN = 2000, BLOCKS = 2;
  const waiting = {}, kept = {};
  let loaded = 0, size = 0, asked = 0, manifest;

  window.hexregDocs = (name, text) => { if (waiting[name]) waiting[name](text); };

  // The bytes of a file. Each is loaded once.
  function load(name) {
    return kept[name] ||= new Promise((done, failed) => {
      waiting[name] = done;
      const script = document.createElement("script");
      script.src = folder + name + ".js";
      script.onload = () => { delete waiting[name]; script.remove(); failed(); };
      script.onerror = () => { delete kept[name]; failed(new Error(name)); };
      loaded++;
      document.head.append(script);
    }).then(async (text) => {
      size += text.length;
      const stream = new Blob([toFile(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
      return new Reader(new Uint8Array(await new Response(stream).arrayBuffer()));
    });
  }

  // The bytes of a text, as src/docs/search/script_text.rs writes them.
  function toFile(text) {
    const numbers = [], bytes = new Uint8Array(text.length);
    for (let code = 1, next = 0; code < 128; code++) if (!"\n\r\"\\".includes(String.fromCharCode(code))) numbers[code] = next++;
    let queue = 0, waiting = 0, count = 0;
    for (let at = 0; at < text.length; at += 2) {
      const isPair = at + 1 < text.length, pair = numbers[text.charCodeAt(at)] + 123 * (isPair ? numbers[text.charCodeAt(at + 1)] : 0);
      queue |= pair << waiting;
      waiting += isPair ? (pair & 8191) < 6937 ? 14 : 13 : 8 - waiting;
      for (; waiting > 7; waiting -= 8, queue >>= 8) bytes[count++] = queue;
    }
    return bytes.subarray(0, count);
  }

  // Terms are strings of bytes here, since their order is that of bytes.
  const toBytes = (text) => unescape(encodeURIComponent(text));
  const utf8 = new TextDecoder();

  class Reader {
    constructor(bytes) { this.bytes = bytes; this.at = 0; }
    get done() { return this.at >= this.bytes.length; }
    number() {
      let value = 0, scale = 1, byte;
      do {
        byte = this.bytes[this.at++];
        value += (byte & 127) * scale;
        scale *= 128;
      } while (byte & 128);
      return value;
    }
    take(length) { return this.bytes.subarray(this.at, this.at += length); }
    text() { return utf8.decode(this.take(this.number())); }
    id() { return Array.from(this.take(6), (byte) => byte.toString(16).padStart(2, "0")).join(""); }
    after(before) { const shared = this.number(); return before.slice(0, shared) + String.fromCharCode(...this.take(this.number())); }
    many(read) { return Array.from({ length: this.number() }, read); }
  }

  async function readManifest() {
    const from = await load("docs-index");
    from.at = 0;
    if (from.number() !== 1) throw new Error("the index is of another version");
    let before = "";
    const firsts = from.many(() => before = from.after(before));
    const terms = firsts.map((first) => ({ first, name: "t-" + from.id() }));
    const records = from.many(() => "r-" + from.id());
    const docs = from.many(() => {
      const name = from.text();
      return name && { name, version: from.text(), rank: from.number(), parts: from.many(() => [from.number(), from.number()]) };
    });
    const sorted = docs.filter(Boolean).sort((a, b) => b.rank - a.rank || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.version < b.version ? -1 : 1));
    sorted.forEach((one, place) => { one.place = place; });
    return { terms, records, docs };
  }

  function fileAt(term) {
    let low = 0, high = manifest.terms.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (manifest.terms[middle].first <= term) low = middle + 1; else high = middle;
    }
    return Math.max(low - 1, 0);
  }

  async function termsOf(at) {
    const file = manifest.terms[at];
    if (!file) return [];
    const from = await load(file.name);
    return file.terms ||= (from.at = 0, (() => {
      let before = "";
      return from.many(() => {
        const term = before = from.after(before);
        const titles = from.take(from.number());
        const tag = from.number();
        return tag % 2 ? { term, titles, blocks: from.many(() => (from.number(), "p-" + from.id())) }
          : { term, titles, texts: from.take(from.number()) };
      });
    })());
  }

  // Calls with each record, and its class in the title, of postings.
  function each(bytes, isTitle, call) {
    const from = new Reader(bytes), scale = isTitle ? 8 : 2;
    let docs = 0, record = 0;
    while (!from.done) {
      const number = from.number(), value = Math.floor(number / scale);
      if (number % 2) { docs += from.number(); record = value; } else record += value;
      call(docs * 65536 + record, isTitle ? (number >> 1) & 3 : -1);
    }
  }

  // As src/stem.rs.
  function stem(word) {
    const without = (text, ending, min) => text.endsWith(ending) && text.length - ending.length >= min ? text.slice(0, -ending.length) : text;
    let it = /(ss|us|is)$/.test(word) ? word : without(word, "s", 3);
    const inflected = it;
    for (const ending of ["ing", "ed", "er"]) {
      const shorter = without(it, ending, 3);
      if (shorter !== it) { if (ending !== "er" || shorter.length > 3) it = shorter; break; }
    }
    if (it !== inflected) return it.length > 3 && /([^aeiouls])\1$/.test(it) ? it.slice(0, -1) : it;
    for (const ending of ["ie", "y", "e"]) {
      const shorter = without(it, ending, 3);
      if (shorter !== it) return shorter;
    }
    return it;
  }

  // As words_of_query in src/docs/search/tokens.rs.
  const unspaced = /[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/;
  const isTerm = (text) => text && toBytes(text).length <= (/^\d+$/.test(text) ? 4 : 64);
  function pieces(part) {
    const found = part.split(/[_\-]/).flatMap((word) => unspaced.test(word)
      ? Array.from(word).slice(1).map((c, at) => Array.from(word)[at] + c)
      : word.split(/(?<=\p{Lowercase})(?=\p{Uppercase})|(?<=\p{Uppercase})(?=\p{Uppercase}\p{Lowercase})/u));
    return found.length ? found : [part];
  }
  function wordsOf(query) {
    const words = [];
    for (let chunk of query.slice(0, 400).split(/[^\p{Alphabetic}\p{N}_\-.:/@?!]+/u)) {
      if (chunk.length > 256 || chunk.includes("://")) continue;
      chunk = chunk.replace(/^[.\-/?!]+/, "").replace(/[.\-/:@]+$/, "");
      if (!/[\p{Alphabetic}\p{N}_]/u.test(chunk)) continue;
      const whole = chunk.toLowerCase();
      const path = chunk.replace(/^[@:]+/, "").replace(/(.)\/\d{1,3}$/, "$1");
      let parts = path.split(/[.:/?!@_\-]/).flatMap(pieces).map((part) => part.toLowerCase()).filter(isTerm);
      if (parts.length === 1 && parts[0] === whole) parts = [];
      if (isTerm(whole) || parts.length) words.push({ whole, parts });
    }
    words.forEach((word, at) => { word.isOpen = at === words.length - 1; });
    return words.slice(0, 8);
  }
  const partsOf = (word) => word.parts.map((whole, at) => ({ whole, parts: [], isOpen: word.isOpen && at === word.parts.length - 1 }));

  // The terms that stand for a word: as src/docs/search/matches.rs, from two files at most.
  async function matches(word) {
    const whole = toBytes(word.whole);
    const hasForms = /^[a-z]{4,}$/.test(whole), isOpen = word.isOpen && whole.length > 1;
    const start = hasForms ? stem(whole) : whole;
    const found = [];
    const files = isOpen || hasForms ? [fileAt(start), fileAt(whole)] : [fileAt(whole)];
    let seen = 0;
    for (const at of new Set(files)) {
      for (const entry of await termsOf(at)) {
        if (entry.term === whole) found.push({ entry, exact: true });
        else if (files.length > 1 && entry.term.startsWith(start) && seen++ < SEEN && found.length < TERMS) {
          const isForm = hasForms && entry.term.length - start.length <= 5 && stem(entry.term) === start;
          if (isForm || (isOpen && entry.term.startsWith(whole))) found.push({ entry, exact: false });
        }
      }
    }
    return found;
  }

  const score = (kind, exact) => kind < 0 ? (exact ? 2 : 1) : kind === 0 ? (exact ? 6 : 3) : !exact ? 4 : kind === 3 ? 9 : 8;

  // The records of a word, with their scores. Those of very common terms in texts are left out, unless they are asked for.
  async function recordsOf(terms, withBlocks) {
    const records = new Map();
    let isCommon = false;
    for (const { entry, exact } of terms) {
      const add = (key, kind) => records.set(key, Math.max(records.get(key) || 0, score(kind, exact)));
      each(entry.titles, true, add);
      if (entry.texts) each(entry.texts, false, add);
      else if (withBlocks) {
        for (const name of entry.blocks.slice(0, BLOCKS)) {
          const from = await load(name);
          from.at = 0;
          from.text();
          each(from.bytes.subarray(from.at), false, add);
        }
      } else isCommon = true;
    }
    return { records, isCommon };
  }

  async function candidates(query) {
    const words = wordsOf(query);
    let terms = [], hasParts = false;
    for (const word of words) {
      const found = await matches(word);
      if (!found.length && word.parts.length) for (const part of partsOf(word)) terms.push(await matches(part));
      else { terms.push(found); hasParts ||= word.parts.length > 0; }
    }
    const isSingle = terms.length === 1;
    const join = async (withBlocks) => {
      const all = [];
      for (const one of terms) all.push(await recordsOf(one, withBlocks));
      const isAllCommon = all.every((one) => one.isCommon);
      all.sort((a, b) => a.isCommon - b.isCommon || a.records.size - b.records.size);
      const found = [];
      for (const [key, first] of all.length ? all[0].records : []) {
        const scores = all.map(({ records, isCommon }) => records.get(key) || (isCommon && !isAllCommon ? 1 : 0));
        if (scores.every(Boolean)) found.push(candidate(key, scores, isSingle && first === 9));
      }
      return { all, found };
    };
    let { all, found } = await join(false);
    if (!found.length && all.length && all.every((one) => one.isCommon)) found = (await join(true)).found;
    if (!found.length && hasParts) {
      terms = [];
      for (const word of words) for (const part of word.parts.length ? partsOf(word) : [word]) terms.push(await matches(part));
      ({ all, found } = await join(false));
    }
    const isSome = !found.length && terms.length > 1;
    if (isSome) {
      const scores = new Map();
      for (const { records } of all) for (const [key, one] of records) scores.set(key, [...(scores.get(key) || []), one]);
      found = Array.from(scores, ([key, one]) => candidate(key, one, false));
    }
    found = found.filter((one) => one.docs);
    found.sort((a, b) => b.words - a.words || b.isTitle - a.isTitle || b.score - a.score || a.docs.place - b.docs.place || a.record - b.record);
    return { found, isSome };
  }

  function candidate(key, scores, isTitle) {
    const number = Math.floor(key / 65536);
    const sum = scores.reduce((total, one) => total + Math.min(one, 8), 0);
    return { number, docs: manifest.docs[number], record: key % 65536, words: scores.length, score: sum, isTitle };
  }

  function fileOf({ docs, record }) {
    for (const [file, count] of docs.parts) {
      if (record < count) return manifest.records[file];
      record -= count;
    }
  }

  async function shown(one) {
    const name = fileOf(one);
    const from = await load(name);
    const groups = from.groups ||= (from.at = 0, from.many(() => {
      const number = from.number(), first = from.number();
      return { number, first, records: from.many(() => {
        const kind = from.text(), bytes = from.take(from.number()), title = utf8.decode(bytes), length = from.number();
        const module = length ? utf8.decode(bytes.subarray(0, length - 1)) : from.text();
        const rest = title.slice(module.length + 1);
        const place = from.text() || module + ".html" + (rest && "#" + rest);
        return [kind, title, module, place, from.text()];
      }) };
    }));
    const group = groups.find((it) => it.number === one.number && one.record >= it.first && one.record < it.first + it.records.length);
    return group && group.records[one.record - group.first];
  }

  function element(name, text, parent) {
    const made = document.createElement(name);
    made.textContent = text;
    parent.append(made);
    return made;
  }

  function show(one, [kind, title, module, place, snippet]) {
    const item = element("li", "", list), { name, version } = one.docs;
    const link = element("a", title, element("h3", "", item));
    link.href = kind === "package" ? root + place : docsFolder + name + "/" + version + "/" + place;
    element("p", kind + (module && module !== title ? " of " + module : "") + ", " + name + " " + version, item).className = "quiet";
    if (snippet) element("p", snippet, item);
  }

  // Shows the next results: as many as have their records in files that are loaded, or may be.
  async function showNext(query, found, from, mine) {
    const some = [], isFull = () => loaded >= REQUESTS || size >= BYTES;
    let at = from;
    for (; at < found.length && some.length < SHOWN; at++) {
      const name = fileOf(found[at]);
      if (name && !kept[name] && isFull() && some.length) break;
      const record = name && await shown(found[at]);
      if (record) some.push([found[at], record]);
    }
    if (mine !== asked) return;
    const isTitle = ([, record]) => record[1].toLowerCase() === query;
    const before = list.children.length;
    some.filter(isTitle).concat(some.filter((one) => !isTitle(one))).forEach(([one, record]) => show(one, record));
    // The button may be gone: the focus goes on to what is new.
    if (before) list.children[before]?.querySelector("a").focus();
    more.hidden = at >= found.length;
    more.onclick = () => { loaded = size = 0; showNext(query, found, at, mine).catch(failed); };
  }

  function failed(error) { status.textContent = "The search cannot be read" + (error ? ": " + error.message : ""); }

  async function search(text) {
    const mine = ++asked, query = text.trim().split(/\s+/).join(" ").toLowerCase();
    list.textContent = "";
    more.hidden = true;
    status.textContent = query && "Searching …";
    manifest ||= await readManifest();
    if (!query) return;
    loaded = size = 0;
    const { found, isSome } = await candidates(text);
    if (mine !== asked) return;
    status.textContent = (found.length === 1 ? "1 result" : found.length + " results") + (isSome && found.length ? ": nothing has all words, and these have some" : "");
    await showNext(query, found, 0, mine);
  }

  const input = form.elements.q;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    // A page from file:// may not change its URL in every browser.
    try { history.replaceState(null, "", "?q=" + encodeURIComponent(input.value)); } catch { /* It stays. */ }
    search(input.value).catch(failed);
  });
  // As in documentation of ExDoc, a slash leads into the search.
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target === input || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
  input.value = new URLSearchParams(location.search).get("q") || input.value;
  if (!input.value) input.focus();
  search(input.value).catch(failed);
})();
