/** The head of the page: what was compared, the figures that matter, and what a reader must know first. */

/** @import { Model } from "./model.js" */
/** @import { Opened } from "./state.js" */
import { button, byId, el, fill } from "./dom.js";

/** Notes beyond these wait behind a word: what is first must be seen. */
const SHOWN = 4;

/** Longer ones are cut after three lines, with a word that shows all. */
const LONG = 300;

/** @param {HTMLElement} words */
function more(words) {
  const toggle = button({ class: "link", "aria-expanded": "false" }, () => {
    const cut = words.classList.toggle("clamped");
    toggle.setAttribute("aria-expanded", String(!cut));
    toggle.textContent = cut ? "all of it" : "less";
  }, "all of it");
  return toggle;
}

/**
 * @param {Model} model
 * @param {(opened: Opened) => void} open
 */
export function pageHead(model, open) {
  const { title, sentence, facts = [], head } = model.payload;
  byId("title").textContent = title;
  byId("sentence").textContent = sentence;
  const fact = /** @param {typeof facts[number]} fact */ ({ label, value, cell }) => el("div", {}, el("dt", {}, label),
    el("dd", {}, cell ? button({ class: "link" }, () => open({ row: cell[0], col: cell[1] }), value) : value));
  fill(byId("facts"), ...facts.map(fact));
  byId("facts").hidden = facts.length === 0;
  const notes = [...head].sort((a, b) => Number(b.level === "warning") - Number(a.level === "warning"));
  const item = /** @param {typeof notes[number]} note */ ({ level, text }) => {
    const words = el("p", { class: text.length > LONG ? "clamped" : null },
      level === "warning" && el("b", {}, "Warning "), text);
    return el("li", { class: level === "warning" ? "warning" : "note" }, words, text.length > LONG && more(words));
  };
  const holder = byId("notes"), first = notes.filter(({ level }, i) => level === "warning" || i < SHOWN),
    rest = notes.slice(first.length);
  fill(holder, el("ul", { class: "notes" }, ...first.map(item)),
    rest.length > 0 &&
      el("details", { class: "more-notes" },
        el("summary", {}, `${rest.length} more ${rest.length === 1 ? "note" : "notes"}`),
        el("ul", { class: "notes" }, ...rest.map(item))));
  holder.hidden = notes.length === 0;
}
