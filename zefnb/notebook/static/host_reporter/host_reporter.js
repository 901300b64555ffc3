// Nothing to be seen: the page tells by which name it is reached, as soon as it knows of us and after each reload.

export default {
  initialize({ model }) {
    model.send({ host: location.host, origin: location.origin });
  },
};
