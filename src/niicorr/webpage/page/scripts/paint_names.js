/** What stands around the cells: names, trees, groups, and the scale of colours. */

/** @import { Scene } from "./paint_cells.js" */
/** @import { Pen } from "./pen.js" */
import { css } from "./colours.js";
import { GAP, LABEL, SMALL, STRIP, STRIP_STEP, stripsOf, TREE } from "./layout.js";
import { nText } from "./numbers.js";
import { brackets } from "./order.js";
import { DAGGER, hasNumbers, hatch, inView } from "./paint_cells.js";
import { fitted, textWidth } from "./pen.js";

/**
 * Where strips end and names of rows begin.
 * @param {Scene} scene
 */
function nameEdge({ plan, rowGroups }) {
  return plan.plot.x - GAP - stripsOf(rowGroups.length);
}

/**
 * @param {Pen} pen
 * @param {Scene} scene
 */
export function paintNames(pen, scene) {
  const { plan, model, theme, arrangement, foundRows, foundCols } = scene;
  const { cell, col0, row0, col1, row1, left, top } = inView(scene), { plot } = plan;
  const colour = /** @type {(found: Set<number> | null, index: number) => string} */ (found, index) =>
    found === null ? theme.ink : found.has(index) ? theme.accent : theme.faint;
  const everyRow = Math.max(1, Math.ceil((LABEL + 1) / cell.h)), edge = nameEdge(scene);
  for (let i = Math.ceil(row0 / everyRow) * everyRow; i < row1; i += everyRow) {
    const y = top + (i + 0.5) * cell.h, row = arrangement.rows[i];
    if (y < plot.y - 1 || y > plot.y + plot.h + 1) continue;
    const bold = foundRows?.has(row) ?? false;
    pen.text(edge, y, fitted(model.y.labels[row], plan.rowNames, LABEL, theme.font), { size: LABEL,
      fill: colour(foundRows, row), align: "right", bold });
  }
  const everyCol = Math.max(1, Math.ceil((LABEL + 1) / cell.w)), below = plot.y + plot.h;
  for (let j = Math.ceil(col0 / everyCol) * everyCol; j < col1; j += everyCol) {
    const x = left + (j + 0.5) * cell.w, col = arrangement.cols[j];
    if (x < plot.x - 1 || x > plot.x + plot.w + 1) continue;
    const lettering = { size: LABEL, fill: colour(foundCols, col), bold: foundCols?.has(col) ?? false };
    const name = model.x.labels[col];
    const aslantHere = plan.slant === "aslant";
    const text = fitted(name, columnRoom(plan, x), LABEL, theme.font);
    if (plan.slant === "level") pen.text(x, below + 6 + LABEL / 2, text, { ...lettering, align: "center" });
    else if (aslantHere) pen.text(x + 3, below + 9, text, { ...lettering, align: "right", turn: -Math.PI / 4 });
    else pen.text(x, below + 5, text, { ...lettering, align: "right", turn: -Math.PI / 2 });
  }
  const noun = model.noun,
    counted = /** @type {(set: MapSet, n: number) => string} */ (set,
      n) => (set.name.endsWith(`${noun}s`) ? nText(n) : `${nText(n)} ${noun}${n === 1 ? "" : "s"}`);
  const axis = { size: LABEL, fill: theme.soft, align: /** @type {const} */ ("center") };
  const xName = `${fitted(model.x.name, 260, LABEL, theme.font)} (${counted(model.x, model.cols)}${every(everyCol)})`;
  const yName = `${fitted(model.y.name, Math.max(60, plot.h - 70), LABEL, theme.font)} (${
    counted(model.y, model.rows)
  }${every(everyRow)})`;
  const middle = Math.max(plot.x + plot.w / 2, textWidth(xName, LABEL, theme.font) / 2 + 4);
  pen.text(middle, below + plan.colNames + GAP + 10, xName, axis);
  // Beside few rows there is no room for the words; above the names there is.
  if (textWidth(yName, LABEL, theme.font) <= plot.h + 60)
    pen.text(9, plot.y + plot.h / 2, yName, { ...axis, turn: -Math.PI / 2 });
}

/**
 * How long the name of a column may be: aslant, it must not run out of the page on the left.
 * @param {import("./layout.js").Plan} plan
 * @param {number} x the middle of the column
 */
export function columnRoom(plan, x) {
  return plan.slant === "aslant" ? Math.min(plan.nameLength, (x - 4) / Math.SQRT1_2) : plan.nameLength;
}

/** @param {number} step */
function every(step) {
  return step === 1 ? "" : `, 1 in ${step} named`;
}

/**
 * @param {Pen} pen
 * @param {Scene} scene
 */
export function paintTrees(pen, scene) {
  const { plan: { plot }, arrangement, theme, colGroups } = scene, { cell, left, top } = inView(scene);
  const { rowTree, colTree } = arrangement;
  if (colTree) {
    const foot = plot.y - GAP - stripsOf(colGroups.length);
    const y = /** @param {number} height */ (height) => foot - height * (TREE - 2);
    pen.clipped({ x: plot.x - 1, y: 0, w: plot.w + 2, h: foot + 1 }, () => {
      pen.lines(brackets(colTree, arrangement.cols).map(({ a, b, heightA, heightB, top: highest }) => {
        const xa = left + a * cell.w, xb = left + b * cell.w;
        return [xa, y(heightA), xa, y(highest), xb, y(highest), xb, y(heightB)];
      }), theme.faint, arrangement.cols.length > 80 ? 0.6 : 1);
    });
  }
  if (rowTree) {
    const foot = plot.x + plot.w + GAP;
    const x = /** @param {number} height */ (height) => foot + height * (TREE - 2);
    pen.clipped({ x: foot - 1, y: plot.y - 1, w: TREE + 2, h: plot.h + 2 }, () => {
      pen.lines(brackets(rowTree, arrangement.rows).map(({ a, b, heightA, heightB, top: highest }) => {
        const ya = top + a * cell.h, yb = top + b * cell.h;
        return [x(heightA), ya, x(highest), ya, x(highest), yb, x(heightB), yb];
      }), theme.faint, arrangement.rows.length > 80 ? 0.6 : 1);
    });
  }
}

/**
 * @param {Pen} pen
 * @param {Scene} scene
 */
export function paintGroups(pen, scene) {
  const { plan: { plot }, arrangement, theme, rowGroups, colGroups } = scene;
  const { cell, left, top, row0, row1, col0, col1 } = inView(scene);
  const gap = /** @param {number} size */ (size) => (size >= 7 ? 1.5 : 0);
  colGroups.forEach(({ name, texts, colours }, k) => {
    const y = plot.y - (colGroups.length - k) * STRIP_STEP;
    pen.clipped({ x: plot.x, y, w: plot.w, h: STRIP }, () => {
      for (let j = col0; j < col1; j++) {
        const colour = colours.get(texts[arrangement.cols[j]]);
        if (colour) pen.rect(left + j * cell.w + gap(cell.w) / 2, y, Math.max(1, cell.w - gap(cell.w)), STRIP, colour);
      }
    });
    const label = fitted(name, Math.max(20, plot.x - GAP - 4), SMALL, theme.font);
    pen.text(plot.x - GAP, y + STRIP / 2, label, { size: SMALL, fill: theme.soft, align: "right" });
  });
  rowGroups.forEach(({ texts, colours }, k) => {
    const x = plot.x - (rowGroups.length - k) * STRIP_STEP;
    pen.clipped({ x, y: plot.y, w: STRIP, h: plot.h }, () => {
      for (let i = row0; i < row1; i++) {
        const colour = colours.get(texts[arrangement.rows[i]]);
        if (colour) pen.rect(x, top + i * cell.h + gap(cell.h) / 2, STRIP, Math.max(1, cell.h - gap(cell.h)), colour);
      }
    });
  });
}

/**
 * @param {Pen} pen
 * @param {Scene} scene
 */
export function paintLegend(pen, scene) {
  const { plan: { legend, width }, field, palette, theme, model, fadeText } = scene;
  const bar = { w: Math.round(Math.min(220, width * 0.56)), h: 8 };
  const small = { size: SMALL, fill: theme.soft };
  pen.text(legend.x, legend.y, fitted(field.name, width - legend.x - 8, SMALL, theme.font), small);
  const y = legend.y + 10, steps = pen.vector ? 64 : bar.w;
  for (let i = 0; i < steps; i++) {
    pen.rect(legend.x + (i * bar.w) / steps, y, bar.w / steps + 0.5, bar.h,
      css(palette.colours[Math.round((i / (steps - 1)) * 255)]));
  }
  for (const { at, text } of field.ticks) {
    const align = at < 0.02 ? "left" : at > 0.98 ? "right" : "center";
    pen.text(legend.x + at * bar.w, y + bar.h + 9, text, { ...small, align });
  }
  const beside = legend.x + bar.w + 32, narrow = beside + 220 > width;
  let x = narrow ? legend.x : beside;
  const line = narrow ? y + bar.h + 30 : y + bar.h / 2;
  const key = /** @type {(text: string, swatch: (x: number) => void) => void} */ (text, swatch) => {
    swatch(x);
    pen.text(x + 22, line, text, small);
    x += 22 + textWidth(text, SMALL, theme.font) + 20;
  };
  if (fadeText) {
    key(`faded: ${fadeText}`, (at) => {
      for (let i = 0; i < 16; i++)
        pen.rect(at + i, line - 5, 1.5, 10,
          css(palette.faded[field.diverging ? Math.round((i / 15) * 255) : 40 + i * 14]));
    });
  }
  if (field.diverging && model.has("q") && !narrow)
    key("* q ≤ .05   ** q ≤ .01   *** q ≤ .001", () => {
      x -= 22;
    });
  const marked = field.diverging && hasNumbers(inView(scene).cell);
  if (marked && model.loaded.get("zeros_matter")?.some((v) => v === v)) {
    key("rests on how zeros are read", (at) => {
      pen.text(at + 11, line, DAGGER, { ...small, align: "center" });
    });
  }
  if (scene.model.loaded.get("r")?.some((v) => v !== v)) {
    key("no number", (at) => {
      /** @type {number[][]} */
      const lines = [];
      hatch(lines, { x: at, y: line - 5, w: 16, h: 10 });
      pen.lines(lines, theme.hatch, 1);
    });
  }
}

/**
 * The groups of a set with their colours; each column goes on where the one before ended.
 * @param {MapSet} set
 * @param {(texts: string[], start: number) => Map<string, string>} coloured
 * @param {number} start
 */
export function groupsOf(set, coloured, start) {
  return Object.entries(set.groups ?? {}).map(([name, texts]) => {
    const colours = coloured(texts, start);
    start += colours.size;
    return { name, texts, colours };
  });
}
