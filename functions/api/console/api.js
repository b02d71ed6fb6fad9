/** A client of the API that uses one token. */

const TRIES = 4;
const AT_ONCE = 6;
const LONGEST_PAUSE = 30;

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Thrown for an error of the API: a problem document (RFC 9457); `status` is 0 if the API cannot be reached. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? `The API answered ${status}.`);
    this.status = status;
    this.fields = problem.errors ?? [];
  }
}

/** Return whether an error only says that the session has ended, or that the request was replaced by a later one. */
export const isAborted = (error) => error.name === "AbortError";

/** Return a byte as two hexadecimal digits. */
export const hex = (byte) => byte.toString(16).padStart(2, "0");

/** Return a new idempotency key. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), hex).join("");

/** Sends a few requests at a time and retries them if that is safe. `onRefused` is called when the token is rejected. */
export class Api {
  #token;
  #closing = new AbortController();
  #free = AT_ONCE;
  #waiting = [];
  onRefused = () => {};

  constructor(token) {
    this.#token = token;
  }

  /** Send no further requests, and drop those that are under way: every call throws an AbortError. */
  close() {
    this.#closing.abort();
  }

  get = (path, options) => this.#call("GET", path, options);
  remove = (path) => this.#call("DELETE", path);
  post = (path, body, options) => this.#call("POST", path, { body, ...options });

  /** Return `{document, pause}`: the answer, and the seconds that the API asks to wait; throws Refused. */
  async #call(method, path, { body, key, signal, safe = method === "GET" || Boolean(key), tries = TRIES } = {}) {
    const headers = { Authorization: `Bearer ${this.#token}` };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (key) headers["Idempotency-Key"] = key;
    const signals = [this.#closing.signal, ...(signal ? [signal] : [])];
    const init = { method, headers, signal: AbortSignal.any(signals), body: body && JSON.stringify(body) };
    for (let attempt = 1; ; attempt += 1) {
      const last = attempt === tries;
      try {
        init.signal.throwIfAborted();
        const answer = await this.#oneOfFew(() => fetch(path, init));
        const after = Number(answer.headers.get("Retry-After")) || null;
        const document = await answer.json().catch(() => ({}));
        init.signal.throwIfAborted();
        if (answer.ok) return { document, pause: after };
        if (answer.status === 401) this.onRefused(document.detail);
        const again = answer.status === 429 || (safe && answer.status >= 500);
        if (last || !again) throw new Refused(answer.status, document);
        await pause(Math.min(after ?? attempt, LONGEST_PAUSE));
      } catch (error) {
        if (error instanceof Refused || isAborted(error)) throw error;
        if (last || !safe) throw new Refused(0, { detail: "The API cannot be reached." });
        await pause(attempt);
      }
    }
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
