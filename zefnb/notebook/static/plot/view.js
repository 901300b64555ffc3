// The part of the x axis that is shown: the newest points, or a part that the user has chosen.

// The clock of the kernel is estimated from the points that have just arrived. A larger difference is a new estimate.
const LATE_SECONDS = 2;
// Of the numbers on the axis: a smaller part of it has no different numbers.
const SMALLEST_PART = 1e-12;
const leastPart = (low, high) => SMALLEST_PART * Math.max(Math.abs(low), Math.abs(high), 1e-100);

class View {
  constructor(store, isArrival) {
    Object.assign(this, { store, isArrival });
    this.window = null;
    this.fixed = null;
    this.isPaused = false;
    this.isLive = false;
    this.behind = null;
  }

  // Points have arrived, the newest of which has this x.
  arrived(x) {
    if (!this.isArrival) return;
    const behind = performance.now() / 1000 - x;
    if (this.behind === null || behind < this.behind || behind > this.behind + LATE_SECONDS) this.behind = behind;
  }

  forget() {
    this.behind = null;
  }

  // Where the newest points are. With the time of arrival it moves on between points.
  edge() {
    const last = this.store.x[this.store.end - 1];
    const moves = this.isArrival && this.isLive && this.behind !== null;
    return moves ? Math.max(last, performance.now() / 1000 - this.behind) : last;
  }

  following() {
    if (!this.store.length) return null;
    const high = this.edge();
    const low = this.window === null ? this.store.x[this.store.start] : high - this.window;
    if (high - low > leastPart(low, high)) return [low, high];
    const half = this.window === null ? 0.5 : leastPart(low, high);
    return [low - half, high + half];
  }

  range() {
    return this.fixed ?? this.following();
  }

  get follows() {
    return this.fixed === null;
  }

  zoom(low, high) {
    if (high - low > leastPart(low, high)) this.fixed = [low, high];
  }

  // `factor` below 1 shows less. The right end stays where it is, or the middle of a chosen part.
  scale(factor) {
    const range = this.range();
    if (range === null) return;
    const [low, high] = range;
    const at = this.follows ? high : (low + high) / 2;
    this.zoom(at - (at - low) * factor, at + (high - at) * factor);
  }

  move(parts) {
    const range = this.range();
    if (range === null) return;
    const [low, high] = range;
    this.fixed = [low + (high - low) * parts, high + (high - low) * parts];
  }

  pause(isPaused) {
    this.isPaused = isPaused;
    this.fixed = isPaused ? this.range() : null;
  }

  follow() {
    this.isPaused = false;
    this.fixed = null;
  }
}
