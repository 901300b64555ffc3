kinds.Form = (host, { fields, button: text }, submit) => {
  const form = labelled(host, make("form", { className: "zef-form", noValidate: true }), "Form");
  const status = make("p", { className: "zef-note", role: "status" });
  const controls = new Map();
  for (const { name, type, options } of fields) {
    const id = newId();
    const problem = make("p", { className: "zef-problem", id: `${id}-problem` });
    let input;
    if (type === "option") {
      input = make("select", { required: true }, make("option", { value: "", textContent: "Choose…" }));
      input.append(...options.map((option) => make("option", { value: option, textContent: option })));
    } else {
      input = make("input", { type: { text: "text", flag: "checkbox" }[type] ?? "number", required: type !== "flag" });
      if (type === "whole") input.step = "1";
      if (type === "number") input.step = "any";
      if (type === "text") input.maxLength = 2000;
    }
    input.id = id;
    input.setAttribute("aria-describedby", problem.id);
    const label = make("label", { htmlFor: id, textContent: name });
    const field = make("div", { className: `zef-field zef-${type}` }, label, input, problem);
    form.append(field);
    controls.set(name, { input, type, problem });
  }
  const valueOf = ({ input, type }) =>
    type === "flag" ? input.checked : type === "whole" || type === "number" ? input.valueAsNumber : input.value;
  const show = (problems) => {
    let first = null;
    for (const [name, { input, problem }] of controls) {
      problem.textContent = problems[name] ?? "";
      input.setAttribute("aria-invalid", String(name in problems));
      if (name in problems) first ??= input;
    }
    first?.focus();
  };
  form.onsubmit = async (event) => {
    event.preventDefault();
    const problems = {};
    for (const [name, { input, type }] of controls) {
      const isEmpty = type === "text" && !input.value.trim();
      if (isEmpty) problems[name] = "Please fill in this field.";
      else if (!input.checkValidity()) problems[name] = input.validationMessage;
    }
    status.textContent = "";
    show(problems);
    if (Object.keys(problems).length) return;
    const value = Object.fromEntries([...controls].map(([name, control]) => [name, valueOf(control)]));
    const refused = await submit(value);
    show(refused ?? {});
    status.textContent = refused ? (refused[""] ?? "") : "Sent.";
    if (!refused) form.reset();
  };
  form.append(make("button", { type: "submit", className: "zef-primary", textContent: text }), status);
  host.append(form);
  return {};
};
