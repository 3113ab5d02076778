/** Finding a name: both axes light up while one types; a name that is chosen is brought into view. */

/** @import { Heatmap } from "./heatmap.js" */
/** @import { Model } from "./model.js" */
/** @import { Opened, Store } from "./state.js" */
import { el, fill, name } from "./dom.js";
import { found } from "./heatmap.js";
import { labelled } from "./toolbar.js";

/** So many names are offered. */
const OFFERED = 8;

/**
 * @param {Model} model
 * @param {Store} store
 * @param {Heatmap} heatmap
 * @param {(opened: Opened) => void} open
 */
export function findControl(model, store, heatmap, open) {
  const list = el("ul", { id: "find-list", class: "find-list", role: "listbox", "aria-label": "Names found",
    hidden: true });
  const input = el("input", {
    type: "search",
    id: "find",
    placeholder: "a name",
    autocomplete: "off",
    spellcheck: "false",
    role: "combobox",
    "aria-label": "Find a name",
    "aria-expanded": "false",
    "aria-controls": "find-list",
    "aria-autocomplete": "list",
  });
  /** @type {Opened[]} */
  let offered = [];
  let chosen = -1;

  const take = /** @param {number} i */ (i) => {
    const at = offered[i];
    if (!at) return;
    heatmap.reveal(at);
    const first = heatmap.arrangement;
    store.set({ cursor: { row: at.row ?? first.rows[0], col: at.col ?? first.cols[0] } });
    close();
    open(at);
  };
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = /** @param {number} i */ (i) => {
    chosen = i;
    [...list.children].forEach((item, k) => item.setAttribute("aria-selected", String(k === i)));
    if (i >= 0) input.setAttribute("aria-activedescendant", `find-${i}`);
  };
  const offer = () => {
    const cols = [...(found(model.x.labels, input.value) ?? [])],
      rows = model.sameSet ? [] : [...(found(model.y.labels, input.value) ?? [])];
    const share = Math.max(OFFERED - rows.length, Math.ceil(OFFERED / 2));
    const few = cols.slice(0, share);
    offered = [...few.map((col) => ({ row: null, col })),
      ...rows.slice(0, OFFERED - few.length).map((row) => ({ row, col: null }))];
    const more = cols.length + rows.length - offered.length;
    const item = /** @type {(at: Opened, i: number) => Node} */ (at, i) => {
      const label = at.row === null ? model.x.labels[/** @type {number} */ (at.col)] : model.y.labels[at.row];
      const made = el("li", { role: "option", id: `find-${i}`, "aria-selected": "false" }, name(label),
        el("small", {}, at.row === null ? "column" : "row"));
      made.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        take(i);
      });
      return made;
    };
    const none = model.payload.part ? "not among those shown: pairs.tsv has all" : "no such name";
    const aside = more > 0 ? `and ${more} more, lit on the axes` : offered.length ? "" : none;
    fill(list, ...offered.map(item), aside && el("li", { class: "more", role: "presentation" }, aside));
    list.hidden = input.value.trim() === "";
    input.setAttribute("aria-expanded", String(!list.hidden));
    mark(offered.length ? 0 : -1);
  };
  input.addEventListener("input", () => {
    store.set({ query: input.value });
    offer();
  });
  input.addEventListener("focus", () => {
    if (input.value) offer();
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") mark(Math.min(chosen + 1, offered.length - 1));
    else if (event.key === "ArrowUp") mark(Math.max(chosen - 1, 0));
    else if (event.key === "Enter") take(chosen);
    else if (event.key === "Escape") {
      event.stopPropagation();
      input.value = "";
      store.set({ query: "" });
      close();
      heatmap.frame.focus();
    } else return;
    event.preventDefault();
  });
  return labelled("Find", el("div", { class: "find" }, input, el("kbd", { "aria-hidden": "true" }, "/"), list));
}
