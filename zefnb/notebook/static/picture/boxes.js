// The drawing: boxes and arrows as SVG. A box can be selected by a click or by Enter, and arrow keys move the focus.

const NAME_FONT = "600 12.5px";
const LINE_FONT = "11px";
const PADDING = 11;
const SEEN_AS = { part: "has", flow: "sends to", seen: "has been observed to use" };
const DIRECTIONS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

// Cuts texts to the width that the browser needs for them.
class Cutter {
  constructor() {
    this.context = document.createElement("canvas").getContext("2d");
    this.family = "sans-serif";
  }

  fits(content, font, width) {
    this.context.font = `${font} ${this.family}`;
    return this.context.measureText(content).width <= width;
  }

  // The most characters of which `cut` makes a text that fits.
  longest(content, font, width, cut) {
    if (this.fits(content, font, width)) return content;
    let [least, most] = [0, content.length];
    while (least < most) {
      const middle = Math.ceil((least + most) / 2);
      if (this.fits(cut(content, middle), font, width)) least = middle;
      else most = middle - 1;
    }
    return cut(content, least);
  }

  // Names often differ at their end.
  name(content, width) {
    return this.longest(content, NAME_FONT, width, (all, count) => {
      const begin = Math.ceil(count / 2);
      return `${all.slice(0, begin)}…${all.slice(all.length - (count - begin))}`;
    });
  }

  line(content, width) {
    return this.longest(content, LINE_FONT, width, (all, count) => `${all.slice(0, count)}…`);
  }

  width(content, font) {
    this.context.font = `${font} ${this.family}`;
    return this.context.measureText(content).width;
  }
}

class Box {
  constructor(id, kind, select) {
    Object.assign(this, { id, kind });
    this.name = svg("text", { class: "zp-name", x: PADDING, y: 19 });
    this.line = svg("text", { class: "zp-line", x: PADDING, y: 36 });
    this.badge = svg("text", { class: "zp-badge", x: BOX_WIDTH - 9, y: 19, "text-anchor": "end" });
    this.title = svg("title");
    this.root = svg(
      "g",
      { class: `zp-box zp-${kind}`, role: "button", tabindex: -1, "data-id": id, onclick: () => select(id) },
      this.title,
      svg("rect", { class: "zp-frame", width: BOX_WIDTH, height: BOX_HEIGHT, rx: 5 }),
      svg("rect", { class: "zp-stripe", x: 0, y: 6, width: 3, height: BOX_HEIGHT - 12 }),
      this.name, this.badge, this.line,
    );
  }

  draw(content, [line, badge, waits, active], cutter) {
    const room = BOX_WIDTH - 2 * PADDING;
    setText(this.badge, badge);
    setText(this.name, cutter.name(content, room - (badge ? cutter.width(badge, `600 ${LINE_FONT}`) + 8 : 0)));
    setText(this.line, cutter.line(line, room));
    const whole = [`${content}: ${line}`, badge].filter(Boolean).join(", ");
    setText(this.title, whole);
    setAttribute(this.root, "aria-label", whole);
    this.root.classList.toggle("zp-waits", waits);
    this.root.classList.toggle("zp-active", active);
  }

  move({ x, y }) {
    this.at = { x, y };
    this.root.style.transform = `translate(${x}px, ${y}px)`;
  }
}

class Boxes {
  constructor(select) {
    this.select = select;
    this.cutter = new Cutter();
    this.boxes = new Map();
    this.arrows = new Map();
    this.names = new Map();
    this.zoom = 1;
    this.size = { width: 0, height: 0 };
    this.head = freshId("head");
    const marker = svg(
      "marker",
      { id: this.head, viewBox: "0 0 8 8", refX: 7.5, refY: 4, markerUnits: "userSpaceOnUse", markerWidth: 9, markerHeight: 9, orient: "auto-start-reverse" },
      svg("path", { class: "zp-head", d: "M0 0L8 4L0 8z" }),
    );
    this.below = svg("g", { "aria-hidden": "true" });
    this.above = svg("g");
    this.image = svg("svg", { role: "group", "aria-label": "Everything that runs" }, svg("defs", {}, marker), this.below, this.above);
    this.root = h("div", { class: "zp-canvas", onkeydown: (event) => this.key(event) }, this.image);
  }

  // Draw the boxes of a layout: a new one appears, an old one disappears, and the others move to their place.
  arrange(nodes, layout) {
    const focused = this.focused();
    this.cutter.family = getComputedStyle(this.root).fontFamily || "sans-serif";
    this.names = new Map(nodes.map(([id, , name]) => [id, name]));
    for (const [id, box] of this.boxes) {
      if (this.names.has(id)) continue;
      box.root.remove();
      this.boxes.delete(id);
    }
    nodes.forEach(([id, kind], place) => {
      if (!this.boxes.has(id)) this.boxes.set(id, new Box(id, kind, (chosen) => this.choose(chosen)));
      const box = this.boxes.get(id);
      box.move(layout.boxes.get(id));
      // In the order of the layout, in which a screen reader reads them.
      const other = this.above.children[place];
      if (other !== box.root) this.above.insertBefore(box.root, other ?? null);
    });
    this.connect(layout.arrows);
    this.size = layout;
    this.resize();
    this.keepOneStop();
    // An element that is moved or removed loses the focus.
    if (focused && this.focused() !== focused) {
      (focused.isConnected ? focused : this.boxes.get(this.stop)?.root)?.focus({ preventScroll: true });
    }
  }

  // The box that has the focus.
  focused() {
    const active = this.root.getRootNode().activeElement;
    return this.above.contains(active) ? active : null;
  }

  connect(arrows) {
    this.below.replaceChildren(
      ...arrows.map(({ edge: [source, target, kind, both], points }) => {
        const head = `url(#${this.head})`;
        const says = `${this.names.get(source)} ${SEEN_AS[kind]} ${this.names.get(target)}`;
        return svg(
          "path",
          {
            class: `zp-arrow zp-as-${kind}`, d: smooth(points), "data-source": source, "data-target": target,
            "marker-end": kind === "part" ? null : head, "marker-start": both ? head : null,
          },
          svg("title", {}, both ? `${says}, and the reverse` : says),
        );
      }),
    );
  }

  // Draw the texts, which change without the layout.
  write(texts) {
    for (const [id, box] of this.boxes) if (texts.has(id)) box.draw(this.names.get(id), texts.get(id), this.cutter);
    for (const arrow of this.below.children) {
      const { source, target } = arrow.dataset;
      const isActive = texts.get(source)?.[3] || (arrow.hasAttribute("marker-start") && texts.get(target)?.[3]);
      arrow.classList.toggle("zp-active", Boolean(isActive) && arrow.hasAttribute("marker-end"));
    }
  }

  resize() {
    const { width, height } = this.size;
    setAttribute(this.image, "viewBox", `-1 -1 ${width + 2} ${height + 2}`);
    setAttribute(this.image, "width", Math.ceil((width + 2) * this.zoom));
    setAttribute(this.image, "height", Math.ceil((height + 2) * this.zoom));
  }

  zoomTo(zoom) {
    this.zoom = Math.min(2, Math.max(0.3, zoom));
    this.resize();
  }

  choose(id) {
    this.setFocus(id);
    this.select(id);
  }

  mark(chosen) {
    for (const [id, box] of this.boxes) setAttribute(box.root, "aria-pressed", id === chosen ? "true" : null);
  }

  // The keyboard: one box is in the order of Tab, and arrow keys move between the boxes.

  keepOneStop() {
    if (this.boxes.has(this.stop)) return;
    const first = this.boxes.keys().next();
    if (!first.done) this.makeStop(first.value);
  }

  makeStop(id) {
    this.boxes.get(this.stop)?.root.setAttribute("tabindex", -1);
    this.stop = id;
    this.boxes.get(id)?.root.setAttribute("tabindex", 0);
  }

  reveal(id) {
    this.boxes.get(id)?.root.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  setFocus(id) {
    if (!this.boxes.has(id)) return;
    this.makeStop(id);
    this.boxes.get(id).root.focus();
  }

  key(event) {
    const id = event.target.closest?.(".zp-box")?.dataset.id;
    if (id === undefined) return;
    if (event.key === "Enter" || event.key === " ") this.choose(id);
    else if (event.key === "Home") this.setFocus(this.boxes.keys().next().value);
    else if (DIRECTIONS[event.key]) this.setFocus(this.nearest(id, DIRECTIONS[event.key]));
    else return;
    event.preventDefault();
  }

  // The nearest box in a direction. A box aside counts as farther away.
  nearest(id, [right, down]) {
    const from = this.boxes.get(id).at;
    let [best, least] = [id, Infinity];
    for (const [other, { at }] of this.boxes) {
      const [dx, dy] = [at.x - from.x, at.y - from.y];
      const along = dx * right + dy * down;
      const aside = Math.abs(dx * down) + Math.abs(dy * right);
      if (along > 1 && along + 2 * aside < least) [best, least] = [other, along + 2 * aside];
    }
    return best;
  }
}

// A smooth line through the points of dagre, which begins and ends horizontally.
function smooth(points) {
  const [first, ...rest] = points;
  let path = `M${first.x.toFixed(1)} ${first.y.toFixed(1)}`;
  let before = first;
  for (const point of rest) {
    const middle = ((before.x + point.x) / 2).toFixed(1);
    path += `C${middle} ${before.y.toFixed(1)} ${middle} ${point.y.toFixed(1)} ${point.x.toFixed(1)} ${point.y.toFixed(1)}`;
    before = point;
  }
  return path;
}
