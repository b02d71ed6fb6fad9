/** One session: the store of a caller's videos, the polls that keep it up to date, and the actions that change it. */
import { Refused, isAborted, newKey } from "./api.js";
import { dollars, ended, estimated, money, titleOf } from "./format.js";
import { isDearer } from "./form.js";
import { Store, batchesOf, galleryOf, initialState, neighbour, withPage, withVideos, withoutVideo } from "./store.js";
import { USUAL_PAUSE, Watch } from "./watch.js";

const PAGE = 24;
const SOON = 1;
const EARLY = 60;
const USAGE_SOON = 3;
const NOTICE_SECONDS = 7;
const PROBLEM_SECONDS = 30;
const MOST_NOTICES = 4;
const TRIES_AT_A_PRICE = 3;

const ID = /^#(video_\w+)$/;

/** The session of one token; `draw(state)` draws the page, and `focus` moves the focus after it is drawn. */
export class Session {
  #asked = 0;
  #files = new Map();
  #visible = new Set();
  #lastNotice = 0;
  #closed = false;
  #onHash = () => this.#follow();
  #onVisible = () => !document.hidden && this.store.set({ finished: 0 });

  constructor({ api, draw, focus, members }) {
    this.api = api;
    this.watch = new Watch(() => Boolean(this.state.notify) && [...this.state.videos.values()].some((video) => !ended(video)));
    this.store = new Store(initialState({ skew: 0, now: Date.now() / 1000, ...members }), (state) => {
      if (this.#closed) return;
      document.title = titleOf([...state.videos.values()], state.finished);
      draw(state);
    });
    this.focus = (...targets) => queueMicrotask(() => !this.#closed && focus(...targets));
  }

  get state() {
    return this.store.state;
  }

  /** Load the first page, and keep everything up to date from now on. */
  start() {
    window.addEventListener("hashchange", this.#onHash);
    document.addEventListener("visibilitychange", this.#onVisible);
    this.watch.again("usage", 4 * USUAL_PAUSE, () => this.#lookAtUsage());
    this.watch.again("list", USUAL_PAUSE, () => this.#refresh());
    this.load();
    this.#follow();
    this.#tick();
  }

  /** Stop everything: nothing of this session is drawn, sent or remembered after this. */
  close() {
    this.#closed = true;
    this.api.close();
    this.watch.close();
    this.#files.clear();
    window.removeEventListener("hashchange", this.#onHash);
    document.removeEventListener("visibilitychange", this.#onVisible);
    document.title = "Wan Video";
  }

  // ---------------------------------------------------------------------------------------------- notices, questions

  /** Show a message for a while, also to screen readers, over everything else. */
  say(text, kind = "") {
    if (this.#closed) return;
    this.#lastNotice += 1;
    const notice = { id: this.#lastNotice, text, kind };
    this.store.change((state) => ({ ...state, notices: [...state.notices, notice].slice(-MOST_NOTICES) }));
    setTimeout(() => this.dismiss(notice.id), (kind ? PROBLEM_SECONDS : NOTICE_SECONDS) * 1000);
  }

  /** Show the message of an error, unless it only says that the session has ended. */
  complain(error, text = "The action failed in this browser.") {
    if (isAborted(error)) return;
    this.say(error instanceof Refused ? error.message : text, "bad");
  }

  /** Remove a message. */
  dismiss(id) {
    if (this.#closed) return;
    this.store.change((state) => ({ ...state, notices: state.notices.filter((notice) => notice.id !== id) }));
  }

  /** Ask a question; resolves to whether the user agrees. A new question is the answer "no" to an open one. */
  ask(question) {
    this.state.question?.answer(false);
    return new Promise((resolve) => {
      const answer = (wanted) => {
        this.store.set({ question: null });
        resolve(wanted);
      };
      this.store.set({ question: { yes: "Yes", no: "Cancel", detail: "", kind: "primary", ...question, answer } });
    });
  }

  // ---------------------------------------------------------------------------------------------------------- videos

  /** Return a number that is larger than those of all earlier requests. */
  asking() {
    this.#asked += 1;
    return this.#asked;
  }

  /** Store documents of videos, and announce those that have just ended. */
  put(documents, asked) {
    const before = this.state.videos;
    this.store.change((state) => withVideos(state, documents, asked));
    const done = documents.filter((video) => {
      const old = before.get(video.id);
      return old && !ended(old) && ended(this.state.videos.get(video.id));
    });
    if (done.length) this.#announce(done);
  }

  /** Store a video that was just created, and show it at the top. */
  putNew(video) {
    this.store.change((state) => ({
      ...withVideos(state, [video], this.asking()),
      made: new Set(state.made).add(video.id),
      skew: video.created_at - Date.now() / 1000,
    }));
    this.#look(video.id);
  }

  #announce(videos) {
    this.watch.again("usage", USAGE_SOON, () => this.#lookAtUsage());
    const ready = videos.filter(({ status }) => status === "completed").length;
    if (document.hidden && ready) this.store.change((state) => ({ ...state, finished: state.finished + ready }));
    if (!this.state.notify || !document.hidden) return;
    for (const video of videos) {
      const title = video.status === "completed" ? "Your video is ready" : `Your video has ended: ${video.status}`;
      try {
        new Notification(title, { body: video.prompt.slice(0, 120), tag: video.id });
      } catch {
        // Chrome on Android has the constructor, and allows it only to service workers; the title still counts.
      }
    }
  }

  /** Switch the browser's notifications on or off, after asking the browser for permission. */
  async setNotify(wanted) {
    const allowed = wanted && (await Notification.requestPermission()) === "granted";
    this.store.set({ notify: allowed });
    if (wanted && !allowed) this.say("This browser does not allow notifications for this page.", "bad");
  }

  #forget(id) {
    this.watch.forget(id);
    this.#files.delete(id);
    this.store.change((state) => withoutVideo(state, id));
  }

  /** The card of a video has become visible, or is no longer visible. */
  see(id, visible) {
    if (visible) this.#visible.add(id);
    else this.#visible.delete(id);
    if (visible) this.#lookSoon(id, SOON);
  }

  #lookSoon(id, seconds) {
    const video = this.state.videos.get(id);
    const watched = this.#visible.has(id) || this.state.open === id;
    if (video && !ended(video) && watched) this.watch.again(id, seconds, () => this.#look(id));
  }

  /** Poll a video now, and again as long as it can be seen; returns whether it exists. */
  async #look(id) {
    const asked = this.asking();
    let pause = null;
    try {
      const answer = await this.api.get(`v1/videos/${id}`);
      this.put([answer.document], asked);
      pause = answer.pause;
    } catch (error) {
      if (error.status === 404) this.#forget(id);
      if (isAborted(error)) return;
    }
    this.#lookSoon(id, pause ?? USUAL_PAUSE);
  }

  #tick() {
    this.watch.again("clock", 1, () => {
      const now = Date.now() / 1000;
      if ([...this.state.videos.values()].some((video) => !ended(video))) this.store.set({ now });
      this.#tick();
    });
  }

  async #lookAtUsage() {
    try {
      this.store.set({ usage: (await this.api.get("v1/usage")).document });
    } catch (error) {
      if (isAborted(error)) return;
    }
    this.watch.again("usage", 4 * USUAL_PAUSE, () => this.#lookAtUsage());
  }

  // ----------------------------------------------------------------------------------------------------- the gallery

  /** Show the videos of a status, of a batch, or all. */
  show(filter) {
    this.store.change((state) => ({ ...state, filter: { ...state.filter, ...filter }, listProblem: "" }));
    this.load();
  }

  /** Load the top of the list that is shown, or its next page after a cursor. */
  async load(after = null) {
    const { filter } = this.state;
    const part = `${filter.status}|${filter.batch}|${after}`;
    if (this.state.loading.has(part)) return;
    this.store.change((state) => ({ ...state, loading: new Set(state.loading).add(part) }));
    const before = new Set(this.#shownIds());
    try {
      await this.#page(filter, after);
      this.store.set({ listProblem: "" });
      const first = after === null ? null : this.#shownIds().find((id) => !before.has(id));
      if (first) this.focus(`[data-id="${first}"] .frame`);
    } catch (error) {
      if (!isAborted(error)) this.store.set({ listProblem: error.message });
    } finally {
      this.store.change((state) => ({ ...state, loading: new Set([...state.loading].filter((each) => each !== part)) }));
    }
  }

  #shownIds() {
    return galleryOf(this.state).rows.filter(({ video }) => video).map(({ video }) => video.id);
  }

  async #page(filter, after, tries) {
    const wanted = { status: filter.status, batch_id: filter.batch, after: after ?? "", limit: PAGE };
    const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
    const asked = this.asking();
    const { document } = await this.api.get(`v1/videos?${query}`, { tries });
    const before = this.state.videos;
    this.store.change((state) => withPage(state, filter, after, document, asked));
    const done = document.data.filter((video) => before.has(video.id) && !ended(before.get(video.id)) && ended(video));
    if (done.length) this.#announce(done);
  }

  /** Look for videos that were created, changed or deleted elsewhere, now and at intervals. */
  async #refresh() {
    try {
      await this.#page(this.state.filter, null, 1);
    } catch (error) {
      if (isAborted(error)) return;
    }
    this.watch.again("list", USUAL_PAUSE, () => this.#refresh());
  }

  /** Look for new videos in a moment. */
  refreshSoon() {
    this.watch.again("list", SOON, () => this.#refresh());
  }

  // ------------------------------------------------------------------------------------------------------- the sheet

  /** Show a video over the gallery. */
  open(id) {
    location.hash = id;
  }

  /** Close the sheet. */
  closeSheet() {
    if (!this.state.open) return;
    this.store.set({ open: "" });
    if (location.hash) history.replaceState(null, "", location.pathname);
  }

  /** Show the video before or after the one that is open. */
  step(by) {
    const id = neighbour(this.state, this.state.open, by);
    if (!id) return;
    history.replaceState(null, "", `${location.pathname}#${id}`);
    this.#follow();
  }

  async #follow() {
    const id = ID.exec(location.hash)?.[1] ?? "";
    if (!id || this.state.videos.has(id)) {
      this.store.set({ open: id });
      if (id) this.#lookSoon(id, SOON);
      return;
    }
    const asked = this.asking();
    try {
      this.put([(await this.api.get(`v1/videos/${id}`)).document], asked);
      this.#onHash();
    } catch (error) {
      if (isAborted(error)) return;
      history.replaceState(null, "", location.pathname);
      this.store.set({ open: "" });
      this.complain(error);
    }
  }

  // --------------------------------------------------------------------------------------------------------- actions

  /** Return the file of a completed video, with links that still work for some minutes; throws Refused. */
  async file(id) {
    const known = this.#files.get(id);
    if (known && known.until > Date.now()) return known.file;
    const asked = Date.now();
    const { document: file } = await this.api.get(`v1/videos/${id}/file`);
    // The stack's clock may run faster than the browser's, so use the duration that the link itself states.
    const lasts = Number(new URL(file.url).searchParams.get("X-Amz-Expires")) || 2 * EARLY;
    this.#files.set(id, { file, until: asked + (lasts - EARLY) * 1000 });
    return file;
  }

  /** Show what is known of the file of a completed video; returns it, or null if the API refuses it. */
  async showFile(id) {
    let found;
    try {
      found = { file: await this.file(id) };
    } catch (error) {
      if (isAborted(error)) return null;
      found = { problem: error.message };
    }
    this.store.change((state) => ({ ...state, files: new Map(state.files).set(id, found) }));
    return found.file ?? null;
  }

  /** Discard a link that did not work. */
  forgetFile(id) {
    this.#files.delete(id);
  }

  /** Cancel a queued video. */
  cancel = (id) =>
    this.#attempt(async () => {
      const asked = this.asking();
      this.put([(await this.api.post(`v1/videos/${id}/cancel`)).document], asked);
      this.say("The video is cancelled; nothing is billed.");
    });

  /** Create the same video again, for at most a price that the user has seen. */
  again = (id) =>
    this.#attempt(async () => {
      const path = `v1/videos/${id}/retry`;
      const video = this.state.videos.get(id);
      const question = video?.status === "completed" ? "Make this video again?" : "Try this video again?";
      const made = await this.pay(question, path, "Make it");
      if (!made) return;
      this.putNew(made);
      this.closeSheet();
      this.say("A new video is queued.");
      this.focus(`[data-id="${made.id}"] .frame`);
    });

  /**
   * Price a POST, ask whether the user agrees, and send it with that price as its cap. Returns the document, or null
   * if the user does not agree. If the price rises in the meantime, the user is asked again.
   */
  async pay(text, path, yes) {
    let shown = null;
    for (let attempt = 1; attempt <= TRIES_AT_A_PRICE; attempt += 1) {
      const { document } = await this.api.post(`${path}?dry_run=true`, {}, { safe: true });
      const estimate = document.estimate ?? { price: null, confirmed: true };
      const risen = shown && isDearer(estimate, shown) ? "The price has changed. " : "";
      shown = estimate;
      if (!(await this.ask({ text, detail: `${risen}${priceLine(estimate)}`, yes: payLabel(yes, estimate) }))) return null;
      try {
        const cap = estimate.price === null ? {} : { max_price: estimate.price };
        return (await this.api.post(path, cap, { key: newKey() })).document;
      } catch (error) {
        if (error.status !== 402 || attempt === TRIES_AT_A_PRICE) throw error;
      }
    }
    return null;
  }

  /** Delete a video after asking for confirmation, and move the focus to the next one. */
  remove = (id) =>
    this.#attempt(async () => {
      const text = "Delete this video and its file? This cannot be undone.";
      if (!(await this.ask({ text, yes: "Delete", no: "Keep it", kind: "danger" }))) return;
      await this.api.remove(`v1/videos/${id}`);
      const next = neighbour(this.state, id, 1) ?? neighbour(this.state, id, -1);
      this.closeSheet();
      this.#forget(id);
      this.say("The video is deleted.");
      this.focus(next ? `[data-id="${next}"] .frame` : "#gallery-title");
    });

  /** Copy a link to the clipboard that works for anyone who has it. */
  copyLink = (id) =>
    this.#attempt(async () => {
      const { lasting_url, url } = await this.file(id);
      await navigator.clipboard.writeText(lasting_url ?? url);
      this.say(lasting_url ? "Copied a link that works for seven days." : "Copied a link that works for several minutes.");
    });

  /** Copy a text to the clipboard; resolves to true if the browser allows it. */
  copy = (text) =>
    this.#attempt(async () => {
      await navigator.clipboard.writeText(text);
      this.say("Copied.");
      return true;
    });

  /** Save the file. */
  download = (id) =>
    this.#attempt(async () => {
      const link = document.createElement("a");
      link.href = (await this.file(id)).download_url;
      link.click();
    });

  /** Choose a video to be shown beside another one, or withdraw the choice; the second choice opens both. */
  choose(id) {
    this.store.change((state) => {
      const others = state.chosen.filter((each) => each !== id);
      const chosen = others.length < state.chosen.length ? others : [...others, id].slice(-2);
      return { ...state, chosen, comparing: chosen.length === 2 };
    });
  }

  /** Return the newest batches. */
  batches(limit) {
    return batchesOf(this.state, limit);
  }

  async #attempt(act) {
    try {
      return await act();
    } catch (error) {
      this.complain(error);
      return undefined;
    }
  }
}

const priceLine = (estimate) => {
  if (estimate.price === null) return "The price is not known, so it is not limited.";
  const about = dollars(estimate);
  return `It costs ${estimated(estimate)}${about ? `, ${about}` : ""}, and never more than that.`;
};

const payLabel = (yes, estimate) => (estimate.price === null ? `${yes} at an unknown price` : `${yes} for ${money(estimate)}`);
