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

/** Format an amount of money, which the API returns as decimal text. */
export const money = ({ price, currency }) =>
  new Intl.NumberFormat(undefined, { style: "currency", currency }).format(Number(price));

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

/** Format a duration in seconds. */
export function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** Return the size and length of a video. */
export const measures = (video) => `${video.size.replace("x", " × ")}  ·  ${video.seconds} s`;

/** Return the number of characters as the API counts them, in code points. */
export const characters = (text) => [...text].length;
