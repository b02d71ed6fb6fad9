/** Prompt files: dropped or chosen, uploaded to their bucket, and followed until the last video has ended. */
import { Refused, hex, newKey } from "./api.js";
import { button, confirmed, el, say, the } from "./dom.js";
import { count, statusText } from "./format.js";
import { USUAL_PAUSE, lookAgain } from "./watch.js";

const SHOWN = 3;
const SOON = 1;
const LINKS_LAST = 600;
const THERE_ALREADY = 412;
const FINAL = new Set(["completed", "failed", "cancelled", "expired"]);
const PARTS = ["completed", "in_progress", "queued", "failed", "cancelled", "expired", "refused"];

/** The newest batches of the caller; `show(id)` filters the gallery, `moved()` is called when counts change. */
export class Batches {
  #api;
  #show;
  #moved;
  #batches = new Map();
  #chosen = "";

  constructor(api, show, moved) {
    this.#api = api;
    this.#show = show;
    this.#moved = moved;
    the("upload").hidden = false;
    the("file").onchange = () => this.#send([...the("file").files]).then(() => (the("file").value = ""));
    window.ondragover = (event) => this.#over(event);
    window.ondragleave = (event) => (the("drop").hidden = event.relatedTarget === null || the("drop").hidden);
    window.ondrop = (event) => this.#dropped(event);
  }

  /** Load the newest batches. */
  async load() {
    this.#batches.clear();
    try {
      const { document } = await this.#api.get(`v1/batches?limit=${SHOWN}`);
      for (const batch of document.data.reverse()) this.#put(batch);
      for (const batch of this.#batches.values()) this.#lookAgain(batch.id, SOON);
    } catch (error) {
      say(error.message, "bad");
    }
    this.#draw();
  }

  #over(event) {
    if (!event.dataTransfer.types.includes("Files") || the("console").hidden) return;
    event.preventDefault();
    the("drop").hidden = false;
  }

  #dropped(event) {
    the("drop").hidden = true;
    if (!event.dataTransfer.files.length || the("console").hidden) return;
    event.preventDefault();
    this.#send([...event.dataTransfer.files]);
  }

  async #send(files) {
    for (const file of files) {
      try {
        const batch = await this.#open(file, await keyOf(file));
        if (batch.upload) await this.#upload(file, batch);
        else await this.#offerAgain(file, batch);
      } catch (error) {
        say(error instanceof Refused ? error.message : `${file.name} could not be uploaded.`, "bad");
      }
    }
  }

  async #open(file, key) {
    return (await this.#api.post("v1/batches", { name: file.name }, { key })).document;
  }

  async #upload(file, batch) {
    const { url, method, headers } = batch.upload;
    const sent = await fetch(url, { method, headers, body: file });
    if (!sent.ok && sent.status !== THERE_ALREADY) throw new Refused(sent.status, { detail: `${file.name} could not be uploaded.` });
    say(`${file.name} is uploaded.`);
    this.#follow(batch);
  }

  /** Show the existing batch of the same file, and create new videos only if the user confirms it. */
  async #offerAgain(file, batch) {
    this.#follow(batch);
    if (batch.status === "waiting_for_file") {
      throw new Refused(0, { detail: `An earlier upload of ${file.name} is about to expire. Try again in a few minutes.` });
    }
    const question = `${file.name} was uploaded before (${statusText(batch.status).toLowerCase()}). Create its videos again? They are billed as new videos.`;
    if (await confirmed(question, "Create new videos", "Cancel")) await this.#upload(file, await this.#open(file, newKey()));
  }

  #follow(batch) {
    this.#put(batch);
    this.#draw();
    this.#lookAgain(batch.id, SOON);
  }

  #put(batch) {
    const before = this.#batches.get(batch.id);
    this.#batches.set(batch.id, batch);
    if (before && JSON.stringify(before.request_counts) !== JSON.stringify(batch.request_counts)) this.#moved();
  }

  #lookAgain(id, seconds) {
    lookAgain(`batch ${id}`, seconds, () => this.#look(id));
  }

  async #look(id) {
    let pause = null;
    try {
      const answer = await this.#api.get(`v1/batches/${id}`);
      pause = answer.pause;
      this.#put(answer.document);
      this.#draw();
    } catch (error) {
      if (error.status === 404) return;
    }
    const over = FINAL.has(this.#batches.get(id).status);
    this.#lookAgain(id, over ? LINKS_LAST : (pause ?? USUAL_PAUSE));
  }

  async #change(id, what) {
    try {
      this.#follow((await this.#api.post(`v1/batches/${id}/${what}`)).document);
    } catch (error) {
      say(error.message, "bad");
    }
  }

  #choose(id) {
    this.#chosen = id;
    this.#draw();
    this.#show(id);
  }

  #draw() {
    const newest = [...this.#batches.values()].reverse().slice(0, SHOWN);
    const focused = document.activeElement?.dataset?.act;
    the("batches").hidden = !newest.length;
    the("batches").replaceChildren(...newest.map((batch) => this.#drawn(batch)));
    if (focused) the("batches").querySelector(`[data-act="${CSS.escape(focused)}"]`)?.focus();
  }

  #drawn(batch) {
    const { id, name, status, request_counts: counts, reports } = batch;
    const act = (text, what, kind) => button(text, what, { className: "quiet small", data: { act: `${kind} ${id}` } });
    const report = (text, href) => el("a", { href, target: "_blank", rel: "noreferrer" }, text);
    const parts = PARTS.filter((part) => counts[part]);
    const bar = el("div", { className: "parts", "aria-hidden": "true" });
    for (const part of parts) {
      const piece = el("i", { data: { part } });
      piece.style.flexGrow = counts[part];
      bar.append(piece);
    }
    const chosen = id === this.#chosen;
    return el(
      "section",
      { className: "batch", "aria-label": name },
      el("p", {}, el("b", {}, name), el("span", {}, ` ${summary(batch, parts)}`)),
      bar,
      el(
        "div",
        { className: "acts" },
        counts.total ? act(chosen ? "Show all videos" : "Show its videos", () => this.#choose(chosen ? "" : id), "show") : "",
        ["validating", "in_progress"].includes(status) ? act("Cancel", () => this.#change(id, "cancel"), "cancel") : "",
        FINAL.has(status) && counts.failed + counts.expired
          ? act("Retry the failures", () => this.#change(id, "retry"), "retry")
          : "",
        reports ? report("Results", reports.results) : "",
        reports && (counts.failed || counts.refused) ? report("Errors", reports.errors) : "",
      ),
    );
  }
}

/** Return the key that identifies a file by its name and content; `wan-video batch` uses the same one. */
async function keyOf(file) {
  const content = await new Blob([file.name, "\0", file]).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return `file-${Array.from(digest, hex).join("")}`;
}

function summary({ status, request_counts: counts, error }, parts) {
  if (error) return error.message;
  if (!counts.total) return statusText(status);
  const word = (part) => `${count(counts[part])} ${part === "refused" ? "refused" : statusText(part).toLowerCase()}`;
  return parts.map(word).join(", ");
}
