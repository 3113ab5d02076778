/** All voxels of a pair at once: one map along x, the other along y; or its regions, a dot each. A range that is drawn
 * over them lights them up in the slices. */

/** @import { Theme } from "./theme.js" */
import { css, ink } from "./colours.js";
import { el, sized } from "./dom.js";
import { hexagons, traceHexagon } from "./hexbin.js";
import { ticks, tickTexts } from "./numbers.js";
import { fitted } from "./pen.js";

const LEFT = 58, RIGHT = 34, TOP = 34, BOTTOM = 46, HEXAGON = 8;

/** More points than this are counted in hexagons; fewer are dots. */
const DOTS = 1500;

/**
 * @typedef {object} Points
 * @property {number} n how many places there are
 * @property {(i: number) => number} x value of each; NaN where there is none
 * @property {(i: number) => number} y
 * @property {[number, number]} xRange
 * @property {[number, number]} yRange
 * @property {number} step of the values, as a share of their range: they are spread over it, so that no stripes appear
 * @property {string} xName
 * @property {string} yName
 * @property {{ slope: number, intercept: number } | null} fit
 * @property {((i: number) => string) | null} called the name of a place, for regions
 */

/** @typedef {{ x0: number, x1: number, y0: number, y1: number }} Range  in the maps' own units */

export class Density {
  /**
   * @param {Points} points
   * @param {string} label
   * @param {(lit: Uint8Array | null, count: number, of: number) => void} brushed
   */
  constructor(points, label, brushed) {
    this.points = points;
    this.brushed = brushed;
    this.canvas = el("canvas", { class: "density", role: "img", "aria-label": label });
    this.said = el("p", { class: "small", role: "status" });
    this.hint = "";
    /** @type {Range | null} */
    this.range = null;
    this.width = this.height = 0;
    /** @type {number | null} */
    this.marked = null;
    this.drawn = el("canvas");
    this.drawnFor = "";
    this.listen();
  }

  /**
   * @param {Theme} theme
   * @param {number} width
   */
  draw(theme, width) {
    this.theme = theme;
    this.width = width;
    this.height = Math.round(Math.min(width, 460));
    const context = sized(this.canvas, this.width, this.height);
    const key = `${width} ${theme.dark} ${devicePixelRatio}`;
    // What does not change under the pointer is drawn once.
    if (key !== this.drawnFor) {
      this.drawnFor = key;
      this.drawBase(sized(this.drawn, this.width, this.height), theme);
    }
    context.drawImage(this.drawn, 0, 0, this.width, this.height);
    const { points: { x, y }, marked, range } = this;
    if (range) {
      const [x0, x1] = [this.px(range.x0), this.px(range.x1)], [y0, y1] = [this.py(range.y0), this.py(range.y1)];
      context.fillStyle = theme.lit;
      context.globalAlpha = 0.12;
      context.fillRect(x0, y1, x1 - x0, y0 - y1);
      context.globalAlpha = 1;
      context.strokeStyle = theme.lit;
      context.lineWidth = 1.5;
      context.strokeRect(x0, y1, x1 - x0, y0 - y1);
    }
    if (marked !== null && Number.isFinite(x(marked)) && Number.isFinite(y(marked))) {
      context.beginPath();
      context.arc(this.px(x(marked)), this.py(y(marked)), 5, 0, 2 * Math.PI);
      context.strokeStyle = theme.card;
      context.lineWidth = 4;
      context.stroke();
      context.strokeStyle = theme.accent;
      context.lineWidth = 2;
      context.stroke();
    }
  }

  /** @param {number} value */
  px(value) {
    const [low, high] = this.points.xRange;
    return LEFT + ((value - low) / (high - low || 1)) * (this.width - LEFT - RIGHT);
  }

  /** @param {number} value */
  py(value) {
    const [low, high] = this.points.yRange;
    return this.height - BOTTOM - ((value - low) / (high - low || 1)) * (this.height - TOP - BOTTOM);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Theme} theme
   */
  drawBase(context, theme) {
    const { points: { n, x, y, step }, width, height } = this;
    const right = width - RIGHT, bottom = height - BOTTOM;
    drawAxes(this, context, theme);
    const xs = new Float32Array(40), ys = new Float32Array(40), size = [(right - LEFT) / 40, (bottom - TOP) / 40];
    const each = /** @param {(px: number, py: number) => void} told */ (told) => {
      const sx = step * (right - LEFT), sy = step * (bottom - TOP);
      for (let i = 0; i < n; i++) {
        const vx = x(i), vy = y(i);
        if (vx !== vx || vy !== vy) continue;
        // Codes are steps apart: each voxel is put somewhere within its step, always at the same place.
        const jx = (((i * 0.61803398875) % 1) - 0.5) * sx, jy = (((i * 0.75487766625) % 1) - 0.5) * sy;
        const px = Math.min(right, Math.max(LEFT, this.px(vx) + jx)),
          py = Math.min(bottom, Math.max(TOP, this.py(vy) + jy));
        xs[Math.min(39, Math.floor((px - LEFT) / size[0]))]++;
        ys[Math.min(39, Math.floor((py - TOP) / size[1]))]++;
        told(px, py);
      }
    };
    const colours = ink(theme.dark);
    if (n > DOTS) {
      const found = hexagons(each, HEXAGON), most = Math.log(Math.max(2, ...found.map(({ count }) => count)));
      context.save();
      context.beginPath();
      context.rect(LEFT, TOP, right - LEFT, bottom - TOP);
      context.clip();
      for (const { x: hx, y: hy, count } of found) {
        context.beginPath();
        traceHexagon(context, hx, hy, HEXAGON + 0.4);
        context.fillStyle = css(colours[Math.round(30 + 225 * (Math.log(count) / most))]);
        context.fill();
      }
      context.restore();
    } else {
      context.fillStyle = theme.dark ? "rgb(140 195 225 / 75%)" : "rgb(44 98 133 / 65%)";
      each((px, py) => {
        context.beginPath();
        context.arc(px, py, n > 300 ? 2.6 : 3.6, 0, 2 * Math.PI);
        context.fill();
      });
    }
    context.fillStyle = css(colours[110]);
    const mostX = Math.max(1, ...xs), mostY = Math.max(1, ...ys), deep = TOP - 8;
    xs.forEach((count, k) =>
      context.fillRect(LEFT + k * size[0], TOP - 4 - (count / mostX) * deep, size[0] - 1, (count / mostX) * deep)
    );
    ys.forEach((count, k) =>
      context.fillRect(right + 4, TOP + k * size[1], (count / mostY) * (RIGHT - 8), size[1] - 1)
    );
    this.drawFit(context, theme);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Theme} theme
   */
  drawFit(context, theme) {
    const { fit, xRange } = this.points;
    if (!fit) return;
    context.save();
    context.beginPath();
    context.rect(LEFT, TOP, this.width - LEFT - RIGHT, this.height - TOP - BOTTOM);
    context.clip();
    for (const [stroke, line] of /** @type {[string, number][]} */ ([[theme.card, 4], [theme.y, 2]])) {
      context.beginPath();
      xRange.forEach((v, k) => context[k ? "lineTo" : "moveTo"](this.px(v), this.py(fit.slope * v + fit.intercept)));
      context.strokeStyle = stroke;
      context.lineWidth = line;
      context.stroke();
    }
    context.restore();
  }

  listen() {
    const { canvas } = this;
    /** @type {{ x: number, y: number } | null} */
    let start = null;
    const value = /** @param {PointerEvent} event */ (event) => {
      const box = canvas.getBoundingClientRect(), { xRange, yRange } = this.points;
      const along = (event.clientX - box.left - LEFT) / (this.width - LEFT - RIGHT),
        up = (this.height - BOTTOM - (event.clientY - box.top)) / (this.height - TOP - BOTTOM);
      const within = /** @param {number} v */ (v) => Math.min(1, Math.max(0, v));
      return { x: xRange[0] + within(along) * (xRange[1] - xRange[0]),
        y: yRange[0] + within(up) * (yRange[1] - yRange[0]) };
    };
    canvas.addEventListener("pointerdown", (event) => {
      start = value(event);
      try {
        canvas.setPointerCapture(event.pointerId);
      } catch { /* a pointer that is gone */ }
    });
    canvas.addEventListener("pointermove", (event) => {
      const now = value(event);
      if (start) {
        const { x, y } = start;
        this.brush({ x0: Math.min(x, now.x), x1: Math.max(x, now.x), y0: Math.min(y, now.y), y1: Math.max(y, now.y) });
      } else if (this.points.called) this.nearest(now);
    });
    const end = /** @param {PointerEvent} event */ (event) => {
      const now = value(event), { xRange } = this.points;
      // A click without a range takes the light away.
      if (start && Math.abs(now.x - start.x) < (xRange[1] - xRange[0]) * 0.006) this.brush(null);
      start = null;
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
  }

  /** @param {Range | null} range */
  brush(range) {
    this.range = range;
    const { n, x, y } = this.points;
    if (!range) {
      delete this.canvas.dataset.range;
      this.brushed(null, 0, 0);
      return;
    }
    // What was chosen, for whoever drives the page from outside.
    this.canvas.dataset.range = [range.x0, range.x1, range.y0, range.y1].join(" ");
    const lit = new Uint8Array(n);
    let count = 0, of = 0;
    for (let i = 0; i < n; i++) {
      const vx = x(i), vy = y(i);
      if (vx !== vx || vy !== vy) continue;
      of++;
      if (vx >= range.x0 && vx <= range.x1 && vy >= range.y0 && vy <= range.y1) {
        lit[i] = 1;
        count++;
      }
    }
    this.brushed(lit, count, of);
  }

  /** @param {{ x: number, y: number }} at */
  nearest(at) {
    const { n, x, y, called } = this.points;
    let best = -1, least = 15 ** 2;
    for (let i = 0; i < n; i++) {
      const distance = (this.px(x(i)) - this.px(at.x)) ** 2 + (this.py(y(i)) - this.py(at.y)) ** 2;
      if (distance < least) [best, least] = [i, distance];
    }
    this.marked = best < 0 ? null : best;
    this.said.textContent = best < 0 ? this.hint : (called?.(best) ?? "");
    if (this.theme) this.draw(this.theme, this.width);
  }
}

/**
 * @param {Density} density
 * @param {CanvasRenderingContext2D} context
 * @param {Theme} theme
 */
function drawAxes(density, context, theme) {
  const { points: { xRange, yRange, xName, yName }, width, height } = density;
  const right = width - RIGHT, bottom = height - BOTTOM;
  context.clearRect(0, 0, width, height);
  context.strokeStyle = theme.line;
  context.lineWidth = 1;
  context.fillStyle = theme.soft;
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  context.textAlign = "center";
  context.beginPath();
  const xTicks = ticks(...xRange, Math.max(2, (right - LEFT) / 75)),
    yTicks = ticks(...yRange, Math.max(2, (bottom - TOP) / 55));
  const xTexts = tickTexts(xTicks), yTexts = tickTexts(yTicks);
  xTicks.forEach((v, i) => {
    const at = Math.round(density.px(v)) + 0.5;
    context.moveTo(at, TOP);
    context.lineTo(at, bottom + 4);
    context.fillText(xTexts[i], at, bottom + 13);
  });
  context.textAlign = "right";
  yTicks.forEach((v, i) => {
    const at = Math.round(density.py(v)) + 0.5;
    context.moveTo(LEFT - 4, at);
    context.lineTo(right, at);
    context.fillText(yTexts[i], LEFT - 8, at);
  });
  context.stroke();
  context.font = `12px ${theme.font}`;
  context.fillStyle = theme.ink;
  context.textAlign = "center";
  context.fillText(fitted(xName, right - LEFT, 12, theme.font), (LEFT + right) / 2, height - 11);
  context.save();
  context.translate(10, (TOP + bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.fillText(fitted(yName, bottom - TOP, 12, theme.font), 0, 0);
  context.restore();
}
