/** The controls above the heatmap. */

/** @import { Heatmap } from "./heatmap.js" */
/** @import { Model } from "./model.js" */
/** @import { Choices, Fade, Order, Store } from "./state.js" */
import { button, el, fill } from "./dom.js";
import { fieldChoices } from "./fields.js";
import { magnify } from "./keys.js";
import { mostZoom, WHOLE } from "./layout.js";

/** Where each way of fading begins. */
const LIMITS = { none: 0, q: 0.05, p_fwe: 0.05, p: 0.05, r: 0.2 };

/**
 * A control with a word above it.
 * @param {string} label
 * @param {...(Node | null)} controls
 */
export function labelled(label, ...controls) {
  return el("div", { class: "control", role: "group", "aria-label": label },
    el("span", { class: "control-label", "aria-hidden": "true" }, label),
    el("div", { class: "control-row" }, ...controls));
}

/**
 * Which number is shown: one button each.
 * @param {Model} model
 * @param {Store} store
 */
function showControl(model, store) {
  const buttons = fieldChoices(model).map(({ id, label, needs }) => {
    const show = async () => {
      await model.load(needs);
      store.set({ show: id });
    };
    const title = id === "n_effective" ? "independent values" : null;
    return button({ "data-show": id, "aria-pressed": String(id === store.get().show), title }, show, label);
  });
  store.on(["show"], ({ show }) => {
    for (const made of buttons) made.setAttribute("aria-pressed", String(made.dataset.show === show));
  });
  return labelled("Show", el("div", { class: "segments" }, ...buttons));
}

/**
 * @param {Model} model
 * @param {Store} store
 */
function orderControl(model, store) {
  const select = el("select", { id: "order", "aria-label": "Order of rows and columns" });
  const listed = /** @param {Choices} choices */ ({ order }) => {
    const known = [["given", "as given"], ["name", "by name"]];
    if (model.payload.orders.group) known.push(["group", `by ${model.payload.orders.group.by}`]);
    if (model.payload.orders.cluster) known.push(["cluster", "alike together"]);
    const options = known.map(([value, text]) => el("option", { value }, text));
    if (order.kind === "row" || order.kind === "col") {
      const label = (order.kind === "row" ? model.y : model.x).labels[order.index];
      options.push(el("option", { value: "by" }, `by ${label}`));
    }
    fill(select, ...options);
    select.value = order.kind === "row" || order.kind === "col" ? "by" : order.kind;
  };
  select.addEventListener("change", () => {
    if (select.value !== "by") store.set({ order: /** @type {Order} */ ({ kind: select.value }) });
  });
  store.on(["order"], listed);
  listed(store.get());
  return labelled("Order", select);
}

/**
 * @param {Model} model
 * @param {Store} store
 */
function fadeControl(model, store) {
  const words = { none: "nothing", q: "q above", p_fwe: "family-wise p above", p: "p above",
    r: `|${model.symbol}| below` };
  const known = /** @type {Fade["by"][]} */ (["q", "p_fwe", "p", "r", "none"]);
  const options = known.filter((by) => by === "none" || model.has(by));
  const select = el("select", { id: "fade", "aria-label": "Fade cells with" },
    ...options.map((by) => el("option", { value: by }, words[by])));
  const limit = el("input", { type: "number", id: "fade-limit", min: 0, max: 1, step: 0.01, "aria-label": "limit",
    inputmode: "decimal" });
  const shown = /** @param {Choices} choices */ ({ fade }) => {
    select.value = fade.by;
    limit.hidden = fade.by === "none";
    if (Number(limit.value) !== fade.limit || limit.value === "") limit.value = String(fade.limit);
  };
  select.addEventListener("change", async () => {
    const by = /** @type {Fade["by"]} */ (select.value);
    if (by !== "none") await model.load([by]);
    store.set({ fade: { by, limit: LIMITS[by] } });
  });
  limit.addEventListener("input", () => {
    const value = Number(limit.value);
    if (limit.value !== "" && value >= 0) store.set({ fade: { by: store.get().fade.by, limit: value } });
  });
  store.on(["fade"], shown);
  shown(store.get());
  return labelled("Fade", select, limit);
}

/**
 * @param {Model} model
 * @param {Store} store
 */
function coloursControl(model, store) {
  const names = Object.keys(model.payload.colormaps);
  const select = el("select", { id: "colours", "aria-label": "Colours" }, el("option", { value: "" }, "as the page"),
    ...names.map((name) => el("option", { value: name }, name)));
  select.addEventListener("change", () => store.set({ colours: select.value }));
  return labelled("Colours", select);
}

/**
 * @param {Heatmap} heatmap
 */
function zoomControl(heatmap) {
  const about = () => {
    const { x, y, w, h } = heatmap.plan.plot;
    return /** @type {const} */ ([x + w / 2, y + h / 2]);
  };
  const way = /** @type {(id: string, text: string, words: string, act: () => void) => Node} */ (...told) => {
    const [id, text, words, act] = told;
    return button({ id, "aria-label": words, title: words }, act, text);
  };
  const segments = el("div", { class: "segments" },
    way("zoom-out", "\u2212", "Show more cells", () => magnify(heatmap, 1 / 1.6, ...about())),
    way("zoom-in", "+", "Magnify", () => magnify(heatmap, 1.6, ...about())),
    way("zoom-all", "all", "Show all cells", () => heatmap.look(WHOLE)));
  const control = labelled("Zoom", segments);
  // Where every cell is large already there is nothing to magnify.
  new ResizeObserver(() => {
    control.hidden = mostZoom(heatmap.plan) === 1;
  }).observe(heatmap.frame);
  return control;
}

/**
 * @param {HTMLElement} bar
 * @param {Model} model
 * @param {Store} store
 * @param {Heatmap} heatmap
 * @param {...Node} further controls at the end
 */
export function toolbar(bar, model, store, heatmap, ...further) {
  fill(bar, showControl(model, store), orderControl(model, store), fadeControl(model, store),
    coloursControl(model, store), zoomControl(heatmap), ...further);
}
