// Elements that no callback touches, written as they stand: one component instead of one for each (see dashboard/markup.py).
(function () {
  "use strict";
  const LINKS = ["href", "src", "action", "formAction"];

  // [tag, attributes, …children] → what React draws; texts and numbers are themselves.
  function drawn(part) {
    if (!Array.isArray(part)) return part;
    const attributes = Object.assign({}, part[1]);
    LINKS.forEach(function (name) { if (name in attributes) attributes[name] = window.dash_clientside.clean_url(attributes[name]); });
    return window.React.createElement.apply(null, [part[0], attributes].concat(part.slice(2).map(drawn)));
  }

  function Markup(props) {
    return window.React.createElement.apply(null, [window.React.Fragment, null].concat(props.tree.map(drawn)));
  }

  window.voltdeck = { Markup: window.React.memo(Markup, function (before, after) { return before.tree === after.tree; }) };
})();
