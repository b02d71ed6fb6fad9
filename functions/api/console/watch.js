/** Polls what has not ended, at the interval that the API recommends, while the page is visible. */

export const USUAL_PAUSE = 15;

/** Seconds between two polls while the page is hidden, which browsers do not shorten either. */
const HIDDEN_PAUSE = 60;

/** The polls of one session; while the page is hidden, only if `whenHidden` returns true. */
export class Watch {
  #looks = new Map();
  #timer = 0;
  #arm = () => this.#next();
  #whenHidden;

  constructor(whenHidden) {
    this.#whenHidden = whenHidden;
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
    if (!this.#looks.size || (document.hidden && !this.#whenHidden())) return;
    const next = Math.min(...Array.from(this.#looks.values(), ({ due }) => due));
    const least = document.hidden ? HIDDEN_PAUSE * 1000 : 0;
    this.#timer = setTimeout(() => this.#run(), Math.max(least, next - Date.now()));
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
