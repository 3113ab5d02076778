/** The keyboard: on the heatmap, and anywhere on the page. */

/** @import { Heatmap } from "./heatmap.js" */
/** @import { Store, Opened } from "./state.js" */
import { el } from "./dom.js";
import { mostZoom, WHOLE, zoomed } from "./layout.js";

const HELP = [
  ["arrow keys", "move over the cells (Shift: ten at a time; Home, End: first and last column)"],
  ["Enter", "open the cell: both maps, their voxels, all numbers"],
  ["Escape", "close what is open"],
  ["r, c", "order the page by the row, or by the column, of the cell"],
  ["R, C", "everything that the row, or the column, was compared with, ranked"],
  ["+, −, 0", "magnify, back, all"],
  ["/", "find a name"],
  ["b", "with a cell open: blink between both maps"],
  ["t", "light or dark"],
  ["?", "this help"],
];

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/**
 * @param {Heatmap} heatmap
 * @param {Store} store
 * @param {{ open: (opened: Opened) => void, moved: () => void }} told
 */
export function heatmapKeys(heatmap, store, told) {
  const { frame } = heatmap;
  frame.addEventListener("focus", () => heatmap.drawOverlay());
  frame.addEventListener("blur", () => heatmap.drawOverlay());
  frame.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { arrangement, plan } = heatmap, { cursor } = store.get();
    const { rows, cols, rowAt, colAt } = arrangement;
    const here = cursor ?? { row: rows[0], col: cols[0] };
    const go = /** @type {(i: number, j: number) => void} */ (i, j) => {
      const clamp = /** @type {(v: number, n: number) => number} */ (v, n) => Math.min(Math.max(v, 0), n - 1);
      const at = { row: rows[clamp(i, rows.length)], col: cols[clamp(j, cols.length)] };
      store.set({ cursor: at, hover: null });
      heatmap.reveal(at);
      told.moved();
    };
    const middle = { x: plan.plot.x + plan.plot.w / 2, y: plan.plot.y + plan.plot.h / 2 };
    if (event.key in STEPS) {
      const [down, right] = STEPS[/** @type {keyof typeof STEPS} */ (event.key)], far = event.shiftKey ? 10 : 1;
      // The first key shows where the cursor is; the next ones move it.
      if (cursor) go(rowAt[here.row] + down * far, colAt[here.col] + right * far);
      else go(0, 0);
    } else if (event.key === "Home") go(rowAt[here.row], 0);
    else if (event.key === "End") go(rowAt[here.row], cols.length - 1);
    else if (event.key === "Enter" || event.key === " ") told.open(here);
    else if (event.key === "r") store.set({ order: { kind: "row", index: here.row } });
    else if (event.key === "c") store.set({ order: { kind: "col", index: here.col } });
    else if (event.key === "R") told.open({ row: here.row, col: null });
    else if (event.key === "C") told.open({ row: null, col: here.col });
    else if (event.key === "+" || event.key === "=") magnify(heatmap, 1.6, middle.x, middle.y);
    else if (event.key === "-") magnify(heatmap, 1 / 1.6, middle.x, middle.y);
    else if (event.key === "0") heatmap.look(WHOLE);
    else return;
    event.preventDefault();
  });
}

/** @type {(heatmap: Heatmap, factor: number, x: number, y: number) => void} */
export function magnify(heatmap, factor, x, y) {
  if (mostZoom(heatmap.plan) > 1) heatmap.look(zoomed(heatmap.plan, heatmap.view, factor, x, y));
}

/**
 * Keys that work wherever the focus is, but for fields that are written in.
 * @param {{ escape: () => void, find: () => void, blink: () => void, theme: () => void, help: () => void }} actions
 */
export function pageKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const inField = event.target instanceof HTMLElement &&
      event.target.matches("input:not([type=range], [type=checkbox]), select, textarea");
    if (event.key === "Escape") actions.escape();
    else if (inField) return;
    else if (event.key === "/") actions.find();
    else if (event.key === "b") actions.blink();
    else if (event.key === "t") actions.theme();
    else if (event.key === "?") actions.help();
    else return;
    if (event.key !== "Escape") event.preventDefault();
  });
}

/** The help, as a dialog that is not shown yet. */
export function helpDialog() {
  const dialog = el("dialog", { class: "help", "aria-labelledby": "help-title" },
    el("h2", { id: "help-title" }, "Keys"),
    el("dl", {},
      ...HELP.map(([key, what]) =>
        el("div", {}, el("dt", {}, ...key.split(", ").flatMap((one, i) => [i ? " " : null, el("kbd", {}, one)])),
          el("dd", {}, what))
      )),
    el("p", {},
      "Pointer: click a cell to open it, a name for its ranking; the wheel or two fingers magnify, dragging moves."),
    el("form", { method: "dialog" }, el("button", { class: "button", autofocus: true }, "Close")));
  document.body.append(dialog);
  return dialog;
}
