/** Formats numbers and times for people. */

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

/** Return the text for a status of the API. */
export const statusText = (status) => STATUSES[status] ?? status;

/** Format an amount of money, which the API returns as decimal text, and as null if no price is known. */
export const money = ({ price, currency }) =>
  price === null ? "unknown" : new Intl.NumberFormat(undefined, { style: "currency", currency }).format(Number(price));

/** Format an estimate, which is null if no price is known. */
export const estimated = (estimate) =>
  estimate ? `${money(estimate)}${estimate.confirmed ? "" : " (unconfirmed)"}` : "unknown";

/** Format a whole number. */
export const count = (number) => new Intl.NumberFormat().format(number);

/** Format a number of bytes. */
export function size(bytes) {
  const [unit, divisor] = bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  return new Intl.NumberFormat(undefined, { style: "unit", unit, maximumFractionDigits: 1 }).format(bytes / divisor);
}

/** Format a time in Unix seconds. */
export const moment = (seconds) =>
  new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }).format(seconds * 1000);

/** Format a day, given in Unix seconds. */
export const day = (seconds) => new Intl.DateTimeFormat(undefined, { dateStyle: "medium" }).format(seconds * 1000);

/** Format a duration in seconds. */
export function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
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
