/** The matrix as a plain table, a page of it at a time: for screen readers, and for those who copy. */

/** @import { Heatmap } from "./heatmap.js" */
/** @import { Model } from "./model.js" */
/** @import { Opened, Store } from "./state.js" */
import { datum, spoken } from "./cell_words.js";
import { button, el, fill, name } from "./dom.js";

/** Rows and columns of one page. */
const ROWS = 50, COLS = 20;

/**
 * @param {HTMLElement} holder
 * @param {Model} model
 * @param {Store} store
 * @param {Heatmap} heatmap
 * @param {(opened: Opened) => void} open
 */
export function tableView(holder, model, store, heatmap, open) {
  let rowFrom = 0, colFrom = 0, shown = false;
  const toggle = el("button", { type: "button", class: "button", id: "table-toggle", "aria-expanded": "false",
    "aria-controls": holder.id }, "Table");
  const draw = () => {
    if (!shown) return;
    const { arrangement, scene: { field } } = heatmap;
    const rows = [...arrangement.rows.subarray(rowFrom, rowFrom + ROWS)],
      cols = [...arrangement.cols.subarray(colFrom, colFrom + COLS)];
    const head = el("tr", {}, el("td"), ...cols.map((col) => el("th", { scope: "col" }, name(model.x.labels[col]))));
    const cell = /** @type {(row: number, col: number) => Node} */ (row, col) => {
      const value = model.diagonal(row, col) ? NaN : field.value(row * model.cols + col);
      const words = { "aria-label": spoken(model, { row, col }) };
      return el("td", {}, button(words, () => open({ row, col }), datum(value, field.text(value))));
    };
    const body = rows.map((row) => el("tr", {}, el("th", { scope: "row" }, name(model.y.labels[row])),
      ...cols.map((col) => cell(row, col))));
    fill(holder,
      el("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Table" },
        el("table", { class: "numbers" },
          el("caption", {}, `${field.name}; columns: `, name(model.x.name), "; rows: ", name(model.y.name)),
          el("thead", {}, head), el("tbody", {}, ...body))),
      el("div", { class: "pager" }, pager("rows", rowFrom, ROWS, model.rows, (from) => {
        rowFrom = from;
        draw();
      }), pager("columns", colFrom, COLS, model.cols, (from) => {
        colFrom = from;
        draw();
      })));
  };
  toggle.addEventListener("click", async () => {
    await model.loadAll();
    shown = !shown;
    holder.hidden = !shown;
    toggle.setAttribute("aria-expanded", String(shown));
    draw();
  });
  store.on(["order"], () => {
    rowFrom = colFrom = 0;
  });
  store.on(["show", "order"], () => queueMicrotask(draw));
  return toggle;
}

/**
 * @type {(what: string, from: number, step: number, count: number, go: (from: number) => void) =>
 *   HTMLElement | null}
 */
function pager(what, from, step, count, go) {
  if (count <= step) return null;
  const to = Math.min(from + step, count);
  return el("div", {},
    el("button", { type: "button", class: "button", disabled: from === 0, onclick: () => go(Math.max(0, from - step)) },
      "\u2039 before"), el("span", {}, ` ${what} ${from + 1} to ${to} of ${count} `),
    el("button", { type: "button", class: "button", disabled: to === count, onclick: () => go(to) }, "after \u203a"));
}
