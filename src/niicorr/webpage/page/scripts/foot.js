/** The foot: a paragraph for the paper, its references, and everything needed to run it again. */

/** @import { Model } from "./model.js" */
/** @import { TableCell } from "./tables.js" */
import { button, byId, el, fill, name } from "./dom.js";
import { fileLinks } from "./download.js";
import { duration, sizeText } from "./numbers.js";
import { folded, plainTable } from "./tables.js";

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
  const copying = async () => {
    made.textContent = (await copy(text())) ? "Copied" : "Select it and copy by hand";
    setTimeout(() => {
      made.textContent = "Copy";
    }, 2500);
  };
  const made = button({ class: "button", id }, copying, "Copy");
  return made;
}

/** @param {Model} model */
export function foot(model) {
  const { methods: { text, references }, run } = model.payload;
  const whole = () => [text, "", "References", ...references].join("\n");
  const list = () => el("ol", { class: "references" }, ...references.map((reference) => el("li", {}, reference)));
  fill(byId("methods-body"), el("p", { class: "methods-text", id: "methods-text" }, text),
    copyButton("copy-methods", whole), references.length > 0 && folded("References", list, true));
  const table = /** @type {(title: string, head: string[], rows: TableCell[][]) => Node | false} */ (...told) => {
    const [title, head, rows] = told;
    return rows.length > 0 && folded(title, () => plainTable(title, head, rows));
  };
  const options = Object.entries(run.options ?? {}).filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]);
  const files = run.hashes.map(({ path, size, blake2b }) =>
    [name(path), { number: size === null ? "" : sizeText(size) }, el("code", {}, blake2b ?? "")]
  );
  const timings = Object.entries(run.timings ?? {}).map(([stage, seconds]) => [stage, { number: duration(seconds) }]);
  const command = el("div", { class: "command" },
    el("pre", { tabindex: 0 }, el("code", { id: "command" }, run.command)),
    copyButton("copy-command", () => run.command ?? ""));
  const links = fileLinks(model), seconds = run.seconds ?? null;
  fill(byId("run-body"), run.command && command,
    el("p", { class: "small" }, `niicorr ${run.version}`, seconds !== null && `, ${duration(seconds)}`),
    links.length > 0 && el("p", { class: "small" }, "Beside this page:"),
    links.length > 0 && el("ul", { class: "files small" }, ...links),
    table("Options", ["option", "value"], options),
    table("Versions", ["program", "version"], Object.entries(run.versions)),
    table("Run time", ["stage", "time"], timings),
    table("Files and hashes (BLAKE2b)", ["file", "size", "hash"], files));
}
