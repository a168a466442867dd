// Which panel is filled when: those on the screen at once, the others one after the other while nothing else is drawn, or as they come near.
// Each card has a store with the scope it is to show; writing it asks the server (callbacks/panels.py).
(function () {
  "use strict";
  const LOOK = 120;     // how often the next one is thought of while some wait [ms]
  const root = document.documentElement;
  const waiting = new Map();  // panel → {scope: what it is to show, late: not before the others}
  const LATER = ["lang", "theme", "live"]; // what follows the window's range in a query as the server writes it (dashboard/scope.py)
  let timer = 0, last = null, leader = "";

  function placeOf(panel) { return document.getElementById(JSON.stringify({ id: panel, type: "panel" })); }

  function isNear(panel) {
    const place = placeOf(panel);
    if (!place || root.dataset.kiosk === "1" || root.dataset.embed) return true; // a wall screen turns to a page that stands whole
    return window.voltdeckInReach(place.getBoundingClientRect());
  }

  // Whether both are the same view but for the window: what shows the present whatever the window only gets other links then.
  function isSameBut(one, other) {
    if (!one || !other || one.path !== other.path || one.theme !== other.theme || one.lang !== other.lang) return false;
    const [left, right] = [one, other].map(function (scope) {
      const query = new URLSearchParams(scope.query);
      ["window", "from", "to"].forEach(function (name) { query.delete(name); });
      return query.toString();
    });
    return left === right;
  }

  function isBusy() {
    const content = document.getElementById("content");
    return !!content && (!!content.querySelector('[data-dash-is-loading="true"]') ||
      Array.from(content.querySelectorAll(".vd-graph")).some(function (graph) { return !graph.querySelector(".main-svg"); }));
  }

  function ask(panel) {
    const scope = waiting.get(panel).scope;
    waiting.delete(panel);
    window.dash_clientside.set_props({ type: "scope", id: panel }, { data: scope });
  }

  // A chart was zoomed: its panel asks for the finer view at once, beside the page's own request; the others follow when it stands.
  function lead(panel, from, to) {
    if (!last || !placeOf(panel)) return;
    const query = Array.from(new URLSearchParams(last.query)).filter(function (one) { return one[0] !== "from" && one[0] !== "to"; });
    const place = query.findIndex(function (one) { return LATER.includes(one[0]); });
    query.splice(place < 0 ? query.length : place, 0, ["from", from], ["to", to]);
    leader = panel;
    window.dash_clientside.set_props({ type: "scope", id: panel },
      { data: Object.assign({}, last, { query: new URLSearchParams(query).toString() }) });
  }

  function look(isIdle) {
    Array.from(waiting.keys()).filter(function (panel) { return !waiting.get(panel).late && isNear(panel); }).forEach(ask);
    if (isIdle && waiting.size && !isBusy()) ask(waiting.keys().next().value);
    if (!waiting.size) timer = clearInterval(timer);
  }

  // Called by Dash for another scope or other cards: what each card's store becomes.
  async function fill(scope, ids, shown) {
    const none = window.dash_clientside.no_update;
    await new Promise(function (done) { setTimeout(done); }); // the cards stand in the document then
    waiting.clear();
    const text = JSON.stringify(scope);
    const isLed = ids.some(function (id, i) { return id.id === leader && JSON.stringify(shown[i]) === text; });
    last = scope;
    leader = "";
    const values = ids.map(function (id, i) {
      if (!scope || JSON.stringify(shown[i]) === text) return none;
      const near = isNear(id.id), place = placeOf(id.id);
      const stays = near && !!place && (place.dataset.current ? isSameBut(shown[i], scope) : !!shown[i] && !!place.closest("#header"));
      const late = isLed || stays;
      if (near && !late) return scope;
      waiting.set(id.id, { scope: scope, late: late });
      return none;
    });
    if (waiting.size && !timer) timer = setInterval(look, LOOK, true);
    return values;
  }

  addEventListener("scroll", function () { if (waiting.size) look(false); }, { passive: true, capture: true });
  window.voltdeckLead = lead;
  window.dash_clientside = Object.assign({}, window.dash_clientside);
  window.dash_clientside.voltdeck = Object.assign({}, window.dash_clientside.voltdeck, { fill: fill });
})();
