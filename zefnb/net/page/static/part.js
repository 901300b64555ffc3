kinds.Part = (host, { topics }, submit, number) => {
  const el = make("div");
  host.append(el);
  const listeners = [];
  let items = [];
  const pass = ([topic, message]) => {
    for (const listener of listeners) listener(message, topics[topic]);
  };
  const on = (listener) => {
    listeners.push(listener);
    for (const [topic, message] of items) listener(message, topics[topic]);
  };
  const send = (value) => submit(value);
  const address = new URL(location.href);
  address.search = `?part=${number}`;
  address.hash = "";
  import(address.href)
    .then((module) => module.default({ el, on, send }))
    .catch((error) => {
      el.replaceChildren(make("p", { className: "zef-problem", textContent: `This part failed: ${error}` }));
      console.error(error);
    });
  let isFirst = true;
  return {
    // After a reconnection the state has messages that the part has received before: they are not passed again.
    state: (all) => {
      const known = isFirst ? 0 : overlap(items, all);
      isFirst = false;
      items = all;
      all.slice(known).forEach(pass);
    },
    update: (more) => {
      items = [...items, ...more].slice(-description.parts[number].last);
      more.forEach(pass);
    },
  };
};
/** How many of the first items of `after` are the last ones of `before`. */
const overlap = (before, after) => {
  const texts = before.map((item) => JSON.stringify(item));
  const wanted = after.map((item) => JSON.stringify(item));
  for (let count = Math.min(texts.length, wanted.length); count > 0; count--) {
    if (wanted.slice(0, count).every((text, index) => text === texts[texts.length - count + index])) return count;
  }
  return 0;
};
