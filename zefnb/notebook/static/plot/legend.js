// The legend: a button for each series, which shows and hides its line, with its last value or the one at the mouse.

class Legend {
  constructor(panels, toggled) {
    Object.assign(this, { panels, toggled });
    this.root = h("div", { class: "zp-legend", role: "group", "aria-label": "Lines" });
    this.hidden = new Set();
    this.items = [];
  }

  isHidden(index) {
    return this.hidden.has(index);
  }

  build(lines, colours) {
    this.lines = lines;
    this.items = lines.map((line, index) => this.items[index] ?? this.item(line, index));
    if (this.root.children.length !== this.items.length) this.root.replaceChildren(...this.items.map(({ button }) => button));
    this.paint(colours);
  }

  item({ label }, index) {
    const swatch = svg("svg", { width: 18, height: 8, "aria-hidden": "true" }, svg("line", { x1: 0, x2: 18, y1: 4, y2: 4 }));
    const value = h("span", { class: "zp-value" });
    const button = h(
      "button",
      { type: "button", class: "zp-line", "aria-pressed": "true", title: `Show or hide ${label}`, onclick: () => this.toggle(index) },
      swatch, h("span", { class: "zp-label" }, label), value,
    );
    return { button, value, line: swatch.firstChild };
  }

  paint({ lines }) {
    this.items.forEach(({ line }, index) => {
      setAttribute(line, "stroke", lines[index % lines.length]);
      setAttribute(line, "stroke-width", 2);
      setAttribute(line, "stroke-dasharray", DASHES[Math.floor(index / lines.length) % DASHES.length].join(" "));
    });
  }

  toggle(index) {
    const isShown = this.hidden.delete(index);
    if (!isShown) this.hidden.add(index);
    setAttribute(this.items[index].button, "aria-pressed", String(isShown));
    this.toggled(index, isShown);
  }

  // `values` has a value for each series.
  show(values) {
    this.items.forEach(({ value }, index) => setText(value, figureText(values[index], this.panels[this.lines[index].panel].reads)));
  }
}
