/** Light or dark: what the system says until the reader says otherwise; the colours of both are in the style sheet. */

/** @import { Rgb } from "./colours.js" */
import { rgb } from "./colours.js";

const KEY = "niicorr-theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");

/**
 * @typedef {object} Theme
 * @property {boolean} dark
 * @property {string} paper
 * @property {string} card
 * @property {string} ink
 * @property {string} soft
 * @property {string} faint
 * @property {string} line
 * @property {string} accent
 * @property {string} lit
 * @property {string} hatch
 * @property {string} x the colour of set x in plots
 * @property {string} y
 * @property {string} font
 * @property {Rgb} paperRgb
 */

/** Whether the page is dark now. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : system.matches;
}

/**
 * The theme's colours as they are now.
 * @returns {Theme}
 */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const of = /** @param {string} name */ (name) => style.getPropertyValue(`--${name}`).trim();
  const paper = of("paper");
  return {
    dark: isDark(),
    paper,
    card: of("card"),
    ink: of("ink"),
    soft: of("soft"),
    faint: of("faint"),
    line: of("line"),
    accent: of("accent"),
    lit: of("lit"),
    hatch: of("hatch"),
    x: of("set-x"),
    y: of("set-y"),
    font: style.fontFamily,
    paperRgb: rgb(paper),
  };
}

/** Take up what the reader chose on an earlier page; storage may be closed to files on disk. */
export function recallTheme() {
  try {
    const kept = localStorage.getItem(KEY);
    if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
  } catch { /* then the system decides */ }
}

/** Change between light and dark. */
export function toggleTheme() {
  const next = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem(KEY, next);
  } catch { /* then it lasts as long as the page */ }
}

/**
 * Call a function whenever the system's theme changes, and around printing, which is on white paper and does not wait.
 * @param {(printing: boolean) => void} told
 */
export function onTheme(told) {
  system.addEventListener("change", () => told(false));
  /** @type {string | undefined} */
  let before;
  window.addEventListener("beforeprint", () => {
    before = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    told(true);
  });
  window.addEventListener("afterprint", () => {
    if (before === undefined) delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = before;
    told(false);
  });
}
