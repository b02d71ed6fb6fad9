/** Video elements of the gallery: they show a first image, and play while their card is hovered or focused. */

const POSTER = 0.1;

/** Matches if the user prefers reduced motion. */
export const still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)") ?? { matches: false };

/** Return the mount of a muted video in the frame of a card; its link is requested when it first comes into view. */
export const film = (session, id) => (element) => {
  const frame = element.parentElement;
  const listening = new AbortController();
  let tries = 2;

  /** Load the first image; a link that has expired is replaced once. */
  async function show() {
    if (tries === 0 || (element.src && !element.error)) return;
    tries -= 1;
    if (element.error) session.forgetFile(id);
    try {
      element.src = `${(await session.file(id)).url}#t=${POSTER}`;
    } catch {
      element.removeAttribute("src");
    }
  }

  function rest() {
    element.pause();
    if (element.readyState) element.currentTime = POSTER;
  }

  const play = () => !still.matches && element.play().catch(() => {});
  const on = (target, name, act) => target.addEventListener(name, act, { signal: listening.signal });
  const seeing = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && show(), {
    rootMargin: "200px",
  });
  element.muted = true;
  element.disablePictureInPicture = true;
  on(element, "error", show);
  on(element, "loadeddata", () => element.classList.add("developed"));
  on(frame, "pointerenter", (event) => event.pointerType === "mouse" && play());
  on(frame, "pointerleave", rest);
  on(frame, "focus", () => frame.matches(":focus-visible") && play());
  on(frame, "blur", rest);
  seeing.observe(element);
  return () => {
    seeing.disconnect();
    listening.abort();
    element.pause();
    element.removeAttribute("src");
    element.load();
  };
};
