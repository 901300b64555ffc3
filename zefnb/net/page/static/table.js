kinds.Table = (host, { columns, last }) => {
  const scroll = labelled(host, make("div", { className: "zef-scroll", tabIndex: 0, role: "region" }), "Table");
  host.append(scroll);
  let rows = [];
  const show = () => {
    const names = columns.length ? columns : [...new Set(rows.flatMap(Object.keys))];
    if (!names.length) {
      scroll.replaceChildren(make("p", { className: "zef-note", textContent: "No rows yet" }));
      return;
    }
    const classOf = (value) => (typeof value === "number" ? "zef-number" : "");
    const heading = (name) =>
      make("th", { scope: "col", textContent: name, className: classOf(rows.at(-1)?.[name]) });
    const head = make("tr", {}, ...names.map(heading));
    const body = [...rows].reverse().map((row) =>
      make(
        "tr",
        {},
        ...names.map((name) => make("td", { textContent: written(row[name]), className: classOf(row[name]) })),
      ),
    );
    scroll.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...body)));
  };
  show();
  return {
    state: (items) => {
      rows = items;
      show();
    },
    update: (items) => {
      rows = appended(rows, items, last);
      show();
    },
  };
};
