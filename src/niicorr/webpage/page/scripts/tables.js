/** Plain tables, and parts of the page that are folded until they are asked for. */

import { button, el } from "./dom.js";

/** @typedef {import("./dom.js").Child | { number: string }} TableCell */

/** So many rows at a time. */
const PAGE = 100;

/**
 * A table that scrolls within itself; its rows are made when they are to be seen.
 * @param {string} label
 * @param {string[]} head
 * @param {TableCell[][]} rows numbers stand to the right
 */
export function plainTable(label, head, rows) {
  const body = el("tbody");
  let shown = 0;
  const show = () => {
    for (const row of rows.slice(shown, shown + PAGE)) {
      body.append(el("tr", {}, ...row.map((cell) => {
        const number = cell !== null && typeof cell === "object" && "number" in cell ? cell.number : null;
        return number === null ? el("td", {}, /** @type {any} */ (cell)) : el("td", { class: "number" }, number);
      })));
    }
    shown = Math.min(rows.length, shown + PAGE);
    more.hidden = shown === rows.length;
    more.textContent = `Show more (${rows.length - shown})`;
  };
  const more = button({ class: "button" }, show);
  const heads = el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text))));
  const table = el("table", { class: "plain-table" }, heads, body);
  show();
  return el("div", {}, el("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": label }, table),
    more);
}

/**
 * A part of the page that is closed; what is in it is made when it is first opened.
 * @param {string} title
 * @param {() => Node} made
 * @param {boolean} [open]
 */
export function folded(title, made, open = false) {
  const fold = el("details", { class: "fold" }, el("summary", {}, title));
  const unfold = () => {
    if (fold.childElementCount === 1) fold.append(made());
  };
  fold.addEventListener("toggle", unfold);
  if (open) {
    unfold();
    fold.open = true;
  }
  return fold;
}
