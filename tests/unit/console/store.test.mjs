import assert from "node:assert/strict";
import { test } from "node:test";

import { Store, batchesOf, galleryOf, initialState, matches, neighbour, withPage, withVideos, withoutVideo } from "../../../functions/api/console/store.js";

const ALL = { status: "", batch: "" };
const video = (number, members = {}) => ({
  id: `video_${String(number).padStart(6, "0")}`,
  created_at: number,
  status: "queued",
  prompt: `prompt ${number}`,
  model: "wan2.6-t2v",
  batch_id: null,
  ...members,
});

/** A list of the API with these videos, newest first unless `keep` says that the order is given. */
function listOf(videos, keep = false) {
  const all = keep ? videos : [...videos].sort((one, other) => other.created_at - one.created_at || (one.id < other.id ? 1 : -1));
  return (after, limit = 24) => {
    const start = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
    const data = all.slice(start, start + limit);
    return { data, has_more: start + limit < all.length, last_id: data.at(-1)?.id ?? null };
  };
}

const numbers = (count, from = 1) => Array.from({ length: count }, (_, index) => index + from);
const shown = (state) => galleryOf(state).rows.map(({ video: one, gap }) => (gap ? "gap" : one.created_at));

test("a page that does not reach what is loaded leaves a gap, and never cards in the wrong order", () => {
  let state = withPage(initialState(), ALL, null, listOf(numbers(30).map((n) => video(n)))(null), 1);
  const whole = listOf(numbers(10_000).map((n) => video(n)));
  state = withPage(state, ALL, null, whole(null), 2);
  assert.deepEqual(shown(state).slice(0, 24), numbers(24, 9977).reverse());
  assert.equal(shown(state)[24], "gap");
  assert.deepEqual(shown(state).slice(25), numbers(24, 7).reverse());
  assert.notEqual(galleryOf(state).more, null, "the list continues, so the page offers more");
});

test("loading at a gap closes it, and every video is shown once and in order", () => {
  const whole = listOf(numbers(120).map((n) => video(n)));
  let state = withPage(initialState(), ALL, null, listOf(numbers(40).map((n) => video(n)))(null), 1);
  state = withPage(state, ALL, null, whole(null), 2);
  for (let asked = 3; ; asked += 1) {
    const { rows, more } = galleryOf(state);
    const cursor = rows.find(({ gap }) => gap)?.gap ?? more;
    if (cursor === null) break;
    state = withPage(state, ALL, cursor, whole(cursor), asked);
  }
  assert.deepEqual(shown(state), numbers(120).reverse());
});

test("a page at the top that reaches the loaded part leaves no gap", () => {
  let state = withPage(initialState(), ALL, null, listOf(numbers(50).map((n) => video(n)))(null), 1);
  state = withPage(state, ALL, null, listOf(numbers(60).map((n) => video(n)))(null), 2);
  assert.deepEqual(shown(state), numbers(34, 27).reverse());
});

test("of many gaps only one is kept, so the list stays readable while a large file is written", () => {
  let state = initialState();
  for (let size = 100; size <= 10_000; size += 100) {
    state = withPage(state, ALL, null, listOf(numbers(size).map((n) => video(n)))(null), size);
  }
  assert.equal(shown(state).filter((row) => row === "gap").length, 1);
});

test("a filter applies to the state as it is: a video that has completed leaves In progress, and enters Completed", () => {
  const running = [video(1, { status: "in_progress" }), video(2, { status: "in_progress" })];
  let state = { ...initialState(), filter: { status: "in_progress", batch: "" } };
  state = withPage(state, state.filter, null, listOf(running)(null), 1);
  state = withVideos(state, [video(1, { status: "completed" })], 2);
  assert.deepEqual(shown(state), [2]);
  state = { ...state, filter: { status: "completed", batch: "" } };
  state = withPage(state, state.filter, null, listOf([])(null), 3);
  assert.deepEqual(shown(state), [1]);
});

test("a filtered list does not show what is below its loaded part", () => {
  let state = withPage(initialState(), ALL, null, listOf([video(1, { status: "failed" })])(null), 1);
  state = { ...state, filter: { status: "failed", batch: "" } };
  state = withPage(state, state.filter, null, listOf(numbers(100, 10).map((n) => video(n, { status: "failed" })))(null), 2);
  assert.equal(shown(state).includes(1), false);
});

test("the answer to an older request never undoes that to a newer one", () => {
  let state = withVideos(initialState(), [video(1, { status: "completed" })], 7);
  state = withVideos(state, [video(1, { status: "in_progress" })], 6);
  assert.equal(state.videos.get(video(1).id).status, "completed");
});

test("the position in the queue, which lists leave out, stays until the video starts", () => {
  let state = withVideos(initialState(), [video(1, { queue_position: 4 })], 1);
  state = withVideos(state, [video(1, { queue_position: null })], 2);
  assert.equal(state.videos.get(video(1).id).queue_position, 4);
  state = withVideos(state, [video(1, { status: "in_progress", queue_position: null })], 3);
  assert.equal(state.videos.get(video(1).id).queue_position, null);
});

test("videos of a batch are in the order of the API, which is not that of time", () => {
  const batch = "batch_1";
  const rows = [video(5, { batch_id: batch }), video(9, { batch_id: batch }), video(2, { batch_id: batch })];
  let state = { ...initialState(), filter: { status: "", batch } };
  state = withPage(state, state.filter, null, listOf(rows, true)(null), 1);
  assert.deepEqual(shown(state), [5, 9, 2]);
  state = withPage(state, state.filter, null, listOf([video(1, { batch_id: batch }), ...rows], true)(null), 2);
  assert.deepEqual(shown(state), [1, 5, 9, 2]);
});

test("a video that was deleted elsewhere disappears; one that was just created does not", () => {
  const old = numbers(5, 1000).map((n) => video(n, { status: "failed" }));
  let state = withPage(initialState(), ALL, null, listOf(old)(null), 1);
  state = withVideos(state, [video(5000, { status: "failed" })], 2);
  state = withPage(state, ALL, null, listOf([...old.slice(1), video(4990, { status: "failed" })])(null), 3);
  assert.deepEqual(shown(state), [5000, 4990, 1004, 1003, 1002, 1001]);
});

test("a video that is deleted is nowhere: not in a list, not open, not chosen", () => {
  let state = withPage(initialState(), ALL, null, listOf([video(1), video(2)])(null), 1);
  state = withoutVideo({ ...state, open: video(1).id, chosen: [video(1).id] }, video(1).id);
  assert.deepEqual([shown(state), state.open, state.chosen], [[2], "", []]);
});

test("a new video is shown at once, even if the list cannot be loaded", () => {
  const state = withVideos({ ...initialState(), made: new Set([video(1).id]) }, [video(1)], 1);
  assert.deepEqual(shown(state), [1]);
  assert.equal(galleryOf(state).known, false);
});

test("an empty page with more to come continues, and is not the end", () => {
  const state = withPage(initialState(), ALL, null, { data: [], has_more: true, last_id: "video_7" }, 1);
  assert.deepEqual([galleryOf(state).rows, galleryOf(state).more], [[], "video_7"]);
});

test("the search covers what is loaded: all words, in any order and case", () => {
  const one = video(1, { prompt: "A Red fox", seed: 77, metadata: { case: "Alpha" } });
  assert.ok(["fox red", "alpha", "77", "", "WAN2.6 fox"].every((search) => matches(one, search)));
  assert.equal(matches(one, "red heron"), false);
});

test("left and right go to the neighbours, and end at the ends", () => {
  const state = withPage(initialState(), ALL, null, listOf(numbers(3).map((n) => video(n)))(null), 1);
  const [three, two, one] = [3, 2, 1].map((n) => video(n).id);
  assert.deepEqual([neighbour(state, two, -1), neighbour(state, two, 1)], [three, one]);
  assert.deepEqual([neighbour(state, three, -1), neighbour(state, one, 1), neighbour(state, "video_x", 1)], [null, null, null]);
});

test("batches are shown newest first, however they arrive", () => {
  const batches = new Map([1, 3, 2].map((at) => [`batch_${at}`, { id: `batch_${at}`, created_at: at }]));
  assert.deepEqual(batchesOf({ batches }, 2).map(({ id }) => id), ["batch_3", "batch_2"]);
});

test("the page is drawn once after several changes, with the last state", async () => {
  const drawn = [];
  const store = new Store({ n: 0 }, (state) => drawn.push(state.n));
  store.set({ n: 1 });
  store.set({ n: 2 });
  await Promise.resolve();
  assert.deepEqual(drawn, [2]);
});
