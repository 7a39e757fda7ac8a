// A reader of another package makes a choice, which its documentation keeps wherever it may.
"use strict";
window.keep = async () => {
  const database = () => new Promise((done, fail) => {
    const asked = indexedDB.open("secret", 1);
    asked.onupgradeneeded = event => event.target.result.createObjectStore("secret");
    asked.onsuccess = () => { asked.result.close(); done(); };
    asked.onerror = fail;
  });
  for (const keep of [
    () => localStorage.setItem("secret", "secret"),
    () => sessionStorage.setItem("secret", "secret"),
    () => { document.cookie = "kept=secret; path=/"; },
    database,
    () => caches.open("secret"),
  ]) {
    try { await keep(); } catch (error) { /* It is refused. */ }
  }
  return localStorage.getItem("secret");
};
