/** Both maps of a pair and where their similarity comes from: rows of slices that move together, and their voxels. */

/** @import { Model } from "./model.js" */
/** @import { Picture } from "./maps.js" */
/** @import { Cell } from "./state.js" */
/** @import { Triple } from "./volume.js" */
import { css, divergingOf, sequential } from "./colours.js";
import { Density } from "./density.js";
import { button, el, fill, name } from "./dom.js";
import { coloursOf, contributionOf, pictureOf, valueOf } from "./maps.js";
import { nText, valueText } from "./numbers.js";
import { mmText, Slices } from "./slices.js";
import { createStore } from "./state.js";
import { theme } from "./theme.js";
import { Template, Volume } from "./volume.js";

/**
 * @typedef {object} Looks
 * @property {Triple} cross
 * @property {number} threshold
 * @property {boolean} outline
 * @property {boolean} anatomy
 * @property {boolean} blinking
 * @property {boolean} swapped while blinking: the second map stands in the place of the first
 * @property {Uint8Array | null} lit
 */

/** @type {Promise<Volume> | null} */
let volume = null;
/** @type {Promise<Template> | null} */
let template = null;

/**
 * The maps of one cell. What is made is thrown away when another cell is opened: `stop` ends its blinking.
 * @param {Model} model
 * @param {Cell} cell
 */
export async function pairMaps(model, cell) {
  const { payload } = model, { space } = payload;
  if (!payload.maps) return null;
  const [x, y] = await Promise.all([pictureOf(payload, "x", cell.col), pictureOf(payload, "y", cell.row)]);
  if (!x || !y) return null;
  if (!space) return new BareValues(model, cell, x, y);
  const place = await (volume ??= Volume.of(space));
  const anatomy = space.template ? await (template ??= Template.of(space.template)) : null;
  return new PairMaps(model, cell, x, y, place, anatomy);
}

export class PairMaps {
  /**
   * @param {Model} model
   * @param {Cell} cell
   * @param {Picture} x
   * @param {Picture} y
   * @param {Volume} volume
   * @param {Template | null} anatomy
   */
  constructor(model, cell, x, y, volume, anatomy) {
    this.model = model;
    this.volume = volume;
    this.anatomy = anatomy;
    const terms = contributionOf(x, y), xName = model.x.labels[cell.col], yName = model.y.labels[cell.row];
    this.rows = [
      this.row(xName, x, "The map on the x-axis"),
      this.row(yName, y, "The map on the y-axis"),
      this.row(null, terms, "Where the similarity comes from"),
    ];
    this.looks = createStore(/** @type {Looks} */ ({
      cross: volume.place(strongest(terms)),
      threshold: 0,
      outline: true,
      anatomy: true,
      blinking: false,
      swapped: false,
      lit: null,
    }));
    this.density = densityOf(model, cell, x, y, "Draw a range over the voxels to light them up in the slices.",
      (lit) => this.looks.set({ lit }));
    this.readout = el("p", { class: "readout", role: "status" });
    const caveat = el("p", { class: "small" }, "The last row is made from the maps as they are shown, for the eye; ",
      el("code", {}, "niicorr run … --contributions"), " writes the exact terms.");
    this.controls = this.makeControls();
    this.element = el("div", { class: "maps" }, this.controls,
      ...this.rows.map(({ head, slices }) => el("figure", { class: "map-row" }, head, slices.canvas)), this.readout,
      caveat);
    this.looks.on(["cross", "threshold", "outline", "anatomy", "swapped", "lit"], () => this.redraw());
    this.looks.on(["blinking"], ({ blinking }) => this.blink(blinking));
    this.pending = 0;
    this.timer = 0;
    this.observer = new ResizeObserver(() => this.redraw());
    this.observer.observe(this.element);
  }

  /**
   * @param {string | null} label of a map; null for what both add up to
   * @param {Picture} picture
   * @param {string} what it is, for those who listen
   */
  row(label, picture, what) {
    const title = el("span", { class: "map-title" }), bar = el("canvas", { width: 120, height: 8 });
    const range = picture.hi - picture.lo;
    const scale = label === null
      ? el("span", { class: "scale" }, "lowers it ", bar, " raises it")
      : el("span", { class: "scale" }, picture.clipped && "≤ ", valueText(picture.lo, range), " ", bar, " ",
        picture.clipped && "≥ ", valueText(picture.hi, range));
    const slices = new Slices(this.volume,
      `${what}${label === null ? "" : `, ${label}`}: three planes. Arrow keys and Page up and down move the crosshair.`,
      (cross) => this.looks.set({ cross }));
    return { label, picture, head: el("figcaption", {}, title, scale), slices, bar, title };
  }

  makeControls() {
    const check = /** @type {(key: "outline" | "anatomy", text: string) => HTMLElement} */ (key, text) => {
      const box = el("input", { type: "checkbox", id: `show-${key}`, checked: true });
      box.addEventListener("change", () => this.looks.set({ [key]: box.checked }));
      return el("label", { class: "check" }, box, text);
    };
    const range = el("input", { type: "range", id: "map-threshold", min: 0, max: 95, value: 0, step: 1,
      "aria-label": "Hide voxels below this share of the largest value" });
    const shown = el("output", { for: "map-threshold" }, "0 %");
    range.addEventListener("input", () => {
      shown.textContent = `${range.value} %`;
      this.looks.set({ threshold: Number(range.value) / 100 });
    });
    const blink = { class: "button", id: "blink", "aria-pressed": "false" };
    this.blinkButton = button(blink, () => this.toggleBlink(), "Blink ", el("kbd", {}, "b"));
    return el("div", { class: "map-controls" }, this.blinkButton,
      el("label", { class: "check" }, "Hide below ", range, shown), check("outline", "Outline"),
      this.anatomy && check("anatomy", "Anatomy"));
  }

  toggleBlink() {
    this.looks.set({ blinking: !this.looks.get().blinking });
  }

  /** @param {boolean} on */
  blink(on) {
    clearInterval(this.timer);
    this.blinkButton?.setAttribute("aria-pressed", String(on));
    this.looks.set({ swapped: on });
    // Those whose system asks for less motion change over by hand.
    if (on && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.timer = window.setInterval(() => this.looks.set({ swapped: !this.looks.get().swapped }), 650);
    }
  }

  redraw() {
    this.pending ||= requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.pending = 0;
    const width = this.element.clientWidth;
    if (!width) return;
    const colours = theme(), looks = this.looks.get(), voxel = this.volume.voxel(looks.cross);
    const diverging = divergingOf(this.model.payload.colormaps, colours.dark);
    this.rows.forEach((row, k) => {
      const shown = looks.swapped && k === 0 ? this.rows[1] : row;
      const table = coloursOf(shown.picture, diverging, sequential);
      row.slices.draw({
        picture: shown.picture,
        colours: table,
        threshold: looks.threshold,
        lit: looks.lit,
        outline: looks.outline,
        template: looks.anatomy ? this.anatomy : null,
      }, looks.cross, colours, width);
      fill(row.title, shown.label === null ? this.termsTitle() : name(shown.label));
      drawBar(row.bar, table);
    });
    this.density.marked = voxel < 0 ? null : voxel;
    if (this.density.canvas.parentElement) this.density.draw(colours, this.density.canvas.parentElement.clientWidth);
    const mm = this.volume.mm(looks.cross).map(mmText).join(", ");
    const values = this.rows.slice(0, 2).map(({ label, picture }) => {
      const code = voxel < 0 ? 0 : picture.codes[voxel], absent = voxel < 0 ? "outside" : "no data";
      const text = code ? valueText(valueOf(picture, code), picture.hi - picture.lo) : absent;
      return [name(label ?? ""), " ", el("b", {}, text)];
    });
    fill(this.readout, el("b", {}, `${mm} mm`), "\u2003", ...values[0], "\u2003", ...values[1]);
  }

  /** Of correlations each voxel's term is the product of deviations; other similarities have other terms. */
  termsTitle() {
    return this.model.hasZ ? `Contribution to ${this.model.symbol}` : "Product of both maps' deviations";
  }

  stop() {
    clearInterval(this.timer);
    cancelAnimationFrame(this.pending);
    this.observer.disconnect();
  }
}

/**
 * Values of both maps against each other.
 * @type {(model: Model, cell: Cell, x: Picture, y: Picture, hint: string, light: (lit: Uint8Array | null) => void) =>
 *   Density}
 */
function densityOf(model, cell, x, y, hint, light) {
  const xName = model.x.labels[cell.col], yName = model.y.labels[cell.row], unit = model.payload.unit;
  const density = new Density({
    n: x.codes.length,
    x: (v) => valueOf(x, x.codes[v]),
    y: (v) => valueOf(y, y.codes[v]),
    xRange: [x.lo, x.hi],
    yRange: [y.lo, y.hi],
    step: 1 / 254,
    xName,
    yName,
    fit: payloadFit(model, cell),
    called: null,
  }, `Values of ${xName} and ${yName} in every ${unit}`, (lit, count, of) => {
    density.said.textContent = lit
      ? `${nText(count)} of ${nText(of)} ${unit}s (${((100 * count) / Math.max(1, of)).toFixed(1)} %). Click to let go.`
      : hint;
    light(lit);
  });
  density.said.textContent = density.hint = hint;
  return density;
}

/** Maps without a place in space: their values are all there is to see. */
class BareValues {
  /**
   * @param {Model} model
   * @param {Cell} cell
   * @param {Picture} x
   * @param {Picture} y
   */
  constructor(model, cell, x, y) {
    this.element = el("p", { class: "small" }, "These maps came as bare numbers, without a place in space.");
    this.density = densityOf(model, cell, x, y, `Draw a range to count ${model.payload.unit}s.`, () => this.redraw());
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.element);
  }

  draw() {
    const holder = this.density.canvas.parentElement;
    if (holder) this.density.draw(theme(), holder.clientWidth);
  }

  redraw() {
    this.draw();
  }

  toggleBlink() {/* nothing to blink */}

  stop() {
    this.observer.disconnect();
  }
}

/**
 * The fit of y on x, where Python gave it.
 * @param {Model} model
 * @param {Cell} cell
 */
export function payloadFit(model, { row, col }) {
  const pairs = model.payload.pairs ?? {}, key = `${row},${col}`;
  return Object.hasOwn(pairs, key) && Number.isFinite(pairs[key].slope) ? pairs[key] : null;
}

/**
 * The voxel that adds most.
 * @param {Picture} picture
 */
function strongest({ codes }) {
  let best = 0, most = -1;
  // The middle one of those at the end of the scale, so that it does not lie at the rim by chance of order.
  /** @type {number[]} */
  const ends = [];
  for (let v = 0; v < codes.length; v++) {
    const size = codes[v] ? Math.abs(codes[v] - 128) : -1;
    if (size > most) [best, most] = [v, size];
    if (size >= 127) ends.push(v);
  }
  return ends.length ? ends[ends.length >> 1] : best;
}

/**
 * @param {HTMLCanvasElement} bar
 * @param {import("./colours.js").Rgb[]} colours
 */
function drawBar(bar, colours) {
  const context = bar.getContext("2d");
  for (let i = 0; context && i < bar.width; i++) {
    context.fillStyle = css(colours[1 + Math.round((i / (bar.width - 1)) * 254)]);
    context.fillRect(i, 0, 1, bar.height);
  }
}
