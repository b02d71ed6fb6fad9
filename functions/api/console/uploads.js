/** Prompt files: dropped or chosen, uploaded to their bucket, and followed until the last video has ended. */
import { Refused, hex, isAborted, newKey } from "./api.js";
import { ended, statusText, things } from "./format.js";
import { imagesOf } from "./images.js";
import { USUAL_PAUSE } from "./watch.js";

const SHOWN = 3;
const SOON = 1;
const LINKS_LAST = 600;
const THERE_ALREADY = 412;

/** The batches of a session. */
export class Uploads {
  #session;
  #useImages;

  /** `useImages` takes the images among the files that are dropped. */
  constructor(session, useImages) {
    this.#session = session;
    this.#useImages = useImages;
    window.ondragover = (event) => this.#over(event);
    window.ondragleave = (event) => event.relatedTarget === null && session.store.set({ dragging: false });
    window.ondrop = (event) => this.#dropped(event);
    this.#load();
  }

  /** Stop taking files. */
  close() {
    window.ondragover = null;
    window.ondragleave = null;
    window.ondrop = null;
  }

  async #load() {
    try {
      const { document } = await this.#session.api.get(`v1/batches?limit=${SHOWN}`);
      for (const batch of document.data) this.#put(batch);
      for (const batch of document.data) this.#lookAgain(batch.id, SOON);
    } catch (error) {
      this.#session.complain(error);
    }
  }

  #over(event) {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    if (!this.#session.state.dragging) this.#session.store.set({ dragging: true });
  }

  #dropped(event) {
    this.#session.store.set({ dragging: false });
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    const files = [...event.dataTransfer.files];
    const images = imagesOf(files);
    if (images.length) this.#useImages(images);
    this.send(files.filter((file) => !images.includes(file)));
  }

  /** Upload files, one after the other. */
  async send(files) {
    for (const file of files) {
      try {
        const batch = await this.#open(file, await keyOf(file));
        if (batch.upload) await this.#upload(file, batch);
        else await this.#offerAgain(file, batch);
      } catch (error) {
        this.#session.complain(error, `${file.name} could not be uploaded.`);
      }
    }
  }

  async #open(file, key) {
    return (await this.#session.api.post("v1/batches", { name: file.name }, { key })).document;
  }

  async #upload(file, batch) {
    const { url, method, headers } = batch.upload;
    const sent = await fetch(url, { method, headers, body: file });
    if (!sent.ok && sent.status !== THERE_ALREADY) throw new Refused(sent.status, { detail: `${file.name} could not be uploaded.` });
    this.#session.say(`${file.name} is uploaded.`);
    this.#follow(batch);
  }

  /** Show the existing batch of the same file, and create new videos only if the user confirms it. */
  async #offerAgain(file, batch) {
    this.#follow(batch);
    if (batch.status === "waiting_for_file") {
      throw new Refused(0, { detail: `An earlier upload of ${file.name} is about to expire. Try again in a few minutes.` });
    }
    const text = `${file.name} was uploaded before (${statusText(batch.status).toLowerCase()}). Create its videos again? They are billed as new videos.`;
    if (await this.#session.ask({ text, yes: "Create new videos" })) await this.#upload(file, await this.#open(file, newKey()));
  }

  #follow(batch) {
    this.#put(batch);
    this.#lookAgain(batch.id, SOON);
  }

  #put(batch) {
    const before = this.#session.state.batches.get(batch.id);
    // A list has no links to reports.
    const whole = { ...batch, reports: batch.reports ?? before?.reports ?? null };
    this.#session.store.change((state) => ({ ...state, batches: new Map(state.batches).set(batch.id, whole) }));
    const moved = before && JSON.stringify(before.request_counts) !== JSON.stringify(batch.request_counts);
    if (moved) this.#session.refreshSoon();
  }

  #lookAgain(id, seconds) {
    this.#session.watch.again(`batch ${id}`, seconds, () => this.#look(id));
  }

  async #look(id) {
    let pause = null;
    try {
      const answer = await this.#session.api.get(`v1/batches/${id}`);
      pause = answer.pause;
      this.#put(answer.document);
    } catch (error) {
      if (error.status === 404 || isAborted(error)) return;
    }
    const over = ended(this.#session.state.batches.get(id));
    this.#lookAgain(id, over ? LINKS_LAST : (pause ?? USUAL_PAUSE));
  }

  /** Cancel what is waiting in a batch, after asking for confirmation. */
  async cancel({ id, name, request_counts: counts }) {
    const waiting = counts.queued ? `${things(counts.queued, "waiting video")} will not be made, free of charge.` : "";
    const running = counts.in_progress ? `${things(counts.in_progress, "video")} already started: they continue and are billed.` : "";
    const detail = [waiting, running].filter(Boolean).join(" ");
    if (!(await this.#session.ask({ text: `Cancel ${name}?`, detail, yes: "Cancel the batch", no: "Keep it", kind: "danger" }))) return;
    try {
      this.#follow((await this.#session.api.post(`v1/batches/${id}/cancel`)).document);
    } catch (error) {
      this.#session.complain(error);
    }
  }

  /** Create the failures of a batch again, for at most a price that the user has seen. */
  async retry({ id, name, request_counts: { failed, expired } }) {
    try {
      const text = `Make the ${things(failed + expired, "video")} of ${name} that failed?`;
      const made = await this.#session.pay(text, `v1/batches/${id}/retry`, "Make them");
      if (made) this.#follow(made);
    } catch (error) {
      this.#session.complain(error);
    }
  }
}

/** Return the key that identifies a file by its name and content; `wan-video batch` uses the same one. */
async function keyOf(file) {
  const content = await new Blob([file.name, "\0", file]).arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return `file-${Array.from(digest, hex).join("")}`;
}
