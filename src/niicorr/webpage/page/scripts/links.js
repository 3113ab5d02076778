/** Deep links: #x-label/y-label opens a cell, #x-label/ a column, #/y-label a row, #/ nothing; labels are
 * percent-encoded. */

/** @import { Model } from "./model.js" */
/** @import { Opened } from "./state.js" */

/**
 * @param {Model} model
 * @param {Opened | null} opened
 */
export function hashOf(model, opened) {
  if (!opened) return "#/";
  const x = opened.col === null ? "" : encoded(model.x.labels[opened.col]);
  const y = opened.row === null ? "" : encoded(model.y.labels[opened.row]);
  return `#${x}/${y}`;
}

/**
 * What a link names; null where there is no such thing here.
 * @param {Model} model
 * @param {string} hash
 * @returns {Opened | null}
 */
export function openedOf(model, hash) {
  const parts = hash.replace(/^#/, "").split("/");
  if (parts.length !== 2) return null;
  try {
    const [x, y] = parts.map(decodeURIComponent);
    const col = x ? model.x.labels.indexOf(x) : null, row = y ? model.y.labels.indexOf(y) : null;
    if (col === -1 || row === -1 || (col === null && row === null)) return null;
    return /** @type {Opened} */ ({ row, col });
  } catch {
    return null;
  }
}

/** @param {string} label lone halves of characters have no encoding, and no file has them in its name */
function encoded(label) {
  return encodeURIComponent(label.replace(/[\uD800-\uDFFF]/gu, "\uFFFD"));
}
