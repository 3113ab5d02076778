/** A row or a column opened: everything it was compared with, strongest first, each with its interval. */

/** @import { Model } from "./model.js" */
/** @import { Opened, Store } from "./state.js" */
import { datum } from "./cell_words.js";
import { button, el, fill, name } from "./dom.js";
import { intervalBar } from "./interval.js";
import { plainText, pText } from "./numbers.js";

/** So many at a time. */
const PAGE = 40;

/**
 * @param {HTMLElement} holder
 * @param {Model} model
 * @param {Store} store
 * @param {{ row: number, col: null } | { row: null, col: number }} at
 * @param {(opened: Opened | null) => void} open
 */
export function showRanked(holder, model, store, at, open) {
  const ofRow = at.row !== null, set = ofRow ? model.y : model.x, others = ofRow ? model.x : model.y;
  const index = /** @type {number} */ (ofRow ? at.row : at.col);
  const cellOf = /** @param {number} other */ (
    other,
  ) => (ofRow ? { row: index, col: other } : { row: other, col: index });
  const entries = others.labels.map((label, other) => {
    const { row, col } = cellOf(other);
    return { label, other, r: model.at("r", row, col) };
  }).filter(({ other }) => !(model.sameSet && other === index));
  const size = /** @param {number} r */ (r) => (Number.isFinite(r) ? Math.abs(r) : -1);
  entries.sort((a, b) => size(b.r) - size(a.r) || a.other - b.other);
  const list = el("ol", { class: "ranked" }), more = el("button", { type: "button", class: "button" });
  const ends = [-model.reach, 0, model.reach].map((end) => el("i", {}, plainText(end)));
  const axis = el("div", { class: "ranked-axis", "aria-hidden": "true" }, el("span"),
    el("span", { class: "ends" }, ...ends), el("span"), el("span"));
  let shown = 0;
  const show = () => {
    for (const { label, other, r } of entries.slice(shown, shown + PAGE)) {
      const { row, col } = cellOf(other), q = model.at("q", row, col), p = model.at("p", row, col);
      const low = model.at("ci_low", row, col), high = model.at("ci_high", row, col);
      const probability = Number.isFinite(q) ? `q ${pText(q, true)}` : Number.isFinite(p) ? `p ${pText(p, true)}` : "";
      const bar = Number.isFinite(r)
        ? intervalBar(r, low, high, { stick: true, reach: model.reach })
        : el("span", { class: "interval" });
      const line = button({}, () => open({ row, col }), name(label), bar, datum(r, model.text(r)),
        el("span", { class: "probability" }, probability));
      list.append(el("li", { class: q > 0.05 ? "weak" : null }, line));
    }
    shown = Math.min(entries.length, shown + PAGE);
    more.hidden = shown === entries.length;
    more.textContent = `Show more (${entries.length - shown})`;
  };
  more.addEventListener("click", show);
  show();
  const info = set.maps?.[index];
  fill(holder,
    el("header", { class: "opened-head" }, el("h2", { id: "opened-title", tabindex: -1 }, name(set.labels[index])),
      el("div", { class: "ways" },
        el("button", { type: "button", class: "button", id: "order-by",
          onclick: () => store.set({ order: { kind: ofRow ? "row" : "col", index } }) },
          `Order ${ofRow ? "columns" : "rows"} by it`),
        el("button", { type: "button", class: "button", id: "close", onclick: () => open(null) }, "Close ",
          el("kbd", {}, "Esc")))),
    el("p", { class: "small" },
      `${model.payload.measure.name} with each ${others.name.endsWith(`${model.noun}s`) ? "" : `${model.noun} `}of `,
      name(others.name), ", strongest first; lines are 95 % intervals."),
    info?.error && el("p", { class: "notice" }, info.error), axis, list, more);
}
