// One client closely: its last frames, its actor's state, and what one can do to it.

const AS = [["text", "Text"], ["json", "JSON"], ["hex", "Hex bytes"]];

class Detail {
  constructor({ act, close }) {
    this.act = act;
    this.key = null;
    this.title = h("h3", {});
    this.facts = h("p", { class: "zw-facts" });
    this.state = h("pre", { class: "zw-state", tabindex: 0, "aria-label": "State of its actor" });
    this.stateBox = h("section", { "aria-label": "State" }, h("h4", {}, "Actor state"), this.state);
    this.frames = new Frames("Last frames", "nothing yet; frames are kept while you look");
    this.root = h(
      "section",
      { class: "zw-detail", hidden: true, "aria-label": "Selected client" },
      h("header", {}, this.title, h("button", { type: "button", class: "zw-x", "aria-label": "Close the details", onclick: close }, "✕")),
      this.facts,
      h("div", { class: "zw-two" }, h("section", { "aria-label": "Frames" }, h("h4", {}, "Last frames"), this.frames.root), this.stateBox),
      this.sendForm(),
    );
  }

  sendForm() {
    const as = choice("Send as", AS);
    const content = h("input", { type: "text", placeholder: "message to this client", autocomplete: "off" });
    const send = h("button", { type: "submit", class: "zw-primary" }, "Send");
    const code = h("input", { type: "number", value: 1000, min: 1000, max: 4999, class: "zw-code-box" });
    const reason = h("input", { type: "text", placeholder: "reason", maxlength: 120, class: "zw-reason" });
    const close = careful("Close client", "Really close?", () =>
      this.act({ do: "close", client: this.key, code: Number(code.value), reason: reason.value }));
    const submit = (event) => {
      event.preventDefault();
      this.act({ do: "send", client: this.key, as: as.value, content: content.value });
      content.select();
    };
    this.form = h(
      "form",
      { class: "zw-form", onsubmit: submit },
      as,
      labelled("Message", content),
      send,
      h("span", { class: "zw-gap" }),
      labelled("Close code", code),
      labelled("Reason", reason),
      close,
    );
    return this.form;
  }

  show(key, cells) {
    this.key = key;
    this.root.hidden = key === null;
    if (key === null) return;
    const at = (name) => cells[COLUMNS.indexOf(name)];
    setText(this.title, `Client ${at("id")} of ${at("path")}`);
    this.frames.clear();
    setText(this.facts, "");
    setText(this.state, "");
    this.stateBox.hidden = true;
    this.setOpen(true);
    this.about = [at("address"), at("origin") && `page of ${at("origin")}`, `since ${momentText(at("since"))}`];
  }

  setOpen(open) {
    for (const control of this.form.elements) control.disabled = !open;
  }

  take(message) {
    if (message.client !== this.key) return;
    if (message.frames) this.frames.add(message.frames);
    if (message.facts) this.takeFacts(message.facts);
    if (message.state !== undefined && message.state !== null) {
      this.stateBox.hidden = false;
      setText(this.state, message.state);
    }
  }

  takeFacts({ open, close_code: code, host, ignored, actor }) {
    const facts = [
      open ? null : `closed with ${code}`,
      ...this.about,
      host && `asked for ${host}`,
      ignored ? `${plural(ignored, "message")} ignored` : null,
      actor && `actor handled ${numberText(actor.handled)}, ${numberText(actor.waiting)} waiting`,
      actor?.faults ? plural(actor.faults, "fault") : null,
    ];
    setText(this.facts, facts.filter(Boolean).join("  ·  "));
    this.root.classList.toggle("zw-gone", !open);
    this.setOpen(open);
  }
}
