/** Three planes through one map: side to side, front to back, foot to head, with the crosshair they share. */

/** @import { Rgb } from "./colours.js" */
/** @import { Picture } from "./maps.js" */
/** @import { Theme } from "./theme.js" */
/** @import { Template, Triple, Volume } from "./volume.js" */
import { rgb } from "./colours.js";
import { el, sized } from "./dom.js";
import { strengthOf } from "./maps.js";

/** The planes: the axis each lies across, then those to the right and up; and the letters at its sides. */
const PLANES = [
  { axis: 0, across: 1, up: 2, letter: "x", sides: ["P", "A"] },
  { axis: 1, across: 0, up: 2, letter: "y", sides: ["L", "R"] },
  { axis: 2, across: 0, up: 1, letter: "z", sides: ["L", "R"] },
];

const GAP = 14, FOOT = 18, LARGEST = 2.1;

/**
 * What a row of slices shows.
 * @typedef {object} Layer
 * @property {Picture} picture
 * @property {Rgb[]} colours one for each code
 * @property {number} threshold share of the range that is left out, 0 to 1
 * @property {Uint8Array | null} lit voxels chosen elsewhere
 * @property {boolean} outline
 * @property {Template | null} template
 */

export class Slices {
  /**
   * @param {Volume} volume
   * @param {string} label
   * @param {(place: Triple) => void} moved told where the reader points
   */
  constructor(volume, label, moved) {
    this.volume = volume;
    this.canvas = el("canvas", { class: "slices", tabindex: 0, role: "img", "aria-label": label });
    this.moved = moved;
    /** @type {Triple} */
    this.cross = [0, 0, 0];
    /** @type {{ x: number, y: number, w: number, h: number, scale: number }[]} */
    this.panes = [];
    this.listen();
  }

  /**
   * @param {Layer} layer
   * @param {Triple} cross
   * @param {Theme} theme
   * @param {number} width
   */
  draw(layer, cross, theme, width) {
    const { volume, canvas } = this, { box, grid: { edge } } = volume;
    this.cross = cross;
    const wide = PLANES.map(({ across }) => box[across] * edge[across]),
      tall = PLANES.map(({ up }) => box[up] * edge[up]);
    const scale = Math.min(LARGEST, (width - 2 * GAP) / wide.reduce((a, b) => a + b, 0)),
      height = Math.max(...tall) * scale;
    const used = wide.reduce((a, b) => a + b, 0) * scale,
      gap = (width - used) / 2 > GAP * 3 ? GAP * 2 : (width - used) / 2;
    const context = sized(canvas, width, height + FOOT);
    let x = 0;
    this.panes = PLANES.map((plane, k) => {
      const pane = { x, y: height - tall[k] * scale, w: wide[k] * scale, h: tall[k] * scale, scale };
      x += pane.w + gap;
      this.drawPane(context, plane, pane, layer, theme);
      return pane;
    });
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {typeof PLANES[number]} plane
   * @param {{ x: number, y: number, w: number, h: number, scale: number }} pane
   * @param {Layer} layer
   * @param {Theme} theme
   */
  drawPane(context, { axis, across, up, letter, sides }, pane, layer, theme) {
    const { volume, cross } = this, { box, grid: { edge } } = volume, mm = volume.mm(cross);
    if (layer.template) drawTemplate(context, layer.template, volume, { axis, across, up }, pane, mm[axis], theme);
    const [w, h] = [box[across], box[up]], image = new ImageData(w, h), out = new Uint32Array(image.data.buffer);
    const paint = painter(layer, theme);
    /** @type {Triple} */
    const place = [0, 0, 0];
    place[axis] = cross[axis];
    const inside = new Uint8Array(w * h);
    for (let j = 0; j < h; j++) {
      for (let i = 0; i < w; i++) {
        place[across] = i;
        place[up] = h - 1 - j;
        const voxel = volume.voxel(place);
        if (voxel >= 0) {
          inside[i + w * j] = 1;
          out[i + w * j] = paint(voxel);
        }
      }
    }
    const small = document.createElement("canvas");
    small.width = w;
    small.height = h;
    small.getContext("2d")?.putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, pane.x, pane.y, pane.w, pane.h);
    const across1 = edge[across] * pane.scale, up1 = edge[up] * pane.scale;
    if (layer.outline) drawOutline(context, inside, w, h, pane, across1, up1, theme.soft);
    const cx = pane.x + (cross[across] + 0.5) * across1, cy = pane.y + pane.h - (cross[up] + 0.5) * up1, hole = 5;
    context.strokeStyle = theme.accent;
    context.lineWidth = 1;
    context.beginPath();
    for (const [x0, y0, x1, y1] of [[pane.x, cy, cx - hole, cy], [cx + hole, cy, pane.x + pane.w, cy], [cx, pane.y, cx,
      cy - hole], [cx, cy + hole, cx, pane.y + pane.h]]) {
      context.moveTo(x0, y0);
      context.lineTo(x1, y1);
    }
    context.stroke();
    context.font = `11px ${theme.font}`;
    context.fillStyle = theme.soft;
    context.textBaseline = "middle";
    context.textAlign = "center";
    const foot = pane.y + pane.h + FOOT / 2 + 2;
    context.fillText(`${letter} = ${mmText(mm[axis])}`, pane.x + pane.w / 2, foot);
    if (!volume.known) return;
    context.textAlign = "left";
    context.fillText(sides[0], pane.x + 2, foot);
    context.textAlign = "right";
    context.fillText(sides[1], pane.x + pane.w - 2, foot);
  }

  listen() {
    const { canvas } = this;
    const point = /** @param {PointerEvent} event */ (event) => {
      const bounds = canvas.getBoundingClientRect(), x = event.clientX - bounds.left, y = event.clientY - bounds.top;
      const k = this.panes.findIndex((pane) => x >= pane.x - 2 && x <= pane.x + pane.w + 2);
      if (k < 0) return;
      const { across, up } = PLANES[k], pane = this.panes[k], { box, grid: { edge } } = this.volume;
      const clamp = /** @type {(v: number, n: number) => number} */ (v, n) =>
        Math.min(n - 1, Math.max(0, Math.floor(v)));
      const next = /** @type {Triple} */ ([...this.cross]);
      next[across] = clamp((x - pane.x) / (edge[across] * pane.scale), box[across]);
      next[up] = clamp((pane.y + pane.h - y) / (edge[up] * pane.scale), box[up]);
      this.moved(next);
    };
    canvas.addEventListener("pointerdown", (event) => {
      try {
        canvas.setPointerCapture(event.pointerId);
      } catch { /* a pointer that is gone */ }
      point(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) point(event);
    });
    canvas.addEventListener("keydown", (event) => {
      const step =
        { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowDown: [1, -1], ArrowUp: [1, 1], PageDown: [2, -1],
          PageUp: [2, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = /** @type {Triple} */ ([...this.cross]), [w, by] = step;
      next[w] = Math.min(this.volume.box[w] - 1, Math.max(0, next[w] + by * (event.shiftKey ? 5 : 1)));
      this.moved(next);
    });
  }
}

/** @param {number} mm */
export function mmText(mm) {
  const rounded = Math.round(mm * 10) / 10;
  return `${rounded === 0 ? 0 : rounded}`.replace("-", "\u2212");
}

/**
 * The colour of each voxel, transparent below the threshold.
 * @param {Layer} layer
 * @param {Theme} theme
 * @returns {(voxel: number) => number}
 */
function painter({ picture, colours, threshold, lit }, theme) {
  const { codes } = picture;
  const packed = /** @type {(colour: Rgb, alpha: number) => number} */ ([r, g, b], alpha) =>
    ((Math.round(alpha * 255) << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0;
  const table = Uint32Array.from({ length: 256 }, (_, code) => {
    if (code === 0) return packed(rgb(theme.hatch), 0.75);
    return strengthOf(picture, code) < threshold ? 0 : packed(colours[code], lit ? 0.3 : 1);
  });
  const bright = packed(rgb(theme.lit), 1);
  return lit ? (voxel) => (lit[voxel] ? bright : table[codes[voxel]]) : (voxel) => table[codes[voxel]];
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Uint8Array} inside
 * @param {number} w
 * @param {number} h
 * @param {{ x: number, y: number }} pane
 * @param {number} sx pixels of a voxel
 * @param {number} sy
 * @param {string} stroke
 */
function drawOutline(context, inside, w, h, pane, sx, sy, stroke) {
  context.beginPath();
  for (let j = 0; j < h; j++) {
    for (let i = 0; i < w; i++) {
      if (!inside[i + w * j]) continue;
      const x = pane.x + i * sx, y = pane.y + j * sy;
      if (!inside[i - 1 + w * j]) {
        context.moveTo(x, y);
        context.lineTo(x, y + sy);
      }
      if (!inside[i + 1 + w * j]) {
        context.moveTo(x + sx, y);
        context.lineTo(x + sx, y + sy);
      }
      if (!inside[i + w * (j - 1)]) {
        context.moveTo(x, y);
        context.lineTo(x + sx, y);
      }
      if (!inside[i + w * (j + 1)]) {
        context.moveTo(x, y + sy);
        context.lineTo(x + sx, y + sy);
      }
    }
  }
  context.strokeStyle = stroke;
  context.lineWidth = 1;
  context.stroke();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Template} template
 * @param {Volume} volume
 * @param {{ axis: number, across: number, up: number }} plane
 * @param {{ x: number, y: number, w: number, h: number, scale: number }} pane
 * @param {number} mm
 * @param {Theme} theme
 */
function drawTemplate(context, template, volume, { axis, across, up }, pane, mm, theme) {
  const plane = template.plane(axis, mm, across, up), image = new ImageData(plane.w, plane.h);
  const out = new Uint32Array(image.data.buffer);
  for (let j = 0; j < plane.h; j++) {
    for (let i = 0; i < plane.w; i++) {
      const grey = plane.greys[i + plane.w * (plane.h - 1 - j)];
      // On light paper the skull-less brain keeps its greys but never reaches black.
      const shown = theme.dark ? grey * 0.55 : 70 + grey * 0.7;
      if (grey) out[i + plane.w * j] = ((255 << 24) | (shown << 16) | (shown << 8) | shown) >>> 0;
    }
  }
  const small = document.createElement("canvas");
  small.width = plane.w;
  small.height = plane.h;
  small.getContext("2d")?.putImageData(image, 0, 0);
  const { grid: { edge } } = volume, origin = volume.mm([0, 0, 0]);
  const left = origin[across] - edge[across] / 2, bottom = origin[up] - edge[up] / 2;
  context.save();
  context.beginPath();
  context.rect(pane.x, pane.y, pane.w, pane.h);
  context.clip();
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(small, pane.x + (plane.left - left) * pane.scale,
    pane.y + pane.h - (plane.top - bottom) * pane.scale, (plane.right - plane.left) * pane.scale,
    (plane.top - plane.bottom) * pane.scale);
  context.restore();
}
