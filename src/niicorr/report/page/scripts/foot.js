/** The foot: a paragraph for the paper, its references, and everything needed to run it again. */

/** @import { Model } from "./model.js" */
import { byId, el, fill, name } from "./dom.js";
import { fileLinks } from "./download.js";
import { duration, sizeText } from "./numbers.js";

/**
 * Put text on the clipboard; pages from disk may not have the newer way.
 * @param {string} text
 */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "hidden-text", readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/**
 * @param {string} id
 * @param {() => string} text
 */
function copyButton(id, text) {
  const button = el("button", { type: "button", class: "button", id }, "Copy");
  button.addEventListener("click", async () => {
    button.textContent = (await copy(text())) ? "Copied" : "Select it and copy by hand";
    setTimeout(() => { button.textContent = "Copy"; }, 2500);
  });
  return button;
}

/**
 * @type {(title: string, head: string[], rows: (string | Node)[][]) => HTMLElement | null}
 */
function folded(title, head, rows) {
  if (!rows.length) return null;
  return el("details", { class: "fold" }, el("summary", {}, title), el("div", { class: "table-scroll", tabindex: 0, role: "region", "aria-label": title },
    el("table", { class: "plain-table" }, el("thead", {}, el("tr", {}, ...head.map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", {}, cell))))))));
}

/** @param {Model} model */
export function foot(model) {
  const { methods: { text, references }, run } = model.payload;
  const whole = () => [text, "", "References", ...references].join("\n");
  fill(byId("methods-body"),
    el("p", { class: "methods-text", id: "methods-text" }, text), copyButton("copy-methods", whole),
    references.length > 0 && el("details", { class: "fold", open: true }, el("summary", {}, "References"), el("ol", { class: "references" }, ...references.map((reference) => el("li", {}, reference)))));
  const options = Object.entries(run.options ?? {}).filter(([, value]) => value !== null && value !== undefined);
  const links = fileLinks(model);
  fill(byId("run-body"),
    run.command && el("div", { class: "command" }, el("pre", { tabindex: 0 }, el("code", { id: "command" }, run.command)), copyButton("copy-command", () => run.command ?? "")),
    el("p", { class: "small" }, `niicorr ${run.version}`, run.seconds !== null && run.seconds !== undefined && `, ${duration(run.seconds)}`),
    links.length > 0 && el("p", { class: "small" }, "Beside this page:"), links.length > 0 && el("ul", { class: "files small" }, ...links),
    folded("Options", ["option", "value"], options.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)])),
    folded("Versions", ["program", "version"], Object.entries(run.versions)),
    folded("Run time", ["stage", "time"], Object.entries(run.timings ?? {}).map(([stage, seconds]) => [stage, duration(seconds)])),
    folded("Files and hashes (BLAKE2b)", ["file", "size", "hash"], run.hashes.map(({ path, size, blake2b }) => [name(path), size === null ? "" : sizeText(size), el("code", {}, blake2b ?? "")])));
}
