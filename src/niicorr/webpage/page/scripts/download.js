/** What is seen, to take away: as PNG, SVG or a table; and the files that lie beside the page. */

/** @import { Heatmap } from "./heatmap.js" */
/** @import { Model } from "./model.js" */
import { button, el } from "./dom.js";
import { paint } from "./heatmap.js";
import { inView } from "./paint_cells.js";
import { canvasPen, fitted, svgPen } from "./pen.js";

/** Pixels of a PNG for each pixel of the page. */
const DENSITY = 2, HEAD = 34;

/** What begins a formula in spreadsheets. */
const FORMULA = /^[=+\-@\t\r]/;

/**
 * @param {Heatmap} heatmap
 * @param {import("./pen.js").Pen} pen
 */
function figure({ scene, plan }, pen) {
  const { theme, model } = scene;
  pen.rect(0, -HEAD, plan.width, plan.height + HEAD, theme.paper);
  pen.text(14, -HEAD / 2 + 4, fitted(model.payload.title, plan.width - 28, 16, theme.font), { size: 16, fill: theme.ink,
    bold: true });
  paint(pen, scene);
}

/**
 * @param {Heatmap} heatmap
 * @returns {Promise<Blob | null>}
 */
export function pngOf(heatmap) {
  const { plan, scene } = heatmap, canvas = document.createElement("canvas");
  canvas.width = Math.round(plan.width * DENSITY);
  canvas.height = Math.round((plan.height + HEAD) * DENSITY);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(DENSITY, 0, 0, DENSITY, 0, HEAD * DENSITY);
  figure(heatmap, canvasPen(context, scene.theme.font));
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

/** @param {Heatmap} heatmap */
export function svgOf(heatmap) {
  const { plan, scene } = heatmap, { pen, root } = svgPen(plan.width, plan.height + HEAD, scene.theme.font);
  root.setAttribute("viewBox", `0 ${-HEAD} ${plan.width} ${plan.height + HEAD}`);
  figure(heatmap, pen);
  return new Blob([`<?xml version="1.0" encoding="UTF-8"?>\n`, new XMLSerializer().serializeToString(root)], {
    type: "image/svg+xml",
  });
}

/**
 * The numbers in view, in the order in which they stand, with all their digits.
 * @param {Heatmap} heatmap
 */
export function tsvOf({ scene }) {
  const { model, arrangement, field } = scene, { row0, row1, col0, col1 } = inView(scene);
  const cell = /** @param {string} text */ (text) => {
    const guarded = FORMULA.test(text) ? `'${text}` : text;
    return /[\t\n\r"]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
  };
  const cols = [...arrangement.cols.subarray(col0, col1)];
  const lines = [["", ...cols.map((col) => cell(model.x.labels[col]))].join("\t")];
  for (const row of arrangement.rows.subarray(row0, row1)) {
    const values = cols.map((col) => field.value(row * model.cols + col));
    lines.push([cell(model.y.labels[row]), ...values.map((v) => (Number.isFinite(v) ? String(v) : ""))].join("\t"));
  }
  return new Blob([`${lines.join("\n")}\n`], { type: "text/tab-separated-values" });
}

/**
 * @param {Blob | null} blob
 * @param {string} name
 */
function save(blob, name) {
  if (!blob) return;
  const url = URL.createObjectURL(blob), link = el("a", { href: url, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * Links to the files beside the page; a name that is more than a name is no link.
 * @param {Model} model
 */
export function fileLinks(model) {
  return Object.values(model.payload.files ?? {}).filter((file) => /^[\w.-]+$/.test(file))
    .map((file) => el("li", {}, el("a", { href: file }, file)));
}

/**
 * @param {Heatmap} heatmap
 */
export function downloadMenu(heatmap) {
  const { store } = heatmap;
  const menu = el("details", { class: "menu" }, el("summary", { class: "button" }, "Download"));
  const item = /** @type {(id: string, text: string, what: string, act: () => unknown) => Node} */ (...told) => {
    const [id, text, what, act] = told;
    const chosen = () => {
      act();
      menu.open = false;
    };
    return button({ id }, chosen, el("b", {}, text), el("small", {}, what));
  };
  const links = fileLinks(heatmap.model);
  const png = async () => save(await pngOf(heatmap), "heatmap.png");
  menu.append(el("div", { class: "menu-list" },
    item("download-png", "PNG", "the heatmap as it is now", png),
    item("download-svg", "SVG", "the same, to edit", () => save(svgOf(heatmap), "heatmap.svg")),
    item("download-tsv", "TSV", "its numbers, in this order", () => save(tsvOf(heatmap), `${store.get().show}.tsv`)),
    ...(links.length ? [el("p", {}, "Beside this page"), el("ul", {}, ...links)] : [])));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary")?.focus();
  });
  // A menu closes when one looks elsewhere.
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget instanceof Node && !menu.contains(event.relatedTarget)) menu.open = false;
  });
  document.addEventListener("pointerdown", (event) => {
    if (event.target instanceof Node && !menu.contains(event.target)) menu.open = false;
  });
  return menu;
}
