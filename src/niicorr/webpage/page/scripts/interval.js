/** A number with its interval, on a scale with 0 in its middle. */

import { svg } from "./dom.js";

/**
 * @param {number} r
 * @param {number} low
 * @param {number} high
 * @param {{ label?: string, stick?: boolean, reach?: number }} [options] what it says aloud; whether a stick leads
 *   from 0 to the number; how far the scale goes
 */
export function intervalBar(r, low, high, { label = "", stick = false, reach = 1 } = {}) {
  // Shares of the width, so that ends stay round and lines thin however wide it is.
  const at = /** @param {number} v */ (v) => `${(50 + 48 * Math.max(-1, Math.min(1, v / reach))).toFixed(2)}%`;
  const bar = svg("svg", { class: `interval ${r < 0 ? "negative" : "positive"}`, role: "img",
    "aria-label": label || null, "aria-hidden": label ? null : "true" });
  bar.append(svg("line", { x1: "2%", x2: "98%", y1: 10, y2: 10, class: "rail" }),
    svg("line", { x1: "50%", x2: "50%", y1: 4, y2: 16, class: "zero" }));
  if (stick && Number.isFinite(r)) bar.append(svg("line", { x1: "50%", x2: at(r), y1: 10, y2: 10, class: "stick" }));
  if (Number.isFinite(low) && Number.isFinite(high)) {
    bar.append(svg("line", { x1: at(low), x2: at(high), y1: 10, y2: 10, class: "span" }));
    for (const end of [low, high])
      bar.append(svg("line", { x1: at(end), x2: at(end), y1: 6.5, y2: 13.5, class: "span-end" }));
  }
  if (Number.isFinite(r)) bar.append(svg("circle", { cx: at(r), cy: 10, r: 5, class: "knob" }));
  return bar;
}
