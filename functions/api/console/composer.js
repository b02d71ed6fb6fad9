/** The form that creates a video: it shows what the models support, and the price and problems before anything is paid. */
import { newKey } from "./api.js";
import { el, radios, say, showProblem, the } from "./dom.js";
import { characters, count, day, estimated, money } from "./format.js";
import { Sizes } from "./sizes.js";

const QUIET = 400;
const STAND_IN = "…";
const ANY_LENGTH = -1;
const NO_PRICE = { price: null, confirmed: true };
const SHOTS = [
  { value: "single", text: "One" },
  { value: "multi", text: "Several", title: "A video of several shots; Wan extends the prompt." },
];

/** The form for the models that the API lists; `made` is called with every accepted video. */
export class Composer {
  #api;
  #models;
  #defaults;
  #made;
  #sizes = new Sizes(() => this.#changed());
  #shot = "single";
  #seconds = 5;
  #timer = 0;
  #running = null;
  #price = null;
  #edits = 0;
  #submitting = false;

  constructor(api, { data, unreachable, defaults }, made) {
    this.#api = api;
    this.#models = new Map(data.map((model) => [model.id, model]));
    this.#defaults = defaults;
    this.#made = made;
    this.#seconds = defaults.seconds;
    the("model").replaceChildren(
      ...data.map(({ id }) => el("option", { value: id }, id)),
      ...unreachable.map(({ id, reason }) =>
        el("option", { value: id, disabled: true, title: reason }, `${id} (needs WanWorkspaceId)`),
      ),
    );
    the("model").value = this.#models.has(defaults.model) ? defaults.model : data[0].id;
    const form = the("composer");
    form.oninput = () => this.#changed();
    form.onsubmit = (event) => {
      event.preventDefault();
      this.#submit();
    };
    the("prompt").onkeydown = (event) => {
      if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) form.requestSubmit();
    };
    the("model").onchange = () => this.#follow();
    the("region").onchange = () => this.#changed();
    this.#follow({ size: defaults.size });
  }

  /** Fill the form with the settings of another video. */
  fill(video) {
    the("prompt").value = video.prompt;
    the("negative_prompt").value = video.negative_prompt ?? "";
    the("audio_url").value = video.audio_url ?? "";
    the("seed").value = video.seed;
    the("prompt_extend").checked = video.prompt_extend;
    the("watermark").checked = video.watermark;
    the("audio").checked = video.audio ?? true;
    this.#shot = video.shot_type ?? "single";
    this.#seconds = Number(video.seconds);
    if (this.#models.has(video.model)) the("model").value = video.model;
    this.#follow(video);
    the("region").value = video.region;
    the("prompt").focus();
  }

  get #model() {
    return this.#models.get(the("model").value);
  }

  /** Offer what the chosen model supports. */
  #follow(format = this.#sizes.tier ? this.#sizes.fields : {}) {
    const model = this.#model;
    const regions = Object.keys(model.regions);
    const region = the("region").value || this.#defaults.region;
    the("region").replaceChildren(...regions.map((each) => el("option", { value: each }, each)));
    the("region").value = regions.includes(region) ? region : regions[0];
    the("region-field").hidden = regions.length < 2;
    this.#sizes.offer(model, format);
    this.#offerLengths(model);
    the("shots-field").hidden = !model.shot_types.length;
    radios(the("shots"), "shot", SHOTS, this.#shot, (shot) => {
      this.#shot = shot;
      this.#changed();
    });
    the("audio-field").hidden = !model.audio_url;
    the("sound-field").hidden = !model.audio_switch;
    the("negative-field").hidden = !model.negative_prompt;
    this.#changed();
  }

  #offerLengths({ seconds: lengths, auto_seconds: longest }) {
    const any = longest !== null && this.#seconds === ANY_LENGTH;
    const wanted = this.#seconds === ANY_LENGTH ? this.#defaults.seconds : this.#seconds;
    const nearest = lengths.reduce((best, each) => (Math.abs(each - wanted) < Math.abs(best - wanted) ? each : best));
    this.#seconds = any ? ANY_LENGTH : nearest;
    const holder = the("lengths");
    holder.className = "";
    if (lengths.length === 1) {
      holder.replaceChildren(el("p", { className: "fixed" }, `${lengths[0]} seconds`));
    } else if (lengths.length < 5) {
      holder.className = "segments";
      const choices = lengths.map((each) => ({ value: each, text: `${each} s` }));
      radios(holder, "length", choices, this.#seconds, (seconds) => this.#setSeconds(seconds));
    } else {
      const label = el("span", {}, `${nearest} s`);
      const range = el("input", { type: "range", min: lengths[0], max: lengths.at(-1), step: 1, "aria-label": "Seconds" });
      range.value = nearest;
      range.disabled = any;
      range.oninput = () => {
        label.textContent = `${range.value} s`;
        this.#setSeconds(Number(range.value));
      };
      holder.className = "range";
      holder.replaceChildren(range, label, ...(longest === null ? [] : [this.#anyLength(range, longest)]));
    }
  }

  /** A switch that leaves the length to the model. */
  #anyLength(range, longest) {
    const any = el("input", { type: "checkbox", role: "switch", id: "any_length", checked: this.#seconds === ANY_LENGTH });
    any.onchange = () => {
      range.disabled = any.checked;
      this.#setSeconds(any.checked ? ANY_LENGTH : Number(range.value));
    };
    return el("label", { className: "any" }, any, ` Wan chooses, up to ${longest} s`);
  }

  #setSeconds(seconds) {
    this.#seconds = seconds;
    this.#changed();
  }

  /** Warn of a model that Wan takes offline in the chosen region. */
  #warn() {
    const region = the("region").value;
    const at = this.#model.retires_at[region];
    the("retirement").hidden = at === undefined;
    the("retirement").textContent = at === undefined ? "" : `Wan takes this model offline in ${region} on ${day(at)}.`;
  }

  #changed() {
    this.#warn();
    const used = characters(the("prompt").value);
    const limit = this.#model.prompt_limit;
    the("prompt-count").textContent = used ? `${count(used)} / ${count(limit)}` : "";
    this.#edits += 1;
    clearTimeout(this.#timer);
    this.#running?.abort();
    the("price").classList.add("stale");
    this.#timer = setTimeout(() => this.#quote(), QUIET);
  }

  /** Return the request of the form, without fields that the model does not support. */
  #request() {
    const model = this.#model;
    const seed = the("seed").value.trim();
    const optional = {
      negative_prompt: model.negative_prompt ? the("negative_prompt").value.trim() : "",
      audio_url: model.audio_url ? the("audio_url").value.trim() : "",
      audio: model.audio_switch ? the("audio").checked : "",
      seed: /^-?\d{1,15}$/.test(seed) ? Number(seed) : seed,
      shot_type: model.shot_types.length ? this.#shot : "",
    };
    return {
      prompt: the("prompt").value,
      model: model.id,
      ...this.#sizes.fields,
      seconds: this.#seconds,
      region: the("region").value,
      prompt_extend: the("prompt_extend").checked,
      watermark: the("watermark").checked,
      ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== "")),
    };
  }

  async #priceOf(request, options) {
    return (await this.#api.post("v1/videos?dry_run=true", request, options)).document.estimate ?? NO_PRICE;
  }

  /** Price the request of the form; a missing prompt is not reported as a problem yet. */
  async #quote() {
    const request = this.#request();
    const running = new AbortController();
    this.#running = running;
    try {
      const prompt = request.prompt.trim() ? request.prompt : STAND_IN;
      this.#price = await this.#priceOf({ ...request, prompt }, { signal: running.signal });
      this.#showProblems(null);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.#price = null;
      this.#showProblems(error);
    }
    this.#showPrice();
  }

  #showPrice() {
    the("price").classList.remove("stale");
    const price = this.#price;
    the("price").replaceChildren(
      ...(price
        ? [el("b", {}, estimated(price)), el("span", {}, this.#basis(price))]
        : [el("b", {}, "—")]),
    );
  }

  #basis({ price, seconds }) {
    if (price === null) return " price";
    return ` for ${this.#seconds === ANY_LENGTH ? "up to " : ""}${seconds} s at ${this.#sizes.tier}`;
  }

  /** Show each problem next to its field, and problems without a field at the end of the form. */
  #showProblems(error) {
    const form = the("composer");
    for (const field of form.querySelectorAll("[data-field]")) problemAt(field, null);
    const elsewhere = [];
    for (const { pointer, detail } of error?.fields ?? []) {
      const name = pointer.split("/")[1];
      const field = name && form.querySelector(`[data-field="${CSS.escape(name)}"]`);
      if (field && !field.hidden) problemAt(field, detail);
      else elsewhere.push(detail);
    }
    if (error && !error.fields.length) elsewhere.push(error.message);
    showProblem(the("composer-problem"), elsewhere.join(" "));
  }

  /** Create the video, for at most the price that was shown when the form was submitted. */
  async #submit() {
    // A key press submits the form even if its button is disabled.
    if (this.#submitting) return;
    this.#submitting = true;
    the("make").disabled = true;
    try {
      const request = this.#request();
      const shown = this.#price;
      const fresh = shown && !the("price").classList.contains("stale");
      const price = fresh ? shown : await this.#priceNow(request);
      if (!shown || isDearer(price, shown)) {
        const reason = shown ? "which is more than the price shown before" : "which was not shown before";
        const costs = price.price === null ? "The price of this video is not known" : `This video costs ${money(price)}, ${reason}`;
        showProblem(the("composer-problem"), `${costs}. Press the button again to make it.`);
        return;
      }
      const most = price.price === null ? {} : { max_price: price.price };
      const { document } = await this.#api.post("v1/videos", { ...request, ...most }, { key: newKey() });
      this.#showProblems(null);
      say("The video is queued.");
      this.#made(document);
    } catch (error) {
      this.#showProblems(error);
      the("composer").querySelector("[aria-invalid=true]")?.focus();
    } finally {
      this.#submitting = false;
      the("make").disabled = false;
    }
  }

  /** Return the current price of a request, and show it unless the form has changed in the meantime. */
  async #priceNow(request) {
    const edits = this.#edits;
    clearTimeout(this.#timer);
    this.#running?.abort();
    let price = null;
    try {
      price = await this.#priceOf(request);
    } finally {
      if (edits === this.#edits) {
        this.#price = price;
        this.#showPrice();
      }
    }
    return price;
  }
}

/** Whether a price is higher than the one that was shown, or whether only one of them is known. */
function isDearer(price, shown) {
  return (price.price === null) !== (shown.price === null) || Number(price.price) > Number(shown.price);
}

function problemAt(field, text) {
  let place = field.querySelector(":scope > .problem");
  if (!place) {
    place = el("p", { className: "problem", id: `${field.dataset.field}-problem`, hidden: true });
    field.append(place);
  }
  showProblem(place, text);
  const control = field.matches("fieldset") ? field : field.querySelector("input, textarea, select");
  field.closest("details")?.toggleAttribute("open", Boolean(text) || field.closest("details").open);
  if (text) {
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-errormessage", place.id);
  } else {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-errormessage");
  }
}
