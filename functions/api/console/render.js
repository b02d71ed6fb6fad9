/** Draws trees of nodes: a keyed child keeps its element, and with it focus, playback and scroll position. */

const LISTENER = /^on[a-z]+$/;
const LATE = new Set(["value", "checked", "modal"]);

/** Return a node: an element with properties and children. Strings become text, and empty children are left out. */
export function h(tag, props, ...children) {
  const { key, ...rest } = props ?? {};
  return { tag, key, props: rest, children: flat(children) };
}

/** Make the children of an element those nodes; elements of the previous call are kept where the keys are the same. */
export function render(host, ...nodes) {
  const focused = host.ownerDocument.activeElement;
  const mounts = [];
  host.drawn = patchChildren(host, host.drawn ?? [], flat(nodes), mounts);
  for (const mount of mounts) mount();
  // An element that is moved in the document loses the focus.
  if (focused?.isConnected && host.ownerDocument.activeElement !== focused) focused.focus?.({ preventScroll: true });
}

function flat(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false && child !== "")
    .map((child) => (typeof child === "object" ? child : { text: String(child) }));
}

/** Return the identity of each node among its siblings: its key, or its position among those of the same tag. */
function identities(nodes) {
  const counts = new Map();
  return nodes.map(({ tag, key }) => {
    const name = tag ?? "#text";
    if (key !== undefined) return `${name} ${key}`;
    counts.set(name, (counts.get(name) ?? -1) + 1);
    return `${name}#${counts.get(name)}`;
  });
}

function patchChildren(parent, before, after, mounts) {
  const names = identities(before);
  const kept = new Map(names.map((name, index) => [name, before[index]]));
  const wanted = identities(after);
  if (new Set(wanted).size !== wanted.length) throw new Error("Two children have the same key.");
  const present = new Set(wanted);
  for (const [name, node] of kept) {
    if (present.has(name)) continue;
    unmount(node);
    node.element.remove();
  }
  let place = parent.firstChild;
  after.forEach((node, index) => {
    const old = kept.get(wanted[index]);
    if (old) patch(old, node, mounts);
    else create(parent.ownerDocument, node, mounts);
    if (node.element === place) place = place.nextSibling;
    else parent.insertBefore(node.element, place);
  });
  return after;
}

function create(document, node, mounts) {
  if (node.tag === undefined) {
    node.element = document.createTextNode(node.text);
    return;
  }
  node.element = document.createElement(node.tag);
  patch({ element: node.element, props: {}, children: [] }, node, mounts);
  if (node.props.mount) {
    mounts.push(() => {
      node.element.unmount = node.props.mount(node.element);
    });
  }
}

function patch(old, node, mounts) {
  const { element } = old;
  node.element = element;
  if (node.tag === undefined) {
    if (element.nodeValue !== node.text) element.nodeValue = node.text;
    return;
  }
  const names = new Set([...Object.keys(old.props), ...Object.keys(node.props)]);
  for (const name of names) if (!LATE.has(name)) assign(element, name, old.props[name], node.props[name]);
  patchChildren(element, old.children, node.children, mounts);
  // A select takes its value, and a dialog its focus, from its children.
  for (const name of LATE) if (names.has(name)) assign(element, name, old.props[name], node.props[name]);
}

function assign(element, name, before, value) {
  if (name === "mount") return;
  if (name === "modal") {
    if (value && !element.open) element.showModal();
    else if (!value && element.open) element.close();
  } else if (name === "value" || name === "checked") {
    if (value !== undefined && element[name] !== value) element[name] = value;
  } else if (name === "style") {
    for (const each of Object.keys(before ?? {})) if (!(each in (value ?? {}))) element.style.removeProperty(each);
    for (const [each, text] of Object.entries(value ?? {})) {
      if (before?.[each] !== text) element.style.setProperty(each, text);
    }
  } else if (LISTENER.test(name)) {
    element[name] = value ?? null;
  } else if (before !== value) {
    if (value === undefined || value === null || value === false) element.removeAttribute(name);
    else element.setAttribute(name, value === true ? "" : String(value));
    if (name === "muted") element.muted = Boolean(value);
  }
}

function unmount(node) {
  if (node.tag === undefined) return;
  node.element.unmount?.();
  for (const child of node.children) unmount(child);
}
