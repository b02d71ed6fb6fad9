/** Actions on videos, and the links to their files. */
import { Refused, newKey } from "./api.js";
import { confirmed, say } from "./dom.js";
import { count } from "./format.js";

const EARLY = 60;

const FINAL = new Set(["completed", "failed", "cancelled", "expired"]);

/** Return whether a video has ended. */
export const ended = (video) => FINAL.has(video.status);

/** Return the details to show with the status of a video. */
export function standing(video) {
  if (video.condition) return video.condition.message;
  if (video.status === "in_progress") return `${video.progress} %`;
  if (video.status !== "queued") return video.error?.message ?? "";
  if (video.waiting_for === "budget") return "Waiting for tomorrow's budget";
  const before = video.queue_position;
  if (before === null) return "";
  return before === 0 ? "Next in your queue" : `${count(before)} of your videos ${before === 1 ? "is" : "are"} ahead`;
}

/** The videos of a caller; calls `made(video)`, `changed(video)` and `gone(id)` with the results of actions. */
export class Videos {
  #api;
  #files = new Map();
  changed = () => {};
  made = () => {};
  gone = () => {};

  constructor(api) {
    this.#api = api;
  }

  /** Poll a video; returns the seconds to wait until the next poll. */
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

  /** Return the file of a completed video, with links that still work for some minutes; throws Refused. */
  async file(id) {
    const known = this.#files.get(id);
    if (known && known.until > Date.now()) return known.file;
    const asked = Date.now();
    const { document: file } = await this.#api.get(`v1/videos/${id}/file`);
    // The stack's clock may run faster than the browser's, so use the duration that the link itself states.
    const lasts = Number(new URL(file.url).searchParams.get("X-Amz-Expires")) || 2 * EARLY;
    this.#files.set(id, { file, until: asked + (lasts - EARLY) * 1000 });
    return file;
  }

  /** Discard a link that did not work. */
  forgetFile(id) {
    this.#files.delete(id);
  }

  /** Cancel a queued video; returns whether that succeeded. */
  cancel = (id) =>
    this.#attempt(async () => {
      this.changed((await this.#api.post(`v1/videos/${id}/cancel`)).document);
      say("The video is cancelled; nothing is billed.");
    });

  /** Create the same video again; returns whether that succeeded. */
  retry = (id) =>
    this.#attempt(async () => {
      this.made((await this.#api.post(`v1/videos/${id}/retry`, undefined, { key: newKey() })).document);
      say("A new video is queued.");
    });

  /** Delete a video after asking for confirmation; returns whether it was deleted. */
  async remove(id) {
    if (!(await confirmed("Delete this video and its file? This cannot be undone.", "Delete"))) return false;
    return this.#attempt(async () => {
      await this.#api.remove(`v1/videos/${id}`);
      say("The video is deleted.");
      this.gone(id);
    });
  }

  /** Copy a link to the clipboard that works for anyone who has it. */
  copyLink = (id) =>
    this.#attempt(async () => {
      const { lasting_url, url } = await this.file(id);
      await navigator.clipboard.writeText(lasting_url ?? url);
      say(lasting_url ? "Copied a link that works for seven days." : "Copied a link that works for several minutes.");
    });

  /** Save the file. */
  download = (id) =>
    this.#attempt(async () => {
      const link = document.createElement("a");
      link.href = (await this.file(id)).download_url;
      link.click();
    });

  async #attempt(act) {
    try {
      await act();
      return true;
    } catch (error) {
      say(error instanceof Refused ? error.message : "The action failed in this browser.", "bad");
      return false;
    }
  }
}
