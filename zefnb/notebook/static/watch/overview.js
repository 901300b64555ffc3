// The head of the view: the status, the counts, the servers with their routes, and the search.

class Overview {
  constructor(table, { act, filter, search }) {
    Object.assign(this, { act, filter });
    this.chosen = { server: null, path: null };
    this.facts = { servers: [], clients: 0, faults: 0, outward: [], timers: [], cluster: [], actor_count: 0 };
    this.light = h("span", { class: "zw-light", "aria-hidden": "true" });
    this.status = h("span", { class: "zw-status", role: "status" }, "connecting…");
    this.counts = h("span", { class: "zw-counts" });
    this.found = h("span", { class: "zw-counts", role: "status" });
    this.box = h("input", { type: "search", placeholder: "search ( / )", class: "zw-search", autocomplete: "off" });
    this.box.addEventListener("input", () => search(this.box.value));
    this.servers = h("div", { class: "zw-servers", role: "group", hidden: !table.by_server, "aria-label": "Servers and routes" });
    this.root = h(
      "header",
      { class: "zw-overview" },
      h("div", { class: "zw-bar" }, this.light, this.status, this.counts, h("span", { class: "zw-gap" }), this.found, labelled(`Search ${table.noun}s`, this.box)),
      this.servers,
    );
  }

  setStatus(kind, text) {
    this.light.className = `zw-light zw-${kind}`;
    setText(this.status, text);
  }

  // The number of rows that were found; empty while all rows are shown.
  setFound(total, narrowed) {
    setText(this.found, narrowed ? `${numberText(total)} found` : "");
  }

  update(news) {
    Object.assign(this.facts, news);
    this.drawCounts();
    if (news.servers) this.drawServers();
  }

  drawCounts() {
    const { servers, clients, faults, outward, timers, cluster, actor_count: actors } = this.facts;
    const parts = [plural(servers.length, "server"), plural(clients, "client")];
    if (actors) parts.push(plural(actors, "actor"));
    if (timers.length) parts.push(plural(timers.length, "timer"));
    if (outward.length) parts.push(`${outward.length} outward`);
    const fault = faults ? h("span", { class: "zw-highlight", title: "FX.QueryLog(level='error') shows them" }, plural(faults, "fault")) : null;
    const joined = cluster.map((each) => this.cluster(each));
    this.counts.replaceChildren(parts.join(" · "), ...[...joined, ...(fault ? [fault] : [])].flatMap((part) => [" · ", part]));
  }

  cluster({ name, broker, nodes, shared, waiting, problem }) {
    const title = `at ${broker}; shared: ${shared}`;
    if (!problem) return h("span", { title }, `cluster ${name}: ${plural(nodes, "node")}`);
    return h("span", { class: "zw-highlight", title: problem }, `cluster ${name}: no broker, ${plural(waiting, "message")} waiting`);
  }

  drawServers() {
    const drawn = this.facts.servers.map((server) => this.server(server));
    // While only numbers change, the buttons stay the same elements, so that no click is lost.
    const shape = JSON.stringify(this.facts.servers.map(({ uid, place, port, endpoints }) => [uid, place, port, endpoints.map(({ path }) => path)]));
    if (shape === this.shape) return this.renumber();
    this.shape = shape;
    this.servers.replaceChildren(...drawn);
    this.mark();
  }

  server({ uid, place, port, secure, endpoints, refused }) {
    const name = h("button", { type: "button", class: "zw-chip zw-server", "data-server": place, title: uid }, `${secure ? "TLS " : ""}:${port}`);
    name.addEventListener("click", () => this.choose(place, null));
    const routes = endpoints.map(({ path, mode, clients }) => {
      const count = h("b", {}, numberText(clients));
      const chip = h("button", { type: "button", class: "zw-chip", "data-server": place, "data-path": path, title: `${mode} mode` }, `${path} `, count);
      chip.addEventListener("click", () => this.choose(place, path));
      return chip;
    });
    const stop = confirmButton("Stop", "Really stop?", () => this.act({ do: "stop", server: place }));
    stop.setAttribute("aria-label", `Stop the server on port ${port}`);
    const refusals = h("span", { class: "zw-muted", "data-refused": place }, refused ? `${refused} refused` : "");
    return h("span", { class: "zw-group" }, name, ...routes, refusals, stop);
  }

  renumber() {
    for (const { place, endpoints, refused } of this.facts.servers) {
      const chips = this.servers.querySelectorAll("[data-path]");
      for (const chip of chips) {
        const endpoint = endpoints.find(({ path }) => chip.dataset.server === place && chip.dataset.path === path);
        if (endpoint) setText(chip.querySelector("b"), numberText(endpoint.clients));
      }
      for (const text of this.servers.querySelectorAll("[data-refused]")) {
        if (text.dataset.refused === place) setText(text, refused ? `${refused} refused` : "");
      }
    }
  }

  choose(server, path) {
    const same = this.chosen.server === server && this.chosen.path === path;
    this.chosen = same ? { server: null, path: null } : { server, path };
    this.mark();
    this.filter(this.chosen);
  }

  mark() {
    const { server, path } = this.chosen;
    for (const chip of this.servers.querySelectorAll(".zw-chip")) {
      const pressed = chip.dataset.server === server && (chip.dataset.path ?? null) === path;
      setAttribute(chip, "aria-pressed", pressed);
    }
  }
}
