// Suggestions while one types a search: arrows choose, Enter opens, Escape closes. Without this script, the form works.
(() => {
  "use strict";
  const form = document.getElementById("search");
  const input = document.getElementById("q");
  if (!form || !input || !window.fetch) return;
  const list = document.createElement("ul");
  const status = document.createElement("p");
  list.id = "suggestions";
  list.hidden = true;
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Packages");
  status.className = "unseen";
  status.setAttribute("role", "status");
  form.append(list, status);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false",
  })) input.setAttribute(name, value);
  let chosen = -1;
  let timer = 0;
  let asked = 0;

  const options = () => Array.from(list.children);
  const choose = (index) => {
    const all = options();
    chosen = index;
    all.forEach((one, at) => one.setAttribute("aria-selected", String(at === index)));
    if (index < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", all[index].id);
      all[index].scrollIntoView({ block: "nearest" });
    }
  };
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    choose(-1);
  };
  const show = (found) => {
    list.replaceChildren(...found.map((one, at) => {
      const option = document.createElement("li");
      const name = document.createElement("strong");
      const text = document.createElement("span");
      option.id = "suggestion-" + at;
      option.setAttribute("role", "option");
      option.dataset.url = one.url;
      name.textContent = one.name;
      text.textContent = one.text;
      text.dir = "auto";
      option.append(name, " ", text);
      return option;
    }));
    list.hidden = found.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    status.textContent = found.length === 1 ? "1 suggestion" : found.length + " suggestions";
    choose(-1);
  };
  const ask = async () => {
    const text = input.value.trim();
    const turn = ++asked;
    if (!text) return close();
    try {
      const url = new URL("suggestions", form.action);
      url.searchParams.set("q", text);
      const response = await fetch(url);
      const found = response.ok ? await response.json() : [];
      if (turn === asked && document.activeElement === input) show(found);
    } catch {
      close();
    }
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 120);
  });
  input.addEventListener("keydown", (event) => {
    const count = options().length;
    if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count > 0 && !list.hidden) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose((chosen + 1 + step + count + 1) % (count + 1) - 1);
    } else if (event.key === "Enter" && chosen >= 0 && !list.hidden) {
      event.preventDefault();
      location.assign(options()[chosen].dataset.url);
    }
  });
  input.addEventListener("blur", () => setTimeout(close, 150));
  list.addEventListener("mousedown", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) location.assign(option.dataset.url);
  });
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    const typing = target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      // The page of the search in documentation has a field of its own.
      const field = document.getElementById("docs-q") || input;
      field.focus();
      field.select();
    }
  });
})();
