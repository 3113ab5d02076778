/** Elements made without markup: whatever a name holds, it stays text. */

/**
 * @typedef {string | number | Node | null | undefined | false} Child
 * @typedef {Record<string, string | number | boolean | EventListener | null | undefined>} Attributes
 */

/**
 * Make an HTML element. Attributes that begin with "on" are listeners; true sets an empty attribute, false and null
 * none.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an SVG element.
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function svg(tag, attributes = {}, ...children) {
  return filled(/** @type {any} */ (document.createElementNS(SVG, tag)), attributes, children);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Attributes} attributes
 * @param {Child[]} children
 * @returns {E}
 */
function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(typeof child === "number" ? String(child) : child);
    }
  }
  return element;
}

/**
 * A button and what it does.
 * @param {Attributes} attributes
 * @param {() => void} act
 * @param {...Child} children
 */
export function button(attributes, act, ...children) {
  return el("button", { type: "button", ...attributes, onclick: act }, ...children);
}

/**
 * A name as people gave it, whose direction of writing does not spread to what stands beside it.
 * @param {string} text
 * @param {Attributes} [attributes]
 */
export function name(text, attributes = {}) {
  return el("bdi", { class: "name", ...attributes }, text);
}

/**
 * Put children in place of those that are there.
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren();
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false)
      parent.append(typeof child === "number" ? `${child}` : child);
  }
}

/**
 * The element of the page's frame with this id.
 * @param {string} id
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

/**
 * A canvas as sharp as the screen, and its context in CSS pixels.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 * @param {number} [density] device pixels for each CSS pixel
 */
export function sized(canvas, width, height, density = Math.max(1, window.devicePixelRatio || 1)) {
  const across = Math.max(1, Math.round(width * density)), down = Math.max(1, Math.round(height * density));
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
