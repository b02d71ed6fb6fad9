/** Formats numbers, times and states for people. */

const STATUSES = {
  queued: "Queued",
  in_progress: "In progress",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
  expired: "Expired",
  waiting_for_file: "Waiting for the file",
  validating: "Checking the file",
  finalizing: "Writing the report",
  cancelling: "Cancelling",
};

/** The yuan for one US dollar at which Wan's own list converts its prices. */
const YUAN_PER_DOLLAR = 7.33924;

/** Codes of failures after which Wan may have billed the video, although the stack has no file of it. */
const MAY_BE_BILLED = new Set([
  "submission_uncertain",
  "delivery_failed",
  "result_missing",
  "task_expired",
  "internal_error",
]);

const FINAL = new Set(["completed", "failed", "cancelled", "expired"]);

/** Return whether a video or a batch has ended. */
export const ended = ({ status }) => FINAL.has(status);

/** Return the text for a status of the API. */
export const statusText = (status) => STATUSES[status] ?? status;

const currencyText = (amount, currency, digits) =>
  new Intl.NumberFormat(undefined, { style: "currency", currency, maximumFractionDigits: digits }).format(amount);

/** Format an amount of money, which the API returns as decimal text, and as null if no price is known. */
export const money = ({ price, currency }) => (price === null ? "unknown" : currencyText(Number(price), currency, 2));

/** Format an amount in about US dollars, at the rate of Wan's own list; empty if it is unknown or not in yuan. */
export function dollars({ price, currency }) {
  if (price === null || currency !== "CNY") return "";
  const amount = Number(price) / YUAN_PER_DOLLAR;
  return `about ${currencyText(amount, "USD", amount && amount < 0.095 ? 3 : 2)}`;
}

/** Format an estimate, which is null if no price is known. */
export const estimated = (estimate) =>
  estimate ? `${money(estimate)}${estimate.confirmed === false ? " (unconfirmed)" : ""}` : "unknown";

/** Format a whole number. */
export const count = (number) => (typeof number === "number" ? new Intl.NumberFormat().format(number) : number);

/** Format a number of things, such as "1 video" or "2 videos". */
export const things = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** Format a number of bytes. */
export function size(bytes) {
  const [unit, divisor] = bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  return new Intl.NumberFormat(undefined, { style: "unit", unit, maximumFractionDigits: 1 }).format(bytes / divisor);
}

const formatted = (options) => (seconds) => new Intl.DateTimeFormat(undefined, options).format(seconds * 1000);

/** Format a time in Unix seconds. */
export const moment = formatted({ dateStyle: "medium", timeStyle: "medium" });

/** Format a day, given in Unix seconds. */
export const day = formatted({ dateStyle: "medium" });

/** Format a time in Unix seconds for a card: the time of day, and the date if it is not today. */
export function shortMoment(seconds, now = Date.now()) {
  const today = new Date(seconds * 1000).toDateString() === new Date(now).toDateString();
  return formatted(today ? { timeStyle: "short" } : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" })(seconds);
}

/** Format a duration in seconds. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** Return the shape of a video: its size, or its resolution and aspect ratio if it has no size. */
const shape = (video) => video.size?.replace("x", " × ") ?? `${video.resolution} ${video.aspect_ratio}`;

/** Return the shape and length of a video. */
export const measures = (video) => `${shape(video)}  ·  ${video.seconds === "-1" ? "any length" : `${video.seconds} s`}`;

/** Return width divided by height; 16:9 for a video whose shape Wan has not chosen yet. */
export function ratioOf(video) {
  const [width, height] = (video.size ?? video.usage?.aspect_ratio ?? video.aspect_ratio).split(/[x:]/).map(Number);
  return width / height || 16 / 9;
}

/** Return the number of characters as the API counts them, in code points. */
export const characters = (text) => [...text].length;

/** Return what a video that has ended without content costs: nothing, unless its failure leaves that open. */
export function billing(video) {
  if (video.status === "completed" || !ended(video)) return "";
  if (video.status !== "cancelled" && MAY_BE_BILLED.has(video.error?.code)) {
    return "Wan may have billed this video once.";
  }
  return "Not billed.";
}

/** Return what the user can do about a video that has ended without content. */
export function advice(video) {
  if (!["failed", "expired"].includes(video.status)) return "";
  return video.error?.retryable
    ? "The same request may succeed if you try again."
    : "The same request would fail again. Edit it first.";
}

/** Return the phase of a video that has not ended. */
export function phase(video) {
  if (video.condition) return "Delayed";
  if (video.status === "queued") {
    if (video.waiting_for === "budget") return "Waiting for tomorrow's budget";
    if (video.upstream) return "Waiting at Wan";
    if (video.queue_position === 0) return "Next in line";
    return "Queued";
  }
  if (!video.upstream) return "Starting";
  if (video.upstream.status === "PENDING") return "Waiting at Wan";
  return video.upstream.status === "SUCCEEDED" ? "Storing" : "Generating";
}

/** Return the details to show with the status of a video. */
export function standing(video) {
  if (video.condition) return video.condition.message;
  if (video.status === "in_progress") return `${video.progress} %`;
  if (video.status !== "queued") return video.error?.message ?? "";
  const before = video.queue_position;
  if (!before || video.waiting_for === "budget") return "";
  return `${count(before)} of your videos ${before === 1 ? "is" : "are"} ahead`;
}

/** Return the elapsed seconds of a video that has not ended, by the clock of the stack, and null before it starts. */
export function elapsed(video, now) {
  return video.started_at === null || ended(video) ? null : Math.max(0, now - video.started_at);
}

/** Return the title of the page: the number of videos that have not ended, and of those that have just ended. */
export function titleOf(videos, finished) {
  const open = videos.filter((video) => !ended(video)).length;
  const parts = [open ? `${open} in progress` : "", finished ? `${finished} ready` : ""].filter(Boolean);
  return parts.length ? `(${parts.join(", ")}) Wan Video` : "Wan Video";
}
