/** The form as data: what a model supports, the request that the form stands for, and its price. */

export const ANY_LENGTH = -1;
export const NAMES = { "16:9": "Wide", "9:16": "Tall", "1:1": "Square", "4:3": "Classic", "3:4": "Portrait", "21:9": "Cinema" };

/** Return the form as it is before anything is chosen. */
export function emptyForm(models, defaults) {
  const model = models.some(({ id }) => id === defaults.model) ? defaults.model : models[0].id;
  const form = {
    prompt: "",
    negative_prompt: "",
    audio_url: "",
    seed: "",
    model,
    region: defaults.region,
    tier: "",
    ratio: "",
    seconds: defaults.seconds,
    shot: "single",
    prompt_extend: true,
    watermark: false,
    audio: true,
    copies: 1,
    input_reference: null,
    last_frame: null,
  };
  return fitted(form, models, { size: defaults.size });
}

/** Return the model of a form. */
export const modelOf = (form, models) => models.find(({ id }) => id === form.model);

/** Return a form whose choices its model supports; `format` is a request's size, or resolution and aspect ratio. */
export function fitted(form, models, format = {}) {
  const model = modelOf(form, models);
  const regions = Object.keys(model.regions);
  const region = regions.includes(form.region) ? form.region : regions[0];
  return { ...form, region, ...formatOf(form, model, format), seconds: lengthOf(form, model) };
}

function formatOf({ tier, ratio }, { sizes, aspect_ratios: ratios }, { size, resolution, aspect_ratio: wanted }) {
  const tiers = Object.keys(sizes);
  const sized = tiers.find((each) => size && Object.values(sizes[each]).includes(size));
  if (sized) return { tier: sized, ratio: Object.keys(sizes[sized]).find((each) => sizes[sized][each] === size) };
  if (ratios[resolution]?.includes(wanted)) return { tier: resolution, ratio: wanted };
  const near = tiers.includes(tier) ? tier : tiers.includes("720P") ? "720P" : tiers[0];
  return { tier: near, ratio: ratios[near].includes(ratio) ? ratio : ratios[near][0] };
}

function lengthOf({ seconds }, { seconds: lengths, auto_seconds: longest }) {
  if (seconds === ANY_LENGTH && longest !== null) return ANY_LENGTH;
  const wanted = seconds === ANY_LENGTH ? lengths[0] : seconds;
  return lengths.reduce((best, each) => (Math.abs(each - wanted) < Math.abs(best - wanted) ? each : best));
}

/** Return the form with the settings of a video. Its seed is left out, because a form has one only if it is chosen. */
export function formOf(video, form, models) {
  const known = models.some(({ id }) => id === video.model);
  return fitted(
    {
      ...form,
      prompt: video.prompt,
      negative_prompt: video.negative_prompt ?? "",
      audio_url: video.audio_url ?? "",
      seed: "",
      model: known ? video.model : form.model,
      region: video.region,
      seconds: Number(video.seconds),
      shot: video.shot_type ?? "single",
      prompt_extend: video.prompt_extend,
      watermark: video.watermark,
      audio: video.audio ?? true,
      copies: 1,
      input_reference: imageOf(video.input_reference),
      last_frame: imageOf(video.last_frame),
    },
    models,
    video,
  );
}

/** Return the image of a video for the form; null if it has none, or if the stack no longer knows its id. */
const imageOf = (image) => (image?.id ? { ...image, key: image.id, name: image.id, preview: null } : null);

/** Return the images that a form sends, by the names of its fields. */
export function imagesIn(form, { images }) {
  const names = images ? ["input_reference", ...(images.last_frame ? ["last_frame"] : [])] : [];
  return Object.fromEntries(names.filter((name) => form[name]).map((name) => [name, form[name]]));
}

/** Return a model that makes videos from images: this one, one of the same family, or any; undefined if there is none. */
export function withImages(models, id) {
  const family = (name) => /^[a-z]+[\d.]+/.exec(name)?.[0];
  const able = models.filter(({ images }) => images);
  return able.find((model) => model.id === id) ?? able.find((model) => family(model.id) === family(id)) ?? able[0];
}

/** Return the request of a form, without fields that its model does not support. */
export function requestOf(form, models) {
  const model = modelOf(form, models);
  const size = model.sizes[form.tier][form.ratio];
  const images = imagesIn(form, model);
  const shaped = model.images?.sets_aspect_ratio && (model.images.required || images.input_reference);
  const format = size ? { size } : { resolution: form.tier, aspect_ratio: form.ratio };
  const seed = form.seed.trim();
  const optional = {
    negative_prompt: model.negative_prompt ? form.negative_prompt.trim() : "",
    audio_url: model.audio_url ? form.audio_url.trim() : "",
    audio: model.audio_switch ? form.audio : "",
    seed: /^-?\d{1,15}$/.test(seed) ? Number(seed) : seed,
    shot_type: model.shot_types.length ? form.shot : "",
  };
  return {
    prompt: form.prompt,
    model: model.id,
    ...(shaped ? { resolution: form.tier } : format),
    ...Object.fromEntries(Object.entries(images).map(([name, { id }]) => [name, id])),
    seconds: form.seconds,
    region: form.region,
    prompt_extend: form.prompt_extend,
    watermark: form.watermark,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== "")),
  };
}

/** Return the requests of a form: one, or several with different seeds; a seed that was chosen is that of the first. */
export function requestsOf(form, models, randomSeed) {
  const request = requestOf(form, models);
  if (form.copies === 1) return [request];
  const seeds = new Set(request.seed === undefined ? [] : [request.seed]);
  while (seeds.size < form.copies) seeds.add(randomSeed());
  return [...seeds].map((seed) => ({ ...request, seed }));
}

/** Return what a price depends on, as text: two forms with the same text have the same quote. */
export function quoteKey(form, models) {
  const { prompt, ...rest } = requestOf(form, models);
  return JSON.stringify({ ...rest, prompt, copies: form.copies });
}

/** Return an estimate for several videos of the same price. */
export function times(estimate, copies) {
  if (estimate.price === null || copies === 1) return estimate;
  // Prices have at most six decimals.
  return { ...estimate, price: (Math.round(Number(estimate.price) * 1e6 * copies) / 1e6).toFixed(6) };
}

/** Return whether a price is higher than the one that was shown, or whether only one of them is known. */
export const isDearer = (price, shown) =>
  (price.price === null) !== (shown.price === null) || Number(price.price) > Number(shown.price);

const GOOD_FOR = [
  [/^wan3\.0-video-prime/, "The best quality; chooses shape and length if you like"],
  [/^wan3\.0/, "Long scenes; chooses shape and length if you like"],
  [/-i2v.*flash/, "Quick videos from an image"],
  [/^wan2\.7-i2v/, "Videos from a first and a last frame"],
  [/-i2v/, "Videos from an image"],
  [/^wan2\.7/, "Stories of several shots, the newest of its kind"],
  [/^wan2\.6/, "Stories of several shots"],
  [/^wan2\.5/, "Single shots with speech and music"],
  [/^wan2\.2/, "The lowest price"],
  [/^wan2\.1.*turbo/, "Quick drafts"],
  [/^wan2\.1/, "Careful motion"],
  [/./, "Videos from text"],
];

/** Return whether an image of the form has not been uploaded yet. */
export const isUploading = (form, models) => Object.values(imagesIn(form, modelOf(form, models))).some(({ id }) => !id);

/** Return what a model is good for, in a few words. */
export const goodFor = ({ id }) => GOOD_FOR.find(([pattern]) => pattern.test(id))[1];

/** Return the lengths that a model makes, as text. */
export function lengthsText({ seconds, auto_seconds: longest }) {
  const [first, last] = [seconds[0], seconds.at(-1)];
  const fixed = first === last ? `${first} s` : seconds.length < 4 ? `${seconds.join(", ")} s` : `${first} to ${last} s`;
  return longest === null ? fixed : `${fixed}, or as long as it needs`;
}

/** Return the lowest and highest known price of one second of a model in a region, or null if none is known. */
export function pricesPerSecond({ regions }, region) {
  const prices = Object.values(regions[region] ?? Object.values(regions)[0] ?? {}).map(Number);
  return prices.length ? [Math.min(...prices), Math.max(...prices)] : null;
}

