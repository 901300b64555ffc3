// Topics: publish to any topic, and follow the messages of one.

class Topics {
  constructor({ act, follow }) {
    Object.assign(this, { act, follow });
    this.followed = null;
    this.names = h("datalist", { id: freshId("topics") });
    this.topic = h("input", { type: "text", list: this.names.id, placeholder: "topic", class: "zw-topic", autocomplete: "off" });
    this.followButton = h("button", { type: "button", onclick: () => this.toggle() }, "Follow");
    this.list = h("div", { class: "zw-topics", role: "list", "aria-label": "Topics" });
    this.frames = new Frames("Messages of the topic", "");
    this.frames.root.hidden = true;
    this.count = h("span", { class: "zw-muted" });
    this.root = h(
      "details",
      { class: "zw-section" },
      h("summary", {}, "Topics ", this.count),
      this.list,
      this.form(),
      this.frames.root,
    );
  }

  form() {
    const as = choice("Publish as", AS);
    const content = h("input", { type: "text", placeholder: "message", autocomplete: "off" });
    const submit = (event) => {
      event.preventDefault();
      this.act({ do: "publish", topic: this.topic.value, as: as.value, content: content.value });
      content.select();
    };
    return h(
      "form",
      { class: "zw-form", onsubmit: submit },
      labelled("Topic", this.topic),
      this.names,
      this.followButton,
      h("span", { class: "zw-gap" }),
      as,
      labelled("Message", content),
      h("button", { type: "submit", class: "zw-primary" }, "Publish"),
    );
  }

  toggle() {
    const name = this.topic.value.trim();
    this.show(this.followed !== null && this.followed === name ? null : name || null);
  }

  show(name) {
    this.followed = name;
    if (name !== null) this.topic.value = name;
    this.frames.root.hidden = name === null;
    this.frames.clear(`waiting for messages of ${name}`);
    setText(this.followButton, name === null ? "Follow" : "Stop following");
    this.mark();
    this.follow(name);
  }

  take({ topic, items, skipped }) {
    if (topic === this.followed) this.frames.add(items, skipped);
  }

  update(topics, count) {
    setText(this.count, count ? numberText(count) : "none yet");
    this.names.replaceChildren(...topics.map(({ name }) => h("option", { value: name })));
    const known = new Map([...this.list.children].map((item) => [item.dataset.name, item]));
    topics.forEach((topic, n) => {
      const item = known.get(topic.name) ?? this.item(topic.name);
      known.delete(topic.name);
      setText(item.rest, this.about(topic));
      if (this.list.children[n] !== item) this.list.insertBefore(item, this.list.children[n] ?? null);
    });
    for (const item of known.values()) item.remove();
    this.mark();
  }

  about({ subscribers, published, rate }) {
    const pace = rate ? `, ${rateText(rate)}/s` : "";
    return `${plural(subscribers, "subscriber")}, ${numberText(published)} published${pace}`;
  }

  item(name) {
    const button = h("button", { type: "button", class: "zw-chip", title: name }, uidText(name));
    button.addEventListener("click", () => this.show(this.followed === name ? null : name));
    const rest = h("span", { class: "zw-muted" });
    const item = h("div", { role: "listitem", "data-name": name }, button, rest);
    return Object.assign(item, { rest, button });
  }

  mark() {
    for (const item of this.list.children) setAttribute(item.button, "aria-pressed", item.dataset.name === this.followed);
  }
}
