/** Colours: tables of 256 for what is drawn, and the theme's own. */

/** @typedef {[number, number, number]} Rgb */

/** From dark to light at even steps of lightness: for values that have no middle. */
const SEQUENTIAL = ["#10162b", "#1f2f55", "#2b4f74", "#347089", "#4a9193", "#76b193", "#b0cf98", "#f0ecb4"];

/** From paper to ink: for densities and counts, on a light and on a dark page. */
const INK = { light: ["#eef1f2", "#c5d6de", "#8fb3c6", "#578ba8", "#2c6285", "#173f5f", "#0b2239"],
  dark: ["#20272d", "#26414f", "#2e6176", "#45869d", "#74abbb", "#b2d0d3", "#f1f4e6"] };

/** Of groups, in this order; beyond the last they begin again, lighter. Apart for people who see no red or no green. */
const GROUPS = ["#3f6fb0", "#d98a2b", "#4fa08b", "#b5527d", "#8a76c9", "#8c8b3a", "#55a5d0", "#a4553a", "#6b7a86",
  "#d3a6c0"];

/**
 * @param {string} hex as "#rrggbb"
 * @returns {Rgb}
 */
export function rgb(hex) {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

/**
 * @param {Rgb} colour
 */
export function css([r, g, b]) {
  return `rgb(${Math.round(r)} ${Math.round(g)} ${Math.round(b)})`;
}

/**
 * A colour between two: `share` of the first, the rest of the second.
 * @param {Rgb} first
 * @param {Rgb} second
 * @param {number} share
 * @returns {Rgb}
 */
export function blend(first, second, share) {
  return /** @type {Rgb} */ (first.map((v, i) => v * share + second[i] * (1 - share)));
}

/**
 * A table of 256 colours through anchors.
 * @param {string[]} anchors
 * @returns {Rgb[]}
 */
export function ramp(anchors) {
  const stops = anchors.map(rgb);
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (stops.length - 1), low = Math.min(Math.floor(at), stops.length - 2);
    return blend(stops[low + 1], stops[low], at - low);
  });
}

/**
 * A colour map by name; without one, that which goes with the page.
 * @param {Record<string, string[]>} maps
 * @param {boolean} dark whether the page is
 * @param {string} [chosen]
 */
export function divergingOf(maps, dark, chosen = "") {
  const known = Object.hasOwn(maps, chosen) ? maps[chosen] : maps[dark ? "dark" : "vik"];
  return (known ?? Object.values(maps)[0]).map(rgb);
}

export const sequential = ramp(SEQUENTIAL);

const inks = { light: ramp(INK.light), dark: ramp(INK.dark) };

/**
 * Colours of densities and counts.
 * @param {boolean} dark whether the page is
 */
export function ink(dark) {
  return dark ? inks.dark : inks.light;
}

/**
 * Colours of a table as one number a pixel, as ImageData holds them.
 * @param {Rgb[]} colours
 */
export function pixels(colours) {
  return Uint32Array.from(colours,
    ([r, g, b]) => ((255 << 24) | (Math.round(b) << 16) | (Math.round(g) << 8) | Math.round(r)) >>> 0);
}

/**
 * Black or white, whichever stands out more on a colour (WCAG contrast of relative luminances).
 * @param {Rgb} colour
 */
export function inkOn(colour) {
  const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
}

/**
 * The colours of a column of groups, one for each of its values in the order in which they appear.
 * @param {string[]} texts
 * @param {number} [start] so that two columns do not begin with the same colour
 * @returns {Map<string, string>}
 */
export function groupColours(texts, start = 0) {
  const distinct = [...new Set(texts)].filter((text) => text !== "");
  return new Map(distinct.map((text, i) => {
    const colour = rgb(GROUPS[(start + i) % GROUPS.length]);
    return [text, css(i < GROUPS.length ? colour : blend(colour, [255, 255, 255], 0.55))];
  }));
}
