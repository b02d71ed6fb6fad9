/** The form's side of a session: its price and problems while it is edited, and the order when it is submitted. */
import { isAborted, newKey } from "./api.js";
import { emptyForm, fitted, formOf, isDearer, isUploading, modelOf, quoteKey, requestOf, requestsOf, times, withImages } from "./form.js";
import { money, things } from "./format.js";
import { FRAMES, imagesOf, readImage } from "./images.js";

const QUIET = 400;
const STAND_IN = "…";
const NO_PRICE = { price: null, confirmed: true };
const MAX_SEED = 2147483647;
const NO_PROBLEMS = { fields: {}, general: "" };
const FIELD_OF = { resolution: "size", aspect_ratio: "size" };

/** Return a random seed. */
export const randomSeed = () => crypto.getRandomValues(new Uint32Array(1))[0] & MAX_SEED;

/** Return the fields that the form shows for its model. */
export function shownFields(model) {
  const fields = ["prompt", "model", "size", "seconds", "seed", "prompt_extend", "watermark", "region"];
  if (model.negative_prompt) fields.push("negative_prompt");
  if (model.audio_url) fields.push("audio_url");
  if (model.audio_switch) fields.push("audio");
  if (model.shot_types.length) fields.push("shot_type");
  if (model.images) fields.push("input_reference");
  if (model.images?.last_frame) fields.push("last_frame");
  return fields;
}

/** Return the problems of an error of the API: each next to its field, and those of fields that are not shown. */
export function problemsOf(error, model) {
  const fields = {};
  const elsewhere = [];
  for (const { pointer, detail } of error.fields) {
    const named = pointer.split("/")[1] ?? "";
    const name = FIELD_OF[named] ?? named;
    if (shownFields(model).includes(name)) fields[name] = detail;
    else elsewhere.push(detail);
  }
  if (!error.fields.length) elsewhere.push(error.message);
  return { fields, general: elsewhere.join(" ") };
}

/** The members of the state that belong to the form. */
export const formState = ({ models, defaults }, draft) => ({
  form: draft ?? emptyForm(models, defaults),
  quote: null,
  problems: NO_PROBLEMS,
  paying: false,
  more: false,
});

/** Return whether the price that is shown is that of the form as it stands. */
export const isFresh = ({ form, models, quote }) => Boolean(quote) && quote.key === quoteKey(form, models);

/** Edits the form of a session, and orders its videos. */
export class Composing {
  #session;
  #timer = 0;
  #running = null;

  #onPaste = (event) => {
    const images = imagesOf(event.clipboardData?.files ?? []);
    if (!images.length) return;
    event.preventDefault();
    this.addImages(images);
  };

  constructor(session) {
    this.#session = session;
    document.addEventListener("paste", this.#onPaste);
    this.#quoteSoon(0);
  }

  get #state() {
    return this.#session.state;
  }

  /** Change some members of the form. */
  edit(members) {
    this.#session.store.change((state) => ({ ...state, form: fitted({ ...state.form, ...members }, state.models) }));
    this.#quoteSoon(QUIET);
  }

  /** Fill the form with the settings of a video, and focus its prompt. */
  fill(video) {
    this.#session.closeSheet();
    this.#session.store.change((state) => ({ ...state, form: formOf(video, state.form, state.models) }));
    this.#quoteSoon(0);
    this.#session.focus("#prompt");
  }

  /** Use the seed of a video. */
  useSeed(seed) {
    this.#session.closeSheet();
    this.#session.store.set({ more: true });
    this.edit({ seed: String(seed) });
    this.#session.focus("#seed");
  }

  /** Open or close the part of the form with more settings. */
  setMore(more) {
    if (this.#state.more !== more) this.#session.store.set({ more });
  }

  /** Use images as the first frame and, if it is already chosen or there are two, as the last frame. */
  addImages(files) {
    for (const file of files.slice(0, 2)) {
      const { form, models } = this.#state;
      const second = form.input_reference && withImages(models, form.model)?.images.last_frame;
      this.addImage(file, second ? "last_frame" : "input_reference");
    }
  }

  /** Show an image in the form and upload it; a model that takes no images is replaced by one that does. */
  async addImage(file, name) {
    const { form, models } = this.#state;
    const model = withImages(models, form.model);
    if (!model) {
      this.#session.say("No model of this stack makes videos from images.", "bad");
      return;
    }
    if (model.id !== form.model) this.#session.say(`Switched to ${model.id}, which makes videos from images.`);
    const key = newKey();
    const update = (members) => {
      if (this.#state.form[name]?.key === key) this.edit({ [name]: { ...this.#state.form[name], ...members } });
    };
    this.edit({ model: model.id, [name]: { key, name: file.name, bytes: file.size, id: null, preview: null } });
    try {
      update(await readImage(file));
      const { document: input } = await this.#session.api.post("v1/inputs", undefined, { safe: true });
      const { url, method, headers } = input.upload;
      const sent = await fetch(url, { method, headers, body: file });
      if (!sent.ok) throw new Error(`S3 answered ${sent.status}.`);
      update({ id: input.id });
    } catch (error) {
      if (this.#state.form[name]?.key === key) this.removeImage(name);
      this.#session.complain(error, `${file.name} could not be used as the ${FRAMES[name].toLowerCase()}.`);
    }
  }

  /** Leave an image out again. */
  removeImage(name) {
    this.edit({ [name]: null });
    this.#session.focus(`#${name}`);
  }

  /** Stop pricing, and take no more images. */
  close() {
    document.removeEventListener("paste", this.#onPaste);
    clearTimeout(this.#timer);
    this.#running?.abort();
  }

  #quoteSoon(delay) {
    clearTimeout(this.#timer);
    this.#running?.abort();
    this.#timer = setTimeout(() => this.#quote(), delay);
  }

  /** Return the price of a request, for each of its videos. */
  async #priceOf(request, options) {
    const answer = await this.#session.api.post("v1/videos?dry_run=true", request, { safe: true, ...options });
    return answer.document.estimate ?? NO_PRICE;
  }

  /** Price the form as it stands; a missing prompt is not reported as a problem yet. */
  async #quote() {
    const { form, models } = this.#state;
    if (isUploading(form, models)) return; // The end of the upload is an edit, which is priced.
    const key = quoteKey(form, models);
    const request = requestOf(form, models);
    const running = new AbortController();
    this.#running = running;
    try {
      const prompt = request.prompt.trim() ? request.prompt : STAND_IN;
      const price = await this.#priceOf({ ...request, prompt }, { signal: running.signal });
      this.#session.store.set({ quote: { key, price: times(price, form.copies), each: price }, problems: NO_PROBLEMS });
    } catch (error) {
      if (!isAborted(error)) this.#session.store.set({ quote: { key, price: null, each: null }, ...this.#problems(error) });
    }
  }

  #problems(error) {
    const problems = problemsOf(error, modelOf(this.#state.form, this.#state.models));
    const hidden = ["negative_prompt", "audio_url", "audio", "seed", "region", "prompt_extend", "watermark"];
    const more = this.#state.more || hidden.some((name) => problems.fields[name]);
    return { problems, more };
  }

  /** Order the videos of the form, each for at most the price that was shown when the form was submitted. */
  async submit() {
    if (this.#state.paying) return; // A key press submits a form even if its button is disabled.
    this.#session.store.set({ paying: true });
    try {
      const { form, models, quote } = this.#state;
      if (isUploading(form, models)) {
        this.#session.store.set({ problems: { fields: {}, general: "The image is still being uploaded." } });
        return;
      }
      const shown = quote?.price ?? null;
      const current = isFresh(this.#state) && shown ? quote : await this.#priceNow(form, models);
      if (!shown || isDearer(current.price, shown)) {
        const many = form.copies === 1 ? "This video costs" : `These ${form.copies} videos cost`;
        const reason = shown ? "which is more than the price shown before" : "which was not shown before";
        const known = current.price.price !== null;
        const costs = known ? `${many} ${money(current.price)}, ${reason}` : "The price of this video is not known";
        const general = `${costs}. Press the button again to make ${form.copies === 1 ? "it" : "them"}.`;
        this.#session.store.set({ problems: { fields: {}, general } });
        return;
      }
      await this.#order(requestsOf(form, models, randomSeed), current.each);
    } catch (error) {
      if (isAborted(error)) return;
      this.#session.store.set(this.#problems(error));
      this.#session.focus("#composer [aria-invalid=true]");
    } finally {
      this.#session.store.set({ paying: false });
    }
  }

  async #order(requests, each) {
    const cap = each.price === null ? {} : { max_price: each.price };
    let made = 0;
    try {
      for (const request of requests) {
        const { document } = await this.#session.api.post("v1/videos", { ...request, ...cap }, { key: newKey() });
        made += 1;
        this.#session.putNew(document);
      }
    } finally {
      if (made) this.#session.say(made === 1 && requests.length === 1 ? "The video is queued." : `${things(made, "video")} of ${requests.length} queued.`);
    }
    this.#session.store.set({ problems: NO_PROBLEMS });
  }

  /** Return the current quote of a form, and show it unless the form has changed in the meantime. */
  async #priceNow(form, models) {
    clearTimeout(this.#timer);
    this.#running?.abort();
    const key = quoteKey(form, models);
    let quote = { key, price: null, each: null };
    try {
      const each = await this.#priceOf(requestOf(form, models));
      quote = { key, each, price: times(each, form.copies) };
    } finally {
      if (quoteKey(this.#state.form, this.#state.models) === key) this.#session.store.set({ quote });
    }
    return quote;
  }
}
