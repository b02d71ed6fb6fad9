/** What can be done with videos, and the links to their files. */
import { Refused, newKey } from "./api.js";
import { confirmed, say } from "./dom.js";

const EARLY = 60;

const FINAL = new Set(["completed", "failed", "cancelled", "expired"]);

/** Whether a video has ended. */
export const ended = (video) => FINAL.has(video.status);

/** How a video stands, beside its status. */
export function standing(video) {
  if (video.condition) return video.condition.message;
  if (video.status === "in_progress") return `${video.progress} %`;
  if (video.status !== "queued") return video.error?.message ?? "";
  if (video.waiting_for === "budget") return "Until there is budget again";
  const before = video.queue_position;
  if (before === null) return "";
  return before === 0 ? "The next one of yours" : `${before} of yours before it`;
}

/** The videos of a caller. What comes of it is told to `made(video)`, `changed(video)` or `gone(id)`. */
export class Videos {
  #api;
  #files = new Map();
  changed = () => {};
  made = () => {};
  gone = () => {};

  constructor(api) {
    this.#api = api;
  }

  /** Look at one video again; gives the seconds to wait until the next look. */
  async look(id) {
    try {
      const { document, pause } = await this.#api.get(`v1/videos/${id}`);
      this.changed(document);
      return pause;
    } catch (error) {
      if (error.status === 404) this.gone(id);
      return null;
    }
  }

  /** The file of a completed video, with links that work for some minutes yet; raises Refused. */
  async file(id) {
    const known = this.#files.get(id);
    if (known && known.until > Date.now()) return known.file;
    const asked = Date.now();
    const { document: file } = await this.#api.get(`v1/videos/${id}/file`);
    // The stack's clock may run faster than this one, so what counts is how long a link lasts by its own account.
    const lasts = Number(new URL(file.url).searchParams.get("X-Amz-Expires")) || 2 * EARLY;
    this.#files.set(id, { file, until: asked + (lasts - EARLY) * 1000 });
    return file;
  }

  /** Forget a link that did not work. */
  forgetFile(id) {
    this.#files.delete(id);
  }

  /** Cancel a video that is queued; gives whether that went well. */
  cancel = (id) =>
    this.#told(async () => {
      this.changed((await this.#api.post(`v1/videos/${id}/cancel`)).document);
      say("It is cancelled; nothing is paid.");
    });

  /** Make a video once more; gives whether that went well. */
  retry = (id) =>
    this.#told(async () => {
      this.made((await this.#api.post(`v1/videos/${id}/retry`, undefined, { key: newKey() })).document);
      say("It is queued again.");
    });

  /** Delete a video after asking; gives whether it is gone. */
  async remove(id) {
    if (!(await confirmed("Delete this video, and its file? That cannot be undone.", "Delete"))) return false;
    return this.#told(async () => {
      await this.#api.remove(`v1/videos/${id}`);
      say("It is deleted.");
      this.gone(id);
    });
  }

  /** Put a link that whoever has it can open onto the clipboard. */
  copyLink = (id) =>
    this.#told(async () => {
      const { lasting_url, url } = await this.file(id);
      await navigator.clipboard.writeText(lasting_url ?? url);
      say(lasting_url ? "Copied: a link that works for seven days." : "Copied: a link that works for some minutes.");
    });

  /** Save the file. */
  download = (id) =>
    this.#told(async () => {
      const link = document.createElement("a");
      link.href = (await this.file(id)).download_url;
      link.click();
    });

  async #told(act) {
    try {
      await act();
      return true;
    } catch (error) {
      say(error instanceof Refused ? error.message : "That did not work in this browser.", "bad");
      return false;
    }
  }
}
