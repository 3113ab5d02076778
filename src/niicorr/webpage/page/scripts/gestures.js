/** Pointer, wheel and fingers on the heatmap: hover, open, magnify, move. */

/** @import { Heatmap } from "./heatmap.js" */
/** @import { Store, Opened } from "./state.js" */
import { cellSize, mostZoom, zoomed } from "./layout.js";
import { sameCell } from "./state.js";

/** A press that moves less than this is a click. */
const STILL = 5;

/** A wheel that has just scrolled the page goes on scrolling it, though the heatmap came under the pointer. */
const SAME_SCROLL = 350;

/**
 * @param {Heatmap} heatmap
 * @param {Store} store
 * @param {{ open: (opened: Opened) => void, hoverName: (at: Opened | null, x: number, y: number) => void }} told
 */
export function listen(heatmap, store, told) {
  const { frame } = heatmap;
  /** @type {Map<number, { x: number, y: number }>} */
  const down = new Map();
  let start = { x: 0, y: 0, moved: false };
  let scrolled = -Infinity;
  const local = /** @param {{ clientX: number, clientY: number }} event */ (event) => {
    const box = frame.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const hover = /** @param {{ x: number, y: number } | null} point */ (point) => {
    const at = point && heatmap.at(point.x, point.y);
    const cell = at && at.row !== null && at.col !== null ? { row: at.row, col: at.col } : null;
    if (!sameCell(cell, store.get().hover)) store.set({ hover: cell });
    frame.classList.toggle("over", at !== null);
    told.hoverName(at && cell === null ? /** @type {Opened} */ (at) : null, point?.x ?? 0, point?.y ?? 0);
  };

  frame.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    down.set(event.pointerId, local(event));
    start = { ...local(event), moved: down.size > 1 };
    // Capture fails for pointers that are gone already, as those that programs make up.
    try {
      frame.setPointerCapture(event.pointerId);
    } catch { /* then the frame's own events must do */ }
  });
  frame.addEventListener("pointermove", (event) => {
    const point = local(event), before = down.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse" || event.pointerType === "pen") hover(point);
      return;
    }
    if (Math.hypot(point.x - start.x, point.y - start.y) > STILL) start.moved = true;
    if (down.size === 1) {
      if (start.moved) drag(heatmap, point.x - before.x, point.y - before.y);
    } else {
      const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
      if (other) pinch(heatmap, before, point, other);
    }
    down.set(event.pointerId, point);
    if (start.moved) hover(null);
  });
  const up = /** @type {(event: PointerEvent, click: boolean) => void} */ (event, click) => {
    if (!down.delete(event.pointerId) || !click || start.moved || down.size) return;
    const point = local(event), at = heatmap.at(point.x, point.y);
    if (at) told.open(/** @type {Opened} */ (at));
  };
  frame.addEventListener("pointerup", (event) => up(event, true));
  frame.addEventListener("pointercancel", (event) => up(event, false));
  frame.addEventListener("pointerleave", () => hover(null));

  window.addEventListener("scroll", () => {
    scrolled = performance.now();
  }, { passive: true });
  frame.addEventListener("wheel", (event) => {
    const { view, plan } = heatmap, point = local(event), at = heatmap.at(point.x, point.y);
    if (!at || mostZoom(plan) === 1) return;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (sideways && view.zoom > 1) {
      event.preventDefault();
      drag(heatmap, -event.deltaX, 0);
      return;
    }
    // The page scrolls on where the heatmap has nothing to give: below it lies the rest of the report.
    const idle = event.deltaY > 0 ? view.zoom <= 1 : view.zoom >= mostZoom(plan);
    if (sideways || idle || (!event.ctrlKey && performance.now() - scrolled < SAME_SCROLL)) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 24 : 1;
    const factor = Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0022));
    heatmap.look(zoomed(plan, view, factor, point.x, point.y));
    hover(point);
  }, { passive: false });
}

/** @type {(heatmap: Heatmap, dx: number, dy: number) => void} */
function drag(heatmap, dx, dy) {
  const { view, plan } = heatmap, cell = cellSize(plan, view.zoom);
  if (view.zoom > 1) heatmap.look({ zoom: view.zoom, x: view.x - dx / cell.w, y: view.y - dy / cell.h });
}

/** @typedef {{ x: number, y: number }} Point */

/** @type {(heatmap: Heatmap, before: Point, now: Point, other: Point) => void} */
function pinch(heatmap, before, now, other) {
  const factor = Math.hypot(now.x - other.x, now.y - other.y) /
    Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
  const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
  heatmap.look(zoomed(heatmap.plan, heatmap.view, factor, middle.x, middle.y));
  drag(heatmap, (now.x - before.x) / 2, (now.y - before.y) / 2);
}
