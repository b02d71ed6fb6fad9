/** Images of the form: dropped, pasted or chosen, shown at once, and uploaded as inputs before anything is paid. */
import { button } from "./parts.js";
import { size } from "./format.js";
import { h } from "./render.js";

const PREVIEW_HEIGHT = 160;

/** The fields of images: names of a request's members, and what they are called. */
export const FRAMES = { input_reference: "First frame", last_frame: "Last frame" };

/** Return the images among some files. */
export const imagesOf = (files) => [...files].filter(({ type }) => type.startsWith("image/"));

/** Return `{width, height, preview}` of a file; throws if this browser cannot read it as an image. */
export async function readImage(file) {
  const whole = await createImageBitmap(file);
  const { width, height } = whole;
  const preview = await createImageBitmap(whole, { resizeHeight: Math.min(height, PREVIEW_HEIGHT), resizeQuality: "medium" });
  whole.close();
  return { width, height, preview };
}

/** Return the fieldset of images for a model that takes some. */
export function imageFields(composing, form, model, problems) {
  const names = Object.keys(FRAMES).filter((name) => name === "input_reference" || model.images.last_frame);
  return h(
    "fieldset",
    { class: "field", "data-field": "images", key: "images" },
    h("legend", {}, model.images.required ? "Image" : "Image (optional)"),
    h("div", { class: "frames" }, names.map((name) => frameField(composing, name, form[name], problems[name]))),
    form.input_reference && model.images.sets_aspect_ratio && h("p", { class: "hint", key: "hint" }, "The first frame decides the shape of the video."),
  );
}

function frameField(composing, name, image, problem) {
  const label = FRAMES[name];
  return h(
    "div",
    { class: "frame-field", "data-field": name, key: name },
    image ? shown(composing, name, image) : chooser(composing, name, label, problem),
    h("p", { class: "problem", id: `${name}-problem`, hidden: !problem, key: "problem" }, problem ?? ""),
  );
}

const chooser = (composing, name, label, problem) =>
  h(
    "label",
    { class: "chooser", key: "chooser" },
    h("input", {
      class: "unseen",
      id: name,
      type: "file",
      accept: "image/jpeg,image/png,image/bmp,image/webp",
      ...(problem ? { "aria-invalid": "true", "aria-errormessage": `${name}-problem` } : {}),
      onchange: (event) => {
        const [file] = event.target.files;
        if (file) composing.addImage(file, name);
      },
    }),
    h("b", {}, label),
    h("span", {}, "Drop, paste or choose"),
  );

const shown = (composing, name, image) =>
  h(
    "div",
    { class: "chosen", key: `chosen ${image.key}` },
    image.preview && h("canvas", { key: "preview", role: "img", "aria-label": image.name, width: image.preview.width, height: image.preview.height, mount: (canvas) => canvas.getContext("2d").drawImage(image.preview, 0, 0) }),
    h("p", {}, h("b", {}, FRAMES[name])),
    h("p", { class: "hint", dir: "auto", key: "name" }, image.name),
    h("p", { class: "hint", role: "status", key: "state" }, image.id ? measured(image) : "Uploading…"),
    button("Remove", () => composing.removeImage(name), { class: "link", "aria-label": `Remove the ${FRAMES[name].toLowerCase()}` }),
  );

/** Return what is known of an image: its sides, its format and its size. */
export const measured = ({ width, height, format, bytes }) =>
  [width ? `${width} × ${height}` : "", format ?? "", bytes ? size(bytes) : ""].filter(Boolean).join("  ·  ");
