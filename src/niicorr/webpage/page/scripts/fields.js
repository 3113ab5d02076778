/** The numbers that a cell can show: r, z, p, q, n, n_effective; each with its scale of colours and its words. */

/** @import { Model } from "./model.js" */
import { nShort, nText, pText, rText, ticks, tickTexts } from "./numbers.js";

/**
 * @typedef {object} Field
 * @property {string} id
 * @property {string} name as on the scale of colours
 * @property {boolean} diverging whether its middle is 0
 * @property {(index: number) => number} value of a cell, by its place in the tables
 * @property {(value: number) => number} place on the scale, 0 to 1
 * @property {(value: number) => string} text in a cell
 * @property {{ at: number, text: string }[]} ticks places from 0 to 1 and their numbers
 */

/** How far the scale of p goes: smaller ones have the last colour. */
const SMALLEST_P = 5;

/** @type {Record<string, { label: string, needs: CellName[] }>} */
const KNOWN = {
  r: { label: "r", needs: ["r"] },
  z: { label: "z", needs: ["r"] },
  p: { label: "p", needs: ["p"] },
  q: { label: "q", needs: ["q"] },
  n: { label: "n", needs: ["n"] },
  n_effective: { label: "n_eff", needs: ["n_effective"] },
};

/**
 * What this result can show, with short names for the buttons.
 * @param {Model} model
 */
export function fieldChoices(model) {
  return Object.entries(KNOWN)
    .filter(([id, { needs }]) => needs.every((name) => model.has(name)) && (id !== "z" || model.hasZ))
    .map(([id, { label, needs }]) => ({ id, label: id === "r" ? model.symbol : label, needs }));
}

/**
 * @param {Model} model whose numbers of this field are loaded
 * @param {string} id
 * @returns {Field}
 */
export function fieldOf(model, id) {
  const needed = model.loaded.get(KNOWN[id].needs[0]) ?? new Float64Array(0);
  const value = /** @param {number} index */ (index) => needed[index];
  const limit = model.payload.vmax;
  if (id === "r") return diverging(id, model.payload.measure.symbol, value, limit, (v) => model.text(v));
  if (id === "z") {
    const z = /** @param {number} index */ (index) => Math.atanh(needed[index]);
    return diverging(id, "Fisher z", z, Math.atanh(Math.min(limit, 0.999)), (v) => rText(v));
  }
  if (id === "p" || id === "q") {
    const name = id === "p" ? "p" : "q (p adjusted for the false discovery rate)";
    const marks = [1, 0.1, 0.01, 0.001, 1e-4, 1e-5];
    return {
      id,
      name,
      diverging: false,
      value,
      text: (v) => pText(v),
      place: (v) => Math.min(1, -Math.log10(Math.max(v, 1e-300)) / SMALLEST_P),
      ticks: marks.map((mark, i) => ({ at: i / SMALLEST_P,
        text: i < 4 ? String(mark).replace("0.", ".") : `10${i === 4 ? "\u207b\u2074" : "\u207b\u2075"}` })
      ),
    };
  }
  return counted(id, needed, value,
    id === "n" ? `n (${model.payload.unit}s of both)` : "n_effective (independent values)");
}

/**
 * @param {string} id
 * @param {string} name
 * @param {(index: number) => number} value
 * @param {number} limit
 * @param {(value: number) => string} text
 * @returns {Field}
 */
function diverging(id, name, value, limit, text) {
  return {
    id,
    name,
    value,
    diverging: true,
    text,
    place: (v) => Math.min(1, Math.max(0, (v / limit + 1) / 2)),
    ticks: [-1, -0.5, 0, 0.5, 1].map((at) => ({ at: (at + 1) / 2, text: text(at * limit) })),
  };
}

/**
 * @param {string} id
 * @param {Numbers} all
 * @param {(index: number) => number} value
 * @param {string} name
 * @returns {Field}
 */
function counted(id, all, value, name) {
  let low = Infinity, high = -Infinity;
  for (const v of all) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  if (!(high >= low)) low = high = 0;
  // Independent values differ by factors: their scale is one of factors too.
  const logarithmic = id === "n_effective" && low > 0 && high / low > 4;
  const bend = /** @param {number} v */ (v) => (logarithmic ? Math.log10(v) : v);
  const span = bend(high) - bend(low);
  let marks = ticks(low, high, 4);
  if (logarithmic) {
    marks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      marks.push(...[1, 2, 5].map((f) => f * 10 ** power).filter((m) => m >= low && m <= high));
    }
    if (marks.length > 7) marks = marks.filter((m) => String(m)[0] === "1");
  }
  if (!marks.length) marks = [low, high];
  const place = /** @param {number} v */ (v) => (span > 0 ? (bend(v) - bend(low)) / span : 0.5);
  const texts = marks.every((m) => Number.isInteger(m)) ? marks.map(nText) : tickTexts(marks);
  return { id, name, value, diverging: false, text: nShort, place,
    ticks: marks.map((mark, i) => ({ at: place(mark), text: texts[i] })) };
}
