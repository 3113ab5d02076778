/** Two regions over time: both courses, and one against the other. */

/** @import { Model } from "./model.js" */
/** @import { Cell } from "./state.js" */
/** @import { Theme } from "./theme.js" */
import { Density } from "./density.js";
import { el, name, sized } from "./dom.js";
import { ticks, tickTexts } from "./numbers.js";
import { fitted } from "./pen.js";
import { theme } from "./theme.js";
import { unpack } from "./unpack.js";

const LEFT = 12, BOTTOM = 34, HEIGHT = 250;

/**
 * @param {Model} model
 * @param {Cell} cell
 */
export async function seriesPair(model, cell) {
  const { series } = model.payload;
  if (!series?.length) return null;
  const runs = await Promise.all(series.map(async ({ label, t_r, values }) => {
    const all = await unpack(values), count = values.shape[1];
    const of = /** @param {number} region */ (region) => all.subarray(region * count, (region + 1) * count);
    return { label, step: t_r, x: of(cell.col), y: of(cell.row) };
  }));
  return new SeriesPair(model, cell, runs);
}

/** @typedef {{ label: string, step: number | null, x: Numbers, y: Numbers }} Run */

export class SeriesPair {
  /**
   * @param {Model} model
   * @param {Cell} cell
   * @param {Run[]} runs
   */
  constructor(model, cell, runs) {
    this.names = [model.x.labels[cell.col], model.y.labels[cell.row]];
    this.runs = runs;
    this.run = runs[0];
    /** @type {Uint8Array | null} */
    this.lit = null;
    this.canvas = el("canvas", { class: "courses", role: "img",
      "aria-label": `Courses of ${this.names.join(" and ")}` });
    const select = el("select", { "aria-label": "Run", onchange: () => this.choose(runs[select.selectedIndex]) },
      ...runs.map(({ label }) => el("option", {}, label)));
    const key = /** @type {(set: "x" | "y", text: string) => HTMLElement} */ (set, text) =>
      el("span", { class: `key ${set}` }, name(text));
    this.element = el("div", { class: "maps" }, runs.length > 1 && el("div", { class: "map-controls" }, select),
      el("figure", { class: "map-row" },
        el("figcaption", { class: "keys" }, key("x", this.names[0]), key("y", this.names[1])), this.canvas));
    this.density = this.scatter();
    this.short = true;
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.element);
  }

  /** @param {Run} run */
  choose(run) {
    this.run = run;
    this.lit = null;
    const next = this.scatter(), { canvas, said } = this.density;
    canvas.replaceWith(next.canvas);
    said.replaceWith(next.said);
    this.density = next;
    this.draw();
  }

  scatter() {
    const { run: { x, y }, names: [xName, yName] } = this;
    const density = new Density({
      n: x.length,
      x: (i) => x[i],
      y: (i) => y[i],
      xRange: spread(x),
      yRange: spread(y),
      step: 0,
      xName,
      yName,
      fit: null,
      called: null,
    }, `${xName} and ${yName} at every time point`, (lit, count, of) => {
      this.lit = lit;
      density.said.textContent = lit ? `${count} of ${of} time points. Click to let go.` : density.hint;
      this.draw();
    });
    density.hint = "Draw a range to see when that was.";
    density.said.textContent = density.hint;
    return density;
  }

  draw() {
    const look = theme(), width = this.element.clientWidth;
    if (!width) return;
    drawCourses(sized(this.canvas, width, HEIGHT), this, look, width);
    if (this.density.canvas.parentElement) this.density.draw(look, this.density.canvas.parentElement.clientWidth);
  }

  redraw() {
    this.draw();
  }

  toggleBlink() {/* both courses are seen at once */}

  stop() {
    this.observer.disconnect();
  }
}

/** @type {(context: CanvasRenderingContext2D, pair: SeriesPair, look: Theme, width: number) => void} */
function drawCourses(context, { run, lit }, look, width) {
  const count = run.x.length, right = width - LEFT, bottom = HEIGHT - BOTTOM;
  const px = /** @param {number} i */ (i) => LEFT + (i / Math.max(1, count - 1)) * (right - LEFT);
  if (lit) {
    context.fillStyle = look.lit;
    context.globalAlpha = 0.22;
    const wide = Math.max(2, (right - LEFT) / count);
    lit.forEach((on, i) => {
      if (on) context.fillRect(px(i) - wide / 2, 4, wide, bottom - 4);
    });
    context.globalAlpha = 1;
  }
  // Both are drawn about their own means, in their own deviations: what is compared is how they go.
  for (const [values, colour] of /** @type {[Numbers, string][]} */ ([[run.x, look.x], [run.y, look.y]])) {
    const finite = [...values].filter(Number.isFinite), mean = finite.reduce((a, b) => a + b, 0) / (finite.length || 1);
    const deviation = Math.sqrt(finite.reduce((a, b) => a + (b - mean) ** 2, 0) / (finite.length || 1)) || 1;
    context.beginPath();
    let pen = false;
    values.forEach((v, i) => {
      const y = bottom / 2 - ((v - mean) / deviation) * (bottom / 7.2);
      if (Number.isFinite(v)) context[pen ? "lineTo" : "moveTo"](px(i), Math.min(bottom, Math.max(2, y)));
      pen = Number.isFinite(v);
    });
    context.strokeStyle = colour;
    context.lineWidth = count > 600 ? 1 : 1.6;
    context.lineJoin = "round";
    context.stroke();
  }
  context.strokeStyle = look.line;
  context.lineWidth = 1;
  context.strokeRect(LEFT - 0.5, bottom + 0.5, right - LEFT + 1, 0);
  const step = run.step ?? 1, marks = ticks(0, (count - 1) * step, Math.max(2, width / 90)), texts = tickTexts(marks);
  context.font = `11px ${look.font}`;
  context.fillStyle = look.soft;
  context.textBaseline = "middle";
  context.textAlign = "center";
  marks.forEach((mark, i) => context.fillText(texts[i], px(mark / step), bottom + 12));
  context.fillText(fitted(run.step === null ? "time points" : "seconds", width, 11, look.font), width / 2, bottom + 27);
}

/**
 * @param {Numbers} values
 * @returns {[number, number]}
 */
function spread(values) {
  const finite = [...values].filter(Number.isFinite), low = Math.min(...finite), high = Math.max(...finite);
  return finite.length && high > low ? [low - (high - low) * 0.04, high + (high - low) * 0.04] : [-1, 1];
}
