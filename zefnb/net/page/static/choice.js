kinds.Choice = (host, { options, once }, submit) => {
  const group = labelled(host, make("div", { className: "zef-options", role: "group" }), "Options");
  const status = make("p", { className: "zef-note", role: "status" });
  const show = (chosen) => {
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.textContent === chosen));
      if (once) button.disabled = chosen !== null && chosen !== undefined;
    }
    if (chosen && once) status.textContent = `Your choice: ${chosen}`;
  };
  const choose = async (option) => {
    status.textContent = "";
    const problems = await submit(option);
    if (!problems) show(option);
    else if (!status.textContent) status.textContent = problems[""] ?? "";
  };
  const buttons = options.map((option) =>
    make("button", { type: "button", textContent: option, onclick: () => choose(option) }),
  );
  group.append(...buttons);
  host.append(group, status);
  show(null);
  return { own: (choice) => show(choice) };
};
