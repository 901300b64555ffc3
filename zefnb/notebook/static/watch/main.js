// The parts put together: one view of the widget.

const SEARCH_AFTER_MS = 120;
const NOTICE_MS = 6000;

class App {
  constructor(model) {
    this.model = model;
    const { server = null, path = null } = model.get("scope") ?? {};
    const table = (this.table = model.get("table"));
    this.query = { server, path, search: "", sort: table.sort, descending: false };
    this.window = { offset: 0, limit: 60 };
    this.scope = { server, path };
    this.selected = null;
    this.number = 0;
    this.rows = new Rows(table.columns);
    const act = (request) => this.act(request);
    this.board = new Board(table, { act, filter: (chosen) => this.filter(chosen), search: (text) => this.search(text) });
    this.grid = new Grid(this.rows, table, {
      ask: (window) => this.look(Object.assign(this.window, window)),
      select: (key) => this.select(key),
      sort: ({ name, descending }) => this.change({ sort: name, descending }),
    });
    this.detail = new Detail(table, { act, close: () => this.grid.unselect() });
    this.topics = new Topics({ act, follow: (topic) => this.channel.send({ do: "follow", topic }) });
    this.notice = h("div", { class: "zw-notice", role: "status", "aria-live": "polite" });
    // Jupyter's own shortcuts (A adds a cell, DD deletes one) must not hear what is typed here.
    this.root = h(
      "div",
      { class: "zefnb-watch", "data-lm-suppress-shortcuts": "true", onkeydown: (event) => this.key(event) },
      this.board.root, this.grid.root, this.notice, this.detail.root,
      // A table of topics shows them itself.
      table.by_server ? this.topics.root : null,
    );
    this.channel = new Channel(model, {
      heard: (message) => this.heard(message),
      opened: () => this.opened(),
      status: (kind, text) => this.setStatus(kind, text),
    });
    // The front end says so when it restarts the kernel, and when it has lost and found it again.
    this.onUncertain = () => this.channel.doubt();
    model.on("comm_live_update", this.onUncertain);
    this.watchAttention();
  }

  setStatus(kind, text) {
    this.board.setStatus(kind, text);
    this.root.classList.toggle("zw-stale", kind === "lost");
  }

  // A fresh session knows nothing of what we looked at.
  opened() {
    this.rows.clear();
    this.look({ ...this.query, ...this.window });
    if (this.selected !== null) this.channel.send({ do: "select", row: this.selected });
    if (this.topics.followed !== null) this.channel.send({ do: "follow", topic: this.topics.followed });
    this.rest();
  }

  heard(message) {
    if (message.t === "table") this.takeRows(message);
    else if (message.t === "row") this.detail.take(message);
    else if (message.t === "tail") this.topics.take(message);
    else if (message.t === "board") this.told(message);
    else if (message.t === "done") this.tell(message);
  }

  takeRows(message) {
    if (!this.rows.take(message)) return this.channel.send({ do: "again" });
    if (this.rows.hasNewColumns()) this.grid.layout();
    else this.grid.draw();
    this.grid.askForWindow();
    const { search, server, path } = this.query;
    this.board.setFound(this.rows.total, search || server !== this.scope.server || path !== this.scope.path);
  }

  told(news) {
    this.board.update(news);
    if (news.topics) this.topics.update(news.topics, this.board.facts.topic_count);
    if (news.servers) this.grid.layout(news.servers.length > 1);
  }

  tell({ ok, text }) {
    if (!text) return;
    this.notice.className = ok ? "zw-notice" : "zw-notice zw-loud";
    this.notice.textContent = text;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => (this.notice.textContent = ""), NOTICE_MS);
  }

  act(request) {
    const sent = this.channel.send({ ...request, id: ++this.number });
    if (!sent) this.tell({ ok: false, text: "not connected; nothing was done" });
  }

  look(request) {
    this.channel?.send({ do: "look", ...request });
  }

  change(query) {
    Object.assign(this.query, query);
    this.grid.root.scrollTop = 0;
    this.window.offset = 0;
    this.look({ ...this.query, ...this.window });
  }

  search(text) {
    clearTimeout(this.searchTimer);
    this.searchTimer = setTimeout(() => this.change({ search: text }), SEARCH_AFTER_MS);
    setText(this.grid.empty, text ? `no ${this.table.noun} fits the search` : this.table.empty);
  }

  filter({ server, path }) {
    this.change(server === null ? this.scope : { server, path });
  }

  select(key) {
    this.selected = key;
    this.detail.show(key, this.rows.cells.get(key));
    this.act({ do: "select", row: key });
  }

  key(event) {
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "/" && !typing) {
      this.board.box.focus();
      event.preventDefault();
    } else if (event.key === "Escape" && event.target === this.board.box) {
      this.board.box.value = "";
      this.search("");
      this.grid.root.focus();
    } else if (event.key === "Escape" && this.selected !== null) {
      this.grid.unselect();
      this.grid.root.focus();
    }
    event.stopPropagation();
  }

  // Nobody looks: nothing need be sent.
  watchAttention() {
    this.onVisible = () => this.rest();
    document.addEventListener("visibilitychange", this.onVisible);
    this.sight = new IntersectionObserver((entries) => {
      this.outOfSight = !entries.at(-1).isIntersecting;
      this.rest();
    });
    this.sight.observe(this.root);
  }

  rest() {
    this.channel?.send({ do: "rest", rest: document.hidden || Boolean(this.outOfSight) });
  }

  close() {
    this.model.off("comm_live_update", this.onUncertain);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.sight.disconnect();
    this.grid.close();
    this.channel.close();
    clearTimeout(this.noticeTimer);
  }
}

function render({ model, el }) {
  const app = new App(model);
  el.append(app.root);
  return () => app.close();
}

export default { render };
