/** The payload behind the page: labels, numbers of cells, notes. Positions are those of the tables. */

import { plainText, rText } from "./numbers.js";
import { unpack } from "./unpack.js";

export class Model {
  /** @param {Payload} payload */
  constructor(payload) {
    this.payload = payload;
    this.x = payload.x;
    this.y = payload.y ?? payload.x;
    this.cols = this.x.labels.length;
    this.rows = this.y.labels.length;
    this.sameSet = payload.same_set;
    /** @type {Map<CellName, Numbers>} */
    this.loaded = new Map();
    /** @type {Map<number, string>} */
    this.notes = new Map(payload.notes.map(([row, col, text]) => [row * this.cols + col, text]));
  }

  /**
   * Unpack the numbers of cells; names that this result does not have are passed over.
   * @param {readonly CellName[]} names
   */
  async load(names) {
    await Promise.all(names.map(async (name) => {
      const packed = this.payload.cells[name];
      if (packed && !this.loaded.has(name)) this.loaded.set(name, await unpack(packed));
    }));
  }

  /** Unpack whatever is left. */
  async loadAll() {
    await this.load(/** @type {CellName[]} */ (Object.keys(this.payload.cells)));
  }

  /** @param {CellName} name */
  has(name) {
    return Object.hasOwn(this.payload.cells, name);
  }

  /**
   * One number of one cell; NaN where there is none (yet).
   * @param {CellName} name
   * @param {number} row
   * @param {number} col
   */
  at(name, row, col) {
    const numbers = this.loaded.get(name);
    return numbers ? numbers[row * this.cols + col] : NaN;
  }

  /**
   * @param {number} row
   * @param {number} col
   */
  note(row, col) {
    return this.notes.get(row * this.cols + col) ?? "";
  }

  /**
   * Whether a cell compares a map with itself.
   * @param {number} row
   * @param {number} col
   */
  diagonal(row, col) {
    return this.sameSet && row === col;
  }

  /** Whether the similarity lies between −1 and 1. */
  get bounded() {
    return !/covariance/.test(this.payload.measure.name);
  }

  /** How far the scale of an interval reaches. */
  get reach() {
    return this.bounded ? 1 : this.payload.vmax;
  }

  /**
   * A similarity as it is printed.
   * @param {number} value
   * @param {number} [digits]
   */
  text(value, digits = 2) {
    return this.bounded ? rText(value, digits) : plainText(value, digits);
  }

  /** What a member of the sets is called. */
  get noun() {
    return this.payload.kind === "rois" ? "region" : "map";
  }

  /** Whether r is a correlation, so that Fisher's z says something. */
  get hasZ() {
    return /correlation/.test(this.payload.measure.name) && !/concordance/.test(this.payload.measure.name);
  }

  /** The short name of the similarity: "r", else a word. */
  get symbol() {
    const last = this.payload.measure.symbol.split(" ").at(-1) ?? "r";
    return last === "r" || last.length <= 2 ? last : this.payload.measure.symbol;
  }
}

/**
 * The payload in the page.
 * @returns {Payload}
 */
export function readPayload() {
  const element = document.getElementById("niicorr-data");
  if (!element?.textContent) throw new Error("the page holds no data");
  return JSON.parse(element.textContent);
}
