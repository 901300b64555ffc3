// One view of the picture, which consists of the other parts.

const NOTICE_MS = 6000;
const LEAST_WIDTH = 340;
const ZOOM_STEP = 1.2;
// At a smaller zoom the texts are too small to read; the picture scrolls instead.
const LEAST_ZOOM = 0.75;
// Pixels of padding at both sides of the boxes together, as in picture.css.
const CANVAS_PADDING = 20;

class Picture {
  constructor(model) {
    this.nodes = [];
    this.edges = [];
    this.texts = new Map();
    this.sequence = null;
    this.selected = null;
    this.client = null;
    this.number = 0;
    this.layout = new Layout();
    this.boxes = new Boxes((id) => this.select(id, null));
    this.panel = new Panel({
      act: (request) => this.act(request),
      select: (id, client) => this.select(id, client),
      close: () => this.unselect(),
    });
    this.light = h("span", { class: "zw-light", "aria-hidden": "true" });
    this.status = h("span", { class: "zw-status", role: "status" }, "connecting…");
    this.counts = h("span", { class: "zw-counts" });
    this.empty = h("p", { class: "zp-empty zw-muted", hidden: true }, "nothing runs");
    this.notice = h("div", { class: "zw-notice", role: "status", "aria-live": "polite" });
    const body = h("div", { class: "zp-body" }, h("div", { class: "zp-main" }, this.empty, this.boxes.root), this.panel.root);
    // Jupyter's shortcuts must not get the keys that are typed here.
    this.root = h(
      "div",
      { class: "zefnb-watch zefnb-picture", "data-lm-suppress-shortcuts": "true", onkeydown: (event) => this.key(event) },
      this.bar(), body, this.notice,
    );
    this.channel = new Channel(model, {
      received: (message) => this.received(message),
      opened: () => this.opened(),
      status: (kind, says) => this.setStatus(kind, says),
    });
    this.model = model;
    // The front end sends this event when it restarts the kernel or reconnects to it.
    this.onKernelChange = () => this.channel.loseKernel();
    model.on("comm_live_update", this.onKernelChange);
    this.watchPage();
  }

  bar() {
    const zoom = (label, says, act) => h("button", { type: "button", title: says, "aria-label": says, onclick: act }, label);
    return h(
      "header",
      { class: "zw-overview zw-bar" },
      this.light, this.status, this.counts, h("span", { class: "zw-gap" }),
      h("span", { class: "zp-legend zw-muted" }, h("span", { class: "zp-solid" }), "messages", h("span", { class: "zp-dashed" }), "observed"),
      h("span", { class: "zp-zoom", role: "group", "aria-label": "Zoom" },
        zoom("−", "Smaller", () => this.zoomBy(1 / ZOOM_STEP)),
        zoom("+", "Larger", () => this.zoomBy(ZOOM_STEP)),
        zoom("Fit", "Fit into the width", () => this.fit(0)),
      ),
    );
  }

  setStatus(kind, says) {
    this.light.className = `zw-light zw-${kind}`;
    setText(this.status, says);
    this.root.classList.toggle("zw-stale", kind === "lost");
  }

  // A new session has neither sent the picture nor selected a box.
  opened() {
    this.sequence = null;
    this.channel.send({ do: "look" });
    if (this.selected !== null) this.channel.send({ do: "select", row: this.selected, client: this.client });
    this.updatePaused();
  }

  received(message) {
    if (message.t === "picture") this.take(message);
    else if (message.t === "row") this.panel.take(message);
    else if (message.t === "done") this.showNotice(message);
  }

  take(message) {
    if (message.seq !== 0 && message.seq !== this.sequence + 1) return this.channel.send({ do: "resend" });
    if (message.seq === 0) this.texts.clear();
    this.sequence = message.seq;
    for (const [id, texts] of Object.entries(message.texts ?? {})) this.texts.set(id, texts);
    if (message.nodes) this.nodes = message.nodes;
    if (message.edges) this.edges = message.edges;
    if (message.nodes || message.edges) this.arrange();
    this.boxes.write(this.texts);
    this.count();
  }

  arrange() {
    // Measured only when the picture is visible.
    if (!this.width) return;
    const ids = this.nodes.map(([id]) => id);
    for (const id of [...this.texts.keys()]) if (!ids.includes(id)) this.texts.delete(id);
    this.boxes.arrange(this.nodes, this.layout.update(ids, this.edges, this.width));
    this.boxes.mark(this.selected);
    this.empty.hidden = ids.length > 0;
    if (!this.isFitted && ids.length) this.fit(LEAST_ZOOM);
  }

  zoomBy(factor) {
    this.isZoomed = true;
    this.boxes.zoomTo(this.boxes.zoom * factor);
  }

  fit(least) {
    this.isFitted = true;
    this.isZoomed = false;
    this.boxes.zoomTo(Math.max(least, Math.min(1, (this.boxes.root.clientWidth - CANVAS_PADDING) / (this.boxes.size.width + 4))));
  }

  count() {
    const of = (kind) => this.nodes.filter((node) => node[1] === kind).length;
    const parts = ["server", "topic", "actor"].filter(of).map((kind) => plural(of(kind), kind));
    setText(this.counts, parts.join(" · "));
  }

  act(request) {
    const sent = this.channel.send({ ...request, id: ++this.number });
    if (!sent) this.showNotice({ ok: false, text: "not connected; the action was not performed" });
  }

  showNotice({ ok, text: says }) {
    if (!says) return;
    this.notice.className = ok ? "zw-notice" : "zw-notice zw-highlight";
    this.notice.textContent = says;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => (this.notice.textContent = ""), NOTICE_MS);
  }

  select(id, client) {
    const isToggled = (this.selected === null) !== (id === null);
    Object.assign(this, { selected: id, client });
    this.boxes.mark(id);
    this.panel.show(id);
    // The panel takes its width from the boxes, and must not cover the selected one.
    if (isToggled && !this.isZoomed) this.fit(LEAST_ZOOM);
    if (isToggled && id !== null) this.boxes.reveal(id);
    this.act({ do: "select", row: id, client });
  }

  unselect() {
    const id = this.selected;
    this.select(null, null);
    this.boxes.setFocus(id);
  }

  key(event) {
    if (event.key === "Escape" && this.selected !== null) this.unselect();
    event.stopPropagation();
  }

  // The page: the view is paused while it is not visible, and laid out again when its width changes.

  watchPage() {
    this.visibility = new Visibility(this.root, () => this.updatePaused());
    this.sizes = new ResizeObserver(() => this.onWidth(this.root.clientWidth - CANVAS_PADDING));
    this.sizes.observe(this.root);
  }

  onWidth(width) {
    const usable = Math.max(LEAST_WIDTH, width);
    if (width <= 0 || (this.width && Math.abs(usable - this.width) < 8)) return;
    this.width = usable;
    this.isFitted = false;
    this.arrange();
    this.boxes.write(this.texts);
  }

  updatePaused() {
    this.channel?.send({ do: "pause", paused: this.visibility.isHidden });
  }

  close() {
    this.model.off("comm_live_update", this.onKernelChange);
    this.visibility.close();
    this.sizes.disconnect();
    this.channel.close();
    clearTimeout(this.noticeTimer);
  }
}

function render({ model, el }) {
  const view = new Picture(model);
  el.append(view.root);
  return () => view.close();
}

export default { render };
