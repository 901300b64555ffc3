// The only file that creates elements. All values become text, never markup, because they can come from a peer.

const SVG = "http://www.w3.org/2000/svg";

function withProperties(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const h = (tag, props = {}, ...children) => withProperties(document.createElement(tag), props, children);
const svg = (tag, props = {}, ...children) => withProperties(document.createElementNS(SVG, tag), props, children);

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setAttribute(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

let lastId = 0;
const freshId = (what) => `zefnb-${what}-${++lastId}-${Math.random().toString(36).slice(2, 8)}`;

// A box with its label, which only screen readers present.
function labelled(label, control) {
  control.id ||= freshId("box");
  return h("span", { class: "zw-field" }, h("label", { for: control.id, class: "zw-visually-hidden" }, label), control);
}

function choice(label, options) {
  return h("select", { "aria-label": label }, ...options.map(([value, text]) => h("option", { value }, text)));
}

// A button for an action that cannot be undone: the first click shows the question, the second one confirms.
function confirmButton(text, question, act) {
  let timer = null;
  const reset = () => {
    clearTimeout(timer);
    timer = null;
    button.classList.remove("zw-confirming");
    setText(button, text);
  };
  const button = h("button", { type: "button", class: "zw-danger", onclick: () => {
    if (timer !== null) {
      reset();
      return act();
    }
    button.classList.add("zw-confirming");
    setText(button, question);
    timer = setTimeout(reset, 4000);
  } }, text);
  return button;
}
