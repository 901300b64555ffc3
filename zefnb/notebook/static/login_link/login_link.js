// The link with the token. It arrives over the kernel's channel when this view requests it, and is in no saved state.

const line = (...children) => {
  const node = document.createElement("div");
  node.append(...children);
  return node;
};

export default {
  render({ model, el }) {
    const show = (content) => {
      model.off("msg:custom", show);
      if (!content.link) {
        el.replaceChildren(line("The link to log in was shown before. Run the cell again to see it again."));
        return;
      }
      const link = Object.assign(document.createElement("a"), {
        href: new URL(content.link, location.href).href,
        target: "_blank",
        rel: "noopener noreferrer",
        textContent: new URL(content.link, location.href).href,
      });
      el.replaceChildren(line("Log in: ", link));
    };
    model.on("msg:custom", show);
    model.send({ host: location.host, origin: location.origin });
    return () => model.off("msg:custom", show);
  },
};
