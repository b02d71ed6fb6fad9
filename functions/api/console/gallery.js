/** The gallery of videos, newest first. */
import { Card } from "./card.js";
import { el, radios, showProblem, the } from "./dom.js";
import { USUAL_PAUSE, forget, lookAgain } from "./watch.js";

const PAGE = 24;
const FILTERS = [
  { value: "", text: "All" },
  { value: "queued", text: "Queued" },
  { value: "in_progress", text: "In progress" },
  { value: "completed", text: "Completed" },
  { value: "failed", text: "Failed" },
];

/** The cards of the caller's videos; `open` shows the details of a video. */
export class Gallery {
  #api;
  #videos;
  #open;
  #cards = new Map();
  #query = { status: "", batch_id: "" };
  #last = null;
  #seeing = new IntersectionObserver((entries) => this.#see(entries), { rootMargin: "200px" });
  #run = 0;

  constructor(api, videos, open) {
    this.#api = api;
    this.#videos = videos;
    this.#open = open;
    this.#drawFilters();
    the("load-more").onclick = () => this.#more();
  }

  /** Show the videos of a status, of a batch, or all; loads the first page. */
  async show(query) {
    this.#query = { ...this.#query, ...query };
    this.#run += 1;
    this.#clear();
    await this.#load();
    this.#refreshLater();
  }

  /** Show the new state of a video, if its card exists. */
  update(video) {
    this.#cards.get(video.id)?.update(video);
  }

  /** Show a new video at the top. */
  put(video) {
    if (this.#cards.has(video.id)) this.update(video);
    else this.#add(video, "prepend");
    this.#showEmpty();
  }

  /** Remove the card of a video. */
  remove(id) {
    const card = this.#cards.get(id);
    if (!card) return;
    forget(id);
    this.#seeing.unobserve(card.element);
    this.#cards.delete(id);
    card.element.remove();
    this.#showEmpty();
  }

  /** Return the last known state of a video, or undefined. */
  get(id) {
    return this.#cards.get(id)?.video;
  }

  /** Focus the card of a video. */
  focus(id) {
    this.#cards.get(id)?.element.querySelector("button").focus();
  }

  #drawFilters() {
    radios(the("filters"), "filter", FILTERS, this.#query.status, (status) => this.show({ status }));
  }

  #add(video, how) {
    const card = new Card(this.#videos, video, (shown) => this.#open(shown.id));
    this.#cards.set(video.id, card);
    the("cards")[how](card.element);
    this.#seeing.observe(card.element);
  }

  #see(entries) {
    for (const { target, isIntersecting } of entries) {
      const card = this.#cards.get(target.dataset.id);
      if (isIntersecting) card?.seen();
      else card?.unseen();
    }
  }

  #clear() {
    for (const id of [...this.#cards.keys()]) this.remove(id);
    this.#last = null;
    the("empty").hidden = true;
  }

  async #page(after) {
    const wanted = Object.entries({ ...this.#query, after: after ?? "", limit: PAGE }).filter(([, value]) => value);
    return (await this.#api.get(`v1/videos?${new URLSearchParams(wanted)}`)).document;
  }

  async #load() {
    const run = this.#run;
    the("cards").setAttribute("aria-busy", "true");
    try {
      const { data, has_more, last_id } = await this.#page(this.#last);
      if (run !== this.#run) return;
      for (const video of data) if (!this.#cards.has(video.id)) this.#add(video, "append");
      this.#last = last_id ?? this.#last;
      the("load-more").hidden = !has_more;
      showProblem(the("gallery-problem"), null);
    } catch (error) {
      showProblem(the("gallery-problem"), error.message);
    }
    the("cards").setAttribute("aria-busy", "false");
    this.#showEmpty();
  }

  async #more() {
    const before = [...this.#cards.keys()];
    await this.#load();
    const first = [...this.#cards.keys()][before.length];
    if (first) this.focus(first);
  }

  /** Look for videos that were created elsewhere, now and at intervals. */
  async refresh() {
    const run = this.#run;
    try {
      const { data } = await this.#page(null);
      if (run === this.#run) for (const video of data.reverse()) if (!this.#cards.has(video.id)) this.put(video);
    } catch {
      // The next refresh will show them.
    }
    if (run === this.#run) this.#refreshLater();
  }

  #refreshLater() {
    lookAgain("gallery", USUAL_PAUSE, () => this.refresh());
  }

  #showEmpty() {
    const none = this.#cards.size === 0;
    the("empty").hidden = !none;
    if (!none) return;
    const filtered = this.#query.status || this.#query.batch_id;
    the("empty").replaceChildren(
      el("p", { className: "words" }, filtered ? "No videos match." : "No videos yet."),
      el("p", {}, filtered ? "Choose another filter to see more." : "Describe a video in the form; it appears here while it is generated."),
    );
  }
}
