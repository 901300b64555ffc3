const badge = document.querySelector(".zef-state");
const address = new URL(location.href);
// The key of a frame is for the document alone.
if (address.searchParams.has("zef-frame")) address.searchParams.delete("zef-frame");
const connection = connect("", { base: address.href });
// Input to which the server has yet to reply. It may be sent again; the server publishes it once.
const unconfirmed = new Map();
// The tokens of this visitor: the browser's own, which may be of an earlier server, and the document's.
const storedAs = `${STORED_TOKEN} ${location.pathname}`;
const tokenOfDocument = document.querySelector('meta[name="zef-visitor"]').content;
let tokenSent = null;
const tokens = () => (tokenOfDocument ? [(tokenSent = stored.read(storedAs)), tokenOfDocument] : []);
// Frames of a browser that load at the same time have different tokens. The first one stored is that of all.
const keepToken = (token) => {
  const others = stored.read(storedAs);
  if (others === tokenSent) stored.write(storedAs, token);
  else if (others !== token) connection.send({ visitor: tokens() });
};
let isFirst = true;

const randomNumber = () => [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("");
const submit = (part, value) =>
  new Promise((resolve) => {
    const input = { part, number: randomNumber(), value: value === undefined ? null : value };
    unconfirmed.set(input.number, { input, resolve });
    connection.send({ ...input, visitor: tokens() });
  });
const confirmed = (number, problems) => {
  unconfirmed.get(number)?.resolve(problems);
  unconfirmed.delete(number);
};

const parts = description.parts.map((options, number) => {
  const host = document.querySelector(`[data-part="${number}"]`);
  return kinds[options.kind]?.(host, options, (value) => submit(number, value), number) ?? {};
});

// The server has a new session for this page, or the page has begun.
const begun = () => {
  if (tokenOfDocument) connection.send({ visitor: tokens() });
  if (!isFirst) for (const { input } of unconfirmed.values()) connection.send({ ...input, visitor: tokens() });
  isFirst = false;
};
connection.onstate = (state, info) => {
  if (state === "gap") connection.send({ state: true });
  const texts = { waiting: "Connecting again…", refused: `Not connected: ${info.reason || info.code}` };
  badge.textContent = texts[state] ?? "";
  badge.dataset.state = state;
};
connection.onmessage = (message) => {
  if (message.version !== undefined) {
    if (message.version !== description.version) {
      location.reload();
      return;
    }
    for (const [number, state] of Object.entries(message.state)) parts[number].state?.(state);
    document.documentElement.dataset.ready = "";
    begun();
  }
  for (const [number, change] of Object.entries(message.update ?? {})) parts[number].update?.(change);
  if (message.own) {
    for (const [number, choice] of Object.entries(message.own.choices)) parts[number].own?.(choice);
    if (message.own.visitor) keepToken(message.own.visitor);
    for (const part of parts) part.named?.(message.own.name);
  }
  if (message.done) confirmed(message.done, null);
  if (message.refused) confirmed(message.refused, message.problems);
};
