/** The sheet: one video over the gallery, with everything that is known of it; and two videos side by side. */
import { still } from "./film.js";
import { advice, billing, dollars, duration, elapsed, ended, estimated, measures, moment, money, phase, size, standing, statusText } from "./format.js";
import { FRAMES, measured } from "./images.js";
import { button, closable, facts, notices } from "./parts.js";
import { h } from "./render.js";

const LONG_PROMPT = 400;
const OWN_KEYS = "input, textarea, select, video";

/** Return the dialog of the video that is open. */
export function sheet(session, composing) {
  const { state } = session;
  const video = state.videos.get(state.open);
  const close = () => session.closeSheet();
  return h(
    "dialog",
    {
      class: "details",
      id: "details",
      key: "details",
      "aria-labelledby": "details-title",
      modal: Boolean(video),
      onkeydown: (event) => turned(session, event),
      ...closable(close),
    },
    video && h("div", { class: "stage", key: "stage" }, stage(session, video)),
    video &&
      h(
        "div",
        { class: "sheet", key: "sheet" },
        h(
          "div",
          { class: "turn" },
          button("‹", () => session.step(-1), { "aria-label": "Newer video", title: "Newer video (left arrow key)" }),
          button("›", () => session.step(1), { "aria-label": "Older video", title: "Older video (right arrow key)" }),
          button("Close", close, { autofocus: true, class: "quiet close" }),
        ),
        h("div", { class: "facts", key: video.id }, described(session, composing, video)),
      ),
    notices(session, Boolean(video) && !state.question, "toasts-details"),
  );
}

/** Turn to the video before or after this one, unless the arrow keys have a use where the focus is. */
function turned(session, event) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step || event.target.closest(OWN_KEYS) || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  session.step(step);
}

function stage(session, video) {
  const { state } = session;
  const { id, status } = video;
  const problem = state.files.get(id)?.problem;
  if (status === "completed" && problem) return h("p", { class: "problem", key: "problem" }, problem);
  if (status === "completed") {
    return h("video", { key: id, controls: true, loop: true, playsinline: true, autoplay: !still.matches, "aria-label": "The video", mount: (element) => playing(session, id, element) });
  }
  const passed = elapsed(video, state.now + state.skew);
  const usual = state.models.find(({ id: name }) => name === video.model)?.usual_seconds;
  return h(
    "div",
    { class: "standing", key: `standing ${id}` },
    h("b", {}, ended(video) ? statusText(status) : phase(video)),
    h("span", {}, standing(video)),
    status === "in_progress" && h("progress", { max: 100, value: video.progress, "aria-label": "Progress" }),
    passed !== null && h("small", {}, `${duration(passed)} so far${usual ? `; ${video.model} usually takes ${duration(usual)}` : ""}`),
  );
}

function playing(session, id, element) {
  session.showFile(id).then((file) => {
    if (!file || !element.isConnected) return;
    if (file.thumbnail_url) element.poster = file.thumbnail_url;
    element.src = file.url;
  });
  return () => {
    element.removeAttribute("src");
    element.load();
  };
}

function described(session, composing, video) {
  const { id, prompt, actual_prompt: rewritten } = video;
  const file = session.state.files.get(id)?.file;
  return [
    h("h2", { class: prompt.length > LONG_PROMPT ? "words clamped" : "words", id: "details-title", dir: "auto", tabindex: "-1" }, prompt),
    prompt.length > LONG_PROMPT && h("details", { key: "whole" }, h("summary", {}, "Whole prompt"), h("p", { class: "words", dir: "auto" }, prompt)),
    h("p", { class: "edge", key: "edge" }, `${measures(video)}  ·  ${video.model}`),
    failure(video),
    actions(session, composing, video),
    rewritten && rewritten !== prompt &&
      h("details", { key: "rewritten" }, h("summary", {}, "Prompt rewritten by Wan"), h("p", { class: "words", dir: "auto" }, rewritten)),
    h("div", { key: "facts" }, facts(known(video, composing))),
    file && h("div", { key: "file" }, facts(stored(file))),
  ];
}

function failure(video) {
  if (!ended(video) || video.status === "completed") return null;
  return h(
    "div",
    { class: "failure", key: "failure" },
    video.error && h("p", { key: "code" }, h("code", {}, video.error.code)),
    video.error && h("p", { key: "message" }, video.error.message),
    h("p", { key: "billing" }, h("b", {}, billing(video))),
    advice(video) && h("p", { key: "advice" }, advice(video)),
  );
}

function actions(session, composing, video) {
  const { id, status } = video;
  const over = ended(video);
  const edit = button("Edit", () => composing.fill(video), { key: "edit", title: "Fill the form with these settings" });
  const again = over && button(status === "completed" ? "Make again" : "Try again", () => session.again(id), { key: "again" });
  const last = video.error?.retryable === false ? [edit, again] : [again, edit];
  return h(
    "div",
    { class: "actions", key: "actions" },
    status === "completed" && button("Download", () => session.download(id)),
    status === "completed" && button("Copy link", () => session.copyLink(id)),
    status === "queued" && button("Cancel", () => session.cancel(id)),
    last,
    over && button("Delete", () => session.remove(id), { class: "quiet bad" }),
  );
}

function known(video, composing) {
  const { upstream } = video;
  const seed = [video.seed, " ", button("Use this seed", () => composing.useSeed(video.seed), { class: "link" })];
  return [
    video.negative_prompt ? ["Negative prompt", video.negative_prompt] : null,
    ["Seed", [h("code", { key: "seed" }, seed[0]), seed[1], seed[2]]],
    ...Object.entries(FRAMES).map(([name, label]) => (video[name] ? [label, image(video[name])] : null)),
    video.usage ? ["Price", priced(money(video.usage), video.usage)] : null,
    video.usage?.differs ? ["Billed", `${video.usage.stated_seconds} s; ${video.usage.estimated_seconds} s were estimated`] : null,
    video.usage || ended(video) ? null : ["Estimated", priced(estimated(video.estimate), video.estimate)],
    ["Region", video.region],
    video.usage?.aspect_ratio ? ["Shape", video.usage.aspect_ratio] : null,
    video.audio === null ? null : ["With sound", video.audio ? "Yes" : "No"],
    video.shot_type ? ["Shots", video.shot_type === "multi" ? "Several" : "One"] : null,
    video.audio_url ? ["Sound", video.audio_url] : null,
    ["Prompt rewriting", video.prompt_extend ? "Yes" : "No"],
    ["Watermark", video.watermark ? "Yes" : "No"],
    ["Created", moment(video.created_at)],
    video.started_at ? ["Waiting time", duration(video.started_at - video.created_at)] : null,
    video.completed_at ? ["Processing time", duration(video.completed_at - (video.started_at ?? video.created_at))] : null,
    video.expires_at ? ["Kept until", moment(video.expires_at)] : null,
    ...Object.entries(video.metadata).map(([name, value]) => [`${name}`, value]),
    video.custom_id ? ["Custom id", video.custom_id, "code"] : null,
    video.batch_id ? ["Batch", video.batch_id, "code"] : null,
    ["Id", video.id, "code"],
    upstream ? ["Wan's task", upstream.task_id, "code"] : null,
  ];
}

const image = (known) => [h("span", { key: "measures" }, `${measured(known) || "Not read by the stack"} `), known.id && h("code", { key: "id" }, known.id)];

function priced(text, amount) {
  const about = amount ? dollars(amount) : "";
  return [h("span", { key: "price" }, text), about && h("span", { key: "about", class: "soft" }, ` ${about}`)];
}

function stored(file) {
  const checksum = file.crc64nvme ? ["CRC-64/NVME", file.crc64nvme] : ["CRC-64/XZ", file.crc64xz];
  return [
    ["File", `s3://${file.bucket}/${file.key}`, "code"],
    ["File size", size(file.bytes)],
    checksum[1] ? [checksum[0], checksum[1], "code"] : null,
    ["ETag", file.etag, "code"],
  ];
}

/** Return the dialog that shows two videos side by side. */
export function comparison(session) {
  const { state } = session;
  const videos = state.chosen.map((id) => state.videos.get(id)).filter(Boolean);
  const shown = Boolean(state.comparing) && videos.length === 2;
  const close = () => session.store.set({ comparing: false, chosen: [] });
  return h(
    "dialog",
    { class: "comparison", id: "comparison", key: "comparison", "aria-labelledby": "comparison-title", modal: shown, ...closable(close) },
    shown && h("div", { class: "head", key: "head" }, h("h2", { id: "comparison-title" }, "Side by side"), button("Play both", playBoth, { title: "Play both from the start" }), button("Close", close, { autofocus: true })),
    shown &&
      h("div", { class: "pair", key: "pair" }, videos.map((video) =>
        h("figure", { key: video.id },
          h("video", { controls: true, loop: true, playsinline: true, muted: true, "aria-label": video.prompt.slice(0, 120), mount: (element) => playing(session, video.id, element) }),
          h("figcaption", {}, h("p", { class: "words", dir: "auto" }, video.prompt), h("p", { class: "edge", key: "edge" }, `${measures(video)}  ·  ${video.model}  ·  seed ${video.seed}`))))),
    notices(session, shown && !state.question, "toasts-comparison"),
  );
}

function playBoth(event) {
  for (const video of event.target.closest("dialog").querySelectorAll("video")) {
    video.currentTime = 0;
    video.play().catch(() => {});
  }
}
