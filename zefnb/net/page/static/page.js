// A page of parts: it connects, shows the state that the server sends, and sends the input of the visitor.

const description = JSON.parse(document.getElementById("zef-page").textContent);
const STORED_TOKEN = "zefnb-visitor";
// Each kind of part: a function of the element, the options and `submit`, which returns how to show state.
const kinds = {};
let counter = 0;

const make = (tag, properties = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
};
const newId = () => `zef-${++counter}`;
const numbers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 });
/** A value as text: numbers in the form of the visitor's language. */
const written = (value) =>
  typeof value === "number" ? numbers.format(value) : value === null || value === undefined ? "" : String(value);
/** The list with new items, at most `last`. */
const appended = (items, more, last) => [...items, ...more].slice(-last);
/** The name of a part for screen readers: its heading, or a default. */
const labelled = (host, element, fallback) => {
  const heading = host.querySelector("h2");
  if (heading) {
    heading.id ||= newId();
    element.setAttribute("aria-labelledby", heading.id);
  } else element.setAttribute("aria-label", fallback);
  return element;
};

// The token of the visitor stays in the browser, also where it accepts no cookie.
const stored = {
  read: (name) => {
    try {
      return localStorage.getItem(name);
    } catch {
      return null;
    }
  },
  write: (name, value) => {
    try {
      localStorage.setItem(name, value);
    } catch {
      // Storage may be disabled.
    }
  },
};

// In a frame of a notebook the page has the theme of the notebook; otherwise that of the browser.
const darkRules = [...document.styleSheets]
  .flatMap((sheet) => [...sheet.cssRules])
  .filter((rule) => rule.media?.mediaText.includes("prefers-color-scheme"));
const isFramed = parent !== window;
const setTheme = (theme) => {
  if (!isFramed || !["light", "dark"].includes(theme)) return;
  for (const rule of darkRules) rule.media.mediaText = theme === "dark" ? "all" : "not all";
  document.documentElement.style.colorScheme = theme;
  document.dispatchEvent(new Event("zef-theme"));
};
setTheme(new URLSearchParams(location.hash.slice(1)).get("zef-theme"));
addEventListener("message", ({ data, source }) => source === parent && setTheme(data?.zefTheme));
