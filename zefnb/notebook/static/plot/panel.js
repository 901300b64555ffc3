// One of the pictures above each other: uPlot with the series of this panel.

const TALL = 240;
const LOW = 110;
const LEAST_WIDTH = 120;
const LEAST_DRAG = 4;
const Y_AXIS = 62;
const DASHES = [[], [7, 4], [2, 3]];

class Panel {
  // `zoom(low, high)`, `follow()` and `point(seconds)` are called for what a mouse does here.
  constructor(about, number, app) {
    Object.assign(this, { about, number, app });
    this.canvas = h("div", { class: "zp-canvas", role: "img" });
    this.root = h("div", { class: "zp-panel" }, about.title ? h("div", { class: "zp-panel-title" }, about.title) : null, this.canvas);
    this.height = app.about.panels.length > 1 ? LOW : TALL;
    this.plot = null;
    this.lines = [];
  }

  // `lines` are the series of the chart that this panel has, each with its number in the chart.
  build(lines, isTime) {
    this.plot?.destroy();
    this.lines = lines;
    this.isTime = isTime;
    const { app, about } = this;
    const axis = { stroke: () => app.colours.muted, grid: { stroke: () => app.colours.grid, width: 1 }, ticks: { show: false }, font: app.font };
    const series = lines.map(({ label, index }) => ({
      label,
      stroke: () => app.colours.lines[index % app.colours.lines.length],
      dash: DASHES[Math.floor(index / app.colours.lines.length) % DASHES.length],
      width: 1.5,
      points: { size: 5, fill: () => app.colours.lines[index % app.colours.lines.length] },
      show: !app.legend.isHidden(index),
    }));
    const xMarks = (plot, marks, number, space, step) => marks.map((mark) => (isTime ? timeMark(mark, step) : markText(mark, "number")));
    this.plot = new uPlot(
      {
        width: this.width(),
        height: this.height,
        padding: [8, 10, 0, 0],
        scales: { x: { time: isTime, auto: false }, y: { range: about.from_zero ? fromZero : around } },
        axes: [
          { ...axis, values: xMarks, space: 74, size: 28 },
          { ...axis, values: (plot, marks) => marks.map((mark) => markText(mark, about.reads)), size: Y_AXIS, space: 34 },
        ],
        series: [{}, ...series],
        legend: { show: false },
        cursor: {
          drag: { x: true, y: false, setScale: false },
          points: { size: 7 },
          dataIdx: (plot, series, at) => nearest(plot.data[series], at),
          sync: { key: app.sync, setSeries: false },
          bind: { dblclick: () => () => app.follow() },
        },
        hooks: { setSelect: [(plot) => this.selected(plot)], setCursor: [(plot) => app.pointed(this, plot)] },
      },
      [[], ...series.map(() => [])],
      this.canvas,
    );
  }

  selected(plot) {
    const { left, width } = plot.select;
    if (width < LEAST_DRAG) return;
    this.app.zoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
  }

  width() {
    return Math.max(this.canvas.clientWidth, LEAST_WIDTH);
  }

  // The width of the lines' area in pixels of the page.
  columns() {
    return Math.max(50, this.width() - Y_AXIS - 10);
  }

  draw(data, low, high) {
    if (!this.plot) return;
    this.plot.batch(() => {
      this.plot.setData([data[0], ...this.lines.map(({ index }) => data[index + 1])], false);
      // An equal scale alone would draw the old lines again.
      this.plot.redraw(true, false);
      this.plot.setScale("x", { min: low, max: high });
    });
  }

  resize() {
    this.plot?.setSize({ width: this.width(), height: this.height });
  }

  toggle(index, isShown) {
    const at = this.lines.findIndex((line) => line.index === index);
    if (at >= 0) this.plot?.setSeries(at + 1, { show: isShown });
  }

  close() {
    this.plot?.destroy();
    this.plot = null;
  }
}

const fromZero = (plot, low, high) => [0, high > 0 ? high * 1.1 : 1];

// A range that is never empty, with a margin.
function around(plot, low, high) {
  if (low === null || high === null) return [0, 1];
  if (low === high) return low === 0 ? [-1, 1] : [low - Math.abs(low) * 0.1, high + Math.abs(high) * 0.1];
  return uPlot.rangeNum(low, high, 0.05, false);
}

// The position of the value that is closest to a position, since most positions belong to other series.
function nearest(values, at) {
  for (let far = 0; far < values.length; far++) {
    if (values[at - far] != null) return at - far;
    if (values[at + far] != null) return at + far;
  }
  return at;
}
