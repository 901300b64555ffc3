kinds.Button = (host, { label }, submit) => {
  const status = make("p", { className: "zef-note", role: "status" });
  const press = async () => {
    status.textContent = "";
    const problems = await submit(null);
    status.textContent = problems ? (problems[""] ?? "") : "";
  };
  host.append(make("button", { type: "button", className: "zef-primary", textContent: label, onclick: press }), status);
  return {};
};
