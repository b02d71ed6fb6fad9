/** The choice of a format: a resolution, and a shape that is drawn in its proportions. */
import { el, radios, the } from "./dom.js";

const NAMES = { "16:9": "Wide", "9:16": "Tall", "1:1": "Square", "4:3": "Classic", "3:4": "Portrait", "21:9": "Cinema" };
const ADAPTIVE = "adaptive";

/** A choice among the formats of a model, by resolution; `changed` is called when the choice changes. */
export class Sizes {
  #changed;
  #sizes = {};
  #ratios = {};
  #tier = "";
  #ratio = "";

  constructor(changed) {
    this.#changed = changed;
  }

  /** Return the chosen format as fields of a request: its size, or resolution and aspect ratio if it has no size. */
  get fields() {
    const size = this.#sizes[this.#tier][this.#ratio];
    return size ? { size } : { resolution: this.#tier, aspect_ratio: this.#ratio };
  }

  /** Return the chosen resolution. */
  get tier() {
    return this.#tier;
  }

  /**
   * Offer the formats of a model. Chooses `wanted`, fields of a request or of a video, if the model makes that format,
   * otherwise one similar to the previous choice.
   */
  offer({ sizes, aspect_ratios: ratios }, { size, resolution, aspect_ratio: ratio } = {}) {
    this.#sizes = sizes;
    this.#ratios = ratios;
    const tiers = Object.keys(sizes);
    const tier = tiers.find((each) => size && Object.values(sizes[each]).includes(size));
    if (tier) {
      this.#tier = tier;
      this.#ratio = Object.keys(sizes[tier]).find((each) => sizes[tier][each] === size);
    } else if (ratios[resolution]?.includes(ratio)) {
      this.#tier = resolution;
      this.#ratio = ratio;
    } else if (!tiers.includes(this.#tier)) {
      this.#tier = tiers.includes("720P") ? "720P" : tiers[0];
    }
    this.#draw();
  }

  #draw() {
    const shapes = this.#ratios[this.#tier];
    if (!shapes.includes(this.#ratio)) this.#ratio = shapes[0];
    const tiers = Object.keys(this.#sizes).map((tier) => ({ value: tier, text: tier }));
    radios(the("tiers"), "tier", tiers, this.#tier, (tier) => {
      this.#tier = tier;
      this.#draw();
      the("tiers").querySelector(":checked").focus();
      this.#changed();
    });
    const sizes = this.#sizes[this.#tier];
    const choices = shapes.map((ratio) => ({ value: ratio, title: sizes[ratio] ?? titleOf(ratio) }));
    radios(the("shapes"), "shape", choices, this.#ratio, (ratio) => this.#choose(ratio), drawn);
  }

  #choose(ratio) {
    this.#ratio = ratio;
    this.#changed();
  }
}

function titleOf(ratio) {
  return ratio === ADAPTIVE ? "Wan chooses the shape" : "";
}

function drawn({ value }) {
  if (value === ADAPTIVE) {
    const picture = el("span", { className: "picture", "aria-hidden": "true" }, "✦");
    return [picture, el("span", { className: "unseen" }, "Any shape: "), "any"];
  }
  const [width, height] = value.split(":").map(Number);
  const picture = el("i", { "aria-hidden": "true" });
  picture.style.aspectRatio = `${width} / ${height}`;
  picture.style.setProperty(width >= height ? "width" : "height", "100%");
  return [el("span", { className: "picture" }, picture), el("span", { className: "unseen" }, `${NAMES[value] ?? ""} `), value];
}
