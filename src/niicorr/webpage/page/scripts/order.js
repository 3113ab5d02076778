/** Which row and column of the tables stands where on the page. */

/** @import { Model } from "./model.js" */
/** @import { Order } from "./state.js" */

/**
 * @typedef {object} Arrangement
 * @property {Int32Array} rows the row of the tables at each place
 * @property {Int32Array} cols
 * @property {Int32Array} rowAt the place of each row of the tables
 * @property {Int32Array} colAt
 * @property {Merge[] | null} rowTree
 * @property {Merge[] | null} colTree
 */

/**
 * @param {Model} model
 * @param {Order} order
 * @returns {Arrangement}
 */
export function arrange(model, order) {
  const { orders } = model.payload;
  if (order.kind === "row" || order.kind === "col") return along(model, order.kind, order.index);
  const chosen = orders[order.kind] ?? orders.given;
  const clustered = order.kind === "cluster";
  return arrangement(chosen.rows, chosen.cols, clustered ? chosen.row_tree : null, clustered ? chosen.col_tree : null);
}

/**
 * Largest first along one row (which orders the columns) or column; a set against itself keeps both sides alike.
 * @param {Model} model
 * @param {"row" | "col"} kind
 * @param {number} index
 */
function along(model, kind, index) {
  const { given } = model.payload.orders;
  const byRow = kind === "row";
  const value = /** @param {number} other */ (other) => {
    if (byRow ? model.diagonal(index, other) : model.diagonal(other, index)) return Infinity;
    const r = byRow ? model.at("r", index, other) : model.at("r", other, index);
    return Number.isFinite(r) ? r : -Infinity;
  };
  const sorted = [...(byRow ? given.cols : given.rows)].sort((a,
    b) => (value(b) > value(a) ? 1 : value(b) < value(a) ? -1 : a - b)
  );
  const both = model.sameSet;
  return arrangement(byRow && !both ? given.rows : sorted, byRow || both ? sorted : given.cols, null, null);
}

/**
 * @param {ArrayLike<number>} rows
 * @param {ArrayLike<number>} cols
 * @param {Merge[] | null | undefined} rowTree
 * @param {Merge[] | null | undefined} colTree
 * @returns {Arrangement}
 */
function arrangement(rows, cols, rowTree, colTree) {
  return {
    rows: Int32Array.from(rows),
    cols: Int32Array.from(cols),
    rowAt: inverse(rows),
    colAt: inverse(cols),
    rowTree: rowTree?.length ? rowTree : null,
    colTree: colTree?.length ? colTree : null,
  };
}

/** @param {ArrayLike<number>} permutation */
function inverse(permutation) {
  const made = new Int32Array(permutation.length);
  for (let place = 0; place < permutation.length; place++) made[permutation[place]] = place;
  return made;
}

/**
 * The brackets of a tree: for each merge both ends and its top, as places along the leaves and heights from 0 to 1.
 * @param {Merge[]} tree
 * @param {Int32Array} leaves which leaf stands at each place
 * @returns {{ a: number, b: number, heightA: number, heightB: number, top: number }[]}
 */
export function brackets(tree, leaves) {
  const n = leaves.length, place = new Float64Array(2 * n - 1), height = new Float64Array(2 * n - 1);
  leaves.forEach((leaf, at) => {
    place[leaf] = at + 0.5;
  });
  // A tree of equal rows has no height: it is drawn flat rather than not at all.
  const tallest = Math.max(...tree.map((merge) => merge[2])) || 1;
  return tree.map(([a, b, top], i) => {
    place[n + i] = (place[a] + place[b]) / 2;
    height[n + i] = top / tallest;
    return { a: place[a], b: place[b], heightA: height[a], heightB: height[b], top: top / tallest };
  });
}
