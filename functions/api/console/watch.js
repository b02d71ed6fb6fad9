/** Polls what has not ended, at the interval that the API recommends, and only while the page is visible. */

export const USUAL_PAUSE = 15;

const looks = new Map();
let timer = 0;

/** Call `look` after a number of seconds; a later call for the same id replaces an earlier one. */
export function lookAgain(id, seconds, look) {
  looks.set(id, { due: Date.now() + seconds * 1000, look });
  arm();
}

/** Stop polling an id. */
export function forget(id) {
  looks.delete(id);
}

function arm() {
  clearTimeout(timer);
  if (document.hidden || !looks.size) return;
  const next = Math.min(...Array.from(looks.values(), ({ due }) => due));
  timer = setTimeout(run, Math.max(0, next - Date.now()));
}

function run() {
  const now = Date.now();
  for (const [id, { due, look }] of looks) {
    if (due <= now) {
      looks.delete(id);
      look();
    }
  }
  arm();
}

document.addEventListener("visibilitychange", arm);
