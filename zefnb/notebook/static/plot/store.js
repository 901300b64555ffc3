// The last points, sorted by x. A y of NaN is a gap; one of minus infinity is a mark: the series began again at this x.

const AGAIN = -Infinity;

class Store {
  constructor(most) {
    this.most = most;
    this.series = new Uint16Array(2 * most);
    this.x = new Float64Array(2 * most);
    this.y = new Float64Array(2 * most);
    this.clear();
  }

  clear() {
    this.start = this.end = 0;
  }

  get length() {
    return this.end - this.start;
  }

  // The first point at or after `x`.
  atOrAfter(x) {
    let low = this.start;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.x[middle] < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // The first point after `x`.
  after(x) {
    let low = this.start;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.x[middle] <= x) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  add(series, x, y) {
    if (y === AGAIN) return this.removeFrom(series, x);
    if (this.end === this.x.length) this.compact();
    let at = this.end;
    if (at > this.start && this.x[at - 1] > x) {
      at = this.after(x);
      for (const column of [this.series, this.x, this.y]) column.copyWithin(at + 1, at, this.end);
    }
    this.series[at] = series;
    this.x[at] = x;
    this.y[at] = y;
    this.end++;
    if (this.length > this.most) this.start++;
  }

  removeFrom(series, x) {
    let to = this.atOrAfter(x);
    for (let from = to; from < this.end; from++) {
      if (this.series[from] === series) continue;
      this.series[to] = this.series[from];
      this.x[to] = this.x[from];
      this.y[to++] = this.y[from];
    }
    this.end = to;
  }

  compact() {
    for (const column of [this.series, this.x, this.y]) column.copyWithin(0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
  }
}
