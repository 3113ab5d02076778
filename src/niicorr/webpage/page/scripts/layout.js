/** Where everything of the heatmap lies: a plan in CSS pixels, made from sizes alone. */

/** Sizes of letters. */
export const LABEL = 12;
export const SMALL = 11;

/** Pixels between parts, across a strip of groups (alone, and with the room to the next), and along a tree. */
export const GAP = 6;
export const STRIP = 10;
export const STRIP_STEP = 13;
export const TREE = 44;

/** A cell is not drawn larger than this, however few there are or far one zooms in. */
const CELL = { width: 58, height: 42 };

/** Names stand upright in narrower columns, level in wide enough ones, else aslant. */
const ASLANT = 13;

/**
 * @typedef {{ x: number, y: number, w: number, h: number }} Box
 * @typedef {object} Sizes
 * @property {number} width of the page
 * @property {number} tallest the plot may be
 * @property {number} rows
 * @property {number} cols
 * @property {number} widestRow pixels of the longest name of a row
 * @property {number} widestCol
 * @property {number} rowStrips how many
 * @property {number} colStrips
 * @property {boolean} rowTree
 * @property {boolean} colTree
 * @property {boolean} square
 *
 * @typedef {object} Plan
 * @property {number} width
 * @property {number} height
 * @property {Box} plot the cells
 * @property {{ w: number, h: number }} fit a cell when all are in view
 * @property {number} rowNames room for the names of rows
 * @property {number} colNames room below for the names of columns
 * @property {"level" | "aslant" | "upright"} slant
 * @property {number} nameLength longest name of a column, in pixels along its letters
 * @property {Box} legend
 */

/**
 * @param {Sizes} sizes
 * @returns {Plan}
 */
export function planned(sizes) {
  const { width, rows, cols } = sizes;
  const narrow = width < 560;
  const rowNames = Math.ceil(Math.min(sizes.widestRow, narrow ? width * 0.27 : 210)) + 2;
  const axis = 20;
  const left = axis + rowNames + GAP + stripsOf(sizes.rowStrips);
  const right = sizes.rowTree ? TREE + GAP : narrow ? 2 : 14;
  const top = (sizes.colTree ? TREE + GAP : 6) + stripsOf(sizes.colStrips);
  const room = Math.max(60, width - left - right);
  const largest = { w: Math.max(CELL.width, Math.min(150, 420 / cols)),
    h: Math.max(CELL.height, Math.min(90, 180 / rows)) };
  let w = Math.min(largest.w, room / cols), h = Math.min(largest.h, sizes.tallest / rows);
  if (sizes.square) w = h = Math.min(w, Math.max(h, Math.min(room, sizes.tallest * 1.25) / rows));
  else if (rows > 40 && cols > 40) h = Math.min(h, w * 1.6);
  const plot = { x: left, y: top, w: w * cols, h: h * rows };
  const longest = Math.min(sizes.widestCol, narrow ? 110 : 170);
  const slant = cols === 1 || w > longest + 10 ? "level" : w >= ASLANT ? "aslant" : "upright";
  const colNames = Math.ceil(
    slant === "level" ? LABEL + 6 : slant === "aslant" ? longest * Math.SQRT1_2 + 14 : longest + 8,
  );
  const below = top + plot.h + colNames + GAP + axis;
  const legend = { x: narrow ? 4 : left, y: below + 14, w: narrow ? width - 8 : Math.max(plot.w, width - left - 8),
    h: narrow ? 62 : 40 };
  return { width, height: Math.ceil(legend.y + legend.h + 4), plot, fit: { w, h }, rowNames, colNames, slant,
    nameLength: longest, legend };
}

/**
 * Pixels that so many strips of groups take.
 * @param {number} count
 */
export function stripsOf(count) {
  return count * STRIP_STEP;
}

/**
 * What part of the matrix is in view: magnification, and the cell (with fractions) at the upper left corner.
 * @typedef {{ zoom: number, x: number, y: number }} View
 */

/** @type {View} */
export const WHOLE = { zoom: 1, x: 0, y: 0 };

/**
 * The size of a cell in a view: both sides grow until each is large enough to be read.
 * @param {Plan} plan
 * @param {number} zoom
 */
export function cellSize({ fit }, zoom) {
  return { w: Math.min(fit.w * zoom, Math.max(fit.w, CELL.width)),
    h: Math.min(fit.h * zoom, Math.max(fit.h, CELL.height)) };
}

/** @param {Plan} plan */
export function mostZoom({ fit }) {
  const most = Math.max(CELL.width / fit.w, CELL.height / fit.h);
  return most < 1.25 ? 1 : most;
}

/**
 * A view that stays within the matrix.
 * @param {Plan} plan
 * @param {View} view
 * @returns {View}
 */
export function within(plan, view) {
  const zoom = Math.min(Math.max(view.zoom, 1), mostZoom(plan));
  const cell = cellSize(plan, zoom), { plot, fit } = plan;
  const room = { x: plot.w / fit.w - plot.w / cell.w, y: plot.h / fit.h - plot.h / cell.h };
  return { zoom, x: Math.min(Math.max(view.x, 0), Math.max(0, room.x)),
    y: Math.min(Math.max(view.y, 0), Math.max(0, room.y)) };
}

/**
 * Magnify about a point that stays where it is.
 * @param {Plan} plan
 * @param {View} view
 * @param {number} factor
 * @param {number} x CSS pixels
 * @param {number} y
 */
export function zoomed(plan, view, factor, x, y) {
  const zoom = Math.min(Math.max(view.zoom * factor, 1), mostZoom(plan));
  const before = cellSize(plan, view.zoom), after = cellSize(plan, zoom);
  const dx = x - plan.plot.x, dy = y - plan.plot.y;
  return within(plan, { zoom, x: view.x + dx / before.w - dx / after.w, y: view.y + dy / before.h - dy / after.h });
}

/**
 * A view moved so far that a place is in it.
 * @param {Plan} plan
 * @param {View} view
 * @param {number | null} row place on the page
 * @param {number | null} col
 */
export function showing(plan, view, row, col) {
  const cell = cellSize(plan, view.zoom);
  const shift = /** @type {(at: number | null, from: number, count: number) => number} */ (at, from, count) =>
    at === null ? from : at < from ? at : at + 1 > from + count ? at + 1 - count : from;
  const x = shift(col, view.x, plan.plot.w / cell.w), y = shift(row, view.y, plan.plot.h / cell.h);
  return within(plan, { zoom: view.zoom, x, y });
}
