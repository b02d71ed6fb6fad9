/** A video in the gallery. */
import { button, el } from "./dom.js";
import { Film } from "./film.js";
import { measures, ratioOf, statusText } from "./format.js";
import { USUAL_PAUSE, forget, lookAgain } from "./watch.js";
import { ended, standing } from "./videos.js";

const SOON = 1;
const SQUAREST = 0.75;

/** A card that polls its video while it is visible; `open` shows the details. */
export class Card {
  #videos;
  #film = null;
  #seen = false;
  #frame;
  #state = el("div", { className: "state" });
  #bar = el("div", { className: "progress" });
  #edge = el("p", { className: "edge" });
  #acts = el("div", { className: "acts" });

  constructor(videos, video, open) {
    this.#videos = videos;
    this.video = video;
    this.#frame = el("button", { type: "button", className: "frame" }, this.#state, this.#bar);
    this.#frame.addEventListener("click", () => open(this.video));
    const prompt = el("p", { className: "words" }, video.prompt);
    this.element = el("article", { className: "card" }, this.#frame, prompt, el("div", { className: "foot" }, this.#edge, this.#acts));
    this.element.style.setProperty("--ratio", Math.max(ratioOf(video), SQUAREST));
    this.#frame.style.setProperty("--hue", (video.seed * 137.5) % 360);
    this.element.dataset.id = video.id;
    this.update(video);
  }

  /** Show a new state of the video. */
  update(video) {
    this.video = video;
    const status = statusText(video.status);
    const text = standing(video);
    this.element.dataset.status = video.status;
    this.#frame.setAttribute("aria-label", `${status}: ${video.prompt.slice(0, 120)}`);
    this.#state.replaceChildren(
      ...(video.status === "completed"
        ? []
        : [el("b", {}, video.condition ? "Delayed" : status), text ? el("span", {}, text) : ""]),
    );
    this.#bar.style.setProperty("--done", `${video.progress}%`);
    this.#bar.hidden = video.status !== "in_progress";
    this.#edge.textContent = `${measures(video)}  ·  ${video.model}`;
    this.#offer();
    if (video.status === "completed") {
      this.#film ??= new Film(this.#videos, video.id, this.#frame);
      if (!this.#film.element.isConnected) this.#frame.prepend(this.#film.element);
    }
    if (this.#seen) this.seen();
  }

  /** Start polling: the card has become visible. */
  seen() {
    this.#seen = true;
    if (!ended(this.video)) lookAgain(this.video.id, SOON, () => this.look());
    this.#film?.show();
  }

  /** Stop polling: the card is no longer visible. */
  unseen() {
    this.#seen = false;
    forget(this.video.id);
  }

  /** Poll the video now, and again at the interval that the API recommends. */
  async look() {
    const pause = await this.#videos.look(this.video.id);
    if (this.#seen && !ended(this.video)) lookAgain(this.video.id, pause ?? USUAL_PAUSE, () => this.look());
  }

  #offer() {
    const { id, status } = this.video;
    const act = (text, what) => button(text, what, { className: "quiet small" });
    this.#acts.replaceChildren(
      ...(status === "queued" ? [act("Cancel", () => this.#videos.cancel(id))] : []),
      ...(["failed", "cancelled", "expired"].includes(status) ? [act("Try again", () => this.#videos.retry(id))] : []),
    );
  }
}
