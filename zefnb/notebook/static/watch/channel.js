// The channel to the event loop: a socket where one can be opened, else the kernel's channel.

// The kernel also sends the token without a request: during a long cell it receives none.
const EVERY_VIEW = "*";
const CONNECT_MS = 4000;
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

// The base path of Jupyter's pages: from the page's configuration, else from its path.
function basePath(fallback) {
  const config = document.getElementById("jupyter-config-data");
  try {
    const base = JSON.parse(config.textContent).baseUrl;
    if (base) return new URL(base, location.href).pathname;
  } catch {
    // another front end, without this configuration
  }
  const found = /^(.*?\/)(?:lab|doc|notebooks|tree|nbclassic|voila)(?:\/|$)/.exec(location.pathname);
  return fallback || (found ? found[1] : "/");
}

// The urls of the control channel, the most direct first.
function urlsOf(token) {
  const urls = [];
  const onWeb = location.protocol.startsWith("http");
  if (!onWeb || isLoopback(location.hostname)) urls.push(`ws://127.0.0.1:${token.port}/control`);
  if (onWeb) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    urls.push(`${scheme}://${location.host}${basePath(token.base)}proxy/${token.port}/control`);
  }
  return urls;
}

class Channel {
  // `received` gets each message. `opened` is called for each new session. `status` gets the state of the channel.
  constructor(model, { received, opened, status }) {
    Object.assign(this, { model, received, opened, status });
    this.view = Math.random().toString(36).slice(2);
    this.token = null;
    this.socket = null;
    this.polls = 0;
    this.lastReply = 0;
    this.closed = false;
    this.kernelLost = false;
    this.onComm = (message) => this.fromKernel(message);
    model.on("msg:custom", this.onComm);
    this.run();
  }

  async run() {
    let pause = SHORTEST_PAUSE;
    while (!this.closed) {
      await this.requestToken();
      const connected = this.token && ((await this.throughSocket()) || (!this.kernelLost && (await this.throughKernel())));
      if (connected) pause = SHORTEST_PAUSE;
      else this.showLost();
      if (this.closed) return;
      await sleep(pause);
      pause = Math.min(pause * 1.7, LONGEST_PAUSE);
    }
  }

  // The kernel may have been restarted. A new kernel does not have this widget.
  loseKernel() {
    this.kernelLost = true;
  }

  showLost() {
    const reason = this.kernelLost ? "the kernel was restarted: run this cell again" : "the kernel does not respond; if it was restarted, run this cell again";
    this.status("lost", reason);
  }

  // The view gets the secret from the kernel. While the kernel is busy, the previous token is still valid.
  async requestToken() {
    const replied = new Promise((done) => (this.onToken = done));
    const { host, origin } = location;
    this.toKernel({ get: "token", host, origin });
    const timeout = this.token ? TOKEN_MS / 6 : TOKEN_MS;
    await Promise.race([replied, sleep(timeout)]);
  }

  // `send` raises if the kernel of the model no longer exists.
  toKernel(message) {
    try {
      this.model.send({ view: this.view, ...message });
    } catch {
      this.kernelLost = true;
    }
  }

  fromKernel(message) {
    if (!message || (message.view !== this.view && message.view !== EVERY_VIEW)) return;
    this.kernelLost = false;
    if (message.token) {
      this.token = message.token;
      this.onToken?.();
    } else if (message.message && !this.socket) {
      this.lastReply = Date.now();
      const update = JSON.parse(message.message);
      // The server had removed this view, because it had sent no request for a long time.
      if (update.t === "welcome") this.opened();
      else this.received(update);
    }
  }

  async throughSocket() {
    for (const url of urlsOf(this.token)) {
      const socket = await this.connect(url);
      if (this.closed) socket?.close();
      if (socket && !this.closed) {
        await this.live(socket);
        return true;
      }
    }
    return false;
  }

  // A proxy can open the socket before it has connected a server, and another program can listen on the old port. So each
  // side proves, with a nonce of the other side, that it has the secret. Neither side sends the secret.
  connect(url) {
    return new Promise((done) => {
      let socket;
      try {
        socket = new WebSocket(url);
      } catch {
        return done(null);
      }
      const settle = (opened) => {
        clearTimeout(timer);
        socket.onmessage = socket.onclose = socket.onerror = null;
        if (!opened) socket.close();
        done(opened);
      };
      const timer = setTimeout(() => settle(null), CONNECT_MS);
      const token = this.token;
      const ownNonce = freshNonce();
      let serverNonce = null;
      socket.onclose = socket.onerror = () => settle(null);
      socket.onmessage = (event) => {
        const message = parsedOrNull(event.data);
        if (message?.t === "hello" && serverNonce === null && typeof message.nonce === "string") {
          serverNonce = message.nonce;
          socket.send(JSON.stringify({ token: token.name, nonce: ownNonce, proof: proofOf("view", token, serverNonce, ownNonce) }));
        } else if (message?.t === "welcome" && serverNonce !== null && message.proof === proofOf("server", token, serverNonce, ownNonce)) {
          settle(socket);
        } else settle(null);
      };
    });
  }

  live(socket) {
    return new Promise((done) => {
      this.socket = socket;
      this.kernelLost = false;
      socket.onmessage = (event) => this.received(JSON.parse(event.data));
      socket.onclose = () => {
        this.socket = null;
        this.status("waiting", "connecting…");
        done();
      };
      this.status("live", "live");
      this.opened();
    });
  }

  // The view polls, because the kernel would queue messages for a closed tab.
  async throughKernel() {
    this.polls = POLLS;
    this.lastReply = 0;
    this.opened();
    while (this.polls-- > 0 && !this.closed) {
      this.send({ do: "poll" });
      await sleep(POLL_MS);
      const replies = Date.now() - this.lastReply < 5000;
      if (replies) this.status("slow", "live through the kernel; while a cell runs, actions may wait");
      else if (this.polls < POLLS - 4) break;
    }
    this.polls = 0;
    return this.lastReply > 0;
  }

  send(request) {
    if (this.socket) this.socket.send(JSON.stringify(request));
    else if (this.polls > 0 || this.lastReply) this.toKernel({ request: JSON.stringify(request) });
    else return false;
    return true;
  }

  close() {
    this.closed = true;
    this.model.off("msg:custom", this.onComm);
    this.socket?.close();
  }
}
