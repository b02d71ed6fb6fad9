/** The dialog with all details of one video. */
import { button, el, the } from "./dom.js";
import { still } from "./film.js";
import { duration, estimated, measures, moment, money, size, statusText } from "./format.js";
import { ended, standing } from "./videos.js";

/** The dialog; `reuse` copies the settings of a video to the form. The URL contains the id of the video. */
export class Details {
  #videos;
  #find;
  #reuse;
  #shown = null;
  #stage = el("div", { className: "stage" });
  #facts = el("div", { className: "facts" });

  constructor(videos, find, reuse) {
    this.#videos = videos;
    this.#find = find;
    this.#reuse = reuse;
    const close = button("Close", () => the("details").close(), { className: "quiet close" });
    the("details").replaceChildren(this.#stage, el("div", { className: "sheet" }, close, this.#facts));
    the("details").onclose = () => this.#leave();
    window.onhashchange = () => this.follow();
  }

  /** Show the video of the URL, or close the dialog. */
  async follow() {
    const id = /^#(video_\w+)$/.exec(location.hash)?.[1];
    if (!id) {
      the("details").close();
      return;
    }
    this.#shown = id;
    this.#stage.replaceChildren();
    const known = this.#find(id);
    if (known) this.update(known);
    else await this.#videos.look(id);
    if (this.#shown === id && !this.#facts.childElementCount) the("details").close();
    else if (this.#shown === id && !the("details").open) the("details").showModal();
  }

  /** Show a new state of the video, if it is the one that is shown. */
  update(video) {
    if (video.id !== this.#shown) return;
    this.#showStage(video);
    this.#facts.replaceChildren(
      el("h2", { className: "words", id: "details-title" }, video.prompt),
      el("p", { className: "edge" }, `${measures(video)}  ·  ${video.model}`),
      this.#actions(video),
      video.actual_prompt && video.actual_prompt !== video.prompt
        ? el("details", {}, el("summary", {}, "Prompt extended by Wan"), el("p", { className: "words" }, video.actual_prompt))
        : "",
      list(facts(video)),
    );
    if (video.status === "completed") this.#showFile(video.id);
  }

  /** Close the dialog if it shows this video. */
  remove(id) {
    if (id === this.#shown) the("details").close();
  }

  #leave() {
    this.#shown = null;
    this.#stage.replaceChildren();
    this.#facts.replaceChildren();
    if (location.hash) history.replaceState(null, "", location.pathname);
  }

  async #showStage(video) {
    if (video.status !== "completed") {
      const text = standing(video);
      const bar = el("progress", { max: 100, value: video.progress, "aria-label": "Progress" });
      this.#stage.replaceChildren(
        el("p", { className: "standing" }, el("b", {}, statusText(video.status)), el("span", {}, text)),
        video.status === "in_progress" ? bar : "",
      );
      return;
    }
    if (this.#stage.querySelector("video")) return;
    const playing = { controls: true, loop: true, playsInline: true, autoplay: !still.matches };
    const film = el("video", { ...playing, "aria-label": "The video" });
    this.#stage.replaceChildren(film);
    try {
      film.src = (await this.#videos.file(video.id)).url;
    } catch (error) {
      this.#stage.replaceChildren(el("p", { className: "problem" }, error.message));
    }
  }

  async #showFile(id) {
    const file = await this.#videos.file(id).catch(() => null);
    if (!file || id !== this.#shown) return;
    const checksum = file.crc64nvme ? ["CRC-64/NVME", file.crc64nvme] : ["CRC-64/XZ", file.crc64xz];
    this.#facts.append(
      list([
        ["File", `s3://${file.bucket}/${file.key}`, "code"],
        ["File size", size(file.bytes)],
        checksum[1] ? [checksum[0], checksum[1], "code"] : null,
        ["ETag", file.etag, "code"],
      ]),
    );
  }

  #actions(video) {
    const { id, status } = video;
    const act = (text, what, className = "quiet") => button(text, what, { className });
    const over = ended(video);
    return el(
      "div",
      { className: "actions" },
      status === "completed" ? act("Download", () => this.#videos.download(id)) : "",
      status === "completed" ? act("Copy link", () => this.#videos.copyLink(id)) : "",
      status === "queued" ? act("Cancel", () => this.#videos.cancel(id)) : "",
      act("Use settings", () => {
        the("details").close();
        this.#reuse(video);
      }),
      over ? act(status === "completed" ? "Make again" : "Try again", () => this.#again(id)) : "",
      over ? act("Delete", () => this.#videos.remove(id), "quiet bad") : "",
    );
  }

  async #again(id) {
    if (await this.#videos.retry(id)) the("details").close();
  }
}

function facts(video) {
  const { upstream } = video;
  return [
    video.negative_prompt ? ["Negative prompt", video.negative_prompt] : null,
    ["Seed", video.seed, "code"],
    video.usage ? ["Price", money(video.usage)] : null,
    video.usage?.differs ? ["Billed", `${video.usage.stated_seconds} s; ${video.usage.estimated_seconds} s were estimated`] : null,
    video.usage || ended(video) ? null : ["Estimated", estimated(video.estimate)],
    ["Region", video.region],
    video.usage?.aspect_ratio ? ["Shape", video.usage.aspect_ratio] : null,
    video.audio === null ? null : ["With sound", video.audio ? "Yes" : "No"],
    video.shot_type ? ["Shots", video.shot_type === "multi" ? "Several" : "One"] : null,
    video.audio_url ? ["Sound", video.audio_url] : null,
    ["Prompt extended", video.prompt_extend ? "Yes" : "No"],
    ["Watermark", video.watermark ? "Yes" : "No"],
    ["Created", moment(video.created_at)],
    video.started_at ? ["Waiting time", duration(video.started_at - video.created_at)] : null,
    video.completed_at ? ["Processing time", duration(video.completed_at - (video.started_at ?? video.created_at))] : null,
    video.expires_at ? ["Kept until", moment(video.expires_at)] : null,
    ...Object.entries(video.metadata),
    video.custom_id ? ["Custom id", video.custom_id, "code"] : null,
    video.batch_id ? ["Batch", video.batch_id, "code"] : null,
    ["Id", video.id, "code"],
    upstream ? ["Wan's task", upstream.task_id, "code"] : null,
  ];
}

function list(rows) {
  const shown = rows.filter(Boolean);
  return el(
    "dl",
    {},
    shown.flatMap(([name, value, kind]) => [el("dt", {}, name), el("dd", {}, kind ? el(kind, {}, String(value)) : String(value))]),
  );
}
