/** Video elements of the gallery: they show a first picture, and play while they are hovered or focused. */
import { el } from "./dom.js";

const POSTER = 0.1;
/** Matches if the user prefers reduced motion. */
export const still = matchMedia("(prefers-reduced-motion: reduce)");

/** A muted video that plays while `frame` is hovered or focused; its link is requested when it is first shown. */
export class Film {
  #videos;
  #id;
  #tries = 2;

  constructor(videos, id, frame) {
    this.#videos = videos;
    this.#id = id;
    this.element = el("video", { muted: true, loop: true, playsInline: true, preload: "metadata", tabIndex: -1 });
    this.element.disablePictureInPicture = true;
    this.element.setAttribute("aria-hidden", "true");
    this.element.addEventListener("error", () => this.show());
    this.element.addEventListener("loadeddata", () => (this.element.className = "developed"));
    frame.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.#play());
    frame.addEventListener("pointerleave", () => this.#rest());
    frame.addEventListener("focus", () => frame.matches(":focus-visible") && this.#play());
    frame.addEventListener("blur", () => this.#rest());
  }

  /** Load the first picture; a link that has expired is replaced once. */
  async show() {
    if (this.#tries === 0 || (this.element.src && !this.element.error)) return;
    this.#tries -= 1;
    if (this.element.error) this.#videos.forgetFile(this.#id);
    try {
      this.element.src = `${(await this.#videos.file(this.#id)).url}#t=${POSTER}`;
    } catch {
      this.element.removeAttribute("src");
    }
  }

  #play() {
    if (!still.matches) this.element.play().catch(() => {});
  }

  #rest() {
    this.element.pause();
    if (this.element.readyState) this.element.currentTime = POSTER;
  }
}
