// The details of the selected row: its last frames, its actor's state, and the actions on it.

const AS = [["text", "Text"], ["json", "JSON"], ["hex", "Hex bytes"]];

// The controls of one box of an action, and the function that reads them.
function boxControls({ name, label, kind, hint, value }) {
  if (kind === "content") {
    const as = choice("Send as", AS);
    const content = h("input", { type: "text", placeholder: hint, autocomplete: "off" });
    return { controls: [as, labelled(label, content)], read: () => ({ as: as.value, [name]: content.value }), main: content };
  }
  const type = kind === "number" ? "number" : "text";
  const box = h("input", { type, placeholder: hint, value, maxlength: 120, class: `zw-box-${type}` });
  return { controls: [labelled(label, box)], read: () => ({ [name]: type === "number" ? Number(box.value) : box.value }) };
}

class Detail {
  constructor(table, { act, close }) {
    Object.assign(this, { table, act });
    this.key = null;
    this.title = h("h3", {});
    this.facts = h("p", { class: "zw-facts" });
    this.state = h("pre", { class: "zw-state", tabindex: 0, "aria-label": "State of its actor" });
    this.stateBox = h("section", { "aria-label": "State" }, h("h4", {}, "Actor state"), this.state);
    this.frames = new Frames("Last frames", "");
    const frames = h("section", { "aria-label": "Frames", hidden: !table.has_frames }, h("h4", {}, "Last frames"), this.frames.root);
    this.forms = table.actions.map((action) => this.form(action));
    this.root = h(
      "section",
      { class: "zw-detail", hidden: true, "aria-label": `Selected ${table.noun}` },
      h("header", {}, this.title, h("button", { type: "button", class: "zw-x", "aria-label": "Close the details", onclick: close }, "✕")),
      this.facts,
      h("div", { class: "zw-two", hidden: !table.has_frames && !table.has_state }, frames, this.stateBox),
      h("div", { class: "zw-form" }, ...this.forms),
    );
  }

  form({ name, label, question, boxes }) {
    const given = boxes.map(boxControls);
    const main = given.find((box) => box.main)?.main;
    const act = () => {
      this.act({ do: "act", action: name, row: this.key, ...Object.assign({}, ...given.map((box) => box.read())) });
      main?.select();
    };
    const button = question ? confirmButton(label, question, act) : h("button", { type: "submit", class: "zw-primary" }, label);
    const submit = (event) => {
      event.preventDefault();
      if (!question) act();
    };
    return h("form", { class: `zw-form ${main ? "zw-wide" : ""}`, onsubmit: submit }, ...given.flatMap((box) => box.controls), button);
  }

  show(key, cells) {
    this.key = key;
    this.root.hidden = key === null;
    if (key === null) return;
    setText(this.title, "");
    this.frames.clear();
    setText(this.state, "");
    this.stateBox.hidden = true;
    this.setOpen(true);
    this.cells = cells;
    this.fixedFacts = [];
    setText(this.facts, "");
  }

  // The fixed values are shown here, because their columns may be left out; but not those in the title.
  fact({ title, reads, fixed, if_different: ofSeveral }, value, shown) {
    if (!fixed || value === null || value === undefined || value === "" || ofSeveral) return [];
    if (shown.split(" ").includes(String(value))) return [];
    return [`${title} ${reads === "time" ? momentText(value) : readAs(reads, value)}`];
  }

  setOpen(open) {
    for (const form of this.forms) for (const control of form.elements) control.disabled = !open;
  }

  take(message) {
    if (message.row !== this.key) return;
    if (message.title !== undefined) {
      setText(this.title, message.title);
      this.fixedFacts = this.table.columns.flatMap((column, n) => this.fact(column, this.cells?.[n], message.title));
    }
    if (message.hint) this.frames.clear(message.hint);
    if (message.frames) this.frames.add(message.frames, message.skipped);
    if (message.facts) setText(this.facts, [...this.fixedFacts, ...message.facts].join(SEPARATOR));
    if (message.open !== undefined) {
      this.root.classList.toggle("zw-closed", !message.open);
      this.setOpen(message.open);
    }
    if (message.state !== undefined && message.state !== null) {
      this.stateBox.hidden = false;
      setText(this.state, message.state);
    }
  }
}
