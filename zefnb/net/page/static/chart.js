// Marks of a time axis in ISO 8601 and local time, as in the tables: dates, or times as exact as the steps between marks.
const moments = (plot, marks, axis, space, step) =>
  marks.map((mark) => {
    const text = new Date(mark * 1000 - new Date(mark * 1000).getTimezoneOffset() * 60_000).toISOString();
    if (step >= 86_400) return text.slice(0, 10);
    return step >= 60 ? text.slice(11, 16) : text.slice(11, step >= 1 ? 19 : 21);
  });

kinds.Chart = (host, { x, y, last, points: isPoints }) => {
  const canvas = labelled(host, make("div", { className: "zef-chart", role: "img" }), "Chart");
  const latest = make("p", { className: "zef-note" });
  host.append(canvas, latest);
  const names = y.length ? y : ["value"];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let points = [];
  let plot = null;
  const columns = () => {
    // The horizontal axis must be in order.
    const ordered = x === null ? points : [...points].sort((a, b) => a[0] - b[0]);
    return [0, ...names.map((_, index) => index + 1)].map((column) => ordered.map((point) => point[column]));
  };
  const draw = () => {
    plot?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--edge"), width: 1 }, ticks: { show: false } };
    const series = names.map((name, index) => ({
      label: name,
      stroke: colour(`--line-${(index % 4) + 1}`),
      width: 2,
      paths: isPoints ? () => null : undefined,
      points: isPoints ? { show: true, size: 6 } : undefined,
    }));
    plot = new uPlot(
      {
        width: Math.max(canvas.clientWidth, 100),
        height: 220,
        scales: { x: { time: x === null } },
        axes: [x === null ? { ...axis, values: moments, space: 70 } : axis, { ...axis, size: 60 }],
        series: [{ label: x ?? "time" }, ...series],
        legend: { show: false },
        cursor: { drag: { x: false, y: false } },
      },
      columns(),
      canvas,
    );
  };
  const show = () => {
    plot.setData(columns());
    const point = points.at(-1);
    latest.textContent = point
      ? `Latest ${names.map((name, index) => `${y.length ? `${name}: ` : ""}${written(point[index + 1])}`).join(", ")}`
      : "No values yet";
  };
  draw();
  show();
  dark.addEventListener("change", draw);
  document.addEventListener("zef-theme", draw);
  new ResizeObserver(() => plot.setSize({ width: Math.max(canvas.clientWidth, 100), height: 220 })).observe(canvas);
  return {
    state: (items) => {
      points = items;
      show();
    },
    update: (items) => {
      points = appended(points, items, last);
      show();
    },
  };
};
