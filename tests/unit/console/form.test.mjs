import assert from "node:assert/strict";
import { test } from "node:test";

import { LANGUAGES, programOf } from "../../../functions/api/console/code.js";
import { emptyForm, fitted, formOf, isDearer, isUploading, quoteKey, requestOf, requestsOf, times, withImages } from "../../../functions/api/console/form.js";
import { advice, billing, dollars, phase, titleOf } from "../../../functions/api/console/format.js";

const SIZES = { "720P": { "16:9": "1280x720", "9:16": "720x1280" }, "1080P": { "16:9": "1920x1080" } };
const RATIOS = { "720P": ["16:9", "9:16"], "1080P": ["16:9"] };
const MODELS = [
  { id: "rich", sizes: SIZES, aspect_ratios: RATIOS, seconds: [2, 5, 10], auto_seconds: null, negative_prompt: true, audio_url: true, audio_switch: false, shot_types: ["single", "multi"], regions: { singapore: { "720P": "0.73" } } },
  { id: "free", sizes: { "720P": {} }, aspect_ratios: { "720P": ["16:9", "adaptive"] }, seconds: [5], auto_seconds: 30, negative_prompt: false, audio_url: false, audio_switch: true, shot_types: [], regions: { beijing: {} } },
];
const DEFAULTS = { model: "rich", size: "720x1280", seconds: 5, region: "singapore" };
const form = (members = {}) => fitted({ ...emptyForm(MODELS, DEFAULTS), ...members }, MODELS);

test("a form begins with the stack's defaults and without a seed", () => {
  const request = requestOf(form({ prompt: "a fox" }), MODELS);
  assert.deepEqual(request, { prompt: "a fox", model: "rich", size: "720x1280", seconds: 5, region: "singapore", prompt_extend: true, watermark: false, shot_type: "single" });
});

test("a model that supports less gets a request without what it does not support", () => {
  const request = requestOf(form({ model: "free", negative_prompt: "rain", audio_url: "https://x", ratio: "adaptive", seconds: -1 }), MODELS);
  assert.deepEqual(request, { prompt: "", model: "free", resolution: "720P", aspect_ratio: "adaptive", seconds: -1, region: "beijing", prompt_extend: true, watermark: false, audio: true });
});

test("a model whose first frame decides the shape gets only a resolution, and the ids of its images", () => {
  const images = { required: true, last_frame: true, sets_aspect_ratio: true };
  const models = [...MODELS, { ...MODELS[0], id: "rich-i2v", sizes: { "720P": {} }, aspect_ratios: { "720P": ["adaptive"] }, images }];
  const frames = { input_reference: { id: "input_1" }, last_frame: { id: "input_2" } };
  const request = requestOf(fitted({ ...form(), ...frames, model: "rich-i2v" }, models), models);
  assert.deepEqual([request.resolution, request.input_reference, request.last_frame], ["720P", "input_1", "input_2"]);
  assert.ok(!("aspect_ratio" in request) && !("size" in request));
  assert.ok(!("input_reference" in requestOf(form(frames), MODELS)), "a model without images gets none");
  assert.equal(isUploading({ ...form(), model: "rich-i2v", input_reference: { id: null } }, models), true);
});

test("an image switches to a model of the same family that takes one", () => {
  const models = ["wan2.6-t2v", "wan2.5-i2v-preview", "wan2.6-i2v"].map((id) => ({ id, images: id.includes("i2v") ? {} : null }));
  assert.equal(withImages(models, "wan2.6-t2v").id, "wan2.6-i2v");
  assert.equal(withImages(models, "wan2.5-i2v-preview").id, "wan2.5-i2v-preview");
  assert.equal(withImages(models, "wan9-t2v").id, "wan2.5-i2v-preview");
  assert.equal(withImages([models[0]], "wan2.6-t2v"), undefined);
});

test("the nearest length that a model makes is chosen", () => {
  assert.deepEqual([7, 1, 60, -1].map((seconds) => form({ seconds }).seconds), [5, 2, 10, 2]);
});

test("the settings of a video do not contain its seed, which was not chosen for the next one", () => {
  const video = { prompt: "p", negative_prompt: null, audio_url: null, seed: 42, model: "rich", region: "singapore", seconds: "10", shot_type: "multi", prompt_extend: false, watermark: true, audio: null, size: "1920x1080" };
  const filled = formOf(video, form({ seed: "7", copies: 4 }), MODELS);
  assert.deepEqual([filled.seed, filled.copies, filled.tier, filled.seconds, filled.shot], ["", 1, "1080P", 10, "multi"]);
});

test("variations have different seeds, of which the first is the one that was chosen", () => {
  let next = 6;
  const random = () => (next += 1);
  const requests = requestsOf(form({ copies: 4, seed: "7" }), MODELS, random);
  assert.deepEqual(requests.map(({ seed }) => seed), [7, 8, 9, 10]);
  assert.equal(requestsOf(form({ copies: 1 }), MODELS, random)[0].seed, undefined);
});

test("any change of the request makes its quote stale", () => {
  const before = quoteKey(form(), MODELS);
  for (const change of [{ prompt: "x" }, { seconds: 10 }, { copies: 2 }, { seed: "1" }, { watermark: true }, { tier: "1080P" }]) {
    assert.notEqual(quoteKey(form(change), MODELS), before, JSON.stringify(change));
  }
  assert.equal(quoteKey(form(), MODELS), before);
});

test("the price of several videos is exact", () => {
  assert.equal(times({ price: "3.669620" }, 4).price, "14.678480");
  assert.equal(times({ price: null }, 4).price, null);
});

test("a price is dearer if it is higher, or if only one of the two is known", () => {
  const [low, high, unknown] = ["1", "2", null].map((price) => ({ price }));
  assert.deepEqual([isDearer(high, low), isDearer(low, high), isDearer(low, low)], [true, false, false]);
  assert.deepEqual([isDearer(unknown, low), isDearer(low, unknown), isDearer(unknown, unknown)], [true, true, false]);
});

test("every language has the whole request, whatever is in the prompt", () => {
  const request = requestOf(form({ prompt: `it's "quoted" \\ $HOME \`id\`\nnew line`, seed: "7", negative_prompt: "rain" }), MODELS);
  const programs = Object.keys(LANGUAGES).map((language) => programOf(language, request, "https://api.example/live/"));
  for (const program of programs) {
    assert.ok(program.includes("https://api.example/live") && !program.includes("live//"), program);
    assert.ok(program.includes("rain") && program.includes("7"), program);
  }
  assert.ok(programs[0].includes(`it'\\''s`), "a quote ends and reopens the shell's text");
});

test("a form with images is a program in every language", () => {
  const request = { prompt: "", model: "wan2.7-i2v", resolution: "720P", input_reference: "input_1", last_frame: "input_2", seconds: 5, region: "singapore", prompt_extend: true, watermark: false };
  const program = (name, members = {}) => programOf(name, { ...request, ...members }, "https://api.example/live/");
  assert.match(program("wan-video"), /generate \\\n.* --resolution 720P --image input_1 --last-image input_2 /);
  const media = '[{"type":"first_frame","url":"input_1"},{"type":"last_frame","url":"input_2"}]';
  assert.ok(program("Python with dashscope").includes(`    media=${media},\n`));
  assert.ok(program("Python with dashscope", { last_frame: undefined }).includes('    img_url="input_1",\n'));
  assert.ok(!program("Python with dashscope").includes("input_reference"));
  for (const name of Object.keys(LANGUAGES)) assert.ok(program(name).includes("input_1") && !program(name).includes("undefined"), name);
});

test("a failure says whether it was billed and what to do", () => {
  const failed = (code, retryable) => ({ status: "failed", error: { code, message: "", retryable } });
  assert.equal(billing(failed("DataInspectionFailed", false)), "Not billed.");
  assert.match(billing(failed("submission_uncertain", false)), /may have billed/);
  assert.match(advice(failed("DataInspectionFailed", false)), /Edit it first/);
  assert.match(advice(failed("InternalError", true)), /try again/);
  assert.equal(billing({ status: "cancelled" }), "Not billed.");
});

test("a video that waits or runs says which phase it is in", () => {
  const at = (members) => phase({ status: "queued", condition: null, waiting_for: "place", upstream: null, queue_position: null, ...members });
  assert.deepEqual(
    [at({ queue_position: 0 }), at({ waiting_for: "budget" }), at({ upstream: { status: "PENDING" } }), at({ status: "in_progress", upstream: { status: "RUNNING" } }), at({ status: "in_progress", upstream: { status: "SUCCEEDED" } })],
    ["Next in line", "Waiting for tomorrow's budget", "Waiting at Wan", "Generating", "Storing"],
  );
});

test("prices are shown in about US dollars at the rate of Wan's list", () => {
  assert.match(dollars({ price: "0.733924", currency: "CNY" }), /about.*0\.10/);
  assert.equal(dollars({ price: null, currency: "CNY" }), "");
});

test("the title counts what has not ended, and what has ended while the page was hidden", () => {
  assert.equal(titleOf([{ status: "queued" }, { status: "completed" }], 2), "(1 in progress, 2 ready) Wan Video");
  assert.equal(titleOf([], 0), "Wan Video");
});
