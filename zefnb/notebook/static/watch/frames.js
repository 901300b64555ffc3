// A list of messages, the newest last: text as text, JSON folded, bytes as a hex view.

const MOST_SHOWN = 200;
const LONGEST_LINE = 160;

const oneLine = (text) => {
  const line = text.replace(/\s+/g, " ");
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}…` : line;
};

const folded = (summary, full, look = null) => h("details", {}, h("summary", {}, summary), h("pre", { class: look }, full));

function binaryContent(item) {
  const bytes = bytesOf(item.body);
  const begin = [...bytes.subarray(0, 12)].map(hexOf).join(" ");
  const more = item.size > bytes.length ? `\n… ${sizeText(item.size - bytes.length)} more` : "";
  return folded(`${begin}${item.size > 12 ? " …" : ""}`, hexView(bytes) + more, "zw-hex");
}

function textContent(item) {
  const cut = item.size > item.body.length ? ` … ${numberText(item.size)} characters in all` : "";
  const value = cut ? undefined : asJson(item.body);
  if (value !== undefined) return folded(oneLine(item.body), JSON.stringify(value, null, 2));
  if (item.body.length <= LONGEST_LINE && !item.body.includes("\n")) return h("span", { class: "zw-text" }, item.body);
  return folded(oneLine(item.body), item.body + cut);
}

const ARROWS = { in: ["↓", "received"], out: ["↑", "sent"] };

function frame(item) {
  const [arrow, meaning] = ARROWS[item.dir] ?? ["", ""];
  const size = item.kind === "binary" ? sizeText(item.size) : "";
  return h(
    "div",
    { class: `zw-frame zw-${item.dir ?? "any"}` },
    h("time", {}, clockText(item.at)),
    arrow ? h("span", { class: "zw-arrow", title: meaning, "aria-label": meaning }, arrow) : null,
    h("div", { class: "zw-content" }, item.kind === "binary" ? binaryContent(item) : textContent(item)),
    h("span", { class: "zw-size" }, size),
  );
}

class Frames {
  constructor(label, whenEmpty) {
    this.hint = h("div", { class: "zw-hint" }, whenEmpty);
    this.root = h("div", { class: "zw-frames", role: "log", "aria-label": label, "aria-live": "off", tabindex: 0 }, this.hint);
  }

  add(items, skipped = 0) {
    const atEnd = this.root.scrollHeight - this.root.scrollTop - this.root.clientHeight < 30;
    this.hint.remove();
    if (skipped) this.root.append(h("div", { class: "zw-hint" }, `${plural(skipped, "message")} more were skipped`));
    this.root.append(...items.map(frame));
    while (this.root.childElementCount > MOST_SHOWN) this.root.firstElementChild.remove();
    // The list follows new messages only if the reader was at its end.
    if (atEnd) this.root.scrollTop = this.root.scrollHeight;
  }

  clear(hint) {
    if (hint) setText(this.hint, hint);
    this.root.replaceChildren(this.hint);
  }
}
