/** The console: signs in, and draws the page of the session. */
import { Api, isAborted } from "./api.js";
import { Composing, formState } from "./composing.js";
import { consolePage, signInPage, waitingPage } from "./page.js";
import { render } from "./render.js";
import { Session } from "./session.js";
import { Uploads } from "./uploads.js";
import { Webhooks } from "./webhooks.js";

const KEY = "wan-video-token";
const LONGEST_PAUSE = 15;
const TRIES = 100;

const app = document.getElementById("app");
const { icon } = app.dataset;

/** What is shown while there is no session: `phase` is "out" or "waiting" (for the API, with a token that was kept). */
let door = { phase: "out", busy: false, problem: null };
let inside = null;
let attempt = 0;
/** The form of a session that ended because its token was rejected, for the same owner only. */
let draft = null;

function draw() {
  const before = document.activeElement;
  const card = before?.closest?.(".card");
  const beside = card?.nextElementSibling?.dataset.id ?? card?.previousElementSibling?.dataset.id;
  if (inside) render(app, consolePage(inside));
  else if (door.phase === "waiting") render(app, waitingPage(door, icon, () => connect(sessionStorage.getItem(KEY), true), () => leave(null)));
  else render(app, signInPage(door, icon, (token) => connect(token, false)));
  if (before && before !== document.body && !before.isConnected && document.activeElement === document.body) {
    settle([card && `[data-id="${card.dataset.id}"] .frame`, beside && `[data-id="${beside}"] .frame`]);
  }
}

/** Give the focus, whose element was removed, to the first element that exists, in the topmost dialog if one is open. */
function settle(selectors) {
  const dialogs = document.querySelectorAll("dialog:modal");
  const top = dialogs[dialogs.length - 1];
  if (top) top.querySelector("[autofocus]")?.focus();
  else focus(...selectors.filter(Boolean), "#gallery-title", "#token", "h1");
}

/** Focus the first element that exists. */
function focus(...selectors) {
  for (const selector of selectors) {
    const element = document.querySelector(selector);
    if (element) {
      element.focus();
      return;
    }
  }
}

function showDoor(members) {
  door = { busy: false, problem: null, ...members };
  draw();
}

/** Sign in. A token that this tab has `kept` is tried again until the API answers; only the API can reject it. */
async function connect(token, kept) {
  attempt += 1;
  const mine = attempt;
  const api = new Api(token);
  showDoor({ phase: kept ? "waiting" : "out", busy: true, problem: kept ? door.problem : null });
  for (let tries = 1; mine === attempt; tries += 1) {
    try {
      const [models, usage] = await Promise.all([api.get("v1/models", { tries: 1 }), api.get("v1/usage", { tries: 1 })]);
      if (mine !== attempt) return;
      sessionStorage.setItem(KEY, token);
      open(api, models.document, usage.document, kept);
      return;
    } catch (error) {
      if (mine !== attempt || isAborted(error)) return;
      if (error.status === 401 || !kept) {
        if (error.status === 401) sessionStorage.removeItem(KEY);
        showDoor({ phase: "out", problem: error.message });
        focus("#token");
        return;
      }
      showDoor({ phase: "waiting", problem: error.message });
      if (tries === TRIES) return;
      await new Promise((resolve) => setTimeout(resolve, Math.min(2 ** tries, LONGEST_PAUSE) * 1000));
    }
  }
}

function open(api, { data: models, unreachable, defaults }, usage, kept) {
  const form = draft?.owner === usage.owner ? draft.form : null;
  draft = null;
  const members = { models, unreachable, usage, ...formState({ models, defaults }, form) };
  const session = new Session({ api, draw, focus, members });
  inside = { session, icon, signOut: () => leave(null) };
  inside.composing = new Composing(session);
  inside.webhooks = new Webhooks(session);
  inside.uploads = new Uploads(session, (images) => inside.composing.addImages(images));
  api.onRefused = (detail) => leave(detail ?? "The token is no longer valid.");
  draw();
  session.start();
  if (!kept) focus("#console-title");
}

/** End the session: nothing from one token remains for the next, except the unsent form of an owner whose token ended. */
function leave(problem) {
  attempt += 1;
  sessionStorage.removeItem(KEY);
  if (inside) {
    const { session, composing, uploads } = inside;
    draft = problem ? { owner: session.state.usage.owner, form: session.state.form } : null;
    inside = null;
    composing.close();
    uploads.close();
    session.close();
  }
  if (!problem) history.replaceState(null, "", location.pathname);
  showDoor({ phase: "out", problem });
  focus("#token");
}

// The script works, so remove the text that says that the page is loading.
app.replaceChildren();
// Without a slash at the end of the root, relative links would not work.
history.replaceState(null, "", new URL(document.baseURI).pathname + location.hash);
const kept = sessionStorage.getItem(KEY);
if (kept) connect(kept, true);
else {
  showDoor({ phase: "out" });
  focus("#token");
}
