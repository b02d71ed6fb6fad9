import assert from "node:assert/strict";
import { test } from "node:test";

import { h, render } from "../../../functions/api/console/render.js";
import { newDocument } from "./document.mjs";

const list = (...keys) => h("ul", {}, keys.map((key) => h("li", { key }, key)));
const keysOf = (body) => body.firstChild.childNodes.map((item) => item.textContent);

test("keyed children keep their elements wherever they are", () => {
  const { body } = newDocument();
  render(body, list("a", "b", "c"));
  const [a, b, c] = body.firstChild.childNodes;
  render(body, list("new", "a", "c", "b"));
  assert.deepEqual(keysOf(body), ["new", "a", "c", "b"]);
  assert.deepEqual(body.firstChild.childNodes.slice(1), [a, c, b]);
});

test("every order of every subset is drawn, from every other one", () => {
  const subsets = [[], ["a"], ["b", "a"], ["a", "b", "c"], ["c", "a", "d"], ["d", "c", "b", "a"], ["b", "e"]];
  for (const before of subsets) {
    for (const after of subsets) {
      const { body } = newDocument();
      render(body, list(...before));
      render(body, list(...after));
      assert.deepEqual(keysOf(body), after, `${before} to ${after}`);
    }
  }
});

test("a child that is inserted before others does not move them, so their focus and playback continue", () => {
  const document = newDocument();
  render(document.body, list("a", "b"));
  const [a] = document.body.firstChild.childNodes;
  a.focus();
  render(document.body, list("z", "y", "a", "b"));
  assert.equal(document.activeElement, a);
  assert.equal(a.moves, 0);
});

test("the focus stays on an element that is moved", () => {
  const document = newDocument();
  render(document.body, list("a", "b", "c"));
  const [a] = document.body.firstChild.childNodes;
  a.focus();
  render(document.body, list("c", "b", "a"));
  assert.equal(document.activeElement, a);
});

test("two children with the same key are an error, and never one element for two videos", () => {
  assert.throws(() => render(newDocument().body, list("a", "a")), /same key/);
});

test("a child without a key is known by its tag, so one before it may come and go", () => {
  const { body } = newDocument();
  render(body, h("p", {}, "text"), h("input", {}));
  const input = body.childNodes[1];
  render(body, h("input", {}));
  assert.deepEqual(body.childNodes, [input]);
});

test("properties that are gone are removed, and listeners are replaced", () => {
  const { body } = newDocument();
  const [first, second] = [() => 1, () => 2];
  render(body, h("a", { href: "x", hidden: true, onclick: first, style: { "--a": "1", "--b": "2" } }));
  const [link] = body.childNodes;
  render(body, h("a", { onclick: second, hidden: false, style: { "--b": "3" } }));
  assert.deepEqual([...link.attributes], []);
  assert.deepEqual([...link.styles], [["--b", "3"]]);
  assert.equal(link.onclick, second);
});

test("the value of a field is set only if it differs from what the user sees", () => {
  const { body } = newDocument();
  render(body, h("input", { value: "a" }));
  const [input] = body.childNodes;
  input.value = "typed";
  render(body, h("input", { value: "a" }));
  assert.equal(input.value, "a");
});

test("a dialog is shown after its content, and closed again", () => {
  const { body } = newDocument();
  const dialog = (modal) => h("dialog", { modal }, modal && "content");
  render(body, dialog(false));
  render(body, dialog(true));
  assert.deepEqual([body.firstChild.open, body.firstChild.shownWith], [true, "content"]);
  render(body, dialog(false));
  assert.equal(body.firstChild.open, false);
});

test("an element is mounted in the document, and unmounted with everything around it", () => {
  const { body } = newDocument();
  const seen = [];
  const mount = (element) => {
    seen.push(element.isConnected);
    return () => seen.push("gone");
  };
  render(body, h("section", {}, h("video", { mount })));
  render(body, h("section", {}, h("video", { mount })));
  render(body);
  assert.deepEqual(seen, [true, "gone"]);
});

test("text is text, and never markup", () => {
  const { body } = newDocument();
  render(body, h("p", {}, "<b>", 0, null, false, ["&", undefined]));
  assert.equal(body.textContent, "<b>0&");
  assert.ok(body.firstChild.childNodes.every((child) => child.tag === undefined));
});
