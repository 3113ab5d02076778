/** What is open below the heatmap: nothing, a cell, a row or a column; and its address. */

/** @import { Heatmap } from "./heatmap.js" */
/** @import { Model } from "./model.js" */
/** @import { Shown } from "./pair.js" */
/** @import { Opened, Store } from "./state.js" */
import { button, byId, fill, name } from "./dom.js";
import { hashOf, openedOf } from "./links.js";
import { showPair } from "./pair.js";
import { showRanked } from "./ranked.js";

export class Opening {
  /**
   * @param {Model} model
   * @param {Store} store
   * @param {Heatmap} heatmap
   */
  constructor(model, store, heatmap) {
    this.model = model;
    this.store = store;
    this.heatmap = heatmap;
    this.holder = byId("opened");
    /** @type {Shown | null} */
    this.shown = null;
    /** @param {Opened | null} at */
    this.open = (at) => {
      this.show(at);
      if (!at) heatmap.frame.focus();
      // Kept in the address, so that it can be sent, and gone back from; a page inside of another one has none.
      if (!model.payload.embedded && location.hash !== hashOf(model, at)) location.hash = hashOf(model, at);
    };
    window.addEventListener("hashchange", () => this.follow());
  }

  /** Show what a page begins with: the cell that its address names, or else its data. */
  begin() {
    const { open } = this.model.payload;
    if (open && !openedOf(this.model, location.hash)) this.show({ row: open[0], col: open[1] });
    else this.follow();
  }

  /** Show what the address names; others than ours name a part of the page, and what is open stays open. */
  follow() {
    const { hash } = location;
    if (hash && !hash.includes("/")) return;
    const at = openedOf(this.model, hash);
    this.show(at);
    this.missed(at || !hash || hash === "#/" ? null : hash);
  }

  /**
   * Say that what an address names is not here, or take that back.
   * @param {string | null} hash
   */
  missed(hash) {
    const told = byId("missed"), { model } = this;
    told.hidden = hash === null;
    if (hash === null) return;
    const [x, ...rest] = hash.slice(1).split("/"), other = openedOf(model, `#${rest.join("/")}/${x}`);
    const names = other && [model.x.labels[other.col ?? -1], model.y.labels[other.row ?? -1]].filter((text) => text);
    const what = names && names.flatMap((text, i) => [i ? " × " : "", name(text)]);
    fill(told, "No such pair: the address names what is not on this page (x stands first, then y). ",
      other && what && button({ class: "link" }, () => this.open(other), "Open ", ...what));
    told.scrollIntoView({ block: "nearest" });
  }

  /** @param {Opened | null} at */
  show(at) {
    const { store, holder } = this, before = store.get().opened;
    if (at === before || (at && before && at.row === before.row && at.col === before.col)) return;
    this.shown?.stop();
    this.shown = null;
    store.set({ opened: at });
    if (at && at.row !== null && at.col !== null) store.set({ cursor: { row: at.row, col: at.col } });
    holder.hidden = at === null;
    delete holder.dataset.shown;
    if (at) void this.fill(at, before === null);
    else holder.replaceChildren();
  }

  /**
   * @param {Opened} at
   * @param {boolean} anew whether nothing was open before
   */
  async fill(at, anew) {
    const { model, store, holder, heatmap } = this, wanted = () => store.get().opened === at;
    await model.loadAll();
    if (!wanted()) return;
    heatmap.reveal(at);
    if (at.row === null || at.col === null) showRanked(holder, model, store, at, this.open);
    else {
      const step = /** @type {(down: number, right: number) => void} */ (down, right) => this.step(down, right);
      const shown = await showPair(holder, model, at, this.open, step, wanted);
      if (!wanted()) return;
      this.shown = shown;
    }
    holder.dataset.shown = hashOf(model, at);
    // The heading takes the focus, so that a screen reader goes on there; the page moves only as far as it must.
    document.getElementById("opened-title")?.focus({ preventScroll: true });
    const { top } = holder.getBoundingClientRect();
    if (anew && (top > window.innerHeight * 0.6 || top < 0)) {
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
      holder.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
    }
  }

  /**
   * From the cell that is open to one beside it, as they stand on the page.
   * @param {number} down
   * @param {number} right
   */
  step(down, right) {
    const at = this.store.get().opened, { rows, cols, rowAt, colAt } = this.heatmap.arrangement;
    if (!at || at.row === null || at.col === null) return;
    const clamp = /** @type {(v: number, n: number) => number} */ (v, n) => Math.min(Math.max(v, 0), n - 1);
    const row = rows[clamp(rowAt[at.row] + down, rows.length)], col = cols[clamp(colAt[at.col] + right, cols.length)];
    this.open({ row, col });
  }
}
