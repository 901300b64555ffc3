// The window of the table that we have been told of.

const SAMPLES = 30;

class Rows {
  constructor(columns) {
    this.columns = columns;
    this.rate = columns.findIndex(({ reads }) => reads === "rate");
    // Optional columns in which there has been something: once shown, one stays.
    this.used = new Set();
    this.usedBefore = 0;
    this.clear();
  }

  clear() {
    this.cells = new Map();
    this.order = [];
    this.start = 0;
    this.total = 0;
    this.sequence = null;
  }

  // Take in a message; false when one before it was missed, and everything must be told again.
  take(message) {
    if (message.seq !== 0 && message.seq !== this.sequence + 1) return false;
    if (message.seq === 0) this.clear();
    this.sequence = message.seq;
    if (message.total !== undefined) [this.start, this.total] = [message.start, message.total];
    for (const [key, cells] of Object.entries(message.rows ?? {})) this.cells.set(key, cells);
    for (const [key, changes] of Object.entries(message.cells ?? {})) this.change(this.cells.get(key), changes);
    if (message.order) this.reorder(message.order);
    this.noteUsed();
    return true;
  }

  noteUsed() {
    const unused = this.columns.filter((column) => column.optional && !this.used.has(column));
    for (const column of unused) {
      const number = this.columns.indexOf(column);
      if ([...this.cells.values()].some((cells) => cells[number])) this.used.add(column);
    }
  }

  hasNewColumns() {
    const before = this.usedBefore;
    this.usedBefore = this.used.size;
    return before !== this.usedBefore;
  }

  change(cells, changes) {
    for (const [number, value] of Object.entries(changes)) {
      // One more sample of a rate comes by itself.
      if (Number(number) === this.rate && !Array.isArray(value)) cells[number] = [...cells[number], value].slice(-SAMPLES);
      else cells[number] = value;
    }
  }

  reorder(order) {
    this.order = order;
    const inside = new Set(order);
    for (const key of [...this.cells.keys()]) if (!inside.has(key)) this.cells.delete(key);
  }

  holds(first, last) {
    return first >= this.start && last <= this.start + this.order.length;
  }
}
