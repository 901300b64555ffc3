// A chat client: an input box, and the messages that were sent and received.

const MOST_SHOWN = 200;
const PAUSES = [300, 600, 1200, 2500, 5000];

const h = (tag, attributes = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), attributes);
  node.append(...children);
  return node;
};

// A path belongs to the host of this page.
const absolute = (url) => {
  const found = new URL(url, location.href);
  if (found.protocol.startsWith("http")) found.protocol = found.protocol.replace("http", "ws");
  return found.href;
};

const shown = (data) => {
  if (typeof data === "string") return data;
  const bytes = [...new Uint8Array(data).slice(0, 64)].map((byte) => byte.toString(16).padStart(2, "0"));
  return `${data.byteLength} bytes: ${bytes.join(" ")}${data.byteLength > 64 ? " …" : ""}`;
};

export default {
  render({ model, el }) {
    const url = absolute(model.get("url"));
    const status = h("span", { className: "zc-status", role: "status", textContent: "connecting…" });
    const list = h("ol", { className: "zc-list", tabIndex: 0 });
    list.setAttribute("aria-label", "Messages");
    list.setAttribute("role", "log");
    const box = h("input", { className: "zc-box", placeholder: "message", autocomplete: "off" });
    box.setAttribute("aria-label", "Message");
    const button = h("button", { type: "submit", textContent: "Send", disabled: true });
    const form = h("form", { className: "zc-form" }, box, button);
    el.append(h("section", { className: "zc" }, h("header", {}, status, h("code", { textContent: url })), list, form));

    let socket = null;
    let tries = 0;
    let closed = false;
    let timer = 0;

    const add = (kind, text) => {
      const line = h("li", { className: `zc-${kind}` }, h("span", { textContent: kind === "in" ? "←" : kind === "out" ? "→" : "·" }), ` ${text}`);
      const atEnd = list.scrollTop + list.clientHeight >= list.scrollHeight - 4;
      list.append(line);
      while (list.children.length > MOST_SHOWN) list.firstChild.remove();
      if (atEnd) list.scrollTop = list.scrollHeight;
    };

    const connect = () => {
      // The host of this page, which a server behind a proxy must accept.
      model.send({ host: location.host, origin: location.origin });
      socket = new WebSocket(url);
      socket.binaryType = "arraybuffer";
      socket.onopen = () => {
        tries = 0;
        status.textContent = "connected";
        status.className = "zc-status zc-on";
        button.disabled = false;
      };
      socket.onmessage = (event) => add("in", shown(event.data));
      socket.onclose = (event) => {
        if (closed) return;
        if (!button.disabled) add("note", `closed with ${event.code}${event.reason ? `: ${event.reason}` : ""}`);
        button.disabled = true;
        status.textContent = "not connected, reconnecting…";
        status.className = "zc-status zc-off";
        timer = setTimeout(connect, PAUSES[Math.min(tries++, PAUSES.length - 1)]);
      };
    };

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (socket?.readyState !== WebSocket.OPEN || !box.value) return;
      socket.send(box.value);
      add("out", box.value);
      box.value = "";
    });
    // The notebook's shortcuts must not get the keys that are typed here.
    el.addEventListener("keydown", (event) => event.stopPropagation());
    connect();
    return () => {
      closed = true;
      clearTimeout(timer);
      socket?.close();
    };
  },
};
