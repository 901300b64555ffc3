// The table: the page has elements for the visible rows only, however many rows there are.

const ROW = 26;
const GAP = 10;
const AROUND = 24;
// A table without rows has a line of text instead.
const LEAST_ROWS = 2;
const MOST_ROWS = 11;
const REQUEST_INTERVAL_MS = 50;

// The columns that fit into the width: those with the highest `keep`.
function fitting(columns, width) {
  let shown = columns;
  const needed = () => shown.reduce((sum, column) => sum + column.width + GAP, 0) + 2 * GAP;
  while (needed() > width && shown.length > 4) {
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
  constructor(rows, table, { request, select, sort }) {
    Object.assign(this, { rows, table, request, select, sort });
    // Whether there are several servers, so that the column of the server is shown.
    this.several = true;
    this.columns = [];
    this.elements = new Map();
    this.free = [];
    this.active = 0;
    this.selected = null;
    this.sorted = { name: table.sort, descending: false };
    this.requestedAt = 0;
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
      // Stored, because reading it during a scroll makes the browser lay out the page each time.
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
    const possible = this.table.columns.filter((column) =>
      (several || !column.if_different) && (!column.optional || this.rows.used.has(column)));
    const columns = fitting(possible, this.root.clientWidth || 900);
    const names = columns.map((column) => column.name).join();
    if (names !== this.names) {
      this.names = names;
      this.columns = columns;
      const widths = columns.map((column) => (column.grow ? `minmax(${column.width}px, ${column.grow}fr)` : `${column.width}px`));
      this.root.style.setProperty("--zw-columns", widths.join(" "));
      setAttribute(this.root, "aria-colcount", columns.length);
      for (const element of this.elements.values()) element.remove();
      this.elements.clear();
      this.free = [];
      this.marked = undefined;
      this.drawHead();
    }
    this.draw();
    this.requestWindow();
  }

  // Set the height to that of the rows, up to a maximum. A height that the user has set stays.
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
    this.head.replaceChildren(...this.columns.map((column) => this.headCell(column)));
  }

  headCell(column) {
    const { name, descending } = this.sorted;
    const sorted = column.name === name ? (descending ? "descending" : "ascending") : "none";
    const mark = sorted === "none" ? null : h("span", { class: "zw-mark", "aria-hidden": "true" }, descending ? "▾" : "▴");
    const button = h("button", { type: "button", tabindex: -1, title: `Sort by ${column.title}` }, titled(column.title), mark);
    button.addEventListener("click", () => this.sortBy(column.name));
    return h("div", { role: "columnheader", "aria-sort": sorted, class: column.right ? "zw-right" : "" }, button);
  }

  sortBy(name) {
    const same = this.sorted.name === name;
    this.sorted = { name, descending: same ? !this.sorted.descending : this.columns.find((column) => column.name === name).descending };
    this.drawHead();
    this.sort(this.sorted);
  }

  // The visible rows, and the window of rows around them

  visible() {
    const height = Math.max(0, this.height - ROW);
    const first = Math.floor(this.root.scrollTop / ROW);
    return [first, Math.min(this.rows.total, first + Math.ceil(height / ROW) + 1)];
  }

  window() {
    const [first] = this.visible();
    const count = Math.ceil(this.height / ROW) + 1;
    return { offset: Math.max(0, first - AROUND), limit: Math.min(200, count + 2 * AROUND) };
  }

  scrolled() {
    if (this.waiting) return;
    const wait = Math.max(0, this.requestedAt + REQUEST_INTERVAL_MS - performance.now());
    this.waiting = true;
    setTimeout(() => requestAnimationFrame(() => {
      this.waiting = false;
      this.requestWindow();
    }), wait);
  }

  requestWindow() {
    const [first, last] = this.visible();
    const near = AROUND / 2;
    const top = Math.max(0, first - near);
    const bottom = Math.min(this.rows.total, last + near);
    const { offset, limit } = this.window();
    if (this.rows.holds(top, bottom) && limit === this.requestedLimit) return;
    this.requestedLimit = limit;
    this.requestedAt = performance.now();
    this.request({ offset, limit });
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

  // The position of a row is set by its style, but a screen reader uses the order of the elements.
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
    const cells = this.columns.map((column) => {
      const classes = [column.right && "zw-right", column.reads === "code" && "zw-code"].filter(Boolean).join(" ");
      const cell = h("div", { role: "gridcell", class: classes });
      if (column.reads === "rate") {
        cell.spark = sparkline();
        cell.number = h("span", {});
        cell.append(cell.spark.box, cell.number);
      }
      return cell;
    });
    // The title shows a text that is cut. It is set when the pointer enters, because setting all of them slows scrolling.
    cells.forEach((cell, n) => cell.addEventListener("mouseenter", () => this.explain(cell, this.columns[n])));
    const row = h("div", { class: "zw-row", role: "row" }, ...cells);
    row.addEventListener("click", () => this.choose(row.dataset.key, row.index));
    this.body.append(row);
    return row;
  }

  drawCells(element, cells) {
    this.columns.forEach((column, n) => {
      const cell = element.children[n];
      const value = cells[this.rows.columns.indexOf(column)];
      if (cell.shown === value) return;
      cell.shown = value;
      if (column.reads === "rate") return this.drawRate(cell, value);
      setText(cell, readAs(column.reads, value));
      if (column.highlight_above !== null) cell.classList.toggle("zw-highlight", value > column.highlight_above);
    });
  }

  explain(cell, column) {
    if (column.reads === "rate") return;
    // The title has the complete value.
    if (column.reads === "time" && cell.shown !== null) cell.title = momentText(cell.shown);
    else cell.title = column.reads === "uid" && cell.shown !== null ? cell.shown : cell.textContent;
  }

  drawRate(cell, samples) {
    setText(cell.number, rateText(samples.at(-1)));
    cell.spark.line.setAttribute("points", points(samples.length ? samples : [0, 0]));
  }

  // The keyboard

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
    const height = this.height - 2 * ROW;
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    else if (top > this.root.scrollTop + height) this.root.scrollTop = top - height;
    this.drawActive();
    this.requestWindow();
  }

  chooseActive() {
    const key = this.rows.order[this.active - this.rows.start];
    if (key !== undefined) this.choose(key, this.active);
  }
}
