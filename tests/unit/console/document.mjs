/** The part of a document that the renderer uses, in memory; it counts how often each element is moved or removed. */

class Node {
  parentNode = null;
  moves = 0;

  constructor(document) {
    this.ownerDocument = document;
  }

  get isConnected() {
    return this === this.ownerDocument.body || Boolean(this.parentNode?.isConnected);
  }

  get nextSibling() {
    const siblings = this.parentNode.childNodes;
    return siblings[siblings.indexOf(this) + 1] ?? null;
  }

  remove() {
    const siblings = this.parentNode.childNodes;
    siblings.splice(siblings.indexOf(this), 1);
    this.parentNode = null;
    if (this.ownerDocument.activeElement === this) this.ownerDocument.activeElement = this.ownerDocument.body;
  }
}

class Text extends Node {
  constructor(document, text) {
    super(document);
    this.nodeValue = text;
  }

  get textContent() {
    return this.nodeValue;
  }
}

class Element extends Node {
  childNodes = [];
  attributes = new Map();
  style = { setProperty: (name, value) => this.styles.set(name, value), removeProperty: (name) => this.styles.delete(name) };
  styles = new Map();
  open = false;

  constructor(document, tag) {
    super(document);
    this.tag = tag;
  }

  get firstChild() {
    return this.childNodes[0] ?? null;
  }

  get textContent() {
    return this.childNodes.map((child) => child.textContent).join("");
  }

  insertBefore(child, place) {
    if (child.parentNode) {
      child.remove();
      child.moves += 1;
    }
    const index = place ? this.childNodes.indexOf(place) : this.childNodes.length;
    this.childNodes.splice(index, 0, child);
    child.parentNode = this;
  }

  setAttribute(name, value) {
    this.attributes.set(name, value);
  }

  removeAttribute(name) {
    this.attributes.delete(name);
  }

  focus() {
    this.ownerDocument.activeElement = this;
  }

  showModal() {
    this.open = true;
    this.shownWith = this.textContent;
  }

  close() {
    this.open = false;
  }
}

/** Return a new document whose body is empty. */
export function newDocument() {
  const document = { createElement: (tag) => new Element(document, tag), createTextNode: (text) => new Text(document, text) };
  document.body = new Element(document, "body");
  document.activeElement = document.body;
  return document;
}
