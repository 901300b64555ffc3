// One view of the widget, which consists of the other parts.

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
    this.overview = new Overview(table, { act, filter: (chosen) => this.filter(chosen), search: (text) => this.search(text) });
    this.grid = new Grid(this.rows, table, {
      request: (window) => this.setWindow(Object.assign(this.window, window)),
      select: (key) => this.select(key),
      sort: ({ name, descending }) => this.change({ sort: name, descending }),
    });
    this.detail = new Detail(table, { act, close: () => this.grid.unselect() });
    this.topics = new Topics({ act, follow: (topic) => this.channel.send({ do: "follow", topic }) });
    this.notice = h("div", { class: "zw-notice", role: "status", "aria-live": "polite" });
    // Jupyter's shortcuts (A adds a cell, DD deletes one) must not get the keys that are typed here.
    this.root = h(
      "div",
      { class: "zefnb-watch", "data-lm-suppress-shortcuts": "true", onkeydown: (event) => this.key(event) },
      this.overview.root, this.grid.root, this.notice, this.detail.root,
      // A table of topics has no such section.
      table.by_server ? this.topics.root : null,
    );
    this.channel = new Channel(model, {
      received: (message) => this.received(message),
      opened: () => this.opened(),
      status: (kind, text) => this.setStatus(kind, text),
    });
    // The front end sends this event when it restarts the kernel or reconnects to it.
    this.onKernelChange = () => this.channel.loseKernel();
    model.on("comm_live_update", this.onKernelChange);
    this.watchVisibility();
  }

  setStatus(kind, text) {
    this.overview.setStatus(kind, text);
    this.root.classList.toggle("zw-stale", kind === "lost");
  }

  // A new session has neither the window nor the selection of this view.
  opened() {
    this.rows.clear();
    this.setWindow({ ...this.query, ...this.window });
    if (this.selected !== null) this.channel.send({ do: "select", row: this.selected });
    if (this.topics.followed !== null) this.channel.send({ do: "follow", topic: this.topics.followed });
    this.updatePaused();
  }

  received(message) {
    if (message.t === "table") this.takeRows(message);
    else if (message.t === "row") this.detail.take(message);
    else if (message.t === "tail") this.topics.take(message);
    else if (message.t === "overview") this.takeOverview(message);
    else if (message.t === "done") this.showNotice(message);
  }

  takeRows(message) {
    if (!this.rows.take(message)) return this.channel.send({ do: "resend" });
    if (this.rows.hasNewColumns()) this.grid.layout();
    else this.grid.draw();
    this.grid.requestWindow();
    const { search, server, path } = this.query;
    this.overview.setFound(this.rows.total, search || server !== this.scope.server || path !== this.scope.path);
  }

  takeOverview(news) {
    this.overview.update(news);
    if (news.topics) this.topics.update(news.topics, this.overview.facts.topic_count);
    if (news.servers) this.grid.layout(news.servers.length > 1);
  }

  showNotice({ ok, text }) {
    if (!text) return;
    this.notice.className = ok ? "zw-notice" : "zw-notice zw-highlight";
    this.notice.textContent = text;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => (this.notice.textContent = ""), NOTICE_MS);
  }

  act(request) {
    const sent = this.channel.send({ ...request, id: ++this.number });
    if (!sent) this.showNotice({ ok: false, text: "not connected; the action was not performed" });
  }

  setWindow(request) {
    this.channel?.send({ do: "window", ...request });
  }

  change(query) {
    Object.assign(this.query, query);
    this.grid.root.scrollTop = 0;
    this.window.offset = 0;
    this.setWindow({ ...this.query, ...this.window });
  }

  search(text) {
    clearTimeout(this.searchTimer);
    this.searchTimer = setTimeout(() => this.change({ search: text }), SEARCH_AFTER_MS);
    setText(this.grid.empty, text ? `no ${this.table.noun} matches the search` : this.table.empty);
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
      this.overview.box.focus();
      event.preventDefault();
    } else if (event.key === "Escape" && event.target === this.overview.box) {
      this.overview.box.value = "";
      this.search("");
      this.grid.root.focus();
    } else if (event.key === "Escape" && this.selected !== null) {
      this.grid.unselect();
      this.grid.root.focus();
    }
    event.stopPropagation();
  }

  // The view is paused while it is not visible, so that nothing is sent.
  watchVisibility() {
    this.visibility = new Visibility(this.root, () => this.updatePaused());
  }

  updatePaused() {
    this.channel?.send({ do: "pause", paused: this.visibility.isHidden });
  }

  close() {
    this.model.off("comm_live_update", this.onKernelChange);
    this.visibility.close();
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
