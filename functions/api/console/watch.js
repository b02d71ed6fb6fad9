/** Polls what has not ended, at the interval that the API recommends, and only while the page is visible. */

export const USUAL_PAUSE = 15;

/** The polls of one session. */
export class Watch {
  #looks = new Map();
  #timer = 0;
  #arm = () => this.#next();

  constructor() {
    document.addEventListener("visibilitychange", this.#arm);
  }

  /** Call `look` after a number of seconds; a later call for the same name replaces an earlier one. */
  again(name, seconds, look) {
    this.#looks.set(name, { due: Date.now() + seconds * 1000, look });
    this.#next();
  }

  /** Stop polling. */
  forget(name) {
    this.#looks.delete(name);
  }

  /** Stop all polls, for good. */
  close() {
    clearTimeout(this.#timer);
    this.#looks.clear();
    document.removeEventListener("visibilitychange", this.#arm);
  }

  #next() {
    clearTimeout(this.#timer);
    if (document.hidden || !this.#looks.size) return;
    const next = Math.min(...Array.from(this.#looks.values(), ({ due }) => due));
    this.#timer = setTimeout(() => this.#run(), Math.max(0, next - Date.now()));
  }

  #run() {
    const now = Date.now();
    for (const [name, { due, look }] of this.#looks) {
      if (due <= now) {
        this.#looks.delete(name);
        look();
      }
    }
    this.#next();
  }
}
