/** Two pens that draw alike, one on a canvas and one into an SVG: what is downloaded is what was on the page. */

/** @import { Box } from "./layout.js" */
import { svg } from "./dom.js";

/**
 * @typedef {"left" | "center" | "right"} Align
 * @typedef {{ size: number, fill: string, align?: Align, bold?: boolean, turn?: number }} Lettering
 * @typedef {object} Pen
 * @property {boolean} vector whether shapes stay shapes
 * @property {(x: number, y: number, w: number, h: number, fill: string) => void} rect
 * @property {(x: number, y: number, w: number, h: number, stroke: string, width: number) => void} frame
 * @property {(lines: number[][], stroke: string, width: number) => void} lines each as x, y, x, y, …
 * @property {(x: number, y: number, text: string, lettering: Lettering) => void} text y is the middle of its letters
 * @property {(image: HTMLCanvasElement, from: Box, to: Box, smooth: boolean) => void} image
 * @property {(box: Box, draw: () => void) => void} clipped
 */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} font
 * @returns {Pen}
 */
export function canvasPen(context, font) {
  return {
    vector: false,
    rect(x, y, w, h, fill) {
      context.fillStyle = fill;
      context.fillRect(x, y, w, h);
    },
    frame(x, y, w, h, stroke, width) {
      context.strokeStyle = stroke;
      context.lineWidth = width;
      context.strokeRect(x, y, w, h);
    },
    lines(lines, stroke, width) {
      context.strokeStyle = stroke;
      context.lineWidth = width;
      context.beginPath();
      for (const line of lines) {
        context.moveTo(line[0], line[1]);
        for (let i = 2; i < line.length; i += 2) context.lineTo(line[i], line[i + 1]);
      }
      context.stroke();
    },
    text(x, y, text, { size, fill, align = "left", bold = false, turn = 0 }) {
      context.font = `${bold ? "600 " : ""}${size}px ${font}`;
      context.fillStyle = fill;
      context.textAlign = align;
      context.textBaseline = "middle";
      context.direction = "ltr";
      if (turn) {
        context.save();
        context.translate(x, y);
        context.rotate(turn);
        context.fillText(text, 0, 0);
        context.restore();
      } else {
        context.fillText(text, x, y + 0.5);
      }
    },
    image(image, from, to, smooth) {
      context.imageSmoothingEnabled = smooth;
      context.imageSmoothingQuality = "high";
      context.drawImage(image, from.x, from.y, from.w, from.h, to.x, to.y, to.w, to.h);
    },
    clipped(box, draw) {
      context.save();
      context.beginPath();
      context.rect(box.x, box.y, box.w, box.h);
      context.clip();
      draw();
      context.restore();
    },
  };
}

/**
 * @param {number} width
 * @param {number} height
 * @param {string} font
 * @returns {{ pen: Pen, root: SVGSVGElement }}
 */
export function svgPen(width, height, font) {
  const root = svg("svg", { xmlns: "http://www.w3.org/2000/svg", width, height, viewBox: `0 0 ${width} ${height}`,
    "font-family": font });
  /** @type {Element} */
  let into = root;
  let clips = 0;
  const short = /** @param {number} v */ (v) => Number(v.toFixed(2));
  /** @type {Pen} */
  const pen = {
    vector: true,
    rect(x, y, w, h, fill) {
      into.append(svg("rect", { x: short(x), y: short(y), width: short(w), height: short(h), fill }));
    },
    frame(x, y, w, h, stroke, lineWidth) {
      into.append(
        svg("rect", { x: short(x), y: short(y), width: short(w), height: short(h), fill: "none", stroke,
          "stroke-width": lineWidth }),
      );
    },
    lines(lines, stroke, lineWidth) {
      const d = lines.map((line) => `M${line.map(short).join(" ")}`).join("");
      if (d) into.append(svg("path", { d, fill: "none", stroke, "stroke-width": lineWidth }));
    },
    text(x, y, text, { size, fill, align = "left", bold = false, turn = 0 }) {
      const anchor = align === "left" ? "start" : align === "center" ? "middle" : "end";
      const degrees = short((turn * 180) / Math.PI);
      into.append(svg("text", {
        x: short(x),
        y: short(y),
        dy: "0.35em",
        "font-size": size,
        fill,
        "text-anchor": anchor,
        "font-weight": bold ? 600 : null,
        transform: turn ? `rotate(${degrees} ${short(x)} ${short(y)})` : null,
      }, text));
    },
    image(image, from, to, smooth) {
      const part = document.createElement("canvas");
      part.width = from.w;
      part.height = from.h;
      part.getContext("2d")?.drawImage(image, -from.x, -from.y);
      into.append(svg("image", {
        x: short(to.x),
        y: short(to.y),
        width: short(to.w),
        height: short(to.h),
        href: part.toDataURL(),
        preserveAspectRatio: "none",
        "image-rendering": smooth ? null : "pixelated",
      }));
    },
    clipped(box, draw) {
      const id = `clip-${++clips}`, outer = into;
      root.append(
        svg("clipPath", { id },
          svg("rect", { x: short(box.x), y: short(box.y), width: short(box.w), height: short(box.h) })),
      );
      into = svg("g", { "clip-path": `url(#${id})` });
      outer.append(into);
      draw();
      into = outer;
    },
  };
  return { pen, root };
}

/** @type {CanvasRenderingContext2D | null} */
let measuring = null;
/** @type {Map<string, string>} */
const elided = new Map();

/**
 * Pixels that a text takes.
 * @param {string} text
 * @param {number} size
 * @param {string} font
 */
export function textWidth(text, size, font) {
  measuring ??= document.createElement("canvas").getContext("2d");
  if (!measuring) return text.length * size * 0.6;
  measuring.font = `${size}px ${font}`;
  return measuring.measureText(text).width;
}

/**
 * A name that fits, its middle left out where it does not: names of one study mostly differ at their ends. It is set
 * apart, so that letters written from right to left do not turn what stands beside them.
 * @param {string} text
 * @param {number} room
 * @param {number} size
 * @param {string} font
 */
export function fitted(text, room, size, font) {
  const key = `${Math.round(room)} ${size} ${text}`;
  let made = elided.get(key);
  if (made === undefined) {
    made = `\u2068${shortened(text, room, size, font)}\u2069`;
    if (elided.size > 20_000) elided.clear();
    elided.set(key, made);
  }
  return made;
}

/** @type {(text: string, room: number, size: number, font: string) => string} */
function shortened(text, room, size, font) {
  if (textWidth(text, size, font) <= room) return text;
  const letters = [...text];
  let low = 0, high = letters.length;
  const cut = /** @param {number} kept */ (kept) => {
    const head = Math.ceil(kept / 2);
    return `${letters.slice(0, head).join("")}\u2026${letters.slice(letters.length - (kept - head)).join("")}`;
  };
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (textWidth(cut(middle), size, font) <= room) low = middle;
    else high = middle;
  }
  return low === 0 ? "\u2026" : low === 1 ? `${letters[0]}\u2026` : cut(low);
}
