// What the scripts of documentation do that a server has to serve.
"use strict";
(() => {
  const DOCS = "https://hexdocs.pm/%%";
  const PACKAGES = "https://hex.pm/api/packages?search=name:%%*";
  const byId = id => document.getElementById(id);
  const link = (href, text) => {
    const row = document.createElement("li");
    const one = row.appendChild(document.createElement("a"));
    one.href = href;
    one.textContent = text;
    return row;
  };

  // A frame is asked for the text of one function, and sends it to the page that has the link.
  if (new URLSearchParams(location.search).has("hint") && window.parent !== window) {
    const send = () => {
      const detail = byId(decodeURIComponent(location.hash.slice(1)));
      window.parent.postMessage({href: location.href, hint: detail ? detail.textContent : null}, "*");
    };
    // A script that is loaded asynchronously may come before the page.
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", send);
    else send();
    return;
  }

  const start = () => {
    // Storage is read late, without a guard.
    if (sessionStorage.getItem("reader:sidebar") === "closed") byId("sidebar").className = "closed";
    const nodes = window.sidebarNodes;
    if (nodes) {
      for (const one of nodes.modules.concat(nodes.extras)) byId("nodes").append(link(`${one.id}.html`, one.title));
    }
    const versions = window.versionNodes || [];
    const shown = document.querySelector(".sidebar-projectVersion");
    if (versions.length > 0) {
      const select = document.createElement("select");
      select.id = "versions";
      select.setAttribute("aria-label", "Version");
      for (const one of versions) {
        const option = new Option(one.version + (one.latest ? " (latest)" : "") + (one.retired ? " (retired)" : ""), one.url);
        option.selected = one.version === shown.textContent.trim();
        select.append(option);
      }
      // The same page in that version, if there is one.
      select.onchange = () => {
        const same = `${select.value}/${location.pathname.split("/").pop()}${location.hash}`;
        fetch(same, {method: "HEAD"}).then(answer => answer.ok, () => false).then(ok => {
          location.href = ok ? same : select.value;
        });
      };
      shown.replaceChildren(select);
    }
    const data = window.searchData ? window.searchData.items : window.searchNodes;
    const query = new URLSearchParams(location.search).get("q");
    if (data && query) {
      const found = data.filter(one => `${one.title} ${one.doc}`.toLowerCase().includes(query.toLowerCase()));
      byId("found").append(...found.map(one => link(one.ref, one.title)));
      sessionStorage.setItem("reader:found", String(found.length));
    }
    const button = byId("packages");
    if (button) {
      button.onclick = () => {
        const name = window.prompted;
        fetch(PACKAGES.replace("%%", name)).then(answer => answer.json()).then(found => {
          const one = found.find(each => !each.releases || each.releases[0].has_docs);
          if (one) location = DOCS.replace("%%", one.name);
        });
      };
    }
  };

  window.reader = {
    // The theme is kept.
    night() {
      localStorage.setItem("reader:settings", JSON.stringify({theme: "night"}));
      document.body.className += " night";
    },
    close() {
      sessionStorage.setItem("reader:sidebar", "closed");
    },
    // The text of a function on another page, by a hidden frame.
    hint(href) {
      return new Promise(done => {
        const frame = document.createElement("iframe");
        const asked = new URL(href.replace(".html", ".html?hint=true"), location.href).href;
        addEventListener("message", event => {
          if (event.data.href === asked) {
            frame.remove();
            done(event.data.hint);
          }
        });
        frame.style.display = "none";
        frame.src = asked;
        document.body.append(frame);
      });
    },
    popup(href) {
      return window.open(href, "_blank");
    },
  };
  window.Gleam = {initSearch: data => { window.searchData = {items: data.items || data}; }};
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
