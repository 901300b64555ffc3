// The pages of a server in a frame, under the cell that started the server.

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** The address for this page: a browser treats another name of this machine as a foreign site. */
const addressOf = (link) => {
  const url = new URL(link, location.href);
  if (LOOPBACK.includes(url.hostname) && LOOPBACK.includes(location.hostname)) url.hostname = location.hostname;
  return url;
};

const make = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

/** "light" or "dark": the theme of the notebook, by the colour of its text, which every notebook sets. */
const themeAt = (el) => {
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = getComputedStyle(el.isConnected ? el : document.body).color;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 127 ? "dark" : "light";
};

/** Call `call` when the theme of the notebook may have changed. Returns the function that ends this. */
const onTheme = (call) => {
  const later = () => requestAnimationFrame(call);
  const observer = new MutationObserver(later);
  for (const element of [document.documentElement, document.body]) observer.observe(element, { attributes: true });
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  preferred.addEventListener("change", later);
  return () => {
    observer.disconnect();
    preferred.removeEventListener("change", later);
  };
};

export default {
  render({ model, el }) {
    const pages = model.get("pages").map(([link, title]) => ({ url: addressOf(link), title }));
    const frame = make("iframe", { title: "Page of the server" });
    const link = make("a", { target: "_blank", rel: "noopener noreferrer", style: "color: inherit" });
    const buttons = pages.map(({ url, title }, number) =>
      make("button", { type: "button", textContent: title || url.pathname, onclick: () => choose(number) }),
    );
    const tabs = make("div", { role: "group", ariaLabel: "Pages of the server" }, ...buttons);
    frame.style.cssText = "width: 100%; height: 30rem; border: 1px solid #8884; border-radius: 6px; resize: vertical";
    tabs.style.cssText = "display: flex; flex-wrap: wrap; gap: 0.4rem; margin-bottom: 0.4rem";
    for (const button of buttons) button.style.cssText = "font: inherit; color: inherit; background: none; padding: 0.2rem 0.7rem; border: 1px solid #8888; border-radius: 6px; cursor: pointer";
    let key = "";
    let theme = "";

    const choose = (number) => {
      link.href = link.textContent = pages[number].url.href;
      buttons.forEach((button, index) => {
        button.ariaPressed = index === number;
        button.style.fontWeight = index === number ? "bold" : "normal";
      });
      theme = themeAt(el);
      frame.style.colorScheme = theme;
      const address = new URL(pages[number].url);
      address.searchParams.set("zef-frame", key);
      address.hash = `zef-theme=${theme}`;
      frame.src = address;
    };
    const pass = () => frame.contentWindow?.postMessage({ zefTheme: theme }, "*");
    const update = () => {
      const found = themeAt(el);
      if (found === theme || !theme) return;
      theme = frame.style.colorScheme = found;
      pass();
    };
    const show = (message) => {
      model.off("msg:custom", show);
      key = message.key;
      choose(0);
      el.replaceChildren(...(pages.length > 1 ? [tabs] : []), link, frame);
    };
    const endTheme = onTheme(update);
    frame.addEventListener("load", pass);
    // The kernel replies when the server accepts the host of this page.
    model.on("msg:custom", show);
    model.send({ host: location.host, origin: location.origin });
    return () => {
      model.off("msg:custom", show);
      endTheme();
    };
  },
};
