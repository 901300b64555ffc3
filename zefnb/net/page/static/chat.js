kinds.Chat = (host, { last, longest, longest_name: longestName }, submit) => {
  const log = labelled(host, make("div", { className: "zef-log", role: "log", tabIndex: 0 }), "Messages");
  const name = make("input", { id: newId(), maxLength: longestName, autocomplete: "nickname" });
  const text = make("input", { id: newId(), maxLength: longest, autocomplete: "off" });
  const problem = make("p", { className: "zef-problem", role: "status" });
  const named = make("div", { className: "zef-field" }, make("label", { htmlFor: name.id, textContent: "Your name" }), name);
  const wrote = make("div", { className: "zef-field" }, make("label", { htmlFor: text.id, textContent: "Message" }), text);
  const send = make("button", { type: "submit", className: "zef-primary", textContent: "Send" });
  const form = make("form", { className: "zef-talk" }, named, wrote, send);
  host.append(log, form, problem);
  name.value = stored.read("zefnb-name") ?? "";
  name.onchange = () => stored.write("zefnb-name", name.value);
  form.onsubmit = async (event) => {
    event.preventDefault();
    if (!text.value.trim()) return;
    const message = { name: name.value, text: text.value };
    text.value = "";
    const problems = await submit(message);
    problem.textContent = problems ? Object.values(problems).join(" ") : "";
  };
  const line = ([author, content]) => {
    const shown = make("p", {});
    if (author) shown.append(make("b", { textContent: author }), " ");
    shown.append(content);
    return shown;
  };
  const show = (items) => {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 20;
    log.append(...items.map(line));
    while (log.childElementCount > last) log.firstElementChild.remove();
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  };
  return {
    state: (items) => {
      log.replaceChildren();
      show(items);
    },
    update: show,
    named: (user) => {
      named.hidden = user !== null;
    },
  };
};
