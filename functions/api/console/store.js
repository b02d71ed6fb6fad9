/** The store of one session: everything that the page shows, keyed by id. The page is derived from it and from nothing else. */
import { ended } from "./format.js";
import { pageOf, rowsOf, withNext, withTop } from "./lists.js";

/** Seconds for which a new video may be missing from lists, which are consistent only after a while. */
const SETTLING = 60;

/** Holds a state; `draw` is called once after any number of changes in a row. */
export class Store {
  #state;
  #draw;
  #due = false;

  constructor(state, draw) {
    this.#state = state;
    this.#draw = draw;
  }

  get state() {
    return this.#state;
  }

  /** Replace the state by what `change` makes of it. */
  change(change) {
    this.#state = change(this.#state);
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.#draw(this.#state);
    });
  }

  /** Set some members of the state. */
  set(members) {
    this.change((state) => ({ ...state, ...members }));
  }
}

/** Return the state at the beginning of a session. */
export const initialState = (members) => ({
  videos: new Map(),
  asked: new Map(),
  made: new Set(),
  lists: new Map(),
  loading: new Set(),
  filter: { status: "", batch: "" },
  search: "",
  listProblem: "",
  batches: new Map(),
  files: new Map(),
  open: "",
  notices: [],
  question: null,
  finished: 0,
  chosen: [],
  ...members,
});

/**
 * Return the state with documents of videos whose request was sent at `asked`, a number that grows. Documents of older
 * requests than the last one for the same video are ignored, so a slow answer never undoes a newer one.
 */
export function withVideos(state, documents, asked) {
  const videos = new Map(state.videos);
  const times = new Map(state.asked);
  for (const video of documents) {
    if ((times.get(video.id) ?? -1) > asked) continue;
    const before = videos.get(video.id);
    // Lists do not contain the position in the queue.
    const position = video.queue_position ?? (before?.status === video.status ? before.queue_position : null) ?? null;
    videos.set(video.id, { ...video, queue_position: video.status === "queued" ? position : null });
    times.set(video.id, asked);
  }
  return { ...state, videos, asked: times };
}

/** Return the state without a video. */
export function withoutVideo(state, id) {
  const videos = new Map(state.videos);
  const asked = new Map(state.asked);
  videos.delete(id);
  asked.delete(id);
  return {
    ...state,
    videos,
    asked,
    open: state.open === id ? "" : state.open,
    chosen: state.chosen.filter((each) => each !== id),
  };
}

/** Return the name of the list that a filter needs. */
export const listName = ({ status, batch }) => `${status}|${batch}`;

/** Return the state with a page of the list `filter`; `after` is the cursor of the page, or null for the top. */
export function withPage(state, filter, after, answer, asked) {
  const name = listName(filter);
  const timed = !filter.batch;
  const before = state.lists.get(name) ?? [];
  const page = pageOf(answer);
  const spans = after === null ? withTop(before, page, timed) : withNext(before, after, page, timed);
  const next = withVideos(state, answer.data, asked);
  const gone = after === null && name === "|" ? missing(next, page, answer.data, asked) : [];
  return gone.reduce(withoutVideo, { ...next, lists: new Map(state.lists).set(name, spans) });
}

/** Return the ids of videos that were deleted elsewhere: a page of the whole list should contain them, and does not. */
function missing(state, page, documents, asked) {
  const newest = documents[0]?.created_at ?? 0;
  const listed = new Set(page.ids);
  const bottom = page.more ? (page.to?.at ?? Infinity) : -Infinity;
  return [...state.videos.values()]
    .filter((video) => ended(video) && !listed.has(video.id) && state.asked.get(video.id) < asked)
    .filter((video) => video.created_at > bottom && video.created_at < newest - SETTLING)
    .map((video) => video.id);
}

/** Return whether a video passes a filter in its present state. */
export const passes = (video, { status, batch }) =>
  (!status || video.status === status) && (!batch || video.batch_id === batch);

/** Return whether a video contains all words of a search, in its prompt, model, id or metadata. */
export function matches(video, search) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const metadata = Object.values(video.metadata ?? {});
  const text = [video.prompt, video.model, video.id, video.custom_id ?? "", video.seed, ...metadata].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

/**
 * Return what the gallery shows: `rows` of videos and gaps, the cursor at which the list continues (`more`, null at its
 * end), whether the list has been `loaded`, and how many videos are `loaded` and pass the filter before the search.
 */
export function galleryOf(state) {
  const spans = state.lists.get(listName(state.filter)) ?? [];
  const wants = (video) => passes(video, state.filter);
  const rows = rowsOf(spans, state.videos, { timed: !state.filter.batch, wants, always: state.made });
  const found = state.search.trim() ? rows.filter(({ video }) => video && matches(video, state.search)) : rows;
  const last = spans.at(-1);
  return {
    rows: found,
    more: last?.more ? last.cursor : null,
    known: spans.length > 0,
    total: rows.filter(({ video }) => video).length,
  };
}

/** Return the id of the video beside another one in the gallery, `step` rows further, or null. */
export function neighbour(state, id, step) {
  const ids = galleryOf(state).rows.filter(({ video }) => video).map(({ video }) => video.id);
  const index = ids.indexOf(id);
  return index < 0 ? null : (ids[index + step] ?? null);
}

/** Return the batches that the page shows, newest first. */
export const batchesOf = (state, limit) =>
  [...state.batches.values()]
    .sort((one, other) => other.created_at - one.created_at || (one.id < other.id ? 1 : -1))
    .slice(0, limit);
