/** The usage of the caller's owner, today and this month. */
import { el, the } from "./dom.js";
import { count, money } from "./format.js";
import { USUAL_PAUSE, lookAgain } from "./watch.js";

/** Show the usage and keep it up to date. */
export async function showUsage(api) {
  try {
    draw((await api.get("v1/usage")).document);
  } catch {
    the("usage").replaceChildren();
  }
  lookAgain("usage", 4 * USUAL_PAUSE, () => showUsage(api));
}

/** Draw a usage document. */
export function draw(usage) {
  const today = usage.today.spent_seconds + usage.today.reserved_seconds;
  const limit = usage.daily_seconds;
  const month = money({ price: usage.this_month.spent_price, currency: usage.this_month.currency });
  the("usage").replaceChildren(
    ...(limit === null
      ? [el("span", {}, el("b", {}, `${count(today)} s`), " today")]
      : [
          el("meter", { max: limit, value: today, high: limit * 0.8, "aria-label": "Today's budget" }),
          el("span", {}, el("b", {}, `${count(today)} of ${count(limit)} s`), " today"),
        ]),
    el("span", { className: "month" }, el("b", {}, month), " this month"),
  );
}
