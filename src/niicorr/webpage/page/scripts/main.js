/** The page: reads its data, makes its parts, and lets them know of each other. */

/** @import { Choices, Store } from "./state.js" */
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
import { receiveMaps } from "./maps.js";
import { Model, readPayload } from "./model.js";
import { Opening } from "./opening.js";
import { quality } from "./quality.js";
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
  await model.load(["r", "q", "zeros_matter"]);
  // As the figure beside the page stands: regions in groups, maps as given.
  /** @type {Choices["order"]} */
  const order = { kind: model.payload.kind === "rois" && model.payload.orders.group ? "group" : "given" };
  /** @type {Choices} */
  const begin = { show: "r", order, fade: { by: "none", limit: 0 }, colours: "", query: "",
    cursor: null, hover: null, opened: null, theme: 0 };
  /** @type {Store} */
  const store = createStore(model.has("q") ? { ...begin, fade: { by: "q", limit: 0.05 } } : begin);
  const heatmap = new Heatmap(byId("heatmap"), model, store), opening = new Opening(model, store, heatmap);
  const { open } = opening;

  pageHead(model, open);
  const end = el("div", { class: "control-row" }, tableView(byId("table"), model, store, heatmap, open),
    downloadMenu(heatmap));
  toolbar(byId("toolbar"), model, store, heatmap, findControl(model, store, heatmap, open),
    el("div", { class: "control end" }, end));
  groupLegends(heatmap);
  connectome(byId("connectome"), model, store);
  quality(model, open);
  foot(model);
  pointAndKeys(model, store, heatmap, opening);
  themeAndHelp(store, heatmap, opening);

  heatmap.draw();
  document.documentElement.dataset.ready = "true";
  performance.mark("niicorr-ready");
  await model.loadAll();
  opening.begin();
}

/**
 * What the pointer and the keyboard do on the heatmap, and the card that tells of the cell they are on.
 * @param {Model} model
 * @param {Store} store
 * @param {Heatmap} heatmap
 * @param {Opening} opening
 */
function pointAndKeys(model, store, heatmap, { open }) {
  const { frame } = heatmap, tooltip = new Tooltip(model), live = byId("live");
  let shifted = false, saying = 0;
  frame.addEventListener("pointerdown", (event) => {
    shifted = event.shiftKey;
  });
  listen(heatmap, store, {
    open(at) {
      if (shifted && at.col === null) store.set({ order: { kind: "row", index: at.row } });
      else if (shifted && at.row === null) store.set({ order: { kind: "col", index: at.col } });
      else open(at);
    },
    hoverName(at, x, y) {
      const box = frame.getBoundingClientRect();
      if (at) tooltip.showName(at, x + box.left, y + box.top);
      else if (!store.get().hover) tooltip.hide();
    },
  });
  frame.addEventListener("pointermove", ({ clientX, clientY }) => {
    const { hover } = store.get();
    if (hover) tooltip.showCell(hover, clientX, clientY);
  });
  heatmapKeys(heatmap, store, {
    open,
    moved() {
      const { cursor } = store.get();
      if (!cursor) return;
      const { x, y } = heatmap.where(cursor);
      tooltip.showCell(cursor, x, y);
      clearTimeout(saying);
      // Whoever holds a key down hears where they stop.
      saying = window.setTimeout(() => {
        live.textContent = spoken(model, cursor);
      }, 120);
    },
  });
  frame.addEventListener("blur", () => {
    if (!store.get().hover) tooltip.hide();
  });
  store.on(["hover"], ({ hover, cursor }) => {
    if (!hover && !sameCell(hover, cursor)) tooltip.hide();
  });
  store.on(["opened"], () => tooltip.hide());
}

/**
 * @param {Store} store
 * @param {Heatmap} heatmap
 * @param {Opening} opening
 */
function themeAndHelp(store, heatmap, opening) {
  const help = helpDialog(), changed = () => {
    store.set({ theme: store.get().theme + 1 });
    opening.shown?.redraw();
  };
  const toggle = () => {
    toggleTheme();
    changed();
  };
  byId("theme").addEventListener("click", toggle);
  byId("help").addEventListener("click", () => help.showModal());
  onTheme((printing) => {
    changed();
    if (!printing) return;
    heatmap.draw();
    opening.shown?.draw();
  });
  pageKeys({
    escape() {
      if (!help.open && store.get().opened) opening.open(null);
    },
    find: () => byId("find").focus(),
    blink: () => opening.shown?.toggleBlink(),
    theme: toggle,
    help: () => help.showModal(),
  });
}

/** @param {Heatmap} heatmap */
function groupLegends({ colours: { cols, rows }, model }) {
  const both = model.sameSet ? cols : [...cols, ...rows];
  byId("groups").append(...both.map(({ name: column, colours }) =>
    el("div", {}, el("bdi", { class: "control-label" }, column), legend(colours))
  ));
}

start().catch((error) => {
  const text = error instanceof Error ? error.message : String(error);
  const words = `This page could not be shown: ${text}. The tables beside it hold the same numbers.`;
  document.body.prepend(el("p", { class: "notice" }, words));
  throw error;
});
