/** A client of the API that uses one token. */

const TRIES = 4;
const AT_ONCE = 6;
const LONGEST_PAUSE = 30;

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Thrown for an error of the API: a problem document (RFC 9457). */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `The API answered ${status}.`);
    this.status = status;
    this.fields = problem.errors ?? [];
  }
}

/** Return a byte as two hexadecimal digits. */
export const hex = (byte) => byte.toString(16).padStart(2, "0");

/** Return a new idempotency key. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), hex).join("");

/** Sends a few requests at a time and retries them if that is safe. `onRefused` is called when the token is rejected. */
export class Api {
  #token;
  #closed = false;
  #free = AT_ONCE;
  #waiting = [];
  onRefused = () => {};

  constructor(token) {
    this.#token = token;
  }

  /** Send no further requests: from now on, every call throws an AbortError. */
  close() {
    this.#closed = true;
  }

  get = (path) => this.#call("GET", path);
  remove = (path) => this.#call("DELETE", path);
  post = (path, body, options) => this.#call("POST", path, { body, ...options });

  /** Return `{document, pause}`: the answer, and the seconds that the API asks to wait; throws Refused. */
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
    if (this.#closed) throw new DOMException("The user has signed out.", "AbortError");
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
