/** The page: the way in, and the console of a session with its dialogs. */
import { LANGUAGES, programOf } from "./code.js";
import { composer } from "./composer.js";
import { requestOf } from "./form.js";
import { count, money } from "./format.js";
import { gallery } from "./gallery.js";
import { button, closable, notices, radios } from "./parts.js";
import { h } from "./render.js";
import { comparison, sheet } from "./sheet.js";
import { webhooksPanel } from "./webhooks.js";

const mark = (icon) => h("img", { class: "mark", src: icon, alt: "", width: 28, height: 28, key: "mark" });

/** Return the page that asks for a token; `door` is `{busy, problem}`. */
export const signInPage = (door, icon, signIn) =>
  h(
    "main",
    { id: "sign-in", key: "sign-in" },
    h(
      "form",
      {
        id: "sign-in-form",
        onsubmit: (event) => {
          event.preventDefault();
          signIn(event.target.elements.token.value.trim());
        },
      },
      mark(icon),
      h("h1", {}, "Wan Video"),
      h("p", { class: "lead" }, "Turn prompts into videos in your own AWS account."),
      h(
        "div",
        { class: "field" },
        h("label", { for: "token" }, "Token"),
        h("input", { id: "token", name: "token", type: "password", autocomplete: "current-password", spellcheck: "false", required: true, "aria-invalid": door.problem ? "true" : null, "aria-describedby": "token-problem token-hint" }),
        h("p", { class: "problem", id: "token-problem", role: "alert", hidden: !door.problem, key: "problem" }, door.problem ?? ""),
        h("p", { class: "hint", id: "token-hint", key: "hint" }, "The token is kept only in this tab. To create one, run ", h("code", {}, "wan-video token create"), "."),
      ),
      h("button", { class: "primary", type: "submit", disabled: door.busy }, door.busy ? "Signing in…" : "Sign in"),
    ),
  );

/** Return the page that waits for the API with a token that this tab has kept. */
export const waitingPage = (door, icon, retry, leave) =>
  h(
    "main",
    { id: "waiting", key: "waiting" },
    h(
      "div",
      { class: "waiting" },
      mark(icon),
      h("h1", {}, "Wan Video"),
      h("p", { class: "lead", role: "status" }, door.problem ? "The API does not answer yet. You are still signed in." : "Loading your videos…"),
      door.problem && h("p", { class: "problem", key: "problem" }, door.problem),
      door.problem && h("div", { class: "actions", key: "actions" }, button("Try again now", retry, { class: "primary" }), button("Sign out", leave)),
    ),
  );

/** Return the console of a session. */
export function consolePage({ session, composing, uploads, webhooks, icon, signOut }) {
  const { state } = session;
  const covered = Boolean(state.question || state.open || state.comparing || state.code || state.webhooks);
  return [
    h(
      "div",
      { id: "console", key: "console" },
      h("a", { class: "skip", href: "#gallery", onclick: (event) => skip(event) }, "Skip to the videos"),
      h(
        "header",
        { class: "bar" },
        h("h1", { class: "brand", id: "console-title", tabindex: "-1" }, mark(icon), "Wan Video"),
        usage(state.usage),
        h(
          "div",
          { class: "account" },
          "Notification" in window &&
            h("label", { class: "notify", title: "Show a notification of the browser when a video has ended" },
              h("input", { type: "checkbox", role: "switch", checked: Boolean(state.notify), onchange: (event) => session.setNotify(event.target.checked) }), "Notify me"),
          button("Webhooks", () => webhooks.open(), { id: "open-webhooks" }),
          h("span", { id: "owner", key: "owner" }, state.usage.owner),
          button("Sign out", signOut, { id: "sign-out" }),
        ),
      ),
      h("main", { class: "desk" }, composer(session, composing), gallery(session, composing, uploads)),
    ),
    sheet(session, composing),
    comparison(session),
    code(session),
    webhooksPanel(session, webhooks),
    question(session),
    h("div", { class: "drop", id: "drop", hidden: !state.dragging, key: "drop" },
      h("p", {}, "Drop an image, or a prompt file: ", [".txt", ".json", ".jsonl", ".csv"].map((ending) => [h("code", { key: ending }, ending), " "]))),
    notices(session, !covered, "toasts"),
  ];
}

/** Move the focus without changing the address, which names the video that is open. */
function skip(event) {
  event.preventDefault();
  document.getElementById("gallery").focus();
}

function usage({ today, this_month: month, daily_seconds: limit }) {
  const used = today.spent_seconds + today.reserved_seconds;
  return h(
    "div",
    { class: "usage", id: "usage", role: "group", "aria-label": "Usage" },
    limit !== null && h("meter", { max: limit, value: used, high: limit * 0.8, "aria-label": "Today's budget" }),
    h("span", { key: "today" }, h("b", {}, limit === null ? `${count(used)} s` : `${count(used)} of ${count(limit)} s`), " today"),
    h("span", { class: "month", key: "month" }, h("b", {}, money({ price: month.spent_price, currency: month.currency })), " this month"),
  );
}

function question(session) {
  const asked = session.state.question;
  const { text = "", detail = "", yes = "", no = "", kind = "primary" } = asked ?? {};
  const close = () => asked?.answer(false);
  return h(
    "dialog",
    { class: "confirm", id: "confirm", key: "confirm", "aria-labelledby": "confirm-text", "aria-describedby": "confirm-detail", modal: Boolean(asked), ...closable(close) },
    h("p", { id: "confirm-text", key: "text" }, text),
    h("p", { id: "confirm-detail", class: "hint", key: "detail", hidden: !detail }, detail),
    h(
      "div",
      { class: "actions", key: "actions" },
      h("button", { type: "button", class: "quiet", id: "confirm-no", autofocus: true, key: "no", onclick: close }, no),
      h("button", { type: "button", class: kind, id: "confirm-yes", key: "yes", onclick: () => asked?.answer(true) }, yes),
    ),
    notices(session, Boolean(asked), "toasts-confirm"),
  );
}

function code(session) {
  const { state } = session;
  const request = requestOf(state.form, state.models);
  const known = Object.keys(LANGUAGES);
  const language = LANGUAGES[state.language] ? state.language : known[0];
  const close = () => session.store.set({ code: false });
  const shown = Boolean(state.code);
  const program = shown ? programOf(language, request, document.baseURI) : "";
  const languages = known.map((value) => ({ value, text: value }));
  return h(
    "dialog",
    { class: "code", id: "code", key: "code", "aria-labelledby": "code-title", modal: shown, ...closable(close) },
    shown && h("div", { class: "head", key: "head" }, h("h2", { id: "code-title" }, "Use by API"), button("Close", close, { autofocus: true })),
    shown && h("p", { class: "hint", key: "hint" }, "The request of the form as it stands. Set ", h("code", {}, "WAN_VIDEO_TOKEN"), " to your token.",
      request.input_reference && " The image is named by the id of its upload, which the stack keeps for some weeks."),
    shown && h("div", { class: "segments", role: "radiogroup", "aria-label": "Language", key: "languages" }, radios("language", languages, language, (chosen) => session.store.set({ language: chosen }))),
    shown && h("pre", { key: "program", tabindex: "0", "aria-label": "The program" }, h("code", {}, program)),
    shown && h("div", { class: "actions", key: "actions" }, button("Copy", () => session.copy(program), { class: "primary" })),
    notices(session, shown && !state.question, "toasts-code"),
  );
}
