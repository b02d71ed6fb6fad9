/** Parts that several views share. */
import { h } from "./render.js";

const running = new WeakSet();

/** Return a listener that ignores events of an element while its action for an earlier one has not finished. */
export function once(act) {
  return async (event) => {
    const element = event.currentTarget;
    if (running.has(element)) return;
    running.add(element);
    try {
      await act(event);
    } finally {
      running.delete(element);
    }
  };
}

/** Return a button, which is known among its siblings by its text unless it has another key. */
export const button = (text, act, props = {}) =>
  h("button", { type: "button", class: "quiet", key: text, onclick: once(act), ...props }, text);

/** Return choices as radio buttons; `choose` is called with the value that is chosen. */
export const radios = (name, choices, chosen, choose, show = ({ text }) => text) =>
  choices.map((choice) =>
    h(
      "label",
      { key: choice.value, title: choice.title || null },
      h("input", {
        type: "radio",
        name,
        value: String(choice.value),
        checked: choice.value === chosen,
        onchange: () => choose(choice.value),
      }),
      h("span", {}, show(choice)),
    ),
  );

/** Return a list of names and values; a value with a `kind` is shown in an element of that name. */
export const facts = (rows) =>
  h(
    "dl",
    {},
    rows
      .filter(Boolean)
      .map(([name, value, kind]) => [
        h("dt", { key: `${name} name` }, name),
        h("dd", { key: `${name} value`, dir: "auto" }, kind ? h(kind, {}, value) : value),
      ]),
  );

/** Return the messages of a session, if `here` is the topmost place: a modal dialog hides everything below it. */
export const notices = (session, here, id) =>
  h(
    "div",
    { class: "toasts", id, role: "status", "aria-live": "polite", key: "notices" },
    (here ? session.state.notices : []).map(({ id: key, text, kind }) =>
      h(
        "p",
        { key, class: kind },
        h("span", {}, text),
        h("button", { type: "button", class: "close", "aria-label": "Dismiss", onclick: () => session.dismiss(key) }, "×"),
      ),
    ),
  );

/** Return the listeners of a modal dialog that Escape, a click outside, and the browser close. */
export function closable(close) {
  let pressedOutside = false;
  return {
    oncancel: (event) => {
      event.preventDefault();
      close();
    },
    onclose: (event) => event.target === event.currentTarget && !event.target.open && close(),
    onpointerdown: (event) => {
      pressedOutside = event.target === event.currentTarget;
    },
    onclick: (event) => {
      if (pressedOutside && event.target === event.currentTarget) close();
    },
  };
}
