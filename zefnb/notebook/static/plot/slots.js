// The data of a drawing: positions on the x axis, and for each series a value at each. null is a gap. undefined is no point, which
// a line passes. Many points become the lowest and the highest one of each series in each column of the picture.

const MOST_NEIGHBOURS = 1000;

// The last point of each series before `at`, or the first one from `at` on, so that lines reach the edges.
function neighbours(store, count, at, step) {
  const found = [];
  const seen = new Uint8Array(count);
  for (let n = 0; n < MOST_NEIGHBOURS && at >= store.start && at < store.end && found.length < count; n++, at += step) {
    const series = store.series[at];
    if (seen[series]) continue;
    seen[series] = 1;
    found.push(at);
  }
  return step < 0 ? found.reverse() : found;
}

function slotsOf(store, count, low, high, columns) {
  const from = store.atOrAfter(low);
  const to = store.after(high);
  const slots = new Slots(count);
  for (const at of neighbours(store, count, from - 1, -1)) slots.add(store, at);
  if (to - from <= 2 * columns) for (let at = from; at < to; at++) slots.add(store, at);
  else addColumns(slots, store, count, from, to, low, (high - low) / columns, columns);
  for (const at of neighbours(store, count, to, 1)) slots.add(store, at);
  return slots.finished();
}

class Slots {
  constructor(count) {
    this.x = [];
    this.y = Array.from({ length: count }, () => []);
  }

  // A slot for one point. Several series at the same x share one.
  add(store, at) {
    const series = store.series[at];
    const x = store.x[at];
    let slot = this.x.length - 1;
    if (slot < 0 || this.x[slot] !== x || this.y[series].length > slot) {
      this.x.push(x);
      slot++;
    }
    const y = store.y[at];
    this.y[series][slot] = Number.isNaN(y) ? null : y;
  }

  finished() {
    for (const values of this.y) values.length = this.x.length;
    return [this.x, ...this.y];
  }
}

function addColumns(slots, store, count, from, to, low, width, columns) {
  const size = count * columns;
  const least = new Float64Array(size).fill(Infinity);
  const most = new Float64Array(size).fill(-Infinity);
  const leastAt = new Int32Array(size);
  const mostAt = new Int32Array(size);
  const gap = new Uint8Array(size);
  for (let at = from; at < to; at++) {
    const column = Math.min(columns - 1, Math.floor((store.x[at] - low) / width));
    const cell = store.series[at] * columns + column;
    const y = store.y[at];
    if (y !== y) gap[cell] = 1;
    if (y < least[cell]) (least[cell] = y), (leastAt[cell] = at);
    if (y > most[cell]) (most[cell] = y), (mostAt[cell] = at);
  }
  const base = slots.x.length;
  for (let column = 0; column < columns; column++) slots.x.push(low + (column + 0.25) * width, low + (column + 0.75) * width);
  slots.y.forEach((values, series) => {
    for (let column = 0; column < columns; column++) {
      const cell = series * columns + column;
      const slot = base + 2 * column;
      if (least[cell] === Infinity) {
        if (gap[cell]) values[slot] = null;
      } else if (leastAt[cell] === mostAt[cell]) values[slot] = least[cell];
      else {
        const rises = leastAt[cell] < mostAt[cell];
        values[slot] = rises ? least[cell] : most[cell];
        values[slot + 1] = rises ? most[cell] : least[cell];
      }
    }
  });
}
