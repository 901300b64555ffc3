// Elements are made here and nowhere else: what comes from outside is always text, never markup.

const SVG = "http://www.w3.org/2000/svg";

function dress(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const h = (tag, props = {}, ...children) => dress(document.createElement(tag), props, children);
const svg = (tag, props = {}, ...children) => dress(document.createElementNS(SVG, tag), props, children);

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setAttribute(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}

let lastId = 0;
const freshId = (what) => `zefnb-${what}-${++lastId}-${Math.random().toString(36).slice(2, 8)}`;

// A box with its label, which is read out but takes no room.
function labelled(label, control) {
  control.id ||= freshId("box");
  return h("span", { class: "zw-field" }, h("label", { for: control.id, class: "zw-unseen" }, label), control);
}

function choice(label, options) {
  return h("select", { "aria-label": label }, ...options.map(([value, text]) => h("option", { value }, text)));
}

// A button that does what cannot be taken back asks once more first.
function careful(text, question, act) {
  let timer = null;
  const calm = () => {
    clearTimeout(timer);
    timer = null;
    button.classList.remove("zw-asking");
    setText(button, text);
  };
  const button = h("button", { type: "button", class: "zw-danger", onclick: () => {
    if (timer !== null) {
      calm();
      return act();
    }
    button.classList.add("zw-asking");
    setText(button, question);
    timer = setTimeout(calm, 4000);
  } }, text);
  return button;
}
