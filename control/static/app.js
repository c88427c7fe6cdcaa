/* Vọng Lâu: the script of every page; passkey.js beside it asks security keys. Everything works without either.
   It moves the focus and opens pages; it never signs, sends or changes anything. */
"use strict";
(() => {
  const inField = (node) => node.closest("input, select, textarea, [contenteditable]") !== null;

  const rows = () => [...document.querySelectorAll("table[data-rows] tbody tr")].filter((row) => row.querySelector("a"));

  const step = (by) => {
    const all = rows();
    if (all.length === 0) return;
    const here = all.findIndex((row) => row.contains(document.activeElement));
    const start = here >= 0 ? here : all.findIndex((row) => row.matches("[aria-current]"));
    const next = all[Math.min(all.length - 1, Math.max(0, start + by))] || all[0];
    next.querySelector("a").focus();
  };

  const open = () => {
    const row = rows().find((one) => one.contains(document.activeElement)) || rows().find((one) => one.matches("[aria-current]"));
    if (row) row.querySelector("a").click();
  };

  const act = {
    j: () => step(1),
    k: () => step(-1),
    m: open,
    "/": () => document.querySelector("[data-search]")?.focus(),
    "?": () => { window.location.assign("/keyboard"); },
  };

  document.addEventListener("keydown", (event) => {
    if (document.body.dataset.keys !== "on" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target instanceof Element && inField(event.target)) return;
    const key = event.key.toLowerCase();
    const marked = document.querySelector(`a[data-key="${CSS.escape(event.key.toUpperCase())}"]`);
    const what = act[key] || (marked ? () => marked.focus() : null);
    if (what) { event.preventDefault(); what(); }
  });
})();
