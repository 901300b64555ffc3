// The way to the toolkit's loop: a socket if one can be had, the kernel's own channel if not.

// The kernel also offers the token unasked: a cell that follows at once keeps it from hearing us ask.
const EVERY_VIEW = "*";
const KNOCK_MS = 4000;
const TOKEN_MS = 3000;
const POLL_MS = 1000;
const POLLS = 20;
const SHORTEST_PAUSE = 400;
const LONGEST_PAUSE = 8000;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const isLoopback = (name) => name === "localhost" || name.endsWith(".localhost") || name === "[::1]" || /^127\./.test(name);

function parsedOrNull(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// Where Jupyter's own pages live: what the page says of itself, else what its path tells.
function basePath(told) {
  const config = document.getElementById("jupyter-config-data");
  try {
    const base = JSON.parse(config.textContent).baseUrl;
    if (base) return new URL(base, location.href).pathname;
  } catch {
    // another front end, which does not say
  }
  const found = /^(.*?\/)(?:lab|doc|notebooks|tree|nbclassic|voila)(?:\/|$)/.exec(location.pathname);
  return told || (found ? found[1] : "/");
}

// The ways to the control channel, the shortest first.
function waysTo(token) {
  const ways = [];
  const onWeb = location.protocol.startsWith("http");
  if (!onWeb || isLoopback(location.hostname)) ways.push(`ws://127.0.0.1:${token.port}/control`);
  if (onWeb) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    ways.push(`${scheme}://${location.host}${basePath(token.base)}proxy/${token.port}/control`);
  }
  return ways;
}

class Channel {
  // `heard` gets each message, `opened` is called whenever a fresh session stands, `status` says how things are.
  constructor(model, { heard, opened, status }) {
    Object.assign(this, { model, heard, opened, status });
    this.view = Math.random().toString(36).slice(2);
    this.token = null;
    this.socket = null;
    this.polls = 0;
    this.lastAnswer = 0;
    this.closed = false;
    this.doubted = false;
    this.onComm = (message) => this.fromKernel(message);
    model.on("msg:custom", this.onComm);
    this.run();
  }

  async run() {
    let pause = SHORTEST_PAUSE;
    while (!this.closed) {
      await this.askForDoor();
      const reached = this.token && ((await this.bySocket()) || (!this.doubted && (await this.throughKernel())));
      if (reached) pause = SHORTEST_PAUSE;
      else this.sayLost();
      if (this.closed) return;
      await sleep(pause);
      pause = Math.min(pause * 1.7, LONGEST_PAUSE);
    }
  }

  // The kernel may be another one by now, which knows nothing of us.
  doubt() {
    this.doubted = true;
  }

  sayLost() {
    const reason = this.doubted ? "the kernel was restarted: run this cell again" : "no answer from the kernel; if it was restarted, run this cell again";
    this.status("lost", reason);
  }

  // The secret comes through the kernel. While a cell keeps the kernel busy the one we have still opens.
  async askForDoor() {
    const answered = new Promise((done) => (this.onDoor = done));
    const { host, origin } = location;
    this.toKernel({ ask: "token", host, origin });
    const patience = this.token ? TOKEN_MS / 6 : TOKEN_MS;
    await Promise.race([answered, sleep(patience)]);
  }

  // A model whose kernel is gone has no way to it, and says so by raising.
  toKernel(message) {
    try {
      this.model.send({ view: this.view, ...message });
    } catch {
      this.doubted = true;
    }
  }

  fromKernel(message) {
    if (!message || (message.view !== this.view && message.view !== EVERY_VIEW)) return;
    this.doubted = false;
    if (message.token) {
      this.token = message.token;
      this.onDoor?.();
    } else if (message.told && !this.socket) {
      this.lastAnswer = Date.now();
      const told = JSON.parse(message.told);
      // We had been silent for so long that we were forgotten.
      if (told.t === "welcome") this.opened();
      else this.heard(told);
    }
  }

  async bySocket() {
    for (const way of waysTo(this.token)) {
      const socket = await this.knock(way);
      if (this.closed) socket?.close();
      if (socket && !this.closed) {
        await this.live(socket);
        return true;
      }
    }
    return false;
  }

  // A proxy says "open" before it has reached anyone, and anyone may listen where our server was: only who proves
  // that it knows the secret is the right one. Both prove it by a nonce of the other's, and neither says it.
  knock(way) {
    return new Promise((done) => {
      let socket;
      try {
        socket = new WebSocket(way);
      } catch {
        return done(null);
      }
      const settle = (answer) => {
        clearTimeout(timer);
        socket.onmessage = socket.onclose = socket.onerror = null;
        if (!answer) socket.close();
        done(answer);
      };
      const timer = setTimeout(() => settle(null), KNOCK_MS);
      const token = this.token;
      const own = freshNonce();
      let theirs = null;
      socket.onclose = socket.onerror = () => settle(null);
      socket.onmessage = (event) => {
        const message = parsedOrNull(event.data);
        if (message?.t === "hello" && theirs === null && typeof message.nonce === "string") {
          theirs = message.nonce;
          socket.send(JSON.stringify({ token: token.name, nonce: own, proof: proofOf("view", token, theirs, own) }));
        } else if (message?.t === "welcome" && theirs !== null && message.proof === proofOf("server", token, theirs, own)) {
          settle(socket);
        } else settle(null);
      };
    });
  }

  live(socket) {
    return new Promise((done) => {
      this.socket = socket;
      this.doubted = false;
      socket.onmessage = (event) => this.heard(JSON.parse(event.data));
      socket.onclose = () => {
        this.socket = null;
        this.status("waiting", "connecting…");
        done();
      };
      this.status("live", "live");
      this.opened();
    });
  }

  // Asked for again and again, since the kernel would keep for us whatever it says after the tab is gone.
  async throughKernel() {
    this.polls = POLLS;
    this.lastAnswer = 0;
    this.opened();
    while (this.polls-- > 0 && !this.closed) {
      this.send({ do: "poll" });
      await sleep(POLL_MS);
      const answers = Date.now() - this.lastAnswer < 5000;
      if (answers) this.status("slow", "live through the kernel; while a cell runs, actions may wait");
      else if (this.polls < POLLS - 4) break;
    }
    this.polls = 0;
    return this.lastAnswer > 0;
  }

  send(request) {
    if (this.socket) this.socket.send(JSON.stringify(request));
    else if (this.polls > 0 || this.lastAnswer) this.toKernel({ say: JSON.stringify(request) });
    else return false;
    return true;
  }

  close() {
    this.closed = true;
    this.model.off("msg:custom", this.onComm);
    this.socket?.close();
  }
}
