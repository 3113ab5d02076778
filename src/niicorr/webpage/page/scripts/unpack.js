/** Arrays of the payload: base64 of deflated bytes, little-endian, unpacked when they are first asked for. */

const KINDS = { "<f4": Float32Array, "<f8": Float64Array, "<i4": Int32Array, "<u4": Uint32Array, u1: Uint8Array };

/** @type {WeakMap<Packed, Promise<Numbers>>} */
const unpacked = new WeakMap();

/**
 * The numbers of a packed array, flat, rows after each other; unpacked once.
 * @param {Packed} packed
 * @returns {Promise<Numbers>}
 */
export function unpack(packed) {
  let numbers = unpacked.get(packed);
  if (!numbers) {
    numbers = inflated(packed);
    unpacked.set(packed, numbers);
  }
  return numbers;
}

/**
 * @param {Packed} packed
 * @returns {Promise<Numbers>}
 */
async function inflated(packed) {
  const stream = new Blob([bytes(packed.data)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const numbers = new KINDS[packed.dtype](await new Response(stream).arrayBuffer());
  const expected = packed.shape.reduce((product, n) => product * n, 1);
  // Bytes wrap around by themselves.
  if (packed.delta) for (let i = 1; i < numbers.length; i++) numbers[i] += numbers[i - 1];
  if (numbers.length !== expected) throw new Error(`an array of ${expected} numbers holds ${numbers.length}`);
  return numbers;
}

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
function bytes(text) {
  // Newer browsers do it natively, many times as fast.
  const native =
    /** @type {{ fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }} */ (/** @type {unknown} */ (Uint8Array));
  if (native.fromBase64) return native.fromBase64(text);
  const binary = atob(text), made = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) made[i] = binary.charCodeAt(i);
  return made;
}
