/** What the reader has chosen, in one place; parts of the page are told when what they show has changed. */

/**
 * @typedef {{ kind: "given" | "name" | "group" | "cluster" } | { kind: "row" | "col", index: number }} Order
 * @typedef {{ row: number, col: number }} Cell  position in the tables, whatever the order on the page
 * @typedef {{ row: number, col: number } | { row: number, col: null } | { row: null, col: number }} Opened
 * @typedef {{ by: "none" | "q" | "p_fwe" | "p" | "r", limit: number }} Fade
 * @typedef {object} Choices
 * @property {string} show which number is shown in the cells
 * @property {Order} order
 * @property {Fade} fade which cells recede
 * @property {string} colours name of a colour map; "" goes with the theme
 * @property {string} query what is looked for
 * @property {Cell | null} cursor where the keyboard is
 * @property {Cell | null} hover where the pointer is
 * @property {Opened | null} opened
 * @property {number} theme counts how often the theme has changed
 */

/**
 * @template {object} T
 * @param {T} initial
 */
export function createStore(initial) {
  let choices = Object.freeze({ ...initial });
  /** @type {{ keys: (keyof T)[], told: (choices: T) => void }[]} */
  const listeners = [];
  return {
    /** @returns {Readonly<T>} */
    get: () => choices,
    /** @param {Partial<T>} changes */
    set(changes) {
      const before = choices;
      choices = Object.freeze({ ...choices, ...changes });
      for (const { keys, told } of listeners) {
        if (keys.some((key) => before[key] !== choices[key])) told(choices);
      }
    },
    /**
     * Call a function whenever one of these choices has changed.
     * @param {(keyof T)[]} keys
     * @param {(choices: T) => void} told
     */
    on(keys, told) {
      listeners.push({ keys, told });
    },
  };
}

/** @typedef {ReturnType<typeof createStore<Choices>>} Store */

/**
 * Whether two cells are the same one.
 * @param {Cell | null} a
 * @param {Cell | null} b
 */
export function sameCell(a, b) {
  return a === b || (a !== null && b !== null && a.row === b.row && a.col === b.col);
}
