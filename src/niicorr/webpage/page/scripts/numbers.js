/** Numbers as papers print them: .42, −.07, p < .001, n = 56 418. */

const MINUS = "\u2212", NARROW = "\u202f";

/** What stands where there is no number. */
export const NONE = "\u2013";

/**
 * A correlation: two decimals (or more), no leading zero, no minus at zero.
 * @param {number} value
 * @param {number} [digits]
 */
export function rText(value, digits = 2) {
  if (!Number.isFinite(value)) return NONE;
  const text = Math.abs(value).toFixed(digits);
  const short = text.startsWith("0.") ? text.slice(1) : text;
  return value < 0 && Number(text) !== 0 ? MINUS + short : short;
}

/**
 * A probability: two digits, never 0. With its sign of relation if asked for: "= .032", "< .001".
 * @param {number} value
 * @param {boolean} [related]
 */
export function pText(value, related = false) {
  if (!Number.isFinite(value)) return NONE;
  if (value < 0.001) return related ? "< .001" : "<.001";
  const text = value.toPrecision(2);
  const short = text.startsWith("0.") ? text.slice(1) : text;
  return related ? `= ${short}` : short;
}

/**
 * A probability with its power of ten, for tables: "1.2e−28" is "1.2 × 10⁻²⁸".
 * @param {number} value
 */
export function pLong(value) {
  if (!Number.isFinite(value)) return NONE;
  if (value >= 0.001) return pText(value);
  if (value === 0) return "0";
  const [digits, power] = value.toExponential(1).split("e");
  return `${digits} × 10${[...power.replace("-", MINUS).replace("+", "")].map(raised).join("")}`;
}

/** @param {string} char */
function raised(char) {
  return char === MINUS ? "\u207b" : "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[Number(char)];
}

/**
 * A count, in groups of three.
 * @param {number} value
 */
export function nText(value) {
  if (!Number.isFinite(value)) return NONE;
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, NARROW).replace("-", MINUS);
}

/**
 * A count short enough for a cell: 56 418 is "56k".
 * @param {number} value
 */
export function nShort(value) {
  if (!Number.isFinite(value)) return NONE;
  if (value < 9999.5) return String(Math.round(value));
  return value < 999_500 ? `${Math.round(value / 1e3)}k` : `${(value / 1e6).toFixed(1)}M`;
}

/**
 * A value of a map: as many digits as its range needs.
 * @param {number} value
 * @param {number} range
 */
export function valueText(value, range) {
  if (!Number.isFinite(value)) return NONE;
  if (value === 0) return "0";
  const magnitude = Math.max(Math.abs(value), Math.abs(range));
  if (magnitude >= 1e6 || magnitude < 1e-4) return value.toExponential(1).replace("-", MINUS).replace("e+", "e");
  const digits = Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(range) || magnitude))));
  return digits === 0 && magnitude >= 1e4 ? nText(value) : value.toFixed(digits).replace("-", MINUS);
}

/**
 * A number of any size: so many digits that count.
 * @param {number} value
 * @param {number} [digits]
 */
export function plainText(value, digits = 2) {
  if (!Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  const text = size !== 0 && (size >= 1e5 || size < 1e-3)
    ? value.toExponential(digits - 1).replace("e+", "e")
    : String(Number(value.toPrecision(digits)));
  return text.replaceAll("-", MINUS);
}

/**
 * Round places for numbers on an axis, about `count` of them.
 * @param {number} low
 * @param {number} high
 * @param {number} [count]
 * @returns {number[]}
 */
export function ticks(low, high, count = 5) {
  if (!(high > low)) return Number.isFinite(low) ? [low] : [];
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const made = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) made.push(i * step);
  return made;
}

/**
 * The texts of numbers on an axis, all with the same decimals.
 * @param {number[]} places
 * @returns {string[]}
 */
export function tickTexts(places) {
  const step = places.length > 1 ? Math.abs(places[1] - places[0]) : Math.abs(places[0] ?? 1);
  const largest = Math.max(...places.map(Math.abs), 0);
  if (largest >= 1e6 || (largest > 0 && largest < 1e-3)) {
    return places.map((
      v,
    ) => (v === 0 ? "0" : Number(v.toPrecision(3)).toExponential().replace("-", MINUS).replace("e+", "e")));
  }
  let digits = 0;
  while (digits < 6 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6 * step * 10 ** digits)
    digits++;
  const text = /** @param {number} v */ (
    v,
  ) => (digits === 0 && largest >= 1e4 ? nText(v) : v.toFixed(digits).replace("-", MINUS));
  return places.map((v) => (Math.abs(v) < step * 1e-6 ? "0" : text(v)));
}

/**
 * A share. What is not all is never 100 %.
 * @param {number} share
 */
export function percent(share) {
  return share >= 0.995 && share < 1
    ? `${(Math.floor(share * 1000) / 10).toFixed(1)} %`
    : `${(share * 100).toFixed(0)} %`;
}

/**
 * How long something took.
 * @param {number} seconds
 */
export function duration(seconds) {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${whole % 60} s`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/**
 * The size of a file.
 * @param {number} size
 */
export function sizeText(size) {
  return size < 1e3 ? `${size} B` : size < 1e6 ? `${(size / 1e3).toFixed(0)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}
