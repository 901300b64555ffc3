// The table: as many rows in the page as can be seen, however many there are.

const ROW = 26;
const GAP = 10;
const AROUND = 24;
// Without rows there is a line that says so.
const LEAST_ROWS = 2;
const MOST_ROWS = 11;
const ASK_EVERY_MS = 50;

// The columns that fit, those that matter most kept longest.
function fitting(columns, width) {
  let shown = columns;
  const taken = () => shown.reduce((sum, column) => sum + column.width + GAP, 0) + 2 * GAP;
  while (taken() > width && shown.length > 4) {
    const least = shown.reduce((a, b) => (b.keep < a.keep ? b : a));
    shown = shown.filter((column) => column !== least);
  }
  return shown;
}

function sparkline() {
  const line = svg("polyline", { class: "zw-line" });
  const box = svg("svg", { viewBox: "0 0 60 16", width: 60, height: 16, "aria-hidden": "true" }, line);
  return { box, line };
}

function points(samples) {
  const most = Math.max(1, ...samples);
  const left = 60 - 2 * (samples.length - 1);
  return samples.map((sample, n) => `${left + 2 * n},${(15 - (13 * sample) / most).toFixed(1)}`).join(" ");
}

class Grid {
  constructor(rows, table, { ask, select, sort }) {
    Object.assign(this, { rows, table, ask, select, sort });
    // Which of several servers a client is of; of one it says nothing.
    this.several = true;
    this.kinds = [];
    this.elements = new Map();
    this.free = [];
    this.active = 0;
    this.selected = null;
    this.sorted = { name: table.sort, descending: false };
    this.askedAt = 0;
    this.id = freshId("row");
    this.head = h("div", { class: "zw-head", role: "row" });
    this.body = h("div", { class: "zw-body", role: "rowgroup" });
    this.empty = h("div", { class: "zw-empty" }, table.empty);
    this.root = h(
      "div",
      { class: "zw-grid", role: "grid", tabindex: 0, "aria-label": `${titled(table.noun)}s`, onkeydown: (event) => this.key(event) },
      h("div", { class: "zw-top", role: "rowgroup" }, this.head),
      this.body,
      this.empty,
    );
    this.root.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.height = 12 * ROW;
    this.watcher = new ResizeObserver(() => {
      // Kept, because asking for it while scrolling makes the browser lay out the page each time.
      this.height = this.root.clientHeight;
      this.layout();
    });
    this.watcher.observe(this.root);
    this.layout();
  }

  close() {
    this.watcher.disconnect();
  }

  layout(several = this.several) {
    this.several = several;
    const columns = this.table.columns.filter((column) =>
      (several || !column.if_different) && (!column.optional || this.rows.used.has(column)));
    const kinds = fitting(columns, this.root.clientWidth || 900);
    const names = kinds.map((kind) => kind.name).join();
    if (names !== this.names) {
      this.names = names;
      this.kinds = kinds;
      const widths = kinds.map((kind) => (kind.grow ? `minmax(${kind.width}px, ${kind.grow}fr)` : `${kind.width}px`));
      this.root.style.setProperty("--zw-columns", widths.join(" "));
      setAttribute(this.root, "aria-colcount", kinds.length);
      for (const element of this.elements.values()) element.remove();
      this.elements.clear();
      this.free = [];
      this.marked = undefined;
      this.drawHead();
    }
    this.draw();
    this.askForWindow();
  }

  // As high as its rows, and no higher than a window on many; whoever drags its edge decides instead.
  fit(total) {
    const wanted = Math.max(LEAST_ROWS, Math.min(total, MOST_ROWS)) + 1;
    if (wanted === this.wanted) return;
    const set = this.root.style.height;
    if (set === "" || set === this.setHeight) {
      this.setHeight = `${wanted * ROW + 2}px`;
      this.root.style.height = this.setHeight;
    }
    this.wanted = wanted;
  }

  drawHead() {
    this.head.replaceChildren(...this.kinds.map((kind) => this.headCell(kind)));
  }

  headCell(kind) {
    const { name, descending } = this.sorted;
    const sorted = kind.name === name ? (descending ? "descending" : "ascending") : "none";
    const mark = sorted === "none" ? null : h("span", { class: "zw-mark", "aria-hidden": "true" }, descending ? "▾" : "▴");
    const button = h("button", { type: "button", tabindex: -1, title: `Sort by ${kind.title}` }, titled(kind.title), mark);
    button.addEventListener("click", () => this.sortBy(kind.name));
    return h("div", { role: "columnheader", "aria-sort": sorted, class: kind.right ? "zw-right" : "" }, button);
  }

  sortBy(name) {
    const same = this.sorted.name === name;
    this.sorted = { name, descending: same ? !this.sorted.descending : this.kinds.find((kind) => kind.name === name).descending };
    this.drawHead();
    this.sort(this.sorted);
  }

  // What can be seen, and the window to have around it

  seen() {
    const height = Math.max(0, this.height - ROW);
    const first = Math.floor(this.root.scrollTop / ROW);
    return [first, Math.min(this.rows.total, first + Math.ceil(height / ROW) + 1)];
  }

  window() {
    const [first] = this.seen();
    const visible = Math.ceil(this.height / ROW) + 1;
    return { offset: Math.max(0, first - AROUND), limit: Math.min(200, visible + 2 * AROUND) };
  }

  scrolled() {
    if (this.waiting) return;
    const wait = Math.max(0, this.askedAt + ASK_EVERY_MS - performance.now());
    this.waiting = true;
    setTimeout(() => requestAnimationFrame(() => {
      this.waiting = false;
      this.askForWindow();
    }), wait);
  }

  askForWindow() {
    const [first, last] = this.seen();
    const near = AROUND / 2;
    const top = Math.max(0, first - near);
    const bottom = Math.min(this.rows.total, last + near);
    const { offset, limit } = this.window();
    if (this.rows.holds(top, bottom) && limit === this.asked) return;
    this.asked = limit;
    this.askedAt = performance.now();
    this.ask({ offset, limit });
  }

  // Drawing

  draw() {
    const { order, start, total } = this.rows;
    this.body.style.height = `${total * ROW}px`;
    this.fit(total);
    setAttribute(this.root, "aria-rowcount", total + 1);
    this.empty.hidden = total > 0;
    const inside = new Set(order);
    for (const [key, element] of this.elements) {
      if (inside.has(key)) continue;
      this.elements.delete(key);
      this.free.push(element);
    }
    order.forEach((key, n) => this.drawRow(key, start + n));
    while (this.free.length) this.free.pop().remove();
    this.arrange();
    this.drawActive();
  }

  // Where a row is seen says its place; a screen reader goes by the order in the page.
  arrange() {
    let place = this.body.firstElementChild;
    for (const key of this.rows.order) {
      const element = this.elements.get(key);
      if (element === place) place = place.nextElementSibling;
      else this.body.insertBefore(element, place);
    }
  }

  drawRow(key, index) {
    let element = this.elements.get(key);
    if (!element) {
      element = this.free.pop() ?? this.newRow();
      element.dataset.key = key;
      this.elements.set(key, element);
    }
    if (element.index !== index) {
      element.index = index;
      element.style.transform = `translateY(${index * ROW}px)`;
      element.id = `${this.id}-${index}`;
      setAttribute(element, "aria-rowindex", index + 2);
      element.classList.toggle("zw-odd", index % 2 === 1);
    }
    const chosen = key === this.selected;
    setAttribute(element, "aria-selected", chosen);
    this.drawCells(element, this.rows.cells.get(key));
  }

  newRow() {
    const cells = this.kinds.map((kind) => {
      const look = [kind.right && "zw-right", kind.reads === "code" && "zw-code"].filter(Boolean).join(" ");
      const cell = h("div", { role: "gridcell", class: look });
      if (kind.reads === "rate") {
        cell.spark = sparkline();
        cell.number = h("span", {});
        cell.append(cell.spark.box, cell.number);
      }
      return cell;
    });
    // What is cut off is told to who points at it; for each cell in advance it would cost every scroll.
    cells.forEach((cell, n) => cell.addEventListener("mouseenter", () => this.explain(cell, this.kinds[n])));
    const row = h("div", { class: "zw-row", role: "row" }, ...cells);
    row.addEventListener("click", () => this.choose(row.dataset.key, row.index));
    this.body.append(row);
    return row;
  }

  drawCells(element, cells) {
    this.kinds.forEach((kind, n) => {
      const cell = element.children[n];
      const value = cells[this.rows.columns.indexOf(kind)];
      if (cell.shown === value) return;
      cell.shown = value;
      if (kind.reads === "rate") return this.drawRate(cell, value);
      setText(cell, readAs(kind.reads, value));
      if (kind.loud !== null) cell.classList.toggle("zw-loud", value > kind.loud);
    });
  }

  explain(cell, kind) {
    if (kind.reads === "rate") return;
    // Also what was cut short to fit.
    if (kind.reads === "time" && cell.shown !== null) cell.title = momentText(cell.shown);
    else cell.title = kind.reads === "uid" && cell.shown !== null ? cell.shown : cell.textContent;
  }

  drawRate(cell, samples) {
    setText(cell.number, rateText(samples.at(-1)));
    cell.spark.line.setAttribute("points", points(samples.length ? samples : [0, 0]));
  }

  // By keyboard

  drawActive() {
    const last = this.rows.total - 1;
    this.active = Math.max(0, Math.min(this.active, last));
    const active = this.elements.get(this.rows.order[this.active - this.rows.start]);
    if (active !== this.marked) {
      this.marked?.classList.remove("zw-active");
      active?.classList.add("zw-active");
      this.marked = active;
    }
    setAttribute(this.root, "aria-activedescendant", last < 0 ? null : `${this.id}-${this.active}`);
  }

  choose(key, index) {
    this.active = index;
    this.selected = this.selected === key ? null : key;
    this.draw();
    this.select(this.selected);
  }

  unselect() {
    this.selected = null;
    this.draw();
    this.select(null);
  }

  key(event) {
    if (event.target !== this.root) return;
    const page = Math.max(1, Math.floor(this.height / ROW) - 2);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in moves) this.move(moves[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.chooseActive();
    else if (event.key === "Escape" && this.selected !== null) this.unselect();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  move(by) {
    this.active = Math.max(0, Math.min(this.rows.total - 1, this.active + by));
    const top = this.active * ROW;
    const room = this.height - 2 * ROW;
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    else if (top > this.root.scrollTop + room) this.root.scrollTop = top - room;
    this.drawActive();
    this.askForWindow();
  }

  chooseActive() {
    const key = this.rows.order[this.active - this.rows.start];
    if (key !== undefined) this.choose(key, this.active);
  }
}
