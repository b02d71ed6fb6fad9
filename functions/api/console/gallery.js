/** The gallery of videos, newest first, and the batches above it. */
import { film } from "./film.js";
import { billing, count, duration, elapsed, ended, measures, phase, ratioOf, shortMoment, standing, statusText, things } from "./format.js";
import { button, radios } from "./parts.js";
import { h } from "./render.js";
import { galleryOf } from "./store.js";

const BATCHES = 3;
const SQUAREST = 0.5;
const PARTS = ["completed", "in_progress", "queued", "failed", "cancelled", "expired", "refused"];
const FILTERS = [
  { value: "", text: "All" },
  ...["queued", "in_progress", "completed", "failed", "cancelled", "expired"].map((value) => ({ value, text: statusText(value) })),
];
const IDEAS = [
  "A fox in a trench coat reads a case file by a green desk lamp, rain on the window",
  "A paper boat sails down a rainy street at night, neon reflections, seen from above",
  "Slow macro shot of frost growing over a red maple leaf at sunrise",
  "An old lighthouse keeper dances with a gull, handheld camera, golden hour",
];

/** Return the section with batches and videos. */
export function gallery(session, composing, uploads) {
  const { state } = session;
  const { rows, more, known, total } = galleryOf(state);
  const shown = rows.filter(({ video }) => video).length;
  const busy = state.loading.size > 0;
  return h(
    "section",
    { class: "gallery", id: "gallery", tabindex: "-1", "aria-labelledby": "gallery-title" },
    h(
      "div",
      { class: "gallery-head" },
      h("h2", { id: "gallery-title", tabindex: "-1" }, "Videos"),
      h("input", { type: "search", id: "search", class: "search", "aria-label": "Search the loaded videos", placeholder: "Search", dir: "auto", value: state.search, oninput: (event) => session.store.set({ search: event.target.value }) }),
      h("label", { class: "upload quiet", id: "upload", key: "upload" },
        h("input", { class: "unseen", id: "file", type: "file", accept: ".txt,.json,.jsonl,.csv", onchange: (event) => sent(uploads, event.target) }),
        "Prompt file"),
      h("div", { class: "filters segments", id: "filters", role: "radiogroup", "aria-label": "Show", key: "filters" },
        radios("filter", FILTERS, state.filter.status, (status) => session.show({ status }))),
    ),
    batches(session, uploads),
    h("p", { class: "problem", id: "gallery-problem", role: "alert", hidden: !state.listProblem, key: "problem" }, state.listProblem),
    state.search.trim() && h("p", { class: "hint found", role: "status", key: "found" },
      `${count(shown)} of ${things(total, "loaded video")} ${shown === 1 ? "matches" : "match"}.${more === null ? "" : " Load more to search in older videos."}`),
    h("div", { class: "cards", id: "cards", "aria-busy": String(busy), key: "cards" },
      rows.map((row) => (row.video ? card(session, composing, row.video) : gap(session, row.gap)))),
    !rows.length && empty(session, composing, known, busy),
    more !== null && h("button", { type: "button", class: "quiet", id: "load-more", key: "more", onclick: () => session.load(more) }, "Load more"),
  );
}

async function sent(uploads, input) {
  await uploads.send([...input.files]);
  input.value = "";
}

const gap = (session, cursor) =>
  h("div", { class: "gap", key: `gap ${cursor}` },
    h("span", {}, "There are more videos here."),
    button("Load them", () => session.load(cursor), { class: "quiet small" }));

function empty(session, composing, known, busy) {
  const { filter, search } = session.state;
  if (!known && busy) return h("div", { class: "empty", id: "empty", key: "empty" }, h("p", {}, "Loading the videos…"));
  if (!known) {
    return h("div", { class: "empty", id: "empty", key: "empty" }, button("Try again", () => session.load()));
  }
  if (filter.status || filter.batch || search.trim()) {
    return h("div", { class: "empty", id: "empty", key: "empty" }, h("p", { class: "words" }, "No videos match."), h("p", { key: "advice" }, "Choose another filter or search to see more."));
  }
  return h(
    "div",
    { class: "empty", id: "empty", key: "empty" },
    h("p", { class: "words" }, "No videos yet."),
    h("p", { key: "advice" }, "Describe a video in the form, or begin with one of these prompts."),
    h("ul", { class: "ideas" }, IDEAS.map((prompt) =>
      h("li", { key: prompt }, h("button", { type: "button", class: "quiet words", onclick: () => { composing.edit({ prompt }); session.focus("#prompt"); } }, prompt)))),
  );
}

function card(session, composing, video) {
  const { id, status } = video;
  const { state } = session;
  const chosen = state.chosen.includes(id);
  const text = standing(video);
  const ratio = Math.max(ratioOf(video), SQUAREST);
  const small = { class: "quiet small" };
  return h(
    "article",
    {
      class: "card",
      key: id,
      "data-id": id,
      "data-status": status,
      style: { "--ratio": String(ratio) },
      mount: (element) => watched(session, id, element),
    },
    h(
      "button",
      { type: "button", class: "frame", key: "frame", style: { "--hue": String((video.seed * 137.5) % 360) }, "aria-label": `${statusText(status)}: ${video.prompt.slice(0, 120)}`, onclick: () => session.open(id) },
      status === "completed" && h("video", { key: "film", loop: true, playsinline: true, preload: "metadata", tabindex: "-1", "aria-hidden": "true", muted: true, mount: film(session, id) }),
      status !== "completed" &&
        h("div", { class: "state" },
          h("b", {}, ended(video) ? statusText(status) : phase(video)),
          text && h("span", { key: "text" }, text),
          ended(video) && h("small", { key: "billing" }, billing(video)),
          !ended(video) && h("small", { key: "elapsed" }, waiting(state, video))),
      status === "in_progress" && h("div", { class: "progress", style: { "--done": `${video.progress}%` } }),
    ),
    h("p", { class: "words", dir: "auto", key: "prompt" }, video.prompt),
    h(
      "div",
      { class: "foot" },
      h("p", { class: "edge", key: "edge" }, `${measures(video)}  ·  ${video.model}${video.input_reference ? "  ·  from an image" : ""}`),
      h("p", { class: "edge when", key: "when" }, h("time", { datetime: new Date(video.created_at * 1000).toISOString() }, shortMoment(video.created_at))),
      h(
        "div",
        { class: "acts" },
        status === "queued" && button("Cancel", () => session.cancel(id), small),
        ["failed", "cancelled", "expired"].includes(status) && (video.error?.retryable === false
          ? button("Edit", () => composing.fill(video), small)
          : button("Try again", () => session.again(id), small)),
        status === "completed" && button("Compare", () => session.choose(id), { ...small, "aria-pressed": String(chosen) }),
      ),
    ),
  );
}

/** Return how long a video has been generated, and how long its model usually takes, if both are known. */
function waiting(state, video) {
  const passed = elapsed(video, state.now + state.skew);
  if (passed === null) return "";
  const usual = state.models.find(({ id }) => id === video.model)?.usual_seconds;
  return `${duration(passed)}${usual ? `, usually ${duration(usual)}` : ""}`;
}

function watched(session, id, element) {
  const seeing = new IntersectionObserver((entries) => session.see(id, entries.at(-1).isIntersecting), { rootMargin: "200px" });
  seeing.observe(element);
  return () => {
    seeing.disconnect();
    session.see(id, false);
  };
}

function batches(session, uploads) {
  const shown = session.batches(BATCHES);
  return h("div", { class: "batches", id: "batches", hidden: !shown.length, key: "batches" }, shown.map((batch) => drawn(session, uploads, batch)));
}

function drawn(session, uploads, batch) {
  const { id, name, status, request_counts: counts, reports } = batch;
  const small = { class: "quiet small" };
  const chosen = session.state.filter.batch === id;
  const parts = PARTS.filter((part) => counts[part]);
  const report = (text, href) => h("a", { href, target: "_blank", rel: "noreferrer", key: text }, text);
  return h(
    "section",
    { class: "batch", "aria-label": name, key: id, "data-status": status },
    h("p", { dir: "auto", key: "name" }, h("b", {}, name), h("span", { key: "summary" }, ` ${summary(batch, parts)}`)),
    h("div", { class: "parts", "aria-hidden": "true", key: "parts" },
      parts.map((part) => h("i", { key: part, "data-part": part, style: { "flex-grow": String(counts[part]) } }))),
    h(
      "div",
      { class: "acts", key: "acts" },
      counts.total > 0 && button(chosen ? "Show all videos" : "Show its videos", () => session.show({ batch: chosen ? "" : id }), { ...small, key: "show" }),
      ["validating", "in_progress"].includes(status) && button("Cancel", () => uploads.cancel(batch), small),
      ended(batch) && counts.failed + counts.expired > 0 && button("Retry the failures", () => uploads.retry(batch), small),
      reports && report("Results", reports.results),
      reports && counts.failed + counts.expired + counts.refused > 0 && report("Errors", reports.errors),
    ),
  );
}

function summary({ status, request_counts: counts, error }, parts) {
  if (error) return error.message;
  if (!counts.total) return statusText(status);
  const word = (part) => `${count(counts[part])} ${part === "refused" ? "refused" : statusText(part).toLowerCase()}`;
  const before = ["cancelling", "finalizing"].includes(status) ? `${statusText(status)}: ` : "";
  return before + parts.map(word).join(", ");
}
