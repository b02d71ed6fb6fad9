/** The choice of a size: a resolution, and a shape that is drawn in its proportions. */
import { el, radios, the } from "./dom.js";

const NAMES = { "16:9": "Wide", "9:16": "Tall", "1:1": "Square", "4:3": "Classic", "3:4": "Portrait" };

/** A choice among the sizes of a model, by resolution; `changed` is called when the choice changes. */
export class Sizes {
  #changed;
  #sizes = {};
  #tier = "";
  #ratio = "";

  constructor(changed) {
    this.#changed = changed;
  }

  /** Return the chosen size, such as `1280x720`. */
  get value() {
    return this.#sizes[this.#tier][this.#ratio];
  }

  /** Return the chosen resolution. */
  get tier() {
    return this.#tier;
  }

  /** Offer other sizes; chooses `wanted` if it is one of them, otherwise one similar to the previous choice. */
  offer(sizes, wanted) {
    this.#sizes = sizes;
    const tiers = Object.keys(sizes);
    const tier = tiers.find((each) => Object.values(sizes[each]).includes(wanted));
    if (tier) {
      this.#tier = tier;
      this.#ratio = Object.keys(sizes[tier]).find((each) => sizes[tier][each] === wanted);
    } else if (!tiers.includes(this.#tier)) {
      this.#tier = tiers.includes("720P") ? "720P" : tiers[0];
    }
    this.#draw();
  }

  #draw() {
    const shapes = this.#sizes[this.#tier];
    if (!(this.#ratio in shapes)) this.#ratio = Object.keys(shapes)[0];
    const tiers = Object.keys(this.#sizes).map((tier) => ({ value: tier, text: tier }));
    radios(the("tiers"), "tier", tiers, this.#tier, (tier) => {
      this.#tier = tier;
      this.#draw();
      the("tiers").querySelector(":checked").focus();
      this.#changed();
    });
    const choices = Object.entries(shapes).map(([ratio, size]) => ({ value: ratio, size, title: size }));
    radios(the("shapes"), "shape", choices, this.#ratio, (ratio) => this.#choose(ratio), drawn);
  }

  #choose(ratio) {
    this.#ratio = ratio;
    this.#changed();
  }
}

function drawn({ value, size }) {
  const [width, height] = size.split("x").map(Number);
  const picture = el("i", { "aria-hidden": "true" });
  picture.style.aspectRatio = `${width} / ${height}`;
  picture.style.setProperty(width >= height ? "width" : "height", "100%");
  return [el("span", { className: "picture" }, picture), el("span", { className: "unseen" }, `${NAMES[value] ?? ""} `), value];
}
