/** Regions where they lie, seen from the side, from the front and from above, in the outline of a brain. */

/** @import { Theme } from "./theme.js" */
import { el, sized } from "./dom.js";

/** The outline of the MNI152 brain mask in each view, as points in mm: across, up, across, up, … */
const OUTLINES = [
  [-46, -72, -38, -68, -33, -60, -28, -52, -20, -47, -11, -49, -3, -53, 7, -51, 16, -48, 23, -43, 28, -34, 36, -33, 46,
    -31, 55, -29, 63, -25, 69, -18, 72, -9, 73, 1, 73, 10, 70, 19, 67, 28, 62, 36, 57, 44, 50, 51, 42, 57, 35, 62, 26,
    66, 17, 70, 9, 74, 0, 77, -10, 79, -19, 80, -28, 81, -38, 82, -47, 81, -56, 77, -63, 71, -72, 67, -78, 60, -83, 52,
    -89, 44, -94, 36, -99, 28, -103, 20, -107, 11, -107, 1, -106, -8, -102, -17, -95, -23, -94, -32, -91, -41, -86, -49,
    -80, -55, -72, -61, -63, -64, -54, -68],
  [-2, -72, 6, -70, 14, -67, 22, -65, 31, -64, 39, -62, 47, -58, 51, -50, 57, -44, 62, -37, 67, -30, 70, -22, 72, -13,
    73, -5, 73, 4, 71, 12, 71, 21, 71, 30, 69, 38, 66, 46, 61, 53, 55, 59, 49, 66, 42, 70, 34, 74, 26, 77, 18, 81, 10,
    82, 2, 78, -6, 80, -14, 82, -22, 79, -30, 76, -38, 72, -46, 68, -52, 63, -58, 56, -64, 50, -68, 42, -70, 34, -71,
    25, -71, 16, -72, 8, -73, -1, -73, -9, -71, -18, -69, -26, -65, -34, -59, -40, -54, -47, -49, -54, -43, -60, -35,
    -63, -26, -65, -18, -66, -9, -68],
  [-20, -106, -11, -107, -3, -102, 6, -104, 14, -107, 24, -105, 32, -101, 39, -95, 46, -89, 53, -82, 57, -74, 62, -66,
    67, -58, 70, -49, 72, -40, 73, -31, 73, -21, 70, -12, 68, -3, 66, 6, 63, 15, 61, 24, 59, 33, 55, 42, 50, 50, 45, 58,
    38, 64, 30, 68, 21, 72, 12, 73, 3, 71, -6, 72, -16, 73, -25, 71, -33, 67, -41, 62, -48, 55, -52, 47, -57, 39, -60,
    30, -62, 21, -64, 11, -67, 3, -69, -7, -71, -16, -73, -25, -73, -34, -71, -44, -69, -53, -65, -61, -60, -69, -56,
    -77, -50, -85, -44, -91, -37, -98, -29, -103],
];

const VIEWS = [{ across: 1, up: 2, sides: ["P", "A"] }, { across: 0, up: 2, sides: ["L", "R"] }, { across: 0, up: 1,
  sides: ["L", "R"] }];

const GAP = 22, FOOT = 18, LARGEST = 2.1, MARGIN = 16;

/**
 * @typedef {object} Node
 * @property {readonly [number, number, number]} at mm, RAS+
 * @property {string} colour
 * @property {number} radius
 * @property {boolean} [strong] drawn with a ring
 *
 * @typedef {{ a: number, b: number, colour: string, width: number }} Edge  a and b are places in the list of nodes
 */

export class GlassBrain {
  /**
   * @param {string} label
   * @param {boolean} mni whether the places are those of the outline
   * @param {(node: number | null) => void} pointed told which node the pointer is on
   */
  constructor(label, mni, pointed) {
    this.mni = mni;
    this.canvas = el("canvas", { class: "glass", role: "img", "aria-label": label });
    /** @type {{ x: number, y: number, node: number }[]} */
    this.drawn = [];
    this.canvas.addEventListener("pointermove", (event) => pointed(this.nodeAt(event)));
    this.canvas.addEventListener("pointerleave", () => pointed(null));
  }

  /** @param {PointerEvent} event */
  nodeAt(event) {
    const box = this.canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = null, least = 11 ** 2;
    for (const { x: nx, y: ny, node } of this.drawn) {
      const distance = (nx - x) ** 2 + (ny - y) ** 2;
      if (distance < least) [best, least] = [node, distance];
    }
    return best;
  }

  /**
   * @param {Node[]} nodes
   * @param {Edge[]} edges the last is drawn on top
   * @param {Theme} theme
   * @param {number} width
   */
  draw(nodes, edges, theme, width) {
    const spans = VIEWS.map(({ across, up }, k) => {
      const outline = this.mni ? OUTLINES[k] : [], from = [across, up].map(() => Infinity),
        to = [across, up].map(() => -Infinity);
      const take = /** @param {readonly number[]} at */ (at) =>
        at.forEach((v, i) => {
          from[i] = Math.min(from[i], v);
          to[i] = Math.max(to[i], v);
        });
      for (let i = 0; i < outline.length; i += 2) take([outline[i], outline[i + 1]]);
      nodes.forEach(({ at }) => take([at[across], at[up]]));
      return { from, to, w: to[0] - from[0] || 1, h: to[1] - from[1] || 1 };
    });
    const total = spans.reduce((sum, { w }) => sum + w, 0);
    const scale = Math.min(LARGEST, (width - 2 * GAP - 6 * MARGIN) / total),
      height = Math.max(...spans.map(({ h }) => h)) * scale + 2 * MARGIN;
    const context = sized(this.canvas, width, height + FOOT);
    this.drawn = [];
    let x = Math.max(0, (width - total * scale - 2 * GAP - 6 * MARGIN) / 2);
    VIEWS.forEach(({ across, up, sides }, k) => {
      const { from, w, h } = spans[k], left = x + MARGIN,
        foot = height - MARGIN - (height - 2 * MARGIN - h * scale) / 2;
      const point = /** @type {(a: number, b: number) => [number, number]} */ (a,
        b) => [left + (a - from[0]) * scale, foot - (b - from[1]) * scale];
      const places = nodes.map(({ at }) => point(at[across], at[up]));
      outline(context, this.mni ? corners(OUTLINES[k], point) : around(places), theme);
      for (const { a, b, colour, width: line } of edges) {
        context.beginPath();
        context.moveTo(...places[a]);
        context.lineTo(...places[b]);
        context.strokeStyle = colour;
        context.lineWidth = line;
        context.stroke();
      }
      nodes.forEach(({ colour, radius, strong }, node) => {
        const [nx, ny] = places[node];
        this.drawn.push({ x: nx, y: ny, node });
        context.beginPath();
        context.arc(nx, ny, radius, 0, 2 * Math.PI);
        context.fillStyle = colour;
        context.fill();
        if (!strong) return;
        context.strokeStyle = theme.ink;
        context.lineWidth = 2;
        context.stroke();
      });
      context.font = `11px ${theme.font}`;
      context.fillStyle = theme.soft;
      context.textBaseline = "middle";
      context.textAlign = "left";
      context.fillText(sides[0], left, height + FOOT / 2);
      context.textAlign = "right";
      context.fillText(sides[1], left + w * scale, height + FOOT / 2);
      x += w * scale + 2 * MARGIN + GAP;
    });
  }
}

/** @typedef {[number, number]} Place  in pixels */

/** @type {(points: number[], place: (a: number, b: number) => Place) => Place[]} */
function corners(points, place) {
  return Array.from({ length: points.length / 2 }, (_, i) => place(points[2 * i], points[2 * i + 1]));
}

/**
 * Where the brain's own outline does not fit, one that goes around all places.
 * @param {Place[]} places
 * @returns {Place[]}
 */
function around(places) {
  const sorted = [...places].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = /** @param {Place[]} points */ (points) => {
    /** @type {Place[]} */
    const chain = [];
    for (const point of points) {
      const turn = () => {
        const [a, b] = [chain[chain.length - 2], chain[chain.length - 1]];
        return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]);
      };
      while (chain.length > 1 && turn() <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  const hull = [...half(sorted), ...half(sorted.toReversed())], n = hull.length || 1;
  const [cx, cy] = [0, 1].map((k) => hull.reduce((sum, point) => sum + point[k], 0) / n);
  return hull.map(([x, y]) => {
    const far = Math.hypot(x - cx, y - cy) || 1, grown = (far + 14) / far;
    return [cx + (x - cx) * grown, cy + (y - cy) * grown];
  });
}

/** @type {(context: CanvasRenderingContext2D, points: Place[], theme: Theme) => void} */
function outline(context, points, theme) {
  const n = points.length, at = /** @param {number} i */ (i) => points[i % n];
  if (n < 3) return;
  const middle = /** @param {number} i */ (i) => {
    const [a, b] = [at(i), at(i + 1)];
    return /** @type {[number, number]} */ ([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2]);
  };
  context.beginPath();
  context.moveTo(...middle(0));
  for (let i = 1; i <= n; i++) context.quadraticCurveTo(...at(i), ...middle(i));
  context.closePath();
  context.fillStyle = theme.card;
  context.fill();
  context.strokeStyle = theme.faint;
  context.lineWidth = 1;
  context.stroke();
}
