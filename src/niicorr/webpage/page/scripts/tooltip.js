/** The card that follows the pointer. */

/** @import { Model } from "./model.js" */
/** @import { Cell, Opened } from "./state.js" */
import { factsOf, intervalText } from "./cell_words.js";
import { el, fill, name } from "./dom.js";

export class Tooltip {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    this.card = el("div", { class: "tooltip", role: "presentation", hidden: true });
    document.body.append(this.card);
  }

  hide() {
    this.card.hidden = true;
  }

  /**
   * @param {Cell} cell
   * @param {number} x pixels of the window
   * @param {number} y
   */
  showCell(cell, x, y) {
    const { model, card } = this, { row, col } = cell, r = model.at("r", row, col), note = model.note(row, col);
    const names = el("p", { class: "pair-names" }, name(model.x.labels[col]), el("span", { class: "times" }, " × "),
      name(model.y.labels[row]));
    if (model.diagonal(row, col)) {
      fill(card, names, el("p", { class: "note" }, `the same ${model.noun}`));
    } else {
      const interval = intervalText(model, cell);
      const facts = el("dl", {}, ...factsOf(model, cell).map(({ name: term, text }) =>
        el("div", {}, el("dt", {}, term), el("dd", {}, text))
      ));
      fill(card, names,
        Number.isFinite(r) &&
          el("p", { class: "value" }, el("b", {}, model.text(r, 3)), interval && el("span", {}, ` ${interval}`)),
        Number.isFinite(r) ? facts : el("p", { class: "note" }, "no number"), note && el("p", { class: "note" }, note));
    }
    this.place(x, y);
  }

  /**
   * @param {Opened} at
   * @param {number} x
   * @param {number} y
   */
  showName(at, x, y) {
    const { model, card } = this;
    const [set, index] = at.row === null ? [model.x, /** @type {number} */ (at.col)] : [model.y, at.row];
    const groups = Object.entries(set.groups ?? {}).filter(([, texts]) => texts[index]);
    fill(card, el("p", { class: "pair-names" }, name(set.labels[index])),
      ...groups.map(([column, texts]) => el("p", {}, name(column), ": ", name(texts[index]))),
      el("p", { class: "note" }, `Click: everything it was compared with, ranked. Shift and click: order by it.`));
    this.place(x, y);
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  place(x, y) {
    const { card } = this;
    card.hidden = false;
    const { offsetWidth: w, offsetHeight: h } = card, gap = 16;
    const left = x + gap + w > window.innerWidth - 8 ? Math.max(8, x - gap - w) : x + gap;
    const top = y + gap + h > window.innerHeight - 8 ? Math.max(8, y - gap - h) : y + gap;
    card.style.transform = `translate(${Math.round(Math.min(left, window.innerWidth - w - 8))}px, ${
      Math.round(top)
    }px)`;
  }
}
