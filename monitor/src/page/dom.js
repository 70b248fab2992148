// Elements from descriptions, and a page that changes in place: what stays the same keeps its focus, its
// selection and whether it is open.

const SVG = "http://www.w3.org/2000/svg";
const IN_SVG = new Set(["svg", "g", "path", "rect", "line", "text", "circle", "title"]);

/** `h("p.note", {id: "a"}, "text", child)`: an element. Children that are null or false are left out. */
export function h(what, attributes, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = IN_SVG.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Makes the children of the element `id` what they should be, changing as little as possible. */
export function show(id, ...children) {
  const holder = document.getElementById(id);
  const wanted = document.createElement(holder.tagName);
  wanted.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  morphChildren(holder, wanted);
}

/** Text into the element `id`, if it is another. */
export function say(id, text) {
  const element = document.getElementById(id);
  if (element.textContent !== text) element.textContent = text;
}

function morphChildren(holder, wanted) {
  const next = [...wanted.childNodes];
  // A row that is gone goes first, so that those behind it stay themselves, with what is open in them.
  const keys = new Set(next.map(keyOf));
  for (const here of [...holder.childNodes]) if (!keys.has(keyOf(here))) here.remove();
  next.forEach((node, at) => {
    const key = keyOf(node);
    let here = holder.childNodes[at];
    // It came in between, or moved up.
    if (here && key !== null && keyOf(here) !== key) here = holder.insertBefore(rowBehind(here, key) ?? node, here);
    if (here === node) return;
    if (!here) holder.append(node);
    else if (!alike(here, node)) here.replaceWith(node);
    else if (node.nodeType === Node.TEXT_NODE) {
      if (here.data !== node.data) here.data = node.data;
    } else {
      morphAttributes(here, node);
      morphChildren(here, node);
    }
  });
  while (holder.childNodes.length > next.length) holder.lastChild.remove();
}

const keyOf = (node) => node.dataset?.key ?? null;

const alike = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

function rowBehind(node, key) {
  for (let next = node.nextSibling; next; next = next.nextSibling) if (keyOf(next) === key) return next;
  return null;
}

// What a person has opened stays open.
const THEIRS = new Set(["open"]);

function morphAttributes(here, wanted) {
  for (const { name } of [...here.attributes]) {
    if (!wanted.hasAttribute(name) && !THEIRS.has(name)) here.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (here.getAttribute(name) !== value) here.setAttribute(name, value);
  }
}
