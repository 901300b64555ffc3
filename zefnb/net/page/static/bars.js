kinds.Bars = (host, { options }) => {
  const list = labelled(host, make("ul", { className: "zef-bars" }), "Counts");
  host.append(list);
  const rows = new Map();
  const row = (label) => {
    const name = make("span", { className: "zef-bar-label", textContent: label });
    const fill = make("span", { className: "zef-fill" });
    const count = make("span", { className: "zef-count" });
    list.append(make("li", {}, name, make("span", { className: "zef-track" }, fill), count));
    rows.set(label, { fill, count });
    return rows.get(label);
  };
  const show = (counts) => {
    const all = new Map([...options.map((option) => [option, 0]), ...counts]);
    const most = Math.max(1, ...all.values());
    const total = [...all.values()].reduce((sum, count) => sum + count, 0);
    for (const [label, value] of all) {
      const { fill, count } = rows.get(label) ?? row(label);
      fill.style.width = `${(100 * value) / most}%`;
      const share = total ? ` (${Math.round((100 * value) / total)} %)` : "";
      count.textContent = `${numbers.format(value)}${share}`;
    }
    for (const [label, { count }] of rows) {
      if (!all.has(label)) {
        count.closest("li").remove();
        rows.delete(label);
      }
    }
  };
  show([]);
  return { state: show, update: show };
};
