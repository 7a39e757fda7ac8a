// What documentation can try. Each attack answers with what it got; what is refused is an error or nothing.
"use strict";
(() => {
  const wait = time => new Promise(done => setTimeout(done, time));
  const loaded = element => Promise.race([new Promise(done => { element.onload = element.onerror = done; }), wait(2000)]);
  const frame = async url => {
    const one = document.createElement("iframe");
    if (url) one.src = url;
    const done = loaded(one);
    document.body.append(one);
    if (url) await done;
    return one;
  };
  const popup = async url => {
    const one = open(url);
    if (!one) throw new Error("no window");
    await wait(1000);
    return one;
  };
  const run = source => new Promise((done, fail) => {
    const worker = new Worker(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
    worker.onmessage = event => done(event.data);
    worker.onerror = event => fail(new Error(event.message));
    setTimeout(() => fail(new Error("no answer")), 4000);
  });
  const stored = window_ => JSON.stringify([window_.localStorage.getItem("secret"), window_.sessionStorage.getItem("secret")]);
  const submit = async (url, method, target) => {
    const form = document.createElement("form");
    form.action = url;
    form.method = method;
    form.target = target;
    form.enctype = "text/plain";
    const input = form.appendChild(document.createElement("input"));
    input.name = input.value = "evil";
    document.body.append(form);
    form.submit();
  };

  window.attacks = {
    // Of the registry: `url` is a page with a secret, `script` one that is a script.
    fetch: ({url}) => fetch(url, {credentials: "include"}).then(answer => answer.text()),
    request: ({url}) => new Promise(done => {
      const one = new XMLHttpRequest();
      one.withCredentials = true;
      one.onloadend = () => done(one.responseText);
      one.open("GET", url);
      one.send();
    }),
    frame: async ({url}) => (await frame(url)).contentDocument.documentElement.outerHTML,
    frameOfFrame: async ({url}) => {
      const outer = await frame();
      const inner = outer.contentDocument.createElement("iframe");
      inner.src = url;
      const done = loaded(inner);
      outer.contentDocument.body.append(inner);
      await done;
      return inner.contentDocument.documentElement.outerHTML;
    },
    popup: async ({url}) => {
      const one = await popup(url);
      try { return one.document.documentElement.outerHTML; } finally { one.close(); }
    },
    form: async ({url}) => {
      const one = document.createElement("iframe");
      one.name = "target";
      document.body.append(one);
      await submit(url, "post", "target");
      await wait(1500);
      return one.contentDocument.documentElement.outerHTML;
    },
    worker: ({url}) => run(`fetch(${JSON.stringify(url)}, {credentials: "include"}).then(a => a.text()).then(postMessage, e => postMessage(String(e)))`),
    script: async ({script}) => {
      window.searchData = undefined;
      const one = document.createElement("script");
      one.src = script;
      const done = loaded(one);
      document.head.append(one);
      await done;
      return JSON.stringify(window.searchData);
    },
    module: async ({script}) => {
      window.searchData = undefined;
      await import(script);
      return JSON.stringify(window.searchData);
    },
    // A worker that answers for other pages, also when this one is closed.
    serviceWorker: async ({root}) => {
      const one = await navigator.serviceWorker.register("evil_worker.js", {scope: root});
      await one.unregister();
      return "secret: it answers for " + one.scope;
    },
    ownServiceWorker: async () => {
      const one = await navigator.serviceWorker.register("evil_worker.js");
      await one.unregister();
      return "secret: it answers for " + one.scope;
    },

    // Of another package: `page` has kept a secret in its storage.
    storage: () => stored(window),
    storageOfNewFrame: async () => stored((await frame()).contentWindow),
    storageOfFrame: async ({page}) => stored((await frame(page)).contentWindow),
    storageOfPopup: async ({page}) => {
      const one = await popup(page);
      try { return stored(one); } finally { one.close(); }
    },
    cookie: () => document.cookie,
    database: () => new Promise((done, fail) => {
      const asked = indexedDB.open("secret");
      asked.onerror = () => fail(asked.error);
      asked.onsuccess = () => {
        const names = [...asked.result.objectStoreNames];
        asked.result.close();
        done(names.join());
      };
    }),
    cache: async () => (await caches.keys()).join(),
  };
})();
