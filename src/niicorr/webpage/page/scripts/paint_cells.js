/** The cells of the heatmap: colours, values, stars, and the hatching of those without a number. */

/** @import { Field } from "./fields.js" */
/** @import { Box, Plan, View } from "./layout.js" */
/** @import { Palette } from "./matrix_image.js" */
/** @import { Model } from "./model.js" */
/** @import { Arrangement } from "./order.js" */
/** @import { Pen } from "./pen.js" */
/** @import { Theme } from "./theme.js" */
import { css, inkOn } from "./colours.js";
import { cellSize } from "./layout.js";
import { textWidth } from "./pen.js";

/** A cell carries one star for each of these that its q does not exceed. */
export const LEVELS = [0.05, 0.01, 0.001];

/** What a number carries that would change by more than .1 or in sign if zeros were read the other way. */
export const DAGGER = "\u2020";

/** So many cells of a drawing are shapes; of more, the drawing holds an image. */
const SHAPES = 12_000;

/**
 * Everything that the heatmap is drawn from.
 * @typedef {object} Scene
 * @property {Model} model
 * @property {Plan} plan
 * @property {View} view
 * @property {Arrangement} arrangement
 * @property {Field} field
 * @property {Palette} palette
 * @property {((index: number) => boolean) | null} passes
 * @property {HTMLCanvasElement} image
 * @property {Theme} theme
 * @property {Set<number> | null} foundRows rows that a search names; null without one
 * @property {Set<number> | null} foundCols
 * @property {{ name: string, texts: string[], colours: Map<string, string> }[]} rowGroups
 * @property {{ name: string, texts: string[], colours: Map<string, string> }[]} colGroups
 * @property {string} fadeText what a faded cell is; empty where none is
 */

/**
 * The places in view, whole cells.
 * @param {Scene} scene
 */
export function inView({ plan, view, arrangement }) {
  const cell = cellSize(plan, view.zoom);
  const last = /** @type {(from: number, room: number, count: number) => number} */ (from, room, count) =>
    Math.min(count, Math.ceil(from + room - 1e-6));
  return {
    cell,
    col0: Math.floor(view.x + 1e-6),
    row0: Math.floor(view.y + 1e-6),
    col1: last(view.x, plan.plot.w / cell.w, arrangement.cols.length),
    row1: last(view.y, plan.plot.h / cell.h, arrangement.rows.length),
    left: plan.plot.x - view.x * cell.w,
    top: plan.plot.y - view.y * cell.h,
  };
}

/**
 * @param {Pen} pen
 * @param {Scene} scene
 */
export function paintCells(pen, scene) {
  const { plan } = scene, seen = inView(scene);
  const { cell, col0, row0, col1, row1, left, top } = seen;
  pen.clipped(plan.plot, () => {
    const shapes = pen.vector && (col1 - col0) * (row1 - row0) <= SHAPES;
    if (!shapes) {
      const from = { x: col0, y: row0, w: col1 - col0, h: row1 - row0 };
      const to = { x: left + col0 * cell.w, y: top + row0 * cell.h, w: from.w * cell.w, h: from.h * cell.h };
      pen.image(scene.image, from, to, cell.w < 1 || cell.h < 1);
    }
    if (Math.min(cell.w, cell.h) >= 5 || shapes) details(pen, scene, seen, shapes);
    if (cell.w >= 10 && cell.h >= 10) gaps(pen, scene, seen);
  });
}

/**
 * @param {Pen} pen
 * @param {Scene} scene
 * @param {ReturnType<typeof inView>} seen
 * @param {boolean} shapes
 */
function details(pen, scene, { cell, col0, row0, col1, row1, left, top }, shapes) {
  const { model, field, palette, passes, arrangement, theme } = scene;
  const written = hasNumbers(cell);
  const size = cell.w >= 38 ? 12.5 : cell.w >= 29 ? 11 : 10;
  const q = model.loaded.get("q"), zeros = field.diverging ? model.loaded.get("zeros_matter") : undefined;
  const starred = q && written && cell.h >= 30 && field.diverging;
  /** @type {number[][]} */
  const hatching = [];
  for (let i = row0; i < row1; i++) {
    const row = arrangement.rows[i], y = top + i * cell.h;
    for (let j = col0; j < col1; j++) {
      const col = arrangement.cols[j], x = left + j * cell.w;
      const index = row * model.cols + col, value = field.value(index);
      if (model.diagonal(row, col)) {
        if (shapes) pen.rect(x, y, cell.w, cell.h, css(palette.own));
        continue;
      }
      if (value !== value) {
        if (shapes) pen.rect(x, y, cell.w, cell.h, css(palette.empty));
        hatch(hatching, { x, y, w: cell.w, h: cell.h });
        continue;
      }
      const colours = passes === null || passes(index) ? palette.colours : palette.faded;
      const colour = colours[Math.round(field.place(value) * 255)];
      if (shapes) pen.rect(x, y, cell.w, cell.h, css(colour));
      if (!written) continue;
      const stars = starred ? LEVELS.filter((level) => q[index] <= level).length : 0;
      const middle = y + cell.h / 2, fill = inkOn(colour), text = field.text(value), line = middle + (stars ? 3 : 0);
      let at = x + cell.w / 2;
      if (zeros && Number.isFinite(zeros[index])) {
        // Behind the number, which gives way only where both would not fit.
        const wide = textWidth(text, size, theme.font), small = size * 0.85, mark = textWidth(DAGGER, small, theme.font);
        at -= Math.max(0, Math.min(mark / 2, wide / 2 + mark + 1.5 - cell.w / 2));
        pen.text(at + wide / 2 + 0.5, line - size * 0.14, DAGGER, { size: small, fill, align: "left" });
      }
      pen.text(at, line, text, { size, fill, align: "center" });
      if (stars) pen.text(x + cell.w / 2, middle - size * 0.72, "*".repeat(stars), { size: 11, fill, align: "center" });
    }
  }
  pen.lines(hatching, theme.hatch, 1);
}

/**
 * Whether numbers stand in cells of some size.
 * @param {{ w: number, h: number }} cell
 */
export function hasNumbers(cell) {
  return cell.w >= 25 && cell.h >= 14;
}

/**
 * Lines from lower left to upper right through a box.
 * @param {number[][]} lines gets them
 * @param {Box} box
 */
export function hatch(lines, { x, y, w, h }) {
  const step = 5;
  for (let at = step; at < w + h; at += step) {
    const x0 = Math.max(0, at - h), x1 = Math.min(w, at);
    lines.push([x + x0, y + (at - x0), x + x1, y + (at - x1)]);
  }
}

/**
 * @param {Pen} pen
 * @param {Scene} scene
 * @param {ReturnType<typeof inView>} seen
 */
function gaps(pen, { plan: { plot }, theme }, { cell, col0, row0, col1, row1, left, top }) {
  /** @type {number[][]} */
  const lines = [];
  for (let j = col0; j <= col1; j++) lines.push([left + j * cell.w, plot.y, left + j * cell.w, plot.y + plot.h]);
  for (let i = row0; i <= row1; i++) lines.push([plot.x, top + i * cell.h, plot.x + plot.w, top + i * cell.h]);
  pen.lines(lines, theme.paper, Math.min(cell.w, cell.h) > 16 ? 1.5 : 1);
}
