/** What is said of a cell: in the tooltip, aloud, and in tables. */

/** @import { Model } from "./model.js" */
/** @import { Cell } from "./state.js" */
import { el } from "./dom.js";
import { NONE, nText, pLong, pText, rText } from "./numbers.js";

/**
 * @typedef {{ name: string, text: string, value: number }} Fact
 */

/**
 * Every number of a cell that there is, in the order of trust.
 * @param {Model} model
 * @param {Cell} cell
 * @param {boolean} [long] with more digits, for tables
 * @returns {Fact[]}
 */
export function factsOf(model, { row, col }, long = false) {
  const at = /** @param {CellName} name */ (name) => model.at(name, row, col);
  /** @type {Fact[]} */
  const facts = [];
  const add = /** @type {(name: string, value: number, text: string) => void} */ (name, value, text) => {
    if (Number.isFinite(value)) facts.push({ name, value, text });
  };
  const p = long ? pLong : pText;
  add("p", at("p"), p(at("p")));
  add("q", at("q"), p(at("q")));
  if (long) add("family-wise p", at("p_fwe"), p(at("p_fwe")));
  add("n", at("n"), `${nText(at("n"))} ${model.payload.unit}s`);
  add("n_effective", at("n_effective"), nText(at("n_effective")));
  if (long) {
    add("p, maps of x random", at("p_x_random"), p(at("p_x_random")));
    add("p, maps of y random", at("p_y_random"), p(at("p_y_random")));
    add("Fisher z", model.hasZ ? Math.atanh(at("r")) : NaN, rText(Math.atanh(at("r")), 3));
    add("zeros read the other way", at("zeros_matter"), model.text(at("zeros_matter")));
    add("background and zeros as data", at("naive"), model.text(at("naive")));
  }
  return facts;
}

/**
 * The 95 % interval, ".60 to .75"; empty where there is none.
 * @param {Model} model
 * @param {Cell} cell
 */
export function intervalText(model, { row, col }) {
  const low = model.at("ci_low", row, col), high = model.at("ci_high", row, col);
  return Number.isFinite(low) && Number.isFinite(high) ? `${model.text(low)} to ${model.text(high)}` : "";
}

/**
 * A cell in one sentence, for those who listen.
 * @param {Model} model
 * @param {Cell} cell
 */
export function spoken(model, cell) {
  const { row, col } = cell, names = `${model.x.labels[col]}, ${model.y.labels[row]}`;
  if (model.diagonal(row, col)) return `${names}: the same ${model.noun}`;
  const r = model.at("r", row, col), note = model.note(row, col);
  if (!Number.isFinite(r)) return `${names}: no number. ${note}`;
  const interval = intervalText(model, cell), p = model.at("p", row, col);
  const parts = [`${names}: ${model.symbol} ${model.text(r)}`];
  if (interval) parts.push(`interval ${interval}`);
  if (Number.isFinite(p)) parts.push(`p ${pText(p, true)}`);
  if (Number.isFinite(model.at("q", row, col))) parts.push(`q ${pText(model.at("q", row, col), true)}`);
  parts.push(`n ${nText(model.at("n", row, col))}`);
  return `${parts.join(", ")}${note ? `. ${note}` : ""}`;
}

/**
 * A number with all its digits behind it, for machines and for those who copy.
 * @param {number} value
 * @param {string} text
 */
export function datum(value, text) {
  return Number.isFinite(value)
    ? el("data", { value: String(value), title: String(value) }, text)
    : el("span", { class: "none" }, NONE);
}
