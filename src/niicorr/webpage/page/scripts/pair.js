/** A cell opened: its number with its interval, both maps, their voxels, every number, and the null model. */

/** @import { Model } from "./model.js" */
/** @import { Cell, Opened } from "./state.js" */
import { datum, factsOf, intervalText } from "./cell_words.js";
import { button, el, fill, name } from "./dom.js";
import { intervalBar } from "./interval.js";
import { nullPlot } from "./null_plot.js";
import { nText, percent, pText } from "./numbers.js";
import { pairMaps } from "./pair_maps.js";
import { regionPair } from "./region_pair.js";
import { seriesPair } from "./series_pair.js";

/**
 * The maps of a pair as they are shown, whatever they are.
 * @typedef {object} Shown
 * @property {HTMLElement} element
 * @property {import("./density.js").Density} density
 * @property {boolean} [short] whether there is room below for numbers
 * @property {() => void} draw at once
 * @property {() => void} redraw before the next picture of the screen
 * @property {() => void} toggleBlink
 * @property {() => void} stop
 */

/**
 * The head of what is open: names, ways on, and a way out.
 * @param {Model} model
 * @param {Cell} cell
 * @param {(opened: Opened | null) => void} open
 * @param {(down: number, right: number) => void} step
 */
function head(model, { row, col }, open, step) {
  const { embedded } = model.payload;
  const label = /** @type {(text: string, at: Opened) => Node} */ (text, at) => {
    if (embedded) return name(text);
    return button({ class: "link", title: "everything it was compared with" }, () => open(at), name(text));
  };
  const way = /** @type {(text: string, words: string, down: number, right: number) => Node} */ (...to) => {
    const [text, words, down, right] = to;
    return button({ "aria-label": words, title: words }, () => step(down, right), text);
  };
  const ways = el("div", { class: "ways" },
    el("div", { class: "segments" }, way("\u2190", "Column before", 0, -1), way("\u2192", "Column after", 0, 1),
      way("\u2191", "Row above", -1, 0), way("\u2193", "Row below", 1, 0)),
    button({ class: "button", id: "close" }, () => open(null), "Close ", el("kbd", {}, "Esc")));
  const title = el("h2", { id: "opened-title", tabindex: -1 }, label(model.x.labels[col], { row: null, col }),
    el("span", { class: "times" }, " × "), label(model.y.labels[row], { row, col: null }));
  return el("header", { class: "opened-head" }, title, !embedded && ways);
}

/**
 * @param {Model} model
 * @param {Cell} cell
 */
function summary(model, cell) {
  const { row, col } = cell, r = model.at("r", row, col), interval = intervalText(model, cell),
    note = model.note(row, col);
  if (model.diagonal(row, col))
    return el("div", { class: "summary" },
      el("p", { class: "note" }, `This is one ${model.noun}, compared with itself.`));
  const q = model.at("q", row, col), p = model.at("p", row, col);
  return el("div", { class: "summary" },
    el("p", { class: "big" }, el("span", { class: "symbol" }, `${model.symbol} = `), datum(r, model.text(r))),
    interval &&
      el("div", { class: "summary-interval" },
        intervalBar(r, model.at("ci_low", row, col), model.at("ci_high", row, col), { label: `interval ${interval}`,
          reach: model.reach }), el("span", { class: "small" }, `95 % interval ${interval}`)),
    (Number.isFinite(q) || Number.isFinite(p)) &&
      el("p", { class: "summary-q" }, Number.isFinite(q) ? `q ${pText(q, true)}` : `p ${pText(p, true)}`),
    note && el("p", { class: "note" }, note),
    !Number.isFinite(r) && !note && el("p", { class: "note" }, "There is no number for this pair."));
}

/**
 * @param {Model} model
 * @param {Cell} cell
 */
function numbersTable(model, cell) {
  const { row, col } = cell;
  if (model.diagonal(row, col)) return null;
  const at = /** @param {CellName} field */ (field) => model.at(field, row, col);
  const rows = [{ name: model.payload.measure.symbol, text: model.text(at("r"), 4), value: at("r") }];
  for (const [title, field]
    of /** @type {[string, CellName][]} */ ([["lower end of the interval", "ci_low"], ["upper end of the interval",
      "ci_high"]])) {
    if (Number.isFinite(at(field))) rows.push({ name: title, text: model.text(at(field), 4), value: at(field) });
  }
  rows.push(...factsOf(model, cell, true));
  return el("section", {}, el("h3", {}, "Numbers"),
    el("table", { class: "facts", id: "pair-numbers" },
      el("tbody", {},
        ...rows.map(({ name: title, text, value }) =>
          el("tr", {}, el("th", { scope: "row" }, title), el("td", {}, datum(value, text)))
        ))));
}

/**
 * Voxels that one of the two maps, or both, lack.
 * @param {Model} model
 * @param {Cell} cell
 */
function coverage(model, { row, col }) {
  const [x, y] = [model.x.maps?.[col], model.y.maps?.[row]];
  if (!x || !y || model.payload.kind === "rois") return null;
  const mask = model.payload.space?.voxels.shape[0];
  const part = /** @type {(label: string, info: MapInfo) => HTMLElement} */ (label, info) => {
    if (info.error) return el("li", {}, name(label), ": not used");
    const lost = mask === undefined ? 0 : mask - info.n_voxels;
    return el("li", {}, name(label),
      `: background ${info.background || "none"}, data in ${percent(info.coverage)} of the mask`,
      lost > 0 && `; ${nText(lost)} voxels are without, grey in the slices`);
  };
  return el("ul", { class: "small plain" }, part(model.x.labels[col], x), part(model.y.labels[row], y));
}

/**
 * Show a cell; returns what is on the page, so that it can be redrawn and stopped.
 * @param {HTMLElement} holder
 * @param {Model} model
 * @param {Cell} cell
 * @param {(opened: Opened | null) => void} open
 * @param {(down: number, right: number) => void} step
 * @param {() => boolean} wanted whether this cell is still the one that is open
 * @returns {Promise<Shown | null>}
 */
export async function showPair(holder, model, cell, open, step, wanted) {
  const pictures = el("div", { class: "pair-pictures" }), below = el("div", { class: "pair-below" }),
    numbers = numbersTable(model, cell);
  fill(holder, head(model, cell, open, step), summary(model, cell), pictures, below);
  /** @type {Shown | null} */
  let shown = null;
  let failed = "";
  try {
    shown = model.diagonal(cell.row, cell.col) ?
      null
      : ((await regionPair(model, cell)) ?? (await seriesPair(model, cell)) ?? (await pairMaps(model, cell)));
  } catch (error) {
    failed = error instanceof Error ? error.message : String(error);
  }
  const against = model.diagonal(cell.row, cell.col) ? null : await nullPlot(model, cell);
  if (!wanted()) {
    shown?.stop();
    return null;
  }
  if (shown) {
    if (shown.short && numbers) shown.element.append(numbers);
    pictures.append(shown.element,
      el("div", { class: "beside" },
        el("figure", { class: "density-figure" }, el("figcaption", {}, `Every ${model.payload.unit}`),
          shown.density.canvas, shown.density.said, coverage(model, cell)), shown.short ? null : numbers));
  } else if (failed) pictures.append(el("p", { class: "notice" }, failed));
  else if (model.payload.maps && model.payload.kind === "maps" && !model.diagonal(cell.row, cell.col)) {
    const broken = model.x.maps?.[cell.col]?.error ?? model.y.maps?.[cell.row]?.error;
    pictures.append(
      el("p", { class: "small" }, broken
        ? "A map that could not be used has no picture."
        : (model.payload.maps.text ?? "These maps are not inside the page.")),
      coverage(model, cell) ?? "",
    );
  }
  below.append(...[against, shown ? null : numbers].filter((part) => part !== null));
  shown?.redraw();
  return shown;
}
