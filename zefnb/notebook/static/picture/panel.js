// The side panel: the details of the selected box, its errors, and the clients of a route.

class Panel {
  constructor({ act, select, close }) {
    Object.assign(this, { act, select, closed: close });
    this.id = null;
    this.detail = null;
    this.back = h("button", { type: "button", class: "zp-back", hidden: true, onclick: () => this.select(this.id, null) }, "‹ All clients");
    this.members = h("div", { class: "zp-members", role: "group", "aria-label": "Clients" });
    this.errors = h("div", { class: "zp-errors" });
    this.errorBox = h("section", { "aria-label": "Errors", hidden: true }, h("h4", {}, "Errors"), this.errors);
    this.root = h("aside", { class: "zp-panel", hidden: true, "aria-label": "Details" });
  }

  show(id) {
    this.id = id;
    this.root.hidden = id === null;
    if (id === null) this.root.replaceChildren();
  }

  take(message) {
    if (message.row !== this.id) return;
    if (message.spec) this.begin(message);
    if (!this.detail) return;
    this.detail.take(message);
    if (message.errors) this.showErrors(message.errors);
    if (message.members) this.showMembers(message.members);
  }

  // The first message about a box has the description of its details.
  begin({ spec, client }) {
    // The focus must not leave the panel with the button that has been pressed.
    const hadFocus = this.root.contains(document.activeElement);
    this.detail = new Detail(spec, { act: this.act, close: this.closed });
    this.detail.show(this.id, null);
    if (spec.noun === "database") setText(this.detail.stateBox.querySelector("h4"), "First keys");
    this.back.hidden = client === null;
    this.errorBox.hidden = true;
    this.members.replaceChildren();
    const parts = [this.back, this.detail.root];
    this.detail.facts.after(this.errorBox, this.members);
    this.root.replaceChildren(...parts);
    if (hadFocus) (this.back.hidden ? this.detail.root.querySelector(".zw-x") : this.back).focus();
  }

  showErrors(errors) {
    this.errorBox.hidden = errors.length === 0;
    // An unfolded error stays unfolded.
    const open = new Set([...this.errors.querySelectorAll("details[open]")].map(({ dataset }) => dataset.text));
    this.errors.replaceChildren(
      ...errors.map(({ at, text: says, count, traceback }) => {
        const times = count > 1 ? ` (${numberText(count)} times)` : "";
        const summary = h("summary", {}, h("time", {}, clockText(at)), ` ${says}${times}`);
        return h("details", { "data-text": says, open: open.has(says) }, summary, h("pre", {}, traceback || says));
      }),
    );
  }

  showMembers({ clients, total }) {
    const known = new Map([...this.members.children].map((chip) => [chip.dataset.client, chip]));
    const chips = clients.map(([channel, shown]) => {
      const chip = known.get(String(channel)) ?? h("button", { type: "button", class: "zw-chip", "data-client": channel, onclick: () => this.select(this.id, channel) });
      setText(chip, shown);
      return chip;
    });
    const more = total - clients.length;
    if (more > 0) chips.push(h("span", { class: "zw-muted" }, `and ${numberText(more)} more: watch() lists all`));
    // Moving a chip would take its focus away.
    const same = chips.length === this.members.children.length && chips.every((chip, n) => chip === this.members.children[n]);
    if (!same) this.members.replaceChildren(...chips);
  }
}
