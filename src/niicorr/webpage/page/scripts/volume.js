/** Where the voxels of the mask are: a box along left–right, back–front, foot–head, whatever the order in the files. */

import { unpack } from "./unpack.js";

/** @typedef {[number, number, number]} Triple */

/**
 * A grid turned so that its axes run to the right, to the front and up.
 * @typedef {object} Turned
 * @property {Triple} from the axis of the file behind each of ours
 * @property {boolean[]} flipped whether it runs the other way
 * @property {Triple} shape along our axes
 * @property {number[][]} affine our indices to mm, 3 × 4
 * @property {Triple} edge of a voxel in mm
 */

const PERMUTATIONS = /** @type {Triple[]} */ ([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]);

/**
 * @param {Triple} shape
 * @param {number[][]} affine
 * @returns {Turned}
 */
export function turned(shape, affine) {
  const edges = [0, 1, 2].map((v) => Math.hypot(affine[0][v], affine[1][v], affine[2][v]));
  const fit = /** @param {Triple} order */ (order) =>
    order.reduce((sum, v, w) => sum + Math.abs(affine[w][v]) / edges[v], 0);
  const from = PERMUTATIONS.reduce((best, order) => (fit(order) > fit(best) + 1e-9 ? order : best));
  const flipped = from.map((v, w) => affine[w][v] < 0);
  const made = [0, 1, 2].map((w) => {
    const along = from.map((v, k) => (flipped[k] ? -1 : 1) * affine[w][v]);
    const start = from.reduce((sum, v, k) => sum + (flipped[k] ? affine[w][v] * (shape[v] - 1) : 0), affine[w][3]);
    return [...along, start];
  });
  return {
    from,
    flipped,
    affine: made,
    shape: /** @type {Triple} */ (from.map((v) => shape[v])),
    edge: /** @type {Triple} */ (from.map((v) => edges[v])),
  };
}

/**
 * The strides that take our indices to places in the file's volume, flat in Fortran order, and where they start.
 * @param {Turned} grid
 * @param {Triple} shape in the file
 */
function strides({ from, flipped }, shape) {
  const inFile = [1, shape[0], shape[0] * shape[1]];
  const steps = from.map((v, w) => (flipped[w] ? -inFile[v] : inFile[v]));
  const start = from.reduce((sum, v, w) => sum + (flipped[w] ? inFile[v] * (shape[v] - 1) : 0), 0);
  return { steps, start };
}

export class Volume {
  /**
   * @param {Turned} grid
   * @param {Triple} corner our indices of the box's first voxel
   * @param {Triple} box its shape
   * @param {Int32Array} lookup the mask voxel at each place of the box, −1 where there is none
   * @param {Int32Array} places the place in the box of each mask voxel
   */
  constructor(grid, corner, box, lookup, places) {
    this.grid = grid;
    this.corner = corner;
    this.box = box;
    this.lookup = lookup;
    this.places = places;
    this.n = places.length;
    /** Whether left and right are known. */
    this.known = true;
  }

  /** @param {Space} space */
  static async of(space) {
    const deltas = await unpack(space.voxels), grid = turned(space.shape, space.affine);
    const [nx, ny] = space.shape, n = deltas.length;
    const indices = [0, 1, 2].map(() => new Int32Array(n));
    const low = /** @type {Triple} */ ([Infinity, Infinity, Infinity]), high = /** @type {Triple} */ ([0, 0, 0]);
    let flat = 0;
    for (let v = 0; v < n; v++) {
      flat += deltas[v];
      const inFile = [flat % nx, Math.floor(flat / nx) % ny, Math.floor(flat / (nx * ny))];
      for (let w = 0; w < 3; w++) {
        const i = inFile[grid.from[w]], ours = grid.flipped[w] ? grid.shape[w] - 1 - i : i;
        indices[w][v] = ours;
        if (ours < low[w]) low[w] = ours;
        if (ours > high[w]) high[w] = ours;
      }
    }
    // One empty voxel all around, so that outlines close.
    const corner = /** @type {Triple} */ (low.map((i) => i - 1)),
      box = /** @type {Triple} */ (high.map((i, w) => i - corner[w] + 2));
    const lookup = new Int32Array(box[0] * box[1] * box[2]).fill(-1), places = new Int32Array(n);
    for (let v = 0; v < n; v++) {
      const at = indices[0][v] - corner[0] +
        box[0] * (indices[1][v] - corner[1] + box[1] * (indices[2][v] - corner[2]));
      lookup[at] = v;
      places[v] = at;
    }
    const made = new Volume(grid, corner, box, lookup, places);
    made.known = space.known !== false;
    return made;
  }

  /**
   * The mask voxel at a place of the box, −1 where there is none.
   * @param {Triple} place
   */
  voxel([i, j, k]) {
    const [bx, by, bz] = this.box;
    return i < 0 || j < 0 || k < 0 || i >= bx || j >= by || k >= bz ? -1 : this.lookup[i + bx * (j + by * k)];
  }

  /**
   * The place of a mask voxel in the box.
   * @param {number} voxel
   * @returns {Triple}
   */
  place(voxel) {
    const at = this.places[voxel], [bx, by] = this.box;
    return [at % bx, Math.floor(at / bx) % by, Math.floor(at / (bx * by))];
  }

  /**
   * The position of a place in mm, RAS+.
   * @param {Triple} place
   * @returns {Triple}
   */
  mm(place) {
    const at = place.map((i, w) => i + this.corner[w]);
    return /** @type {Triple} */ (this.grid.affine.map((row) =>
      row[0] * at[0] + row[1] * at[1] + row[2] * at[2] + row[3]
    ));
  }
}

/** A picture of anatomy on its own grid, placed by mm. */
export class Template {
  /**
   * @param {Turned} grid
   * @param {Triple} shape in the file
   * @param {Numbers} greys
   */
  constructor(grid, shape, greys) {
    this.grid = grid;
    this.greys = greys;
    this.strides = strides(grid, shape);
  }

  /** @param {NonNullable<Space["template"]>} template */
  static async of(template) {
    return new Template(turned(template.shape, template.affine), template.shape, await unpack(template.data));
  }

  /**
   * One plane: greys from 0 to 255, and its edges in mm.
   * @param {number} axis the plane is across it
   * @param {number} mm where
   * @param {number} across the axis to the right
   * @param {number} up
   */
  plane(axis, mm, across, up) {
    const { affine, shape, edge } = this.grid, { steps, start } = this.strides;
    const at = Math.round((mm - affine[axis][3]) / affine[axis][axis]);
    const [w, h] = [shape[across], shape[up]], greys = new Uint8Array(w * h);
    if (at >= 0 && at < shape[axis]) {
      for (let j = 0; j < h; j++) {
        const first = start + at * steps[axis] + j * steps[up];
        for (let i = 0; i < w; i++) greys[i + w * j] = this.greys[first + i * steps[across]];
      }
    }
    const low = /** @param {number} v */ (v) => affine[v][3] - edge[v] / 2;
    return { greys, w, h, left: low(across), bottom: low(up), right: low(across) + w * edge[across],
      top: low(up) + h * edge[up] };
  }
}
