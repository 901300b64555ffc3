// The client of a WebSocket route for pages: it reconnects, resumes where it was, and reports what is missing.

const PROTOCOL = "zefnb.1";
// Milliseconds.
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;
const OPEN_TIMEOUT = 15_000;
const IDLE_TIMEOUT = 20_000;
const REPLY_TIMEOUT = 5_000;
const ACK_INTERVAL = 1_000;
// Messages after which the page acknowledges them at once, and the length of those that may wait for the server.
const ACK_EVERY = 64;
const LONGEST_QUEUE = 16 << 20;
// Close codes after which another attempt would end the same way.
const FINAL = new Set([1002, 1003, 1007, 1008, 1009, 1010, 4401, 4403]);
const NUL = "\0";

/** The pause before an attempt: random, and up to a bound that doubles, so that many pages do not return at once. */
export const pauseBefore = (attempt, random = Math.random) =>
  random() * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** attempt);

/** The address of a route: `path` belongs to the server of this module, also behind a proxy that adds a prefix. */
export const addressOf = (path, base) => {
  const url = new URL(path.replace(/^\/+/, ""), base);
  url.protocol = url.protocol.replace(/^http/, "ws");
  url.hash = "";
  return url;
};

const bytesOf = (data) =>
  ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
    : new Uint8Array(data.slice(0));

/** A message as its frame: text, or bytes that nothing changes later. Everything else becomes JSON. */
export const encode = (message) => {
  if (message instanceof ArrayBuffer || ArrayBuffer.isView(message)) return bytesOf(message);
  const text = typeof message === "string" ? message : JSON.stringify(message);
  if (text === undefined) throw new TypeError("this value has no form in JSON");
  return text.startsWith(NUL) ? NUL + text : text;
};

/** The message in a frame: an object or a list from JSON, other text as it is, or a Uint8Array. */
export const decode = (data) => {
  if (typeof data !== "string") return new Uint8Array(data);
  const text = data.startsWith(NUL) ? data.slice(1) : data;
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

class Connection {
  onmessage = null;
  onstate = null;
  state = "connecting";
  info = {};
  #url;
  #socket = null;
  #session = "";
  #attempt = 0;
  #timer = 0;
  #alive = 0;
  #ackTimer = 0;
  #isOpen = false;
  #events = new AbortController();
  // The messages that the server has yet to confirm: the first one has the number `#confirmed`.
  #queue = [];
  #queued = 0;
  #confirmed = 0;
  #received = 0;
  #acknowledged = 0;

  constructor(path, { base } = {}) {
    const here = import.meta.url;
    this.#url = addressOf(path, base ?? (here.startsWith("http") ? here : document.baseURI));
    const on = (target, type, call) => target?.addEventListener?.(type, call, { signal: this.#events.signal });
    for (const type of ["online", "offline", "pageshow"]) on(globalThis, type, () => this.#wake());
    for (const type of ["visibilitychange", "resume"]) on(globalThis.document, type, () => this.#wake());
    on(globalThis, "pagehide", (event) => event.persisted || this.close());
    this.#connect();
  }

  /** Send a message. It waits here, and is sent again after each reconnection, until the server has it. */
  send(message) {
    if (this.#events.signal.aborted) throw new Error(`the connection is ${this.state}`);
    const data = encode(message);
    if (this.#queued + data.length > LONGEST_QUEUE) throw new RangeError("too many messages wait for the server");
    this.#queue.push(data);
    this.#queued += data.length;
    if (this.#isOpen) this.#socket.send(data);
  }

  /** End the connection. Nothing is sent or received any more. */
  close() {
    if (this.#isOpen) this.#control({ type: "bye" });
    this.#end("closed", {});
  }

  #connect() {
    clearTimeout(this.#timer);
    const socket = (this.#socket = new WebSocket(this.#url, PROTOCOL));
    let wasOpen = false;
    socket.binaryType = "arraybuffer";
    this.#drop(OPEN_TIMEOUT);
    socket.onopen = () => {
      wasOpen = true;
      const [session, received, confirmed] = [this.#session, this.#received, this.#confirmed];
      this.#control(session ? { type: "resume", session, received, confirmed } : { type: "hello" });
    };
    socket.onmessage = ({ data }) => {
      if (socket !== this.#socket) return;
      if (this.#isOpen) this.#expect();
      if (typeof data === "string" && data[0] === NUL && data[1] !== NUL) this.#obey(JSON.parse(data.slice(1)));
      else this.#deliver(data);
    };
    socket.onclose = ({ code, reason }) => {
      if (socket !== this.#socket) return;
      if (FINAL.has(code)) this.#end("refused", { code, reason });
      else this.#wait(wasOpen);
    };
  }

  #deliver(data) {
    this.#received++;
    if (this.#received - this.#acknowledged >= ACK_EVERY) this.#acknowledge();
    else this.#ackTimer ||= setTimeout(() => this.#acknowledge(), ACK_INTERVAL);
    this.onmessage?.(decode(data));
  }

  #acknowledge() {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = 0;
    if (!this.#isOpen) return;
    this.#acknowledged = this.#received;
    this.#control({ type: "ack", received: this.#received });
  }

  #control(message) {
    this.#socket.send(NUL + JSON.stringify(message));
  }

  /** A control message of the server. */
  #obey(message) {
    if (message.type === "welcome") this.#welcome(message);
    else if (message.type === "ack") this.#confirm(message.received);
    else if (message.type === "end") this.#end("refused", { code: message.code, reason: message.reason });
    else if (message.type === "gap") {
      this.#received += message.missing;
      this.#set("gap", { missing: message.missing });
    }
  }

  #welcome({ session, resumed, received, position, missing }) {
    const isFirst = !this.#session;
    this.#session = session;
    this.#received = this.#acknowledged = position;
    this.#confirm(received);
    this.#attempt = 0;
    this.#isOpen = true;
    this.#expect();
    for (const data of this.#queue) this.#socket.send(data);
    if (missing || (!resumed && !isFirst)) this.#set("gap", { missing });
    else this.#set(isFirst ? "open" : "resumed", {});
  }

  #confirm(received) {
    for (const data of this.#queue.splice(0, received - this.#confirmed)) this.#queued -= data.length;
    this.#confirmed = received;
  }

  /** The connection is alive. A page sees no pings, so it sends a message after a while without any. */
  #expect() {
    clearTimeout(this.#alive);
    this.#alive = setTimeout(() => this.#check(), IDLE_TIMEOUT);
  }

  #check() {
    this.#control({ type: "ping" });
    this.#drop(REPLY_TIMEOUT);
  }

  /** Give the connection up unless a message arrives in time. */
  #drop(timeout) {
    clearTimeout(this.#alive);
    const socket = this.#socket;
    this.#alive = setTimeout(() => {
      if (socket !== this.#socket) return;
      this.#wait(true);
      socket.close();
    }, timeout);
  }

  /** Wait for the next attempt. A page cannot read why a handshake failed, so a request for the same address finds it. */
  async #wait(wasOpen) {
    clearTimeout(this.#alive);
    const waiting = (this.#socket = {});
    this.#isOpen = false;
    const pause = pauseBefore(this.#attempt++);
    this.#timer = setTimeout(() => this.#connect(), pause);
    this.#set("waiting", { seconds: pause / 1000 });
    if (wasOpen) return;
    const status = await this.#status();
    if (waiting === this.#socket && (status === 401 || status === 403)) {
      this.#end("refused", { code: status, reason: status === 401 ? "a login is needed" : "not allowed" });
    }
  }

  async #status() {
    const url = new URL(this.#url);
    url.protocol = url.protocol.replace(/^ws/, "http");
    try {
      const response = await fetch(url, {
        credentials: "include",
        redirect: "manual",
        cache: "no-store",
        signal: AbortSignal.timeout(REPLY_TIMEOUT),
      });
      return response.type === "opaqueredirect" ? 401 : response.status;
    } catch {
      return 0;
    }
  }

  /** The network or the page is back. */
  #wake() {
    if (globalThis.document?.visibilityState === "hidden") return;
    if (this.state === "waiting") this.#connect();
    else if (this.#isOpen) this.#check();
  }

  #set(state, info) {
    this.state = state;
    this.info = info;
    this.onstate?.(state, info);
  }

  #end(state, info) {
    if (this.#events.signal.aborted) return;
    this.#events.abort();
    for (const timer of [this.#timer, this.#alive, this.#ackTimer]) clearTimeout(timer);
    const socket = this.#socket;
    this.#socket = null;
    this.#isOpen = false;
    socket.close?.();
    this.#set(state, info);
  }
}

/** Connect to the WebSocket route at `path`, of the server of this module. */
export const connect = (path, options) => new Connection(path, options);
