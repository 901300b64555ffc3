kinds.Value = (host, { field, unit }) => {
  const output = labelled(host, make("output", { className: "zef-value" }), field ?? "Value");
  host.append(output);
  const show = (value) => {
    const isEmpty = value === null || value === undefined;
    output.replaceChildren(isEmpty ? "–" : written(value));
    if (unit && !isEmpty) output.append(make("span", { className: "zef-unit", textContent: ` ${unit}` }));
  };
  show(null);
  return { state: show, update: show };
};
