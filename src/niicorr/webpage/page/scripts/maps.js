/** The maps as pictures of 8 bits: in the page, or in files beside it that are fetched when a cell is opened. */

/** @import { Rgb } from "./colours.js" */
import { el } from "./dom.js";
import { unpack } from "./unpack.js";

/** What a side file may be called; anything else is not asked for. */
const SIDE_FILE = /^[\w.-]+_maps_\d+\.js$/;

/**
 * @typedef {object} Picture
 * @property {Uint8Array} codes one for each voxel of the mask; 0 is missing, 1 to 255 go from lo to hi
 * @property {number} lo
 * @property {number} hi
 * @property {boolean} symmetric whether it has values on both sides of 0
 * @property {boolean} clipped whether a few values lie beyond
 */

/** @type {Map<string, MapEntry>} */
const arrived = new Map();

/** @type {Map<string, Promise<void>>} */
const files = new Map();

/** Take in what side files bring: each calls this function once for every map that it holds. */
export function receiveMaps() {
  window.niicorrMap = (set, index, entry) => {
    arrived.set(`${set} ${index}`, entry);
  };
}

/** Where the browser has trusted types, the one address that scripts may come from is vouched for here. */
const policy = /** @type {any} */ (window).trustedTypes?.createPolicy?.bind(/** @type {any} */ (window).trustedTypes);
/** @type {any} */
let trusted = null;

/**
 * Load a side file, once.
 * @param {string} file
 * @returns {Promise<void>}
 */
function loaded(file) {
  if (!SIDE_FILE.test(file)) return Promise.reject(new Error(`${file} is no file of this report`));
  let promise = files.get(file);
  if (!promise) {
    promise = new Promise((done, failed) => {
      const script = el("script");
      script.addEventListener("load", () => done());
      script.addEventListener("error", () => {
        files.delete(file);
        failed(new Error(`${file} is not beside this page: copy it together with the page`));
      });
      trusted ??= policy
        ? policy("niicorr", { createScriptURL: (/** @type {string} */ url) => url })
        : { createScriptURL: (/** @type {string} */ url) => url };
      script.src = trusted.createScriptURL(file);
      document.head.append(script);
    });
    files.set(file, promise);
  }
  return promise;
}

/** @type {WeakMap<MapEntry, Promise<Picture>>} */
const known = new WeakMap();

/**
 * The picture of one map; null where the page does not have it.
 * @param {Payload} payload
 * @param {"x" | "y"} set
 * @param {number} index
 * @returns {Promise<Picture | null>}
 */
export async function pictureOf(payload, set, index) {
  const from = payload.same_set ? "x" : set, entry = payload.maps?.[from]?.[index];
  if (!entry) return null;
  let picture = known.get(entry);
  if (!picture) {
    picture = pictured(from, index, entry);
    known.set(entry, picture);
    picture.catch(() => known.delete(entry));
  }
  return picture;
}

/** @type {(set: "x" | "y", index: number, entry: MapEntry) => Promise<Picture>} */
async function pictured(set, index, entry) {
  if (!entry.data) await loaded(entry.file ?? "");
  const { lo, hi, symmetric, clipped = false, data } = entry.data ? entry : (arrived.get(`${set} ${index}`) ?? entry);
  if (!data) throw new Error(`${entry.file} does not hold this map: it belongs to another page`);
  return { lo, hi, symmetric, clipped, codes: /** @type {Uint8Array} */ (await unpack(data)) };
}

/**
 * The value behind a code; NaN where it is missing.
 * @param {Picture} picture
 * @param {number} code
 */
export function valueOf({ lo, hi }, code) {
  return code === 0 ? NaN : lo + ((code - 1) / 254) * (hi - lo);
}

/**
 * How far a code is from 0, or from the lowest value of a map that has no 0 in its middle; as a share of the farthest.
 * @param {Picture} picture
 * @param {number} code
 */
export function strengthOf(picture, code) {
  if (!picture.symmetric) return (code - 1) / 254;
  return Math.abs(valueOf(picture, code)) / (Math.max(-picture.lo, picture.hi) || 1);
}

/**
 * A colour for each code: 0 has the middle one where a map has values on both sides of it.
 * @param {Picture} picture
 * @param {Rgb[]} diverging
 * @param {Rgb[]} sequential
 */
export function coloursOf(picture, diverging, sequential) {
  if (!picture.symmetric) return sequential;
  const limit = Math.max(-picture.lo, picture.hi) || 1;
  return diverging.map((_, code) =>
    diverging[Math.round(127.5 * (Math.max(-1, Math.min(1, valueOf(picture, Math.max(1, code)) / limit)) + 1))]
  );
}

/**
 * What each voxel adds to r, as a picture: the product of both maps' deviations from their means over the common
 * voxels. From 8 bits, so for the eye alone.
 * @param {Picture} x
 * @param {Picture} y
 * @returns {Picture}
 */
export function contributionOf(x, y) {
  const n = x.codes.length;
  const moments = /** @param {Uint8Array} codes */ (codes) => {
    let count = 0, sum = 0, squares = 0;
    for (let v = 0; v < n; v++) {
      if (!x.codes[v] || !y.codes[v]) continue;
      count++;
      sum += codes[v];
      squares += codes[v] * codes[v];
    }
    const mean = sum / count;
    return { mean, deviation: Math.sqrt(Math.max(squares / count - mean * mean, 1e-12)) };
  };
  const mx = moments(x.codes), my = moments(y.codes), products = new Float32Array(n);
  for (let v = 0; v < n; v++) {
    products[v] = x.codes[v] && y.codes[v]
      ? ((x.codes[v] - mx.mean) / mx.deviation) * ((y.codes[v] - my.mean) / my.deviation)
      : NaN;
  }
  const sizes = Float32Array.from(products.filter((p) => p === p), Math.abs).sort();
  const limit = sizes.length ? sizes[Math.floor((sizes.length - 1) * 0.99)] || 1 : 1;
  const codes = Uint8Array.from(products,
    (p) => (p === p ? Math.round(128 + 127 * Math.min(1, Math.max(-1, p / limit))) : 0));
  return { codes, lo: -limit, hi: limit, symmetric: true, clipped: true };
}
