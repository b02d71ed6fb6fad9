/** Helpers that create and find elements. Text is always text: nothing here parses markup. */

/** Return the element with an id. */
export const the = (id) => document.getElementById(id);

/** Return a new element with properties and children; null children are ignored, strings become text. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") || name === "role") element.setAttribute(name, value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (value !== null && value !== undefined) element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Return a button that is disabled until its action has finished. */
export function button(text, act, properties = {}) {
  const made = el("button", { type: "button", ...properties }, text);
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await act();
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

/** Show choices as radio buttons; `choose` is called with the value that is chosen. */
export function radios(holder, name, choices, chosen, choose, show = (choice) => [choice.text]) {
  holder.replaceChildren(
    ...choices.map((choice) => {
      const input = el("input", { type: "radio", name, value: choice.value, checked: choice.value === chosen });
      input.addEventListener("change", () => choose(choice.value));
      return el("label", { title: choice.title ?? "" }, input, el("span", {}, ...show(choice)));
    }),
  );
}

/** Show a message for some seconds, also to screen readers. */
export function say(text, kind = "") {
  const toast = el("p", { className: kind }, text);
  the("toasts").append(toast);
  setTimeout(() => toast.remove(), 6000);
}

/** Show a problem in its place, or hide the place if there is no problem. */
export function showProblem(place, text) {
  place.textContent = text ?? "";
  place.hidden = !text;
}

/** Ask for confirmation; resolves to whether the user agrees. `yes` and `no` are the labels of the buttons. */
export function confirmed(question, yes, no = "Keep it") {
  const dialog = the("confirm");
  the("confirm-text").textContent = question;
  the("confirm-yes").textContent = yes;
  the("confirm-no").textContent = no;
  return new Promise((resolve) => {
    const answer = (wanted) => () => {
      dialog.close();
      resolve(wanted);
    };
    the("confirm-yes").onclick = answer(true);
    the("confirm-no").onclick = answer(false);
    dialog.oncancel = () => resolve(false);
    dialog.showModal();
    the("confirm-no").focus();
  });
}
