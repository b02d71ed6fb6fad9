/** The form that creates videos: what the models support, and the price and problems before anything is paid. */
import { isFresh, randomSeed, shownFields } from "./composing.js";
import { characters, count, day, dollars, estimated, money } from "./format.js";
import { ANY_LENGTH, NAMES, goodFor, lengthsText, modelOf, pricesPerSecond } from "./form.js";
import { imageFields } from "./images.js";
import { button, radios } from "./parts.js";
import { h } from "./render.js";

const ADAPTIVE = "adaptive";
const COPIES = [1, 2, 4].map((value) => ({ value, text: String(value) }));
const SHOTS = [
  { value: "single", text: "One" },
  { value: "multi", text: "Several", title: "A video of several shots; Wan rewrites the prompt." },
];

/** Return the section with the form. */
export function composer(session, composing) {
  const { state } = session;
  const { form, models, problems, more } = state;
  const model = modelOf(form, models);
  const fields = shownFields(model);
  const edit = (members) => composing.edit(members);
  const shown = (name, node) => fields.includes(name) && node;
  return h(
    "section",
    { class: "composer", "aria-labelledby": "composer-title" },
    h("h2", { id: "composer-title", class: "unseen" }, "Make a video"),
    h(
      "form",
      {
        id: "composer",
        novalidate: true,
        onsubmit: (event) => {
          event.preventDefault();
          composing.submit();
        },
      },
      promptField(composing, form, model, problems.fields.prompt),
      model.images && imageFields(composing, form, model, problems.fields),
      modelField(session, edit, model, problems.fields.model),
      sizeField(edit, form, model, problems.fields.size),
      lengthField(edit, form, model, problems.fields.seconds),
      shown("shot_type", group("shot_type", "Shots", problems.fields.shot_type, segments("shots", "Shots", SHOTS, form.shot, (shot) => edit({ shot })))),
      group("copies", "Variations", null, segments("copies", "Variations", COPIES, form.copies, (copies) => edit({ copies })),
        form.copies > 1 && h("p", { class: "hint" }, `${form.copies} videos of the same prompt with different seeds.`)),
      h(
        "details",
        { class: "more", open: more, ontoggle: (event) => composing.setMore(event.currentTarget.open) },
        h("summary", {}, "More"),
        shown("negative_prompt", field("negative_prompt", "Negative prompt", problems, (described) =>
          h("textarea", { ...described, rows: 2, dir: "auto", placeholder: "Rain, text, blur", value: form.negative_prompt, oninput: (event) => edit({ negative_prompt: event.target.value }) }))),
        shown("audio_url", field("audio_url", "Sound", problems, (described) =>
          h("input", { ...described, type: "url", inputmode: "url", spellcheck: "false", placeholder: "https://…/sound.mp3", value: form.audio_url, oninput: (event) => edit({ audio_url: event.target.value }) }),
          "A public link to a wav or mp3 file; without it, the model generates the sound.")),
        field("seed", "Seed", problems, (described) =>
          h(
            "div",
            { class: "seed" },
            h("input", { ...described, inputmode: "numeric", autocomplete: "off", placeholder: "Random", value: form.seed, oninput: (event) => edit({ seed: event.target.value }) }),
            button("⚄", () => edit({ seed: String(randomSeed()) }), { "aria-label": "Roll the dice", title: "Choose a random seed" }),
            form.seed && button("Clear", () => edit({ seed: "" })),
          ), "The same seed and settings give a similar video. Empty, every video has its own."),
        Object.keys(model.regions).length > 1 && field("region", "Region", problems, (described) =>
          h("select", { ...described, value: form.region, onchange: (event) => edit({ region: event.target.value }) },
            Object.keys(model.regions).map((region) => h("option", { key: region, value: region }, region)))),
        toggle("prompt_extend", "Prompt rewriting", form.prompt_extend, problems, edit, "Wan adds details to short prompts."),
        shown("audio", toggle("audio", "With sound", form.audio, problems, edit)),
        toggle("watermark", "Watermark", form.watermark, problems, edit),
      ),
      order(session, composing, model),
    ),
  );
}

function problem(name, text) {
  return h("p", { class: "problem", id: `${name}-problem`, hidden: !text, key: "problem" }, text ?? "");
}

const invalid = (name, text) => (text ? { "aria-invalid": "true", "aria-errormessage": `${name}-problem` } : {});

function field(name, label, { fields }, control, hint) {
  const described = { id: name, name, key: name, ...(hint ? { "aria-describedby": `${name}-hint` } : {}), ...invalid(name, fields[name]) };
  return h(
    "div",
    { class: "field", "data-field": name, key: name },
    h("label", { for: name }, label),
    control(described),
    hint && h("p", { class: "hint", id: `${name}-hint`, key: "hint" }, hint),
    problem(name, fields[name]),
  );
}

function group(name, legend, text, ...children) {
  return h(
    "fieldset",
    { class: "field", "data-field": name, key: name, ...invalid(name, text) },
    h("legend", {}, legend),
    children,
    problem(name, text),
  );
}

const segments = (name, label, choices, chosen, choose) =>
  h("div", { class: "segments", id: name, role: "radiogroup", "aria-label": label, key: name }, radios(name, choices, chosen, choose));

function toggle(name, label, on, { fields }, edit, hint) {
  return h(
    "div",
    { class: "field switch", "data-field": name, key: name },
    h(
      "label",
      {},
      h("input", { id: name, type: "checkbox", role: "switch", checked: on, onchange: (event) => edit({ [name]: event.target.checked }), ...invalid(name, fields[name]) }),
      h("span", {}, label, hint && h("small", {}, hint)),
    ),
    problem(name, fields[name]),
  );
}

function promptField(composing, form, model, text) {
  const used = characters(form.prompt);
  return h(
    "div",
    { class: "field prompt", "data-field": "prompt", key: "prompt" },
    h("label", { for: "prompt" }, "Prompt"),
    h("textarea", {
      id: "prompt",
      name: "prompt",
      rows: 4,
      dir: "auto",
      placeholder: "A fox in a trench coat reads a case file",
      value: form.prompt,
      oninput: (event) => composing.edit({ prompt: event.target.value }),
      onkeydown: (event) => {
        if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) event.target.form.requestSubmit();
      },
      ...invalid("prompt", text),
    }),
    h("p", { class: "count", id: "prompt-count", key: "count" }, used ? `${count(used)} / ${count(model.prompt_limit)}` : ""),
    problem("prompt", text),
  );
}

function perSecond(model, region) {
  const prices = pricesPerSecond(model, region);
  if (!prices) return "price unknown";
  const [low, high] = prices;
  const { currency } = model;
  const text = low === high ? money({ price: low, currency }) : `${money({ price: low, currency })} to ${money({ price: high, currency })}`;
  return `${text} a second`;
}

const soundText = (model) => (model.audio || model.audio_switch ? "with sound" : "without sound");

function modelField(session, edit, model, text) {
  const { form, models, unreachable } = session.state;
  const at = model.retires_at[form.region];
  const prices = pricesPerSecond(model, form.region);
  const about = prices ? dollars({ price: prices[0], currency: model.currency }) : "";
  return h(
    "div",
    { class: "field", "data-field": "model", key: "model" },
    h("label", { for: "model" }, "Model"),
    h(
      "select",
      { id: "model", name: "model", "aria-describedby": "model-about retirement", value: form.model, onchange: (event) => edit({ model: event.target.value }), ...invalid("model", text) },
      models.map((each) => h("option", { key: each.id, value: each.id }, each.id)),
      unreachable.map(({ id, reason }) => h("option", { key: id, value: id, disabled: true, title: reason }, `${id} (needs WanWorkspaceId)`)),
    ),
    h("p", { class: "hint", id: "model-about", key: "about" }, `${goodFor(model)}, ${soundText(model)}. ${perSecond(model, form.region)}${about ? ` (from ${about})` : ""}.`),
    h("p", { class: "warning", id: "retirement", role: "status", hidden: at === undefined, key: "retirement" },
      at === undefined ? "" : `Wan takes this model offline in ${form.region} on ${day(at)}.`),
    problem("model", text),
    h(
      "details",
      { class: "menu", key: "menu" },
      h("summary", {}, "Compare models"),
      h("ul", {}, models.map((each) =>
        h("li", { key: each.id },
          h("button", { type: "button", "aria-pressed": String(each.id === form.model), onclick: () => edit({ model: each.id }) },
            h("b", {}, each.id),
            h("span", { key: "price" }, perSecond(each, form.region)),
            h("small", {}, `${goodFor(each)} · ${lengthsText(each)} · ${soundText(each)}${each.images && !each.images.required ? " · images" : ""}`))))),
    ),
  );
}

function sizeField(edit, form, model, text) {
  const tiers = Object.keys(model.sizes).map((tier) => ({ value: tier, text: tier }));
  const sizes = model.sizes[form.tier];
  const shapes = model.aspect_ratios[form.tier].map((ratio) => ({
    value: ratio,
    title: sizes[ratio] ?? (ratio === ADAPTIVE ? "Wan chooses the shape" : ""),
  }));
  return group(
    "size",
    "Size",
    text,
    segments("tiers", "Resolution", tiers, form.tier, (tier) => edit({ tier })),
    model.aspect_ratios[form.tier].length > 1 && h("div", { class: "shapes", id: "shapes", role: "radiogroup", "aria-label": "Shape", key: "shapes" },
      radios("shape", shapes, form.ratio, (ratio) => edit({ ratio }), drawn)),
  );
}

function drawn({ value }) {
  if (value === ADAPTIVE) {
    return [h("span", { class: "picture", "aria-hidden": "true" }, "✦"), h("span", { class: "unseen", key: "name" }, "Any shape: "), "any"];
  }
  const [width, height] = value.split(":").map(Number);
  const style = { "aspect-ratio": `${width} / ${height}`, [width >= height ? "width" : "height"]: "100%" };
  return [h("span", { class: "picture" }, h("i", { "aria-hidden": "true", style })), h("span", { class: "unseen", key: "name" }, `${NAMES[value] ?? ""} `), value];
}

function lengthField(edit, form, { seconds: lengths, auto_seconds: longest }, text) {
  const any = form.seconds === ANY_LENGTH;
  const choose = (seconds) => edit({ seconds });
  if (lengths.length === 1) return group("seconds", "Length", text, h("p", { class: "fixed" }, `${lengths[0]} seconds`));
  if (lengths.length < 5) {
    const choices = lengths.map((each) => ({ value: each, text: `${each} s` }));
    return group("seconds", "Length", text, h("div", { class: "segments", key: "lengths" }, radios("length", choices, form.seconds, choose)));
  }
  const value = String(any ? lengths[0] : form.seconds);
  return group(
    "seconds",
    "Length",
    text,
    h(
      "div",
      { class: "range", key: "range" },
      h("input", { type: "range", min: lengths[0], max: lengths.at(-1), step: 1, "aria-label": "Seconds", disabled: any, value, oninput: (event) => choose(Number(event.target.value)) }),
      h("span", {}, any ? "" : `${value} s`),
      longest !== null &&
        h("label", { class: "any" },
          h("input", { type: "checkbox", role: "switch", id: "any_length", checked: any, onchange: (event) => choose(event.target.checked ? ANY_LENGTH : Math.min(5, lengths.at(-1))) }),
          ` Wan chooses, up to ${longest} s`),
    ),
  );
}

function order(session, composing, model) {
  const { state } = session;
  const { form, quote, problems, paying } = state;
  const price = quote?.price;
  const about = price ? dollars(price) : "";
  return h(
    "div",
    { class: "order", key: "order" },
    h("p", { class: "problem", id: "composer-problem", role: "alert", hidden: !problems.general, key: "problem" }, problems.general),
    h(
      "div",
      { class: "cost" },
      h(
        "output",
        { class: isFresh(state) ? "price" : "price stale", id: "price", for: "model prompt" },
        h("b", {}, price ? estimated(price) : "—"),
        price && h("span", {}, basis(form, price)),
      ),
      about && h("small", { id: "price-about" }, about),
    ),
    h("button", { class: "primary", type: "submit", id: "make", disabled: paying, key: "make" }, form.copies === 1 ? "Make the video" : `Make ${form.copies} videos`),
    button("Use by API", () => session.store.set({ code: true }), { class: "link", id: "use-by-api" }),
  );
}

function basis({ tier, seconds: wanted, copies }, { price, seconds }) {
  if (price === null) return " price";
  const each = `${wanted === ANY_LENGTH ? "up to " : ""}${seconds} s at ${tier}`;
  return copies === 1 ? ` for ${each}` : ` for ${copies} videos of ${each}`;
}
