/** What is known of the lists of the API: which part of a list has been loaded, and where videos may be missing. */

/**
 * A span is a part of a list without gaps: the ids in the API's order, the positions of its first and last video
 * (`from`, `to`), the `cursor` after which the next page begins, and whether there are `more` videos after it. The
 * first span of a list begins at the top. A page is a span of one answer.
 */
export function pageOf({ data, has_more: more, last_id: cursor }) {
  return {
    ids: data.map(({ id }) => id),
    from: data.length ? positionOf(data[0]) : null,
    to: data.length ? positionOf(data.at(-1)) : null,
    cursor,
    more,
  };
}

const positionOf = ({ created_at: at, id }) => ({ at, id });

/** Compare two positions as the API orders its lists: newest first. */
export function order(one, other) {
  return other.at - one.at || (one.id < other.id ? 1 : one.id > other.id ? -1 : 0);
}

/** Return videos in the order of the API's lists. */
export const sorted = (videos) => [...videos].sort((one, other) => order(positionOf(one), positionOf(other)));

/**
 * Return the spans after a page that begins at the top of the list. A page that does not reach what is already loaded
 * leaves a gap, and of the spans below it only the longest is kept. `timed` says that the list is in order of time; the
 * videos of a batch are not.
 */
export function withTop(spans, page, timed) {
  if (!page.more) return [page];
  const met = spans.findIndex((span) => touches(page, span, timed));
  if (met >= 0) return [joined(page, spans[met], timed), ...spans.slice(met + 1)];
  const longest = spans.reduce((best, span) => (span.ids.length > (best?.ids.length ?? 0) ? span : best), null);
  return longest ? [page, longest] : [page];
}

/** Return the spans after the page that follows `cursor`; a page after an unknown cursor changes nothing. */
export function withNext(spans, cursor, page, timed) {
  const index = spans.findIndex((span) => span.more && span.cursor === cursor);
  if (index < 0) return spans;
  const span = spans[index];
  const grown = {
    ids: [...span.ids, ...page.ids],
    from: span.from ?? page.from,
    to: page.to ?? span.to,
    cursor: page.cursor ?? cursor,
    more: page.more,
  };
  if (!page.more) return [...spans.slice(0, index), grown];
  const next = spans[index + 1];
  if (next && touches(grown, next, timed)) {
    return [...spans.slice(0, index), joined(grown, next, timed), ...spans.slice(index + 2)];
  }
  return [...spans.slice(0, index), grown, ...spans.slice(index + 1)];
}

function touches(above, below, timed) {
  if (timed && above.to && below.from && order(above.to, below.from) >= 0) return true;
  const known = new Set(above.ids);
  return below.ids.some((id) => known.has(id));
}

function joined(above, below, timed) {
  const known = new Set(above.ids);
  const last = below.ids.findLastIndex((id) => known.has(id));
  const rest = timed ? below.ids.filter((id) => !known.has(id)) : below.ids.slice(last + 1);
  const beyond = timed ? below.to && (!above.to || order(above.to, below.to) < 0) : rest.length > 0;
  const { to, cursor, more } = beyond ? below : above;
  return { ids: [...above.ids, ...rest], from: above.from ?? below.from, to, cursor, more };
}

/**
 * Return the rows of a list: videos, and gaps (`{gap: cursor}`) where videos may be missing. A list in order of time
 * shows every known video that belongs to a loaded part, and those in `always`; `wants` is the filter.
 */
export function rowsOf(spans, videos, { timed, wants, always = new Set() }) {
  const rows = [];
  const shown = new Set();
  const add = (video) => {
    if (shown.has(video.id)) return;
    shown.add(video.id);
    rows.push({ video });
  };
  const known = timed ? sorted([...videos.values()].filter(wants)) : [];
  const parts = spans.length ? spans : [{ ids: [], from: null, to: null, cursor: null, more: true }];
  parts.forEach((span, index) => {
    const last = index === parts.length - 1;
    if (timed) {
      const within = ({ created_at: at, id }) =>
        (index === 0 || !span.from || order(span.from, { at, id }) <= 0) &&
        ((last && !span.more) || Boolean(span.to && order({ at, id }, span.to) <= 0));
      for (const video of known) if (within(video) || (index === 0 && always.has(video.id))) add(video);
    } else {
      for (const id of span.ids) {
        const video = videos.get(id);
        if (video && wants(video)) add(video);
      }
    }
    if (!last && span.more) rows.push({ gap: span.cursor });
  });
  return rows;
}
