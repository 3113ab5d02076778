/** A pair of maps that were averaged in regions: their values where the regions lie, and one against the other. */

/** @import { Model } from "./model.js" */
/** @import { Cell } from "./state.js" */
import { css, divergingOf, sequential } from "./colours.js";
import { Density } from "./density.js";
import { el, name } from "./dom.js";
import { GlassBrain } from "./glass_brain.js";
import { valueText } from "./numbers.js";
import { payloadFit } from "./pair_maps.js";
import { theme } from "./theme.js";
import { unpack } from "./unpack.js";

/**
 * @param {Model} model
 * @param {Cell} cell
 */
export async function regionPair(model, { row, col }) {
  const { regions } = model.payload;
  if (!regions?.values || model.payload.kind === "rois") return null;
  const all = await unpack(regions.values), count = regions.names.length;
  const rowOf = model.sameSet ? row : model.cols + row;
  const x = all.subarray(col * count, (col + 1) * count), y = all.subarray(rowOf * count, (rowOf + 1) * count);
  return new RegionPair(model, { row, col }, x, y);
}

export class RegionPair {
  /**
   * @param {Model} model
   * @param {Cell} cell
   * @param {Numbers} x
   * @param {Numbers} y
   */
  constructor(model, cell, x, y) {
    const regions = /** @type {Regions} */ (model.payload.regions);
    this.model = model;
    this.regions = regions;
    const names = [model.x.labels[cell.col], model.y.labels[cell.row]];
    /** @type {Uint8Array | null} */
    this.lit = null;
    this.placed = regions.centroids.flatMap((at, i) => (at ? [i] : []));
    const ranges = [x, y].map(rangeOf);
    const text = /** @type {(set: number, i: number) => string} */ (set, i) =>
      valueText((set ? y : x)[i], ranges[set][1] - ranges[set][0]);
    this.density = new Density({
      n: regions.names.length,
      x: (i) => x[i],
      y: (i) => y[i],
      xRange: widened(ranges[0]),
      yRange: widened(ranges[1]),
      step: 0,
      xName: names[0],
      yName: names[1],
      fit: payloadFit(model, cell),
      called: (i) => `${regions.names[i]}: ${text(0, i)}, ${text(1, i)}`,
    }, `Values of ${names.join(" and ")} in every region`, (lit, count, of) => {
      this.lit = lit;
      this.density.said.textContent = lit
        ? `${count} of ${of} regions: ${named(lit, regions.names)}`
        : this.density.hint;
      this.draw();
    });
    this.density.hint = "Point at a region for its name; draw a range to light regions up.";
    this.density.said.textContent = this.density.hint;
    const said = el("p", { class: "readout", role: "status" });
    this.views = this.placed.length ?
      [x, y].map((values, k) => {
        const brain = new GlassBrain(`Regional values of ${names[k]}`, regions.mni, (node) => {
          const region = node === null ? null : this.placed[node];
          said.textContent = region === null
            ? ""
            : `${regions.names[region]}: ${valueText(values[region], ranges[k][1] - ranges[k][0])}`;
          this.density.marked = region;
          this.density.draw(theme(), this.density.width);
        });
        return { brain, values, range: ranges[k], title: names[k] };
      }) :
      [];
    this.element = el("div", { class: "maps" },
      ...this.views.map(({ brain, title }) =>
        el("figure", { class: "map-row" }, el("figcaption", {}, name(title)), brain.canvas)
      ), said);
    this.short = true;
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.element);
  }

  draw() {
    const look = theme(), width = this.element.clientWidth;
    if (!width) return;
    const diverging = divergingOf(this.model.payload.colormaps, look.dark);
    const largest = Math.sqrt(Math.max(1, ...this.regions.n_voxels));
    for (const { brain, values, range: [low, high] } of this.views) {
      const limit = Math.max(-low, high), both = low < 0 && high > 0;
      const table = both ? diverging : sequential;
      const share = /** @param {number} v */ (v) => (both ? (v / limit + 1) / 2 : (v - low) / (high - low || 1));
      const colour = /** @param {number} v */ (v) => css(table[Math.round(255 * share(v))]);
      brain.draw(this.placed.map((region) => ({
        at: /** @type {[number, number, number]} */ (this.regions.centroids[region]),
        radius: 3 + 5 * (Math.sqrt(this.regions.n_voxels[region] ?? 0) / largest),
        colour: Number.isFinite(values[region]) ? colour(values[region]) : look.line,
        strong: Boolean(this.lit?.[region]),
      })), [], look, width);
    }
    if (this.density.canvas.parentElement) this.density.draw(look, this.density.canvas.parentElement.clientWidth);
  }

  redraw() {
    this.draw();
  }

  toggleBlink() {/* two rows of dots stand still */}

  stop() {
    this.observer.disconnect();
  }
}

/**
 * @param {Numbers} values
 * @returns {[number, number]}
 */
function rangeOf(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) {
    if (v < low) low = v;
    if (v > high) high = v;
  }
  return high >= low ? [low, high] : [0, 1];
}

/**
 * @param {[number, number]} range
 * @returns {[number, number]}
 */
function widened([low, high]) {
  const room = (high - low || 1) * 0.04;
  return [low - room, high + room];
}

/**
 * @param {Uint8Array} lit
 * @param {string[]} names
 */
function named(lit, names) {
  const found = names.filter((_, i) => lit[i]);
  return found.length > 12 ? `${found.slice(0, 12).join(", ")} and ${found.length - 12} more` : found.join(", ");
}
