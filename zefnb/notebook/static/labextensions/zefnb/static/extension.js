// An extension of JupyterLab and Notebook 7: it colours `%%zef page` cells as HTML.
// It is loaded as it is here, without a build, since it uses only the objects that the application passes to it.
(() => {
  const PAGE = /^\s*%%zef\s+page(?=\s|$)/;
  const HTML = "text/html";

  /** Colour a cell as HTML while it is a page, and as the notebook's language after that. */
  const colour = (notebook, cell) => {
    let isOurs = false;
    const update = () => {
      if (PAGE.test(cell.sharedModel.getSource())) {
        isOurs = true;
        cell.mimeType = HTML; // emits nothing if it is the same
      } else if (isOurs) {
        isOurs = false;
        cell.mimeType = notebook.codeMimetype;
      }
    };
    cell.contentChanged.connect(update);
    // The notebook sets the type of all cells when the kernel has named its language.
    cell.mimeTypeChanged.connect(update);
    update();
  };

  const colourAll = (panel, context) => {
    const watch = (cells) => cells.filter((cell) => cell.type === "code").forEach((cell) => colour(panel.content, cell));
    watch([...context.model.cells]);
    context.model.cells.changed.connect((_, change) => watch(change.newValues));
    return { isDisposed: false, dispose() {} };
  };

  const plugin = {
    id: "zefnb:page-cells",
    autoStart: true,
    activate: (app) => {
      app.docRegistry.addWidgetExtension("Notebook", { createNew: colourAll });
    },
  };

  // The interface of a module that another build shares (Module Federation).
  (window._JUPYTERLAB ??= {}).zefnb = { init() {}, get: async () => () => ({ __esModule: true, default: plugin }) };
})();
