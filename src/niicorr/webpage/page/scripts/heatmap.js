/** The heatmap on the page: two canvases, one for what rarely changes and one for what follows the pointer. */

/** @import { Plan, View } from "./layout.js" */
/** @import { Model } from "./model.js" */
/** @import { Scene } from "./paint_cells.js" */
/** @import { Cell, Choices, Store } from "./state.js" */
import { groupColours } from "./colours.js";
import { el, sized } from "./dom.js";
import { fieldOf } from "./fields.js";
import { cellSize, GAP, LABEL, planned, showing, stripsOf, WHOLE, within } from "./layout.js";
import { matrixImage, palette, passing } from "./matrix_image.js";
import { rText } from "./numbers.js";
import { arrange } from "./order.js";
import { inView, paintCells } from "./paint_cells.js";
import { columnRoom, groupsOf, paintGroups, paintLegend, paintNames, paintTrees } from "./paint_names.js";
import { canvasPen, fitted, textWidth } from "./pen.js";
import { theme } from "./theme.js";

export class Heatmap {
  /**
   * @param {HTMLElement} frame gets the canvases and has the keyboard's focus
   * @param {Model} model
   * @param {Store} store
   */
  constructor(frame, model, store) {
    this.frame = frame;
    this.model = model;
    this.store = store;
    this.base = el("canvas", { class: "base" });
    this.overlay = el("canvas", { class: "overlay" });
    frame.append(this.base, this.overlay);
    this.view = WHOLE;
    this.arrangement = arrange(model, store.get().order);
    const cols = groupsOf(model.x, groupColours, 0), used = cols.reduce((sum, { colours }) => sum + colours.size, 0);
    this.colours = { cols, rows: model.sameSet ? cols : groupsOf(model.y, groupColours, used) };
    /** @type {Plan} */
    this.plan = this.measured();
    /** @type {Scene} */
    this.scene = this.composed();
    this.pending = 0;
    store.on(["order"], () => this.reorder());
    store.on(["show", "fade", "colours", "theme", "query"], () => this.restyle());
    store.on(["cursor", "hover", "opened"], () => this.drawOverlay());
    this.width = frame.clientWidth;
    new ResizeObserver(() => {
      // Its height is its own doing.
      if (frame.clientWidth !== this.width) this.resize();
      this.width = frame.clientWidth;
    }).observe(frame);
  }

  /** How large everything is on a page of this width. */
  measured() {
    const { model, arrangement } = this, font = theme().font;
    const widest = /** @param {string[]} labels */ (labels) => {
      let most = 0;
      // The longest names in letters are the widest, nearly: a thousand need not be measured.
      for (const label of [...labels].sort((a, b) => b.length - a.length).slice(0, 40))
        most = Math.max(most, textWidth(label, LABEL, font));
      return most + 4;
    };
    return planned({
      width: Math.max(260, this.frame.clientWidth),
      tallest: Math.max(300, Math.min(760, window.innerHeight * 0.72)),
      rows: model.rows,
      cols: model.cols,
      widestRow: widest(model.y.labels),
      widestCol: widest(model.x.labels),
      rowStrips: this.colours.rows.length,
      colStrips: this.colours.cols.length,
      rowTree: Boolean(arrangement.rowTree),
      colTree: Boolean(arrangement.colTree),
      square: model.sameSet,
    });
  }

  /**
   * What is drawn, as the reader's choices are now.
   * @returns {Scene}
   */
  composed() {
    const { model, arrangement, plan } = this, choices = this.store.get();
    const field = fieldOf(model, choices.show), colours = theme();
    const shades = palette(model, field, colours, choices.colours), passes = passing(model, choices.fade);
    return {
      model,
      plan,
      view: this.view,
      arrangement,
      field,
      palette: shades,
      passes,
      theme: colours,
      image: matrixImage(model, arrangement, field, shades, passes),
      foundRows: found(model.y.labels, choices.query),
      foundCols: found(model.x.labels, choices.query),
      rowGroups: this.colours.rows,
      colGroups: this.colours.cols,
      fadeText: passes ? fadeText(choices, model.symbol) : "",
    };
  }

  reorder() {
    this.arrangement = arrange(this.model, this.store.get().order);
    this.view = WHOLE;
    this.resize();
  }

  restyle() {
    this.scene = this.composed();
    this.redraw();
  }

  resize() {
    this.plan = this.measured();
    this.view = within(this.plan, this.view);
    this.restyle();
  }

  /** @param {View} view */
  look(view) {
    this.view = within(this.plan, view);
    this.scene = { ...this.scene, view: this.view };
    this.redraw();
  }

  /** Draw before the next picture of the screen, once however often it is asked for. */
  redraw() {
    this.pending ||= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.pending);
    this.pending = 0;
    const { plan, scene } = this;
    const pen = canvasPen(sized(this.base, plan.width, plan.height), scene.theme.font);
    paint(pen, scene);
    const { cell } = inView(scene), { x, y, w, h } = plan.plot;
    // Where the cells are, for whoever drives the page from outside.
    this.frame.dataset.plot = [x, y, w, h].map((v) => v.toFixed(2)).join(" ");
    this.frame.dataset.view = [cell.w, cell.h, this.view.x, this.view.y].map((v) => v.toFixed(3)).join(" ");
    this.frame.classList.toggle("zoomed", this.view.zoom > 1);
    this.frame.style.height = `${plan.height}px`;
    this.drawOverlay();
  }

  drawOverlay() {
    const { plan, scene, arrangement } = this, { cursor, hover, opened } = this.store.get();
    const context = sized(this.overlay, plan.width, plan.height), colours = scene.theme;
    const pen = canvasPen(context, colours.font), { cell, left, top } = inView(scene), { plot } = plan;
    const box = /** @param {Cell} at */ (at) => ({
      x: left + arrangement.colAt[at.col] * cell.w,
      y: top + arrangement.rowAt[at.row] * cell.h,
      w: cell.w,
      h: cell.h,
    });
    const mark = /** @type {(at: Cell, colour: string, width: number) => void} */ (at, colour, width) => {
      const { x, y, w, h } = box(at), grow = Math.max(0, (7 - Math.min(w, h)) / 2);
      pen.frame(x - grow, y - grow, w + 2 * grow, h + 2 * grow, colour, width);
    };
    const active = hover ?? (document.activeElement === this.frame ? cursor : null);
    pen.clipped({ x: plot.x - 4, y: plot.y - 4, w: plot.w + 8, h: plot.h + 8 }, () => {
      if (active && (cell.w < 16 || cell.h < 12)) {
        const { x, y, w, h } = box(active);
        pen.lines([[x + w / 2, plot.y, x + w / 2, plot.y + plot.h], [plot.x, y + h / 2, plot.x + plot.w, y + h / 2]],
          colours.faint, 1);
      }
      if (opened) this.markOpened(pen, opened, box);
      if (active) mark(active, colours.ink, 2);
    });
    if (active) this.nameActive(context, active, box(active));
  }

  /**
   * @param {import("./pen.js").Pen} pen
   * @param {import("./state.js").Opened} opened
   * @param {(cell: Cell) => import("./layout.js").Box} box
   */
  markOpened(pen, opened, box) {
    const { plot } = this.plan, colour = this.scene.theme.accent;
    const { x, y, w, h } = box({ row: opened.row ?? 0, col: opened.col ?? 0 });
    if (opened.row === null) pen.frame(x, plot.y, w, plot.h, colour, 2);
    else if (opened.col === null) pen.frame(plot.x, y, plot.w, h, colour, 2);
    else pen.frame(x - 1, y - 1, w + 2, h + 2, colour, 3);
  }

  /**
   * The names of the row and the column that the pointer is on, over those that stand there.
   * @param {CanvasRenderingContext2D} context
   * @param {Cell} cell
   * @param {import("./layout.js").Box} box
   */
  nameActive(context, cell, { x, y, w, h }) {
    const { plan, model, scene: { theme: colours, rowGroups } } = this, { plot } = plan,
      pen = canvasPen(context, colours.font);
    const label = { size: LABEL, fill: colours.ink, bold: true };
    const edge = plot.x - GAP - stripsOf(rowGroups.length);
    const row = fitted(model.y.labels[cell.row], plan.rowNames, LABEL, colours.font);
    const wide = Math.min(plan.rowNames + 8, textWidth(row, LABEL, colours.font) * 1.08 + 8);
    pen.rect(edge - wide, y + h / 2 - 9, wide + 3, 18, colours.paper);
    pen.text(edge, y + h / 2, row, { ...label, align: "right" });
    const col = fitted(model.x.labels[cell.col], columnRoom(plan, x + w / 2), LABEL, colours.font);
    const long = textWidth(col, LABEL, colours.font) * 1.08 + 8, below = plot.y + plot.h;
    context.save();
    if (plan.slant === "aslant") {
      context.translate(x + w / 2 + 3, below + 9);
      context.rotate(-Math.PI / 4);
      pen.rect(-long, -8, long + 3, 16, colours.paper);
      pen.text(0, 0, col, { ...label, align: "right" });
    } else {
      // Names that stand upright are many: the one that counts lies across them.
      const middle = Math.min(Math.max(x + w / 2, long / 2), plan.width - long / 2);
      pen.rect(middle - long / 2, below + 3, long, 18, colours.paper);
      pen.text(middle, below + 12, col, { ...label, align: "center" });
    }
    context.restore();
  }

  /**
   * What lies at a point of the frame: a cell, the name of a row or a column, or nothing.
   * @param {number} x
   * @param {number} y
   * @returns {{ row: number | null, col: number | null } | null}
   */
  at(x, y) {
    const { plan: { plot, colNames }, arrangement } = this, cell = cellSize(this.plan, this.view.zoom);
    const col = Math.floor((x - plot.x) / cell.w + this.view.x), row = Math.floor((y - plot.y) / cell.h + this.view.y);
    const inX = x >= plot.x && x < plot.x + plot.w && col < arrangement.cols.length;
    const inY = y >= plot.y && y < plot.y + plot.h && row < arrangement.rows.length;
    if (inX && inY) return { row: arrangement.rows[row], col: arrangement.cols[col] };
    if (inY && x < plot.x && x > 16) return { row: arrangement.rows[row], col: null };
    const below = y - plot.y - plot.h;
    if (below < 0 || below > colNames) return null;
    // Names aslant end under their column and begin to the left of it.
    const slid = Math.floor(
      (x + (this.plan.slant === "aslant" ? Math.max(0, below - 8) : 0) - plot.x) / cell.w + this.view.x,
    );
    return slid >= 0 && slid < arrangement.cols.length && slid >= this.view.x - 1
      ? { row: null, col: arrangement.cols[slid] }
      : null;
  }

  /**
   * The middle of a cell in pixels of the window.
   * @param {Cell} at
   */
  where(at) {
    const { cell, left, top } = inView(this.scene), frame = this.frame.getBoundingClientRect();
    return { x: frame.left + left + (this.arrangement.colAt[at.col] + 0.5) * cell.w,
      y: frame.top + top + (this.arrangement.rowAt[at.row] + 0.5) * cell.h };
  }

  /**
   * Move the view so that a row, a column or a cell is in it.
   * @param {{ row: number | null, col: number | null }} at
   */
  reveal({ row, col }) {
    const { rowAt, colAt } = this.arrangement;
    this.look(showing(this.plan, this.view, row === null ? null : rowAt[row], col === null ? null : colAt[col]));
  }
}

/**
 * @param {import("./pen.js").Pen} pen
 * @param {Scene} scene
 */
export function paint(pen, scene) {
  paintTrees(pen, scene);
  paintGroups(pen, scene);
  paintCells(pen, scene);
  paintNames(pen, scene);
  paintLegend(pen, scene);
}

/**
 * Which names hold a text, whatever its case; null where nothing is looked for.
 * @param {string[]} labels
 * @param {string} query
 * @returns {Set<number> | null}
 */
export function found(labels, query) {
  const wanted = query.trim().toLocaleLowerCase();
  if (!wanted) return null;
  return new Set(labels.flatMap((label, i) => (label.toLocaleLowerCase().includes(wanted) ? [i] : [])));
}

/**
 * @param {Choices} choices
 * @param {string} symbol
 */
function fadeText({ fade: { by, limit } }, symbol) {
  const name = { q: "q", p: "p", p_fwe: "p (family-wise)", r: `|${symbol}|`, none: "" }[by];
  return `${name} ${by === "r" ? "<" : ">"} ${rText(limit, limit < 0.01 ? 3 : 2)}`;
}
