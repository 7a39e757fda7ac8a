// The search of a static site. It reads the list of packages that the script after it brings.
(() => {
  "use strict";
  const input = document.getElementById("q");
  const list = document.getElementById("found");
  const note = document.getElementById("note");
  const most = 50;
  let packages = [];
  const words = (text) => text.toLowerCase().split(/[\s_.,:;()/"'-]+/).filter(Boolean);
  // The lower, the earlier: the name itself, names that begin so, names with all words, descriptions.
  const rank = (one, text, wanted) => {
    const name = one.name.toLowerCase();
    if (name === text || name === wanted.join("_")) return 0;
    if (name.startsWith(text)) return 1;
    if (wanted.every((word) => name.includes(word))) return 2;
    const said = one.said;
    return wanted.every((word) => name.includes(word) || said.includes(word)) ? 3 : -1;
  };
  const show = () => {
    const text = input.value.trim().toLowerCase();
    const wanted = words(text);
    const found = [];
    if (wanted.length > 0) {
      packages.forEach((one) => {
        const place = rank(one, text, wanted);
        if (place >= 0) found.push([place, one]);
      });
    }
    found.sort((a, b) => a[0] - b[0] || b[1].uses - a[1].uses || (a[1].name < b[1].name ? -1 : 1));
    list.replaceChildren(...found.slice(0, most).map(([, one]) => {
      const item = document.createElement("li");
      const heading = document.createElement("h3");
      const link = document.createElement("a");
      const says = document.createElement("p");
      link.href = "./browse/" + encodeURIComponent(one.name) + ".html";
      link.textContent = one.name;
      heading.append(link, " ", one.version);
      says.textContent = one.text;
      says.dir = "auto";
      item.append(heading, says);
      return item;
    }));
    const count = found.length === 1 ? "1 package" : found.length + " packages";
    note.textContent = wanted.length === 0 ? "Type what to look for."
      : count + (found.length > most ? ": the first " + most : "");
  };
  window.hexregPackageList = (rows) => {
    packages = rows.map(([name, version, uses, text]) => ({ name, version, uses, text, said: text.toLowerCase() }));
    show();
  };
  input.value = new URLSearchParams(location.search).get("q") || "";
  note.textContent = "The list of packages is being read.";
  input.addEventListener("input", show);
  document.getElementById("search").addEventListener("submit", (event) => {
    event.preventDefault();
    show();
  });
})();
