/** Numbers and times as people read them. */

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

/** A status of the API in words. */
export const statusText = (status) => STATUSES[status] ?? status;

/** Money, which the API tells as decimal text. */
export const money = ({ price, currency }) =>
  new Intl.NumberFormat(undefined, { style: "currency", currency }).format(Number(price));

/** A whole number. */
export const count = (number) => new Intl.NumberFormat().format(number);

/** Bytes. */
export function size(bytes) {
  const [unit, divisor] = bytes < 1e6 ? ["kilobyte", 1e3] : ["megabyte", 1e6];
  return new Intl.NumberFormat(undefined, { style: "unit", unit, maximumFractionDigits: 1 }).format(bytes / divisor);
}

/** A moment, given in Unix seconds. */
export const moment = (seconds) =>
  new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }).format(seconds * 1000);

/** How long something took. */
export function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** The shape and length of a video in a few signs. */
export const measures = (video) => `${video.size.replace("x", " × ")}  ·  ${video.seconds} s`;

/** Characters as the API counts them: code points. */
export const characters = (text) => [...text].length;
