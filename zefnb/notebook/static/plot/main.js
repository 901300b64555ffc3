// One view of the chart, which consists of the other parts.

const MOST_POINTS = 100000;
const VALUES_MS = 250;
const ABOUT_MS = 1000;
// A line that moves less than half a pixel is not drawn again.
const LEAST_MOVE = 0.5;
const LONGEST_WAIT = 1000;
const KEYS = "Arrow keys move, plus and minus zoom, Home shows the newest points, the space bar pauses.";

class App {
  constructor(model) {
    this.model = model;
    this.about = model.get("about");
    this.store = new Store(MOST_POINTS);
    this.view = new View(this.store, this.about.arrival);
    this.sync = freshId("chart");
    this.frames = this.next = 0;
    this.chart = null;
    this.lines = [];
    this.latest = [];
    this.isTime = true;
    this.isVisible = true;
    this.build();
    this.readColours();
    this.channel = new Channel(model, {
      received: (message) => this.received(message),
      opened: () => this.opened(),
      status: (kind, text) => this.setStatus(kind, text),
    });
    this.onKernelChange = () => this.channel.loseKernel();
    model.on("comm_live_update", this.onKernelChange);
    this.watch();
  }

  build() {
    const { title, panels, waiting } = this.about;
    const button = (text, label, act) => h("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
    this.light = h("span", { class: "zp-light" });
    this.status = h("span", { class: "zp-status", role: "status" }, "connecting…");
    this.pauseButton = h("button", { type: "button", "aria-pressed": "false", onclick: () => this.pause() }, "Pause");
    this.followButton = h("button", { type: "button", disabled: true, onclick: () => this.follow() }, "Follow");
    const bar = h(
      "div", { class: "zp-bar" }, this.light, h("b", {}, title), this.status, h("span", { class: "zp-space" }),
      button("−", "Zoom out", () => this.scale(2)), button("+", "Zoom in", () => this.scale(0.5)), this.pauseButton, this.followButton,
    );
    this.legend = new Legend(panels, (index, isShown) => {
      this.panels.forEach((panel) => panel.toggle(index, isShown));
      this.redraw();
    });
    this.panels = panels.map((panel, number) => new Panel(panel, number, this));
    this.empty = h("p", { class: "zp-empty" }, waiting);
    this.area = h(
      "div", { class: "zp-area", tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": `Chart of ${title}. ${KEYS}` },
      ...this.panels.map((panel) => panel.root), this.empty,
    );
    this.notes = h("ul", { class: "zp-notes", "aria-label": "What is not drawn" });
    // Jupyter's shortcuts (A adds a cell, DD deletes one) must not get the keys that are typed here.
    this.root = h(
      "section",
      { class: "zefnb-plot", "aria-label": `Live chart of ${title}`, "data-lm-suppress-shortcuts": "true", onkeydown: (event) => this.key(event) },
      bar, this.area, this.legend.root, this.notes,
    );
    // For tests and measurements: how often it has been drawn.
    this.root.zefnbChart = this;
  }

  // Messages

  setStatus(kind, text) {
    this.light.className = `zp-light zp-${kind}`;
    this.isStale = kind === "lost";
    this.root.classList.toggle("zp-stale", this.isStale);
    this.view.isLive = kind === "live" || kind === "slow";
    this.statusText = text;
    this.showState();
  }

  opened() {
    this.channel.send({ do: "pause", paused: !this.isVisible });
    this.channel.send({ do: "look", chart: this.chart, after: this.next });
  }

  received(message) {
    if (message.t === "chart") this.begin(message);
    else if (message.t === "points") this.take(message);
  }

  begin({ chart, next, window }) {
    if (chart !== this.chart) {
      this.store.clear();
      this.latest = [];
      this.view.forget();
    }
    this.chart = chart;
    this.next = next;
    this.view.window = window;
    this.redraw();
  }

  take(message) {
    if (message.lines) this.setLines(message.lines, message.isTime);
    if (message.notes) this.showNotes(message.notes);
    if (message.series) this.addPoints(message);
  }

  setLines(lines, isTime) {
    this.lines = lines;
    this.isTime = isTime;
    this.legend.build(lines, this.colours);
    const numbered = lines.map((line, index) => ({ ...line, index }));
    this.panels.forEach((panel) => panel.build(numbered.filter((line) => line.panel === panel.number), isTime));
    this.redraw();
  }

  addPoints({ next, series, x, y }) {
    const numbersOf = new Uint16Array(bytesOf(series).buffer);
    const xs = new Float64Array(bytesOf(x).buffer);
    const ys = new Float64Array(bytesOf(y).buffer);
    for (let n = 0; n < xs.length; n++) {
      this.store.add(numbersOf[n], xs[n], ys[n]);
      if (ys[n] !== AGAIN) this.latest[numbersOf[n]] = ys[n];
    }
    this.next = next;
    if (xs.length) this.view.arrived(xs[xs.length - 1]);
    this.redraw();
  }

  showNotes(notes) {
    this.notes.replaceChildren(...notes.map((note) => h("li", {}, note)));
    // Nothing was drawn, so the reason is more helpful than that there is no message.
    if (notes.length && !this.store.length) setText(this.empty, notes[0]);
  }

  // Drawing

  redraw() {
    this.isDirty = true;
    this.schedule(0);
  }

  schedule(wait) {
    if (!this.isVisible || this.closed || this.frame) return;
    clearTimeout(this.timer);
    this.timer = null;
    const ask = () => (this.frame = requestAnimationFrame(() => this.onFrame()));
    if (wait > 0) this.timer = setTimeout(ask, wait);
    else ask();
  }

  onFrame() {
    this.frame = null;
    if (!this.isVisible || this.closed) return;
    const range = this.view.range();
    setAttribute(this.empty, "hidden", range === null ? null : "");
    if (range === null) return;
    this.isDirty = false;
    const [low, high] = range;
    const columns = this.panels[0].columns();
    const data = this.slots(low, high);
    this.panels.forEach((panel) => panel.draw(data, low, high));
    this.frames++;
    this.showValues();
    if (this.view.follows && this.view.isArrival && this.view.isLive) {
      this.schedule(Math.min(LONGEST_WAIT, Math.max(1, (1000 * LEAST_MOVE * (high - low)) / columns)));
    }
  }

  slots(low, high) {
    return slotsOf(this.store, this.lines.length, low, high, this.panels[0].columns());
  }

  showValues(force = false) {
    const now = performance.now();
    if (!force && now - (this.valuesAt ?? -Infinity) < VALUES_MS) return;
    this.valuesAt = now;
    this.legend.show(this.atMouse ?? this.latest);
    if (now - (this.aboutAt ?? -Infinity) < ABOUT_MS) return;
    this.aboutAt = now;
    for (const panel of this.panels) {
      const values = panel.lines.slice(0, 8).map(({ label, index }) => `${label} ${figureText(this.latest[index], panel.about.reads)}`);
      setAttribute(panel.canvas, "aria-label", `Lines: ${values.join(", ")}; ${plural(this.store.length, "point")}`);
    }
  }

  // The mouse is on a panel: the legend shows the values there.
  pointed(panel, plot) {
    const { left, idxs } = plot.cursor;
    if (left === null || left < 0 || !idxs) {
      if (this.pointedAt !== panel) return;
      this.pointedAt = this.atMouse = null;
    } else {
      this.pointedAt = panel;
      this.atMouse ??= [...this.latest];
      panel.lines.forEach(({ index }, n) => (this.atMouse[index] = plot.data[n + 1][idxs[n + 1]]));
    }
    this.showValues(true);
    this.showState();
  }

  // Actions of the user

  scale(factor) {
    this.view.scale(factor);
    this.changed();
  }

  zoom(low, high) {
    this.view.zoom(low, high);
    this.changed();
  }

  pause() {
    this.view.pause(!this.view.isPaused);
    this.changed();
  }

  follow() {
    this.view.follow();
    this.changed();
  }

  changed() {
    this.showState();
    this.redraw();
  }

  showState() {
    const { isPaused, follows } = this.view;
    setText(this.pauseButton, isPaused ? "Resume" : "Pause");
    setAttribute(this.pauseButton, "aria-pressed", String(isPaused));
    const hadFocus = this.followButton === document.activeElement;
    this.followButton.disabled = follows;
    if (follows && hadFocus) this.area.focus();
    const what = isPaused ? "paused" : follows ? "" : "a part; Follow shows the newest points";
    setText(this.status, this.isStale || !what ? (this.statusText ?? "connecting…") : what);
  }

  key(event) {
    event.stopPropagation();
    if (event.target !== this.area || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = {
      " ": () => this.pause(), "+": () => this.scale(0.5), "=": () => this.scale(0.5), "-": () => this.scale(2),
      ArrowLeft: () => this.move(-0.2), ArrowRight: () => this.move(0.2), Home: () => this.follow(), Escape: () => this.follow(),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  }

  move(parts) {
    this.view.move(parts);
    this.changed();
  }

  // The page around it

  watch() {
    this.visibility = new Visibility(this.root, () => this.updateVisible());
    this.sizes = new ResizeObserver(() => {
      this.panels.forEach((panel) => panel.resize());
      this.redraw();
    });
    this.sizes.observe(this.area);
    // The theme of the page is an attribute or a class of its body.
    this.themes = new MutationObserver(() => this.readColours());
    for (const element of [document.body, document.documentElement]) this.themes.observe(element, { attributes: true });
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.onScheme = () => this.readColours();
    this.scheme.addEventListener("change", this.onScheme);
  }

  // The chart gets no points while it is not visible, and is not drawn.
  updateVisible() {
    const isVisible = !this.visibility.isHidden;
    if (isVisible === this.isVisible) return;
    this.isVisible = isVisible;
    this.channel.send({ do: "pause", paused: !isVisible });
    if (isVisible) this.redraw();
  }

  readColours() {
    const style = getComputedStyle(this.root);
    const colour = (name) => style.getPropertyValue(name).trim();
    const lines = Array.from({ length: 10 }, (_, n) => colour(`--zp-line-${n + 1}`));
    const found = { muted: colour("--zp-muted"), grid: colour("--zp-grid"), lines };
    this.font = `11px ${style.fontFamily || "sans-serif"}`;
    if (JSON.stringify(found) === JSON.stringify(this.colours)) return;
    this.colours = found;
    this.legend.paint(found);
    for (const panel of this.panels) panel.plot?.redraw(false, true);
  }

  // The element is in the page only now, so that the styles and the sizes are known.
  attached() {
    this.readColours();
    this.panels.forEach((panel) => panel.resize());
    this.redraw();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    cancelAnimationFrame(this.frame);
    this.model.off("comm_live_update", this.onKernelChange);
    this.visibility.close();
    this.scheme.removeEventListener("change", this.onScheme);
    for (const observer of [this.sizes, this.themes]) observer.disconnect();
    this.panels.forEach((panel) => panel.close());
    this.channel.close();
  }
}

function render({ model, el }) {
  const app = new App(model);
  el.append(app.root);
  requestAnimationFrame(() => app.attached());
  return () => app.close();
}

export default { render };
