/** What the p of a pair was measured against: the autocovariances of both maps, or the r of random maps. */

/** @import { Model } from "./model.js" */
/** @import { Cell } from "./state.js" */
import { el, svg } from "./dom.js";
import { nText, pText, ticks, tickTexts } from "./numbers.js";
import { unpack } from "./unpack.js";

const W = 460, H = 210, LEFT = 40, RIGHT = 14, TOP = 12, BOTTOM = 36;

/**
 * @param {Model} model
 * @param {Cell} cell
 * @returns {Promise<HTMLElement | null>}
 */
export async function nullPlot(model, cell) {
  const { nulls, null: { text } } = model.payload, { row, col } = cell;
  const known = model.at("n_effective", row, col), n = model.at("n", row, col);
  const counted = Number.isFinite(known)
    ? `The ${nText(n)} ${model.payload.unit}s of this pair tell as much as ${nText(known)} independent values`
    : "";
  // A sentence does not begin with the letter p, which is a number here.
  const words = el("p", { class: "small" }, `${counted ? `${counted}; ` : "Here, "}${text}.`);
  let plot = null;
  if (nulls?.histogram && !model.diagonal(row, col)) plot = await histogram(model, cell, nulls.histogram);
  else if (nulls?.lags_mm) plot = await curves(model, cell, nulls);
  return plot || counted ? el("section", { class: "null" }, el("h3", {}, "Null model"), plot, words) : null;
}

/**
 * @param {[number, number]} xRange
 * @param {[number, number]} yRange
 * @param {string} xName
 * @param {string} label
 */
function axes(xRange, yRange, xName, label) {
  const px = /** @param {number} v */ (v) =>
    LEFT + ((v - xRange[0]) / (xRange[1] - xRange[0] || 1)) * (W - LEFT - RIGHT);
  const py = /** @param {number} v */ (v) =>
    H - BOTTOM - ((v - yRange[0]) / (yRange[1] - yRange[0] || 1)) * (H - TOP - BOTTOM);
  const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, class: "plot", role: "img", "aria-label": label });
  const xTicks = ticks(...xRange, 6), xTexts = tickTexts(xTicks), yTicks = ticks(...yRange, 4),
    yTexts = tickTexts(yTicks);
  xTicks.forEach((v, i) =>
    root.append(svg("text", { x: px(v), y: H - BOTTOM + 16, class: "tick", "text-anchor": "middle" }, xTexts[i]))
  );
  yTicks.forEach((v, i) =>
    root.append(
      svg("line", { x1: LEFT, x2: W - RIGHT, y1: py(v), y2: py(v), class: "grid" }),
      svg("text", { x: LEFT - 7, y: py(v) + 4, class: "tick", "text-anchor": "end" }, yTexts[i]),
    )
  );
  root.append(svg("text", { x: (LEFT + W - RIGHT) / 2, y: H - 3, class: "tick", "text-anchor": "middle" }, xName));
  return { root, px, py };
}

/**
 * @param {Model} model
 * @param {Cell} cell
 * @param {Nulls} nulls
 */
async function curves(model, { row, col }, nulls) {
  const lags = nulls.lags_mm ?? [], count = lags.length;
  const y = model.sameSet ? nulls.x : nulls.y, yFit = model.sameSet ? nulls.x_fit : nulls.y_fit;
  const of = /** @type {(packed: Packed | undefined, index: number) => Promise<number[]>} */ async (packed, index) =>
    packed ? [...(await unpack(packed)).subarray(index * count, (index + 1) * count)] : [];
  const [cx, cy, fx, fy] = [await of(nulls.x, col), await of(y, row), await of(nulls.x_fit, col), await of(yFit, row)];
  const known = [...cx, ...cy, ...fx, ...fy].filter(Number.isFinite);
  if (!known.length) return null;
  const lowest = Math.min(0, ...known);
  const names = [model.x.labels[col], model.y.labels[row]];
  const { root, px, py } = axes([0, lags[count - 1]], [lowest, 1], "distance in mm",
    `Autocovariance of ${names.join(" and ")} by distance`);
  const path = /** @param {number[]} values */ (values) =>
    values.map((v, i) => (Number.isFinite(v) ? `${i ? "L" : "M"}${px(lags[i]).toFixed(1)} ${py(v).toFixed(1)}` : ""))
      .join("");
  for (const [set, data, fit] of /** @type {[string, number[], number[]][]} */ ([["x", cx, fx], ["y", cy, fy]])) {
    if (fit.some(Number.isFinite)) {
      root.append(svg("path", { d: path(fit), class: `curve ${set}` }));
      data.forEach((v, i) => {
        if (Number.isFinite(v)) root.append(svg("circle", { cx: px(lags[i]), cy: py(v), r: 2, class: `dot ${set}` }));
      });
    } else root.append(svg("path", { d: path(data), class: `curve ${set}` }));
  }
  names.forEach((label, k) =>
    root.append(
      svg("line", { x1: W - RIGHT - 176, x2: W - RIGHT - 158, y1: TOP + 8 + 17 * k, y2: TOP + 8 + 17 * k,
        class: `curve ${"xy"[k]}` }),
      svg("text", { x: W - RIGHT - 152, y: TOP + 12 + 17 * k, class: "tick" },
        label.length > 26 ? `${label.slice(0, 25)}\u2026` : label),
    )
  );
  const what = fx.length ? "Fitted autocovariance" : "Autocovariance", unit = model.payload.unit;
  return el("figure", {}, root,
    el("figcaption", { class: "small" }, `${what}: how alike two ${unit}s of one map are, by their distance.`));
}

/**
 * @param {Model} model
 * @param {Cell} cell
 * @param {{ edges: number[], counts: Packed }} histogram
 */
async function histogram(model, { row, col }, { edges, counts }) {
  const bins = edges.length - 1, from = (row * model.cols + col) * bins;
  const own = [...(await unpack(counts)).subarray(from, from + bins)], most = Math.max(1, ...own);
  const r = model.at("r", row, col);
  const { root, px, py } = axes([edges[0], edges[bins]], [0, most], `${model.symbol} with random maps`,
    "How often random maps were so alike");
  own.forEach((count, i) =>
    root.append(svg("rect", {
      x: px(edges[i]) + 0.5,
      width: Math.max(0.5, px(edges[i + 1]) - px(edges[i]) - 1),
      y: py(count),
      height: py(0) - py(count),
      class: "bar",
    }))
  );
  if (Number.isFinite(r)) {
    root.append(svg("line", { x1: px(r), x2: px(r), y1: TOP, y2: py(0), class: "observed" }),
      svg("text", { x: px(r) + (r > edges[bins] * 0.5 ? -5 : 5), y: TOP + 10, class: "tick strong",
        "text-anchor": r > edges[bins] * 0.5 ? "end" : "start" },
        `${model.symbol} ${model.text(r)}, p ${pText(model.at("p", row, col), true)}`));
  }
  const draws = own.reduce((a, b) => a + b, 0);
  return el("figure", {}, root,
    el("figcaption", { class: "small" },
      `${model.symbol} of ${nText(draws)} random maps in place of one of the two; the line is the pair's own.`));
}
