// The rows of the window that this view has received.

const SAMPLES = 30;

class Rows {
  constructor(columns) {
    this.columns = columns;
    this.rate = columns.findIndex(({ reads }) => reads === "rate");
    // The optional columns that have had a value. A column that has been shown stays.
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

  // Apply a message. Returns false if an earlier one was lost, so that all rows must be sent again.
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
      // A single new sample of a rate is sent alone.
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
