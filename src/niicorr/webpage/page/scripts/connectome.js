/** Regions and the strongest links between them: all, those of one region, or one link. */

/** @import { Model } from "./model.js" */
/** @import { Opened, Store } from "./state.js" */
import { css, divergingOf, groupColours } from "./colours.js";
import { el, fill, name } from "./dom.js";
import { GlassBrain } from "./glass_brain.js";
import { passing } from "./matrix_image.js";
import { onTheme, theme } from "./theme.js";

/** So many links are drawn to begin with. */
const LINKS = 60;

/**
 * @param {HTMLElement} holder
 * @param {Model} model
 * @param {Store} store
 */
export function connectome(holder, model, store) {
  const { regions } = model.payload;
  if (!regions || model.payload.kind !== "rois") return;
  const placed = regions.centroids.flatMap((at, i) => (at ? [i] : []));
  if (placed.length < 2) return;
  const nodeOf = new Map(placed.map((region, node) => [region, node]));
  const grouped = [regions.networks, regions.hemispheres].find((texts) => texts.some(Boolean)) ?? [];
  const colours = groupColours(grouped);
  const said = el("p", { class: "small", role: "status" });
  const brain = new GlassBrain("Regions in the brain and the strongest correlations between them", regions.mni,
    (node) => {
      const region = node === null ? null : placed[node];
      fill(said,
        ...(region === null
          ? [words]
          : [name(regions.names[region]), regions.networks[region] ? ", " : null,
            regions.networks[region] && name(regions.networks[region])]));
    });
  const count = el("input", { type: "range", id: "links", min: 0,
    max: Math.min(600, (placed.length * (placed.length - 1)) / 2), value: LINKS, "aria-label": "Number of links" });
  let words = "";
  const draw = () => {
    const look = theme(), { opened, fade, colours: chosen } = store.get(), passes = passing(model, fade);
    const table = divergingOf(model.payload.colormaps, look.dark, chosen);
    const links = strongestLinks(model, placed, opened, passes, Number(count.value));
    const most = Math.max(1e-6, ...links.map(({ r }) => Math.abs(r)));
    const edges = links.toReversed().map(({ row, col, r }) => ({
      a: /** @type {number} */ (nodeOf.get(row)),
      b: /** @type {number} */ (nodeOf.get(col)),
      width: 0.6 + 2.6 * (Math.abs(r) / most) ** 2,
      colour: css(table[Math.round(Math.min(1, Math.max(0, (r / model.payload.vmax + 1) / 2)) * 255)]),
    }));
    const largest = Math.sqrt(Math.max(1, ...regions.n_voxels));
    const nodes = placed.map((region) => ({
      at: /** @type {[number, number, number]} */ (regions.centroids[region]),
      colour: colours.get(grouped[region]) ?? look.soft,
      radius: 2.2 + 3.2 * (Math.sqrt(regions.n_voxels[region] ?? 0) / largest),
      strong: opened?.row === region || opened?.col === region,
    }));
    brain.draw(nodes, edges, look, Math.max(240, holder.clientWidth));
    const weakest = links.at(-1), counted = links.length === 1 ? "strongest link" : `${links.length} strongest links`;
    const whose = opened ? ` of ${regions.names[opened.row ?? opened.col ?? 0]}` : "",
      among = fade.by === "none" ? "" : " among those that are not faded";
    if (opened && opened.row !== null && opened.col !== null) words = "The link of the pair that is open.";
    else if (!weakest) words = `No link${whose} passes the choice above.`;
    else words = `The ${counted}${whose}${among}, |${model.symbol}| from ${model.text(Math.abs(weakest.r))}.`;
    said.textContent = words;
  };
  fill(holder, el("h3", {}, "In the brain"), brain.canvas, el("label", { class: "check" }, "Links ", count), said,
    colours.size > 0 && legend(colours));
  count.addEventListener("input", draw);
  store.on(["opened", "fade", "colours", "theme"], draw);
  onTheme(draw);
  holder.hidden = false;
  new ResizeObserver(draw).observe(holder);
}

/**
 * @param {Model} model
 * @param {number[]} placed regions that have a place
 * @param {Opened | null} opened
 * @param {((index: number) => boolean) | null} passes
 * @param {number} count
 * @returns {{ row: number, col: number, r: number }[]}
 */
function strongestLinks(model, placed, opened, passes, count) {
  const links = [];
  for (const row of placed) {
    for (const col of placed) {
      const r = model.at("r", row, col);
      if (col >= row || !Number.isFinite(r)) continue;
      if (opened && opened.row !== null && opened.col !== null) {
        if (![row, col].includes(opened.row) || ![row, col].includes(opened.col)) continue;
      } else {
        const seed = opened ? (opened.row ?? opened.col) : null;
        if (seed !== null && row !== seed && col !== seed) continue;
        if (passes && !passes(row * model.cols + col)) continue;
      }
      links.push({ row, col, r });
    }
  }
  return links.sort((a, b) => Math.abs(b.r) - Math.abs(a.r)).slice(0,
    opened && opened.row !== null && opened.col !== null ? 1 : count);
}

/**
 * What the colours of groups mean.
 * @param {Map<string, string>} colours
 */
export function legend(colours) {
  return el("ul", { class: "legend" }, ...[...colours].map(([text, colour]) => {
    const chip = el("span", { class: "chip" });
    chip.style.backgroundColor = colour;
    return el("li", {}, chip, name(text));
  }));
}
