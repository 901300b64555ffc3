// Displays nothing. Each page reports its host when it creates the model, also after a reload.

export default {
  initialize({ model }) {
    model.send({ host: location.host, origin: location.origin });
  },
};
