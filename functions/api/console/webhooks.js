/** The panel of webhooks: the endpoints of the caller's owner, and the deliveries of the one that is chosen. */
import { isAborted } from "./api.js";
import { moment, things } from "./format.js";
import { button, closable, notices } from "./parts.js";
import { h } from "./render.js";
import { USUAL_PAUSE } from "./watch.js";

const STATES = { enabled: "Enabled", paused: "Paused", disabled: "Disabled", pending: "Pending", delivered: "Delivered", failed: "Failed" };
const ERRORS = {
  attempts_exhausted: "all attempts failed",
  receiver_paused: "the receiver was paused for a whole day",
  gone: "the receiver answered 410",
  endpoint_disabled: "the endpoint is disabled",
  endpoint_deleted: "the endpoint was deleted",
};

/** The panel when it is opened. */
const OPENED = { endpoints: null, chosen: "", deliveries: null, problem: "", secret: null };

/** The webhooks of a session. */
export class Webhooks {
  #session;

  constructor(session) {
    this.#session = session;
  }

  /** Open the panel and load the endpoints. */
  open() {
    this.#session.store.set({ webhooks: OPENED });
    return this.load();
  }

  /** Close the panel; a new secret that was not copied is lost, so ask first. */
  async close() {
    if (!(await this.#mayLoseSecret({ text: "Close without the new secret?", yes: "Close", no: "Keep it open" }))) return;
    this.#session.watch.forget("webhooks");
    this.#session.store.set({ webhooks: null });
  }

  /** Load the endpoints and the deliveries of the chosen one, now and at intervals while the panel is open. */
  async load() {
    if (!this.#session.state.webhooks) return;
    const { chosen } = this.#session.state.webhooks;
    const path = `v1/webhook_endpoints/${chosen}/deliveries`;
    try {
      const [endpoints, deliveries] = await Promise.all([
        this.#session.api.get("v1/webhook_endpoints"),
        chosen ? this.#session.api.get(path) : null,
      ]);
      this.#set(chosen, { endpoints: endpoints.document.data, deliveries: deliveries?.document.data ?? null, problem: "" });
    } catch (error) {
      if (isAborted(error)) return;
      this.#set(chosen, { problem: error.message });
    }
    if (this.#session.state.webhooks) this.#session.watch.again("webhooks", USUAL_PAUSE, () => this.load());
  }

  /** Apply an answer, unless the panel was closed or shows another endpoint by now. */
  #set(chosen, members) {
    this.#session.store.change((state) =>
      state.webhooks?.chosen === chosen ? { ...state, webhooks: { ...state.webhooks, ...members } } : state,
    );
  }

  /** Show the deliveries of an endpoint, or hide them. */
  choose(id) {
    const { webhooks } = this.#session.state;
    const chosen = webhooks.chosen === id ? "" : id;
    this.#session.store.set({ webhooks: { ...webhooks, chosen, deliveries: null } });
    return this.load();
  }

  /** Send a test event to an endpoint, and show its deliveries. */
  async test(id) {
    try {
      await this.#session.api.post(`v1/webhook_endpoints/${id}/test`);
      this.#session.say("A test event is on its way.");
      await this.#showDeliveries(id);
    } catch (error) {
      this.#session.complain(error);
    }
  }

  /** Deliver an event again, whatever the status of its delivery is. */
  replay(id, deliveryId) {
    return this.#replay(id, { delivery_id: deliveryId });
  }

  /** Deliver the events again whose deliveries failed, after asking for confirmation. */
  async replayFailures(id) {
    const detail = "Up to 100 events are sent again, the oldest first. They keep their ids.";
    if (!(await this.#session.ask({ text: "Deliver the failed events again?", detail, yes: "Deliver them" }))) return;
    await this.#replay(id, { failed_since: 0 });
  }

  async #replay(id, body) {
    try {
      const { document } = await this.#session.api.post(`v1/webhook_endpoints/${id}/replay`, body);
      this.#session.say(document.data.length ? `${things(document.data.length, "event")} will be delivered again.` : "No delivery has failed.");
      await this.#showDeliveries(id);
    } catch (error) {
      this.#session.complain(error);
    }
  }

  /** Replace the secret of an endpoint, after asking for confirmation, and show the new one until the panel is closed. */
  async rotate({ id, url }) {
    const detail = "For 24 hours, events are signed with the new secret and with the present one.";
    const text = `Replace the secret of ${url ?? "the endpoint for callbacks"}?`;
    if (!(await this.#mayLoseSecret({ text: "Continue without the other new secret?", yes: "Continue", no: "Go back" }))) return;
    if (!(await this.#session.ask({ text, detail, yes: "Replace it", no: "Keep it" }))) return;
    try {
      const { document } = await this.#session.api.post(`v1/webhook_endpoints/${id}/rotate`);
      const secret = { id, text: document.secret, copied: false };
      // A panel that was closed meanwhile is opened again, because the secret is not shown again.
      this.#session.store.change((state) => ({ ...state, webhooks: { ...(state.webhooks ?? OPENED), secret } }));
      this.#session.say("The secret is replaced. Copy the new one now; it is not shown again.");
      // A panel that is opened again has no endpoints yet, and so no place for the secret.
      if (!this.#session.state.webhooks.endpoints) await this.load();
      this.#session.focus("#copy-secret");
      await this.load();
    } catch (error) {
      this.#session.complain(error);
    }
  }

  /** Return whether there is no new secret that was not copied, or the user agrees that it is lost. */
  async #mayLoseSecret(question) {
    const { secret } = this.#session.state.webhooks;
    if (!secret || secret.copied) return true;
    return this.#session.ask({ detail: "It has not been copied, and it is not shown again.", kind: "danger", ...question });
  }

  /** Copy the new secret. */
  async copySecret() {
    const { secret } = this.#session.state.webhooks;
    if (!(await this.#session.copy(secret.text))) return;
    this.#session.store.change((state) =>
      state.webhooks?.secret === secret ? { ...state, webhooks: { ...state.webhooks, secret: { ...secret, copied: true } } } : state,
    );
  }

  async #showDeliveries(id) {
    const panel = this.#session.state.webhooks;
    if (panel) await (panel.chosen === id ? this.load() : this.choose(id));
  }
}

/** Return the dialog of webhooks. */
export function webhooksPanel(session, webhooks) {
  const { webhooks: panel, question } = session.state;
  const close = () => session.state.webhooks && webhooks.close();
  return h(
    "dialog",
    { class: "hooks", id: "webhooks", key: "webhooks", "aria-labelledby": "webhooks-title", modal: Boolean(panel), ...closable(close) },
    panel && h("div", { class: "head", key: "head" }, h("h2", { id: "webhooks-title" }, "Webhooks"), button("Close", close, { autofocus: true })),
    panel && h("p", { class: "problem", role: "alert", hidden: !panel.problem, key: "problem" }, panel.problem),
    panel && content(panel, webhooks),
    notices(session, Boolean(panel) && !question, "toasts-webhooks"),
  );
}

function content({ endpoints, problem, chosen, deliveries, secret }, webhooks) {
  if (!endpoints) return !problem && h("p", { class: "hint", key: "loading" }, "Loading the endpoints…");
  if (!endpoints.length) {
    return h("p", { class: "hint", key: "none" }, "No endpoints yet. ", h("code", {}, "POST /v1/webhook_endpoints"), " creates one, and returns the secret that signs its events.");
  }
  return h("ul", { class: "endpoints", key: "endpoints" }, endpoints.map((endpoint) => shown(endpoint, endpoint.id === chosen, deliveries, secret, webhooks)));
}

function shown(endpoint, open, deliveries, secret, webhooks) {
  const { id, url, event_types: types, description, status, failures } = endpoint;
  const about = [description, types ? types.join(", ") : "all events", failures ? `${things(failures, "failed request")} in a row` : ""];
  const small = { class: "quiet small" };
  const receives = status !== "disabled";
  const failed = open && deliveries?.some((delivery) => delivery.status === "failed");
  return h(
    "li",
    { key: id, "data-status": status },
    h("p", { class: "url", dir: "auto" }, h("b", {}, url ?? "Callbacks only"), " ", h("span", { class: `mark-${status}`, key: "status" }, STATES[status])),
    h("p", { class: "hint", key: "about" }, about.filter(Boolean).join("  ·  ")),
    secret?.id === id && fresh(secret, webhooks),
    h(
      "div",
      { class: "actions", key: "actions" },
      button("Deliveries", () => webhooks.choose(id), { ...small, "aria-expanded": String(open) }),
      url && receives && button("Send a test", () => webhooks.test(id), small),
      button("Replace the secret", () => webhooks.rotate(endpoint), small),
      failed && receives && button("Deliver the failures again", () => webhooks.replayFailures(id), small),
    ),
    open && (deliveries ? table(id, deliveries, receives, webhooks) : h("p", { class: "hint", key: "loading" }, "Loading the deliveries…")),
  );
}

/** Return the place of a new secret, which the API shows only once. */
const fresh = ({ text, copied }, webhooks) =>
  h(
    "div",
    { class: "secret", key: "secret" },
    h("p", { key: "text" }, "The new secret: ", h("code", {}, text)),
    h("p", { class: "hint", key: "until" }, "It is not shown again. For 24 hours, events are signed with the previous one too."),
    button(copied ? "Copied" : "Copy the secret", () => webhooks.copySecret(), { class: copied ? "quiet small" : "primary small", id: "copy-secret", key: "copy" }),
  );

function table(id, deliveries, receives, webhooks) {
  if (!deliveries.length) return h("p", { class: "hint", key: "none" }, "No deliveries in the last 30 days.");
  const outcome = (delivery) => [
    h("span", { key: "status" }, `${STATES[delivery.status]}${delivery.error ? `: ${ERRORS[delivery.error] ?? delivery.error}` : ""}`),
    delivery.status !== "pending" && receives &&
      button("Deliver again", () => webhooks.replay(id, delivery.id), { class: "link", "aria-label": `Deliver again: ${delivery.event_type} of ${moment(delivery.created_at)}` }),
  ];
  return h(
    "div",
    { class: "scrolled", key: "deliveries", tabindex: "0", role: "group", "aria-label": "Deliveries" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ["Event", "Status", "Attempts", "Last attempt", "Created"].map((text) => h("th", { key: text, scope: "col" }, text)))),
      h("tbody", {}, deliveries.map((delivery) =>
        h("tr", { key: delivery.id, "data-status": delivery.status },
          [delivery.event_type, outcome(delivery), String(delivery.attempts), attempt(delivery), moment(delivery.created_at)].map((content, index) => h("td", { key: index }, content))))),
    ),
  );
}

function attempt({ last_attempt: last, next_attempt_at: next }) {
  const outcome = last ? (last.status_code ?? last.error?.replaceAll("_", " ") ?? "") : "none yet";
  return next ? `${outcome}; next ${moment(next)}` : String(outcome);
}
