/** The page: reads its data, makes its parts, and lets them know of each other. */

/** @import { Choices, Opened } from "./state.js" */
import { spoken } from "./cell_words.js";
import { connectome, legend } from "./connectome.js";
import { byId, el } from "./dom.js";
import { downloadMenu } from "./download.js";
import { findControl } from "./find.js";
import { foot } from "./foot.js";
import { listen } from "./gestures.js";
import { pageHead } from "./head.js";
import { Heatmap } from "./heatmap.js";
import { heatmapKeys, helpDialog, pageKeys } from "./keys.js";
import { hashOf, openedOf } from "./links.js";
import { receiveMaps } from "./maps.js";
import { Model, readPayload } from "./model.js";
import { showPair } from "./pair.js";
import { quality } from "./quality.js";
import { showRanked } from "./ranked.js";
import { createStore, sameCell } from "./state.js";
import { tableView } from "./table_view.js";
import { onTheme, recallTheme, toggleTheme } from "./theme.js";
import { toolbar } from "./toolbar.js";
import { Tooltip } from "./tooltip.js";

async function start() {
  recallTheme();
  receiveMaps();
  const model = new Model(readPayload());
  if (model.payload.embedded) document.documentElement.dataset.embedded = "true";
  await model.load(["r", "q"]);
  const store = createStore(/** @type {Choices} */ ({
    show: "r", order: { kind: "given" }, fade: model.has("q") ? { by: "q", limit: 0.05 } : { by: "none", limit: 0 },
    colours: "", query: "", cursor: null, hover: null, opened: null, theme: 0,
  }));
  const frame = byId("heatmap"), heatmap = new Heatmap(frame, model, store), tooltip = new Tooltip(model);
  const opened = byId("opened"), live = byId("live");
  /** @type {import("./pair.js").Shown | null} */
  let shown = null;

  const open = /** @param {Opened | null} at */ (at) => {
    show(at);
    if (!at) frame.focus();
    // Kept in the address, so that it can be sent, and gone back from; a page inside of another one has none.
    if (!model.payload.embedded && location.hash !== hashOf(model, at)) location.hash = hashOf(model, at);
  };
  const step = /** @type {(down: number, right: number) => void} */ (down, right) => {
    const at = store.get().opened, { rows, cols, rowAt, colAt } = heatmap.arrangement;
    if (!at || at.row === null || at.col === null) return;
    const clamp = /** @type {(v: number, n: number) => number} */ (v, n) => Math.min(Math.max(v, 0), n - 1);
    open({ row: rows[clamp(rowAt[at.row] + down, rows.length)], col: cols[clamp(colAt[at.col] + right, cols.length)] });
  };
  /** Show what the address names: links from outside and the button back end here. */
  const follow = () => {
    // Others name a part of the page: what is open stays open.
    if (!location.hash || location.hash.includes("/")) show(openedOf(model, location.hash));
  };
  const show = /** @param {Opened | null} at */ (at) => {
    const before = store.get().opened;
    if (at === before || (at && before && at.row === before.row && at.col === before.col)) return;
    shown?.stop();
    shown = null;
    store.set({ opened: at, ...(at && at.row !== null && at.col !== null ? { cursor: { row: at.row, col: at.col } } : {}) });
    tooltip.hide();
    opened.hidden = at === null;
    if (!at) {
      opened.replaceChildren();
      return;
    }
    void model.loadAll().then(async () => {
      const wanted = () => store.get().opened === at;
      if (!wanted()) return;
      heatmap.reveal(at);
      if (at.row === null || at.col === null) showRanked(opened, model, store, at, open);
      else shown = (await showPair(opened, model, at, open, step, wanted)) ?? shown;
      if (!wanted()) return;
      opened.dataset.shown = hashOf(model, at);
      // The heading takes the focus, so that a screen reader goes on there; the page moves only as far as it must.
      const title = document.getElementById("opened-title"), place = opened.getBoundingClientRect();
      title?.focus({ preventScroll: true });
      if (!before && (place.top > window.innerHeight * 0.6 || place.top < 0)) {
        const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
        opened.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
      }
    });
  };

  pageHead(model, open);
  toolbar(byId("toolbar"), model, store, heatmap, findControl(model, store, heatmap, open),
    el("div", { class: "control end" }, el("div", { class: "control-row" }, tableView(byId("table"), model, store, heatmap, open), downloadMenu(heatmap))));
  groupLegends(heatmap);
  connectome(byId("connectome"), model, store);
  quality(model, open);
  foot(model);

  let shifted = false;
  frame.addEventListener("pointerdown", (event) => { shifted = event.shiftKey; });
  listen(heatmap, store, {
    open(at) {
      if (shifted && at.row !== null && at.col === null) store.set({ order: { kind: "row", index: at.row } });
      else if (shifted && at.row === null) store.set({ order: { kind: "col", index: at.col } });
      else open(at);
    },
    hoverName(at, x, y) {
      const box = frame.getBoundingClientRect();
      if (at) tooltip.showName(at, x + box.left, y + box.top);
      else if (!store.get().hover) tooltip.hide();
    },
  });
  /** @param {PointerEvent} event */
  const follower = (event) => {
    const { hover } = store.get();
    if (hover) tooltip.showCell(hover, event.clientX, event.clientY);
  };
  frame.addEventListener("pointermove", follower);
  let saying = 0;
  heatmapKeys(heatmap, store, {
    open,
    moved() {
      const { cursor } = store.get();
      if (!cursor) return;
      const { x, y } = heatmap.where(cursor);
      tooltip.showCell(cursor, x, y);
      clearTimeout(saying);
      // Whoever holds a key down hears where they stop.
      saying = window.setTimeout(() => { live.textContent = spoken(model, cursor); }, 120);
    },
  });
  frame.addEventListener("blur", () => { if (!store.get().hover) tooltip.hide(); });
  const help = helpDialog(), change = () => {
    toggleTheme();
    store.set({ theme: store.get().theme + 1 });
    shown?.redraw();
  };
  byId("theme").addEventListener("click", change);
  byId("help").addEventListener("click", () => help.showModal());
  onTheme((printing) => {
    store.set({ theme: store.get().theme + 1 });
    if (printing) {
      heatmap.draw();
      shown?.draw();
    } else shown?.redraw();
  });
  pageKeys({
    escape() {
      if (help.open || !store.get().opened) {
        tooltip.hide();
        return;
      }
      open(null);
    },
    find: () => byId("find").focus(),
    blink: () => shown?.toggleBlink(),
    theme: change,
    help: () => help.showModal(),
  });
  store.on(["hover"], ({ hover, cursor }) => { if (!hover && !sameCell(hover, cursor)) tooltip.hide(); });
  window.addEventListener("hashchange", follow);
  heatmap.draw();
  document.documentElement.dataset.ready = "true";
  performance.mark("niicorr-ready");
  await model.loadAll();
  const first = model.payload.open;
  if (first && !openedOf(model, location.hash)) show({ row: first[0], col: first[1] });
  else follow();
}

/** @param {Heatmap} heatmap */
function groupLegends(heatmap) {
  const { cols, rows } = heatmap.colours, both = heatmap.model.sameSet ? cols : [...cols, ...rows];
  byId("groups").append(...both.map(({ name: column, colours }) => el("div", {}, el("bdi", { class: "control-label" }, column), legend(colours))));
}

start().catch((error) => {
  const text = error instanceof Error ? error.message : String(error);
  document.body.prepend(el("p", { class: "notice" }, `This page could not be shown: ${text}. The tables beside it hold the same numbers.`));
  throw error;
});
