/** The API, as whoever holds a token sees it. */

const TRIES = 4;
const AT_ONCE = 6;
const LONGEST_PAUSE = 30;

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** An answer that is an error: a problem document (RFC 9457). */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `The API answered ${status}.`);
    this.status = status;
    this.fields = problem.errors ?? [];
  }
}

/** A byte as two hexadecimal digits. */
export const hex = (byte) => byte.toString(16).padStart(2, "0");

/** A key under which a request is one request, however often it is sent. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), hex).join("");

/** Calls of the API: a few at a time, repeated where that is safe. `onRefused` hears of a token that is refused. */
export class Api {
  #token;
  #closed = false;
  #free = AT_ONCE;
  #waiting = [];
  onRefused = () => {};

  constructor(token) {
    this.#token = token;
  }

  /** Make no call any more: each raises an AbortError from now on. */
  close() {
    this.#closed = true;
  }

  get = (path) => this.#call("GET", path);
  remove = (path) => this.#call("DELETE", path);
  post = (path, body, options) => this.#call("POST", path, { body, ...options });

  /** Give `{document, pause}`: the answer, and the seconds that the API asks to wait; raises Refused. */
  async #call(method, path, { body, key, signal } = {}) {
    const headers = { Authorization: `Bearer ${this.#token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (key) headers["Idempotency-Key"] = key;
    const init = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) };
    const safe = method === "GET" || Boolean(key);
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt === TRIES;
      try {
        const answer = await this.#oneOfFew(() => this.#fetch(path, init));
        const after = Number(answer.headers.get("Retry-After")) || null;
        const document = await answer.json().catch(() => ({}));
        if (answer.ok) return { document, pause: after };
        if (answer.status === 401 && !this.#closed) this.onRefused(document.detail);
        const again = answer.status === 429 || (safe && answer.status >= 500);
        if (last || !again) throw new Refused(answer.status, document);
        await pause(Math.min(after ?? attempt, LONGEST_PAUSE));
      } catch (error) {
        if (error instanceof Refused || error.name === "AbortError") throw error;
        if (last || !safe) throw new Refused(0, { detail: "The API cannot be reached." });
        await pause(attempt);
      }
    }
  }

  #fetch(path, init) {
    if (this.#closed) throw new DOMException("The token was given up.", "AbortError");
    return fetch(path, init);
  }

  async #oneOfFew(work) {
    if (this.#free) this.#free -= 1;
    else await new Promise((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    }
  }
}
