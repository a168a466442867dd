// The card that explains a figure: a modal dialog, filled by the server when it is asked for.
(function () {
  "use strict";

  let asks = 0;

  function dialog() { return document.getElementById("explain"); }

  // A head in a table says only which column or row it is; the panel around it says of what.
  function asked(button) {
    const of = button.dataset.explain;
    const panel = of.startsWith(":") ? button.closest("[data-panel]") : null;
    return panel ? panel.dataset.panel + of : of;
  }

  function close() {
    const card = dialog();
    if (card && card.open) card.close(); // gives the focus back to the button
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-explain]");
    const card = dialog();
    if (!card) return;
    if (button) {
      asks += 1;
      window.dash_clientside.set_props("explain-body", { children: null });
      window.dash_clientside.set_props("explain-asked", { data: { of: asked(button), n: asks } });
      if (!card.open) card.showModal();
      card.scrollTop = 0;
      return;
    }
    const link = event.target.closest("#explain a[data-nav]");
    if (event.target === card || link || event.target.closest("[data-explain-close]")) close(); // on the card itself: beside its content
  });

  // Escape is the dialog's own; what lies under it stays as it is.
  window.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && dialog() && dialog().open) event.stopPropagation();
  }, true);
  window.addEventListener("popstate", close);
})();
