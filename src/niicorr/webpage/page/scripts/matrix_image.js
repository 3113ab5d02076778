/** The matrix as an image of one pixel a cell: made when the choice changes, moved and magnified when the view does. */

/** @import { Rgb } from "./colours.js" */
/** @import { Field } from "./fields.js" */
/** @import { Model } from "./model.js" */
/** @import { Arrangement } from "./order.js" */
/** @import { Fade } from "./state.js" */
/** @import { Theme } from "./theme.js" */
import { blend, divergingOf, ink, pixels, rgb } from "./colours.js";

/** Share of its colour that a faded cell keeps. */
const KEPT = 0.3;

/**
 * @typedef {object} Palette
 * @property {Rgb[]} colours
 * @property {Rgb[]} faded
 * @property {Rgb} empty of a cell without a number
 * @property {Rgb} own of a map with itself
 */

/**
 * @param {Model} model
 * @param {Field} field
 * @param {Theme} theme
 * @param {string} chosen name of a colour map; "" goes with the theme
 * @returns {Palette}
 */
export function palette(model, field, theme, chosen) {
  const diverging = divergingOf(model.payload.colormaps, theme.dark, chosen);
  const colours = field.diverging ? diverging : ink(theme.dark);
  return { colours, faded: colours.map((colour) => blend(colour, theme.paperRgb, KEPT)),
    empty: blend(rgb(theme.hatch), theme.paperRgb, 0.3), own: rgb(theme.line) };
}

/**
 * Whether a cell stands out, as a function of its place in the tables; null where all do.
 * @param {Model} model
 * @param {Fade} fade
 * @returns {((index: number) => boolean) | null}
 */
export function passing(model, { by, limit }) {
  if (by === "none") return null;
  const numbers = model.loaded.get(by);
  if (!numbers) return null;
  if (by === "r") return (index) => !(Math.abs(numbers[index]) < limit);
  // A map with itself is not tested and does not fail; what could not be tested must not look as if it had passed.
  const without = untested(model);
  return (index) => !(numbers[index] > limit) && !without.has(index);
}

/** @type {WeakMap<Model, Set<number>>} */
const known = new WeakMap();

/**
 * Cells whose note says that they have no p-value.
 * @param {Model} model
 */
function untested(model) {
  let found = known.get(model);
  if (!found) {
    found = new Set();
    for (const [row, col, text] of model.payload.notes) {
      if (!text.includes("no p-value")) continue;
      found.add(row * model.cols + col);
      if (model.sameSet) found.add(col * model.cols + row);
    }
    known.set(model, found);
  }
  return found;
}

/**
 * @param {Model} model
 * @param {Arrangement} arrangement
 * @param {Field} field
 * @param {Palette} palette
 * @param {((index: number) => boolean) | null} passes
 * @returns {HTMLCanvasElement} as wide as there are columns, as high as there are rows
 */
export function matrixImage(model, arrangement, field, palette, passes) {
  const { rows, cols } = arrangement, width = model.cols;
  const canvas = document.createElement("canvas");
  canvas.width = cols.length;
  canvas.height = rows.length;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(cols.length, rows.length);
  const out = new Uint32Array(image.data.buffer);
  const strong = pixels(palette.colours), weak = pixels(palette.faded),
    [empty, own] = pixels([palette.empty, palette.own]);
  let at = 0;
  for (const row of rows) {
    for (const col of cols) {
      const index = row * width + col, value = field.value(index);
      if (model.diagonal(row, col)) out[at++] = own;
      else if (value !== value) out[at++] = empty;
      else out[at++] = (passes === null || passes(index) ? strong : weak)[Math.round(field.place(value) * 255)];
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
