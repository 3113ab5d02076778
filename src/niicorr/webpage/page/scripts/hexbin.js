/** Counting points in hexagons, so that hundreds of thousands of voxels can be seen at once. */

/**
 * @typedef {{ x: number, y: number, count: number }} Hexagon  its middle, in the units of the points
 */

/**
 * Count points in hexagons that stand on a corner. Two lattices of rectangles, one shifted by half a step, have the
 * middles of all hexagons; a point belongs to the nearest one.
 * @param {(told: (x: number, y: number) => void) => void} points calls a function for each point
 * @param {number} width of a hexagon from side to side
 * @returns {Hexagon[]}
 */
export function hexagons(points, width) {
  const tall = width * Math.sqrt(3);
  /** @type {Map<number, Hexagon>} */
  const found = new Map();
  points((x, y) => {
    const i1 = Math.round(x / width), j1 = Math.round(y / tall);
    const i2 = Math.floor(x / width), j2 = Math.floor(y / tall);
    const d1 = (x - i1 * width) ** 2 + (y - j1 * tall) ** 2;
    const d2 = (x - (i2 + 0.5) * width) ** 2 + (y - (j2 + 0.5) * tall) ** 2;
    const first = d1 <= d2;
    const key = ((first ? i1 : i2) * 4096 + (first ? j1 : j2)) * 2 + (first ? 0 : 1);
    const hexagon = found.get(key);
    if (hexagon) hexagon.count++;
    else found.set(key,
        first ? { x: i1 * width, y: j1 * tall, count: 1 } : { x: (i2 + 0.5) * width, y: (j2 + 0.5) * tall, count: 1 });
  });
  return [...found.values()];
}

/**
 * Trace a hexagon.
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} width
 */
export function traceHexagon(context, x, y, width) {
  const side = width / 2, corner = width / Math.sqrt(3);
  context.moveTo(x, y - corner);
  context.lineTo(x + side, y - corner / 2);
  context.lineTo(x + side, y + corner / 2);
  context.lineTo(x, y + corner);
  context.lineTo(x - side, y + corner / 2);
  context.lineTo(x - side, y - corner / 2);
  context.closePath();
}
