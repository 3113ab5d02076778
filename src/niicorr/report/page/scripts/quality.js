/** How good the maps are: every one of them as a picture, the grids they lie on, and what the rules changed. */

/** @import { Model } from "./model.js" */
/** @import { Opened } from "./state.js" */
import { byId, el, fill, name } from "./dom.js";
import { nText, percent } from "./numbers.js";

/**
 * @param {Model} model
 * @param {(opened: Opened) => void} open
 */
export function quality(model, open) {
  const { quality: { grids, sensitivity, mosaic } } = model.payload, holder = byId("quality-body");
  fill(holder,
    sensitivity && el("div", { class: "sensitivity" }, el("h3", {}, "Had background and zeros been taken for data"), el("p", {}, sensitivity.text)),
    grids.length > 0 && gridTable(grids), pictures(model, mosaic, open), mapTable(model));
  byId("quality").hidden = holder.childElementCount === 0;
}

/** @param {Payload["quality"]["grids"]} grids */
function gridTable(grids) {
  return el("div", {}, el("h3", {}, "Grids"), el("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Grids" },
    el("table", { class: "plain-table" }, el("thead", {}, el("tr", {}, ...["grid", "maps", "such as"].map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, ...grids.map(({ text, count, maps }) => el("tr", {}, el("td", {}, text), el("td", { class: "number" }, nText(count)),
        el("td", {}, ...maps.slice(0, 3).flatMap((label, i) => [i ? ", " : null, name(label)]), maps.length > 3 && ", …")))))));
}

/** @type {(model: Model, mosaic: Payload["quality"]["mosaic"], open: (opened: Opened) => void) => HTMLElement | null} */
function pictures(model, mosaic, open) {
  const safe = mosaic.filter(({ png }) => png.startsWith("data:image/png;base64,"));
  if (!safe.length) return null;
  const card = /** @param {typeof safe[number]} picture */ ({ set, index, label, png }) => {
    const info = (set === "x" ? model.x : model.y).maps?.[index];
    return el("li", {}, el("button", { type: "button", title: "everything it was compared with", onclick: () => open(set === "x" && !model.sameSet ? { row: null, col: index } : { row: index, col: null }) },
      el("img", { src: png, alt: `three planes of ${label}`, loading: "lazy", decoding: "async" }), name(label)),
    info && el("p", { class: "small" }, `${info.orientation}, background ${info.background || "none"}, ${percent(info.coverage)} of the mask`),
    info?.error && el("p", { class: "notice" }, info.error));
  };
  return el("div", {}, el("h3", {}, "Every map"), el("ul", { class: "mosaic" }, ...safe.map(card)));
}

/** So many maps of a set are listed at a time. */
const PAGE = 100;

/** @param {Model} model */
function mapTable(model) {
  if (model.payload.kind === "rois") return null;
  const sets = model.sameSet ? [model.x] : [model.x, model.y];
  const maps = sets.flatMap((set) => (set.maps ?? []).map((info, i) => ({ set: set.name, label: set.labels[i], info })));
  if (!maps.length) return null;
  const body = el("tbody"), more = el("button", { type: "button", class: "button" });
  let shown = 0;
  const show = () => {
    for (const { set, label, info } of maps.slice(shown, shown + PAGE)) {
      body.append(el("tr", {}, el("td", {}, name(set)), el("td", {}, name(label), el("small", { class: "path" }, name(info.path))),
        el("td", {}, `${info.shape.join("×")}, ${info.voxel_mm.map((mm) => (mm === null ? "?" : Number(mm.toFixed(2)))).join("×")} mm, ${info.orientation}, ${info.dtype}`),
        el("td", {}, info.background || "none"), el("td", { class: "number" }, nText(info.n_voxels)), el("td", { class: "number" }, percent(info.coverage)),
        el("td", {}, info.error ? el("p", { class: "notice" }, info.error) : null, ...info.decisions.map(({ topic, text }) => el("p", {}, el("b", {}, `${topic}: `), text)))));
    }
    shown = Math.min(maps.length, shown + PAGE);
    more.hidden = shown === maps.length;
    more.textContent = `Show more (${maps.length - shown})`;
  };
  more.addEventListener("click", show);
  const table = el("details", { class: "fold" }, el("summary", {}, "What was decided about each map"),
    el("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": "Decisions about each map" }, el("table", { class: "plain-table" },
      el("thead", {}, el("tr", {}, ...["set", "map", "as stored", "background", "voxels", "coverage", "decisions"].map((text) => el("th", { scope: "col" }, text)))), body)), more);
  // A thousand rows are made only for those who ask.
  table.addEventListener("toggle", () => { if (shown === 0) show(); });
  return table;
}
