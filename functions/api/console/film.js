/** Video elements of the gallery: they show a thumbnail or a first frame, and play while hovered or focused. */

const FIRST_FRAME = 0.1;

/** Matches if the user prefers reduced motion. */
export const still = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)") ?? { matches: false };

/**
 * Return the mount of a muted video in the frame of a card. Its links are requested when it first comes into view. With
 * a thumbnail, the video itself is loaded only when it plays.
 */
export const film = (session, id) => (element) => {
  const frame = element.parentElement;
  const listening = new AbortController();
  let tries = 2;

  /** Load the first image; a link that has expired is replaced once. */
  async function show() {
    if (tries === 0 || ((element.poster || element.src) && !element.error)) return;
    tries -= 1;
    if (element.error) session.forgetFile(id);
    const file = await session.file(id).catch(() => null);
    if (!file || listening.signal.aborted) return;
    if (file.thumbnail_url) {
      element.poster = file.thumbnail_url;
      element.classList.add("developed");
    }
    // While the video plays, it is not loaded again, unless its link has expired.
    if (element.error || !(element.src || file.thumbnail_url)) element.src = `${file.url}#t=${FIRST_FRAME}`;
  }

  async function play() {
    if (still.matches) return;
    if (!element.src) {
      const file = await session.file(id).catch(() => null);
      if (!file || listening.signal.aborted) return;
      element.src = file.url;
    }
    if (frame.matches(":hover, :focus-visible")) element.play().catch(() => {});
  }

  function rest() {
    element.pause();
    if (element.readyState) element.currentTime = FIRST_FRAME;
  }

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
