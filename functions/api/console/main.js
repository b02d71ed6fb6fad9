/** The console: signs in, then shows the form and the gallery. */
import { Api } from "./api.js";
import { Batches } from "./batches.js";
import { Composer } from "./composer.js";
import { Details } from "./details.js";
import { showProblem, the } from "./dom.js";
import { Gallery } from "./gallery.js";
import { draw, showUsage } from "./usage.js";
import { Videos, ended } from "./videos.js";
import { lookAgain } from "./watch.js";

const KEY = "wan-video-token";
const WHY = "wan-video-signed-out";
const SOON = 3;

function askForToken(problem) {
  sessionStorage.removeItem(KEY);
  the("sign-in").hidden = false;
  showProblem(the("token-problem"), problem);
  the("token").toggleAttribute("aria-invalid", Boolean(problem));
  the("token").focus();
}

/** Remove the token and reload the page, so that nothing from one token remains for the next. */
function leave(api, problem) {
  api.close();
  sessionStorage.removeItem(KEY);
  if (problem) sessionStorage.setItem(WHY, problem);
  else history.replaceState(null, "", location.pathname);
  document.body.hidden = true;
  // Browsers restore the content of forms when a page is reloaded.
  for (const form of document.forms) form.reset();
  location.reload();
}

async function signIn(token) {
  const api = new Api(token);
  const submit = the("sign-in-form").querySelector("button");
  submit.disabled = true;
  try {
    const [models, usage] = await Promise.all([api.get("v1/models"), api.get("v1/usage")]);
    sessionStorage.setItem(KEY, token);
    the("token").value = "";
    the("sign-in").hidden = true;
    the("console").hidden = false;
    the("owner").textContent = usage.document.owner;
    draw(usage.document);
    open(api, models.document);
  } catch (error) {
    askForToken(error.message);
  } finally {
    submit.disabled = false;
  }
}

function open(api, models) {
  api.onRefused = (detail) => leave(api, detail);
  the("sign-out").onclick = () => leave(api, null);
  const videos = new Videos(api);
  const gallery = new Gallery(api, videos, (id) => {
    location.hash = id;
  });
  const composer = new Composer(api, models, (video) => gallery.put(video));
  const details = new Details(videos, (id) => gallery.get(id), (video) => composer.fill(video));
  const batches = new Batches(api, (id) => gallery.show({ batch_id: id }), () => gallery.refresh());
  videos.changed = (video) => {
    gallery.update(video);
    details.update(video);
    if (ended(video)) lookAgain("usage", SOON, () => showUsage(api));
  };
  videos.made = (video) => gallery.put(video);
  videos.gone = (id) => {
    gallery.remove(id);
    details.remove(id);
  };
  showUsage(api);
  batches.load();
  gallery.show({ status: "", batch_id: "" }).then(() => details.follow());
}

// Without a slash at the end of the root, relative links would not work.
history.replaceState(null, "", new URL(document.baseURI).pathname + location.hash);
the("sign-in-form").onsubmit = (event) => {
  event.preventDefault();
  signIn(the("token").value.trim());
};
const why = sessionStorage.getItem(WHY);
sessionStorage.removeItem(WHY);
const kept = sessionStorage.getItem(KEY);
if (kept) signIn(kept);
else askForToken(why);
