/** How good the maps are: every one of them as a picture, the grids they lie on, and what the rules changed. */

/** @import { Model } from "./model.js" */
/** @import { Opened } from "./state.js" */
import { button, byId, el, fill, name } from "./dom.js";
import { nText, percent } from "./numbers.js";
import { folded, plainTable } from "./tables.js";

/**
 * @param {Model} model
 * @param {(opened: Opened) => void} open
 */
export function quality(model, open) {
  const { quality: { grids, sensitivity, mosaic } } = model.payload, holder = byId("quality-body");
  fill(holder, sensitivity && titled("Had background and zeros been taken for data", el("p", {}, sensitivity.text)),
    grids.length > 0 && gridTable(grids), pictures(model, mosaic, open), mapTable(model));
  byId("quality").hidden = holder.childElementCount === 0;
  const link = document.querySelector('a[href="#quality"]');
  if (link instanceof HTMLElement) link.hidden = byId("quality").hidden;
}

/**
 * @param {string} title
 * @param {Node} content
 */
function titled(title, content) {
  return el("div", { class: "titled" }, el("h3", {}, title), content);
}

/** @param {Payload["quality"]["grids"]} grids */
function gridTable(grids) {
  const some = /** @param {string[]} maps */ (maps) => el("span", {},
    ...maps.slice(0, 3).flatMap((label, i) => [i ? ", " : null, name(label)]), maps.length > 3 && ", …");
  const rows = grids.map(({ text, count, maps }) => [text, { number: nText(count) }, some(maps)]);
  return titled("Grids", plainTable("Grids", ["grid", "maps", "such as"], rows));
}

/**
 * @param {Model} model
 * @param {Payload["quality"]["mosaic"]} mosaic
 * @param {(opened: Opened) => void} open
 */
function pictures(model, mosaic, open) {
  const safe = mosaic.filter(({ png }) => png.startsWith("data:image/png;base64,"));
  if (!safe.length) return null;
  const card = /** @param {typeof safe[number]} picture */ ({ set, index, label, png }) => {
    const info = (set === "x" ? model.x : model.y).maps?.[index];
    /** @type {Opened} */
    const at = set === "x" && !model.sameSet ? { row: null, col: index } : { row: index, col: null };
    const image = el("img", { src: png, alt: `three planes of ${label}`, loading: "lazy", decoding: "async" });
    const background = info?.background || "none";
    const words = info && `${info.orientation}, background ${background}, ${percent(info.coverage)} of the mask`;
    return el("li", {}, button({ title: "everything it was compared with" }, () => open(at), image, name(label)),
      words && el("p", { class: "small" }, words), info?.error && el("p", { class: "notice" }, info.error));
  };
  return titled("Every map", el("ul", { class: "mosaic" }, ...safe.map(card)));
}

/** @param {Model} model */
function mapTable(model) {
  if (model.payload.kind === "rois") return null;
  const maps = (model.sameSet ? [model.x] : [model.x, model.y]).flatMap((set) =>
    (set.maps ?? []).map((info, i) => ({ set: set.name, label: set.labels[i], info }))
  );
  if (!maps.length) return null;
  const row = /** @param {typeof maps[number]} map */ ({ set, label, info }) => {
    const edges = info.voxel_mm.map((mm) => (mm === null ? "?" : Number(mm.toFixed(2))));
    const stored = `${info.shape.join("×")}, ${edges.join("×")} mm, ${info.orientation}, ${info.dtype}`;
    const decided = el("div", { class: "decided" }, info.error && el("p", { class: "notice" }, info.error),
      ...info.decisions.map(({ topic, text }) => el("p", {}, el("b", {}, `${topic}: `), text)));
    const names = el("div", { class: "map-names" }, name(label), el("small", { class: "path" }, name(info.path)));
    return [el("div", { class: "whole" }, name(set)), names, el("div", { class: "whole" }, stored),
      info.background || "none", { number: nText(info.n_voxels) }, { number: percent(info.coverage) }, decided];
  };
  const head = ["set", "map", "as stored", "background", "voxels", "coverage", "decisions"];
  const title = "What was decided about each map";
  return folded(title, () => plainTable(title, head, maps.map(row)));
}
