// What is new, into what is already on the screen: one WebSocket per tab, frames fanned out to tiles, traces and tables.
// Panels say what they want with data-topic; the server makes each frame once for all who look (see dashboard/live.py).
(function () {
  "use strict";
  const PERIOD = 1000;        // how often wishes and ages are looked over [ms]
  const LOST = 8000;          // no frame for this long while connected: say so [ms]
  const STALE = 30000;        // the newest reading is older than this: say so [ms]
  const MISSED = 5000;        // away for longer than this: draw again instead of leaving a gap [ms]
  const AGAIN = 10000;        // a panel drawn while the store was silent is asked for again this often [ms]
  const MARGIN = 300;         // panels this near the screen count as visible [px]
  const BACK_OFF = [500, 1000, 2000, 4000, 8000, 15000];
  const MOST_POINTS = 4000;   // per live trace
  const SLOWEST = 5000;       // a chart is drawn at least this often [ms]
  const SHARE = 0.02;         // of the processor that one chart may take to draw what is new

  let socket = null, tries = 0, retry = 0, hiddenSince = 0, offlineSince = 0, heard = 0, plantAt = 0, skew = 0, triedAt = 0;
  const subscribed = new Set();
  const tokens = new Map();   // topic → last redraw token

  const clientId = (function () {
    const fresh = "tab-" + Array.from(crypto.getRandomValues(new Uint8Array(9)), function (b) { return b.toString(36).padStart(2, "0"); }).join("");
    try {
      return sessionStorage.getItem("vd-client") || (sessionStorage.setItem("vd-client", fresh), fresh);
    } catch (_) {
      return fresh;
    }
  })();

  // --- words -------------------------------------------------------------------------------------------------------------------
  let wordsFrom = null, words = {};
  function word(key, n) {
    const client = document.getElementById("client");
    if (client && client.dataset.words !== wordsFrom) {
      wordsFrom = client.dataset.words;
      words = JSON.parse(wordsFrom);
      if (!heard) skew = Number(client.dataset.now) - Date.now();
    }
    return (words[key] || "").replace("{n}", n);
  }

  function now() { return Date.now() + skew; }
  window.voltdeckNow = now;

  // For a wall screen: when the plant was last heard [epoch ms, 0 = not known], and since when this page hears nothing [0 = it does].
  window.voltdeckLive = function () {
    const isOpen = socket && socket.readyState === WebSocket.OPEN;
    return { at: plantAt, lostSince: !isOpen ? offlineSince : heard && Date.now() - heard > LOST ? heard : 0 };
  };

  function age(ms) {
    const s = Math.max(0, Math.round(ms / 1000));
    if (s < 2) return word("age.now");
    if (s < 120) return word("age.s", s);
    if (s < 7200) return word("age.min", Math.round(s / 60));
    if (s < 172800) return word("age.h", Math.round(s / 3600));
    return word("age.d", Math.round(s / 86400));
  }

  // --- wishes ------------------------------------------------------------------------------------------------------------------
  function isInReach(box) { return box.bottom > -MARGIN && box.top < innerHeight + MARGIN; }
  window.voltdeckInReach = isInReach;

  function isNear(element) {
    const box = element.getBoundingClientRect();
    return isInReach(box) && box.width + box.height > 0;
  }

  function wanted() {
    const topics = new Set();
    document.querySelectorAll("[data-topic]").forEach(function (element) {
      if (element.dataset.panel.startsWith("shell") || isNear(element)) topics.add(element.dataset.topic);
    });
    return topics;
  }

  function send(message) {
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  }

  function reconcile() {
    const want = document.hidden ? new Set() : wanted();
    if (want.size && !socket && !retry) connect();
    if (!want.size && socket) return hangUp();
    if (!socket || socket.readyState !== WebSocket.OPEN) return;
    want.forEach(function (topic) {
      if (subscribed.has(topic)) return;
      subscribed.add(topic);
      send({ type: "subscribe", topic: topic });
    });
    subscribed.forEach(function (topic) {
      if (want.has(topic)) return;
      subscribed.delete(topic);
      tokens.delete(topic);
      send({ type: "unsubscribe", topic: topic });
    });
  }

  // --- the wire ----------------------------------------------------------------------------------------------------------------
  function connect() {
    const url = (location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/ws/" + clientId;
    const mine = new WebSocket(url, window.voltdeckKiosk ? window.voltdeckKiosk.protocols : []); // a kiosk link travels as a subprotocol
    socket = mine;
    mine.onopen = function () {
      tries = 0;
      heard = Date.now();
      subscribed.clear();
      if (offlineSince && Date.now() - offlineSince > MISSED) redrawAll();
      offlineSince = 0;
      reconcile();
    };
    mine.onmessage = function (event) {
      let frame;
      try { frame = JSON.parse(event.data); } catch (_) { return; }
      if (frame.type === "frame") receive(frame);
    };
    mine.onclose = function () {
      if (socket !== mine) return;
      socket = null;
      subscribed.clear();
      offlineSince = offlineSince || Date.now();
      const wait = BACK_OFF[Math.min(tries, BACK_OFF.length - 1)] * (0.8 + 0.4 * Math.random());
      tries += 1;
      if (tries === 3) window.fetch("/_dash-layout", { credentials: "same-origin" }).catch(function () {}); // an ended session goes to log in
      retry = setTimeout(function () { retry = 0; reconcile(); }, wait);
    };
  }

  function hangUp() {
    const old = socket;
    socket = null;
    subscribed.clear();
    if (old) old.close(1000);
  }

  // --- frames ------------------------------------------------------------------------------------------------------------------
  function receive(frame) {
    heard = Date.now();
    if (frame.now) skew = frame.now - heard;
    document.querySelectorAll("[data-topic]").forEach(function (root) {
      if (root.dataset.topic !== frame.topic) return;
      const panel = root.dataset.panel;
      if (panel === "shell") return pulse(frame);
      if (frame.at) root.dataset.at = frame.at;
      if (frame.tiles) tiles(panel, frame.tiles);
      if (frame.text) texts(root, frame.text);
      if (frame.rows) rows(root, frame.rows);
      const plot = root.querySelector(".js-plotly-plot");
      if (plot && plot.data && window.Plotly) draw(plot, frame);
      if (frame.redraw !== undefined) redraw(frame.topic, panel, frame.redraw);
    });
  }

  function pulse(frame) {
    plantAt = frame.at || 0;
    const guide = document.querySelector("[data-welcome]");
    if (guide && frame.devices > Number(guide.dataset.welcome)) window.dash_clientside.set_props("again", { data: Date.now() });
  }

  function put(element, text) {
    if (element && text !== undefined && text !== null && element.textContent !== text) element.textContent = text;
  }

  function tiles(panel, values) {
    for (const [key, value] of Object.entries(values)) {
      const tile = document.querySelector('[data-tile="' + CSS.escape(panel + ":" + key) + '"]');
      if (!tile) continue;
      put(tile.querySelector(".vd-number"), value.text);
      put(tile.querySelector(".vd-tile-note"), value.note);
      tile.dataset.at = value.at || "";
      tile.dataset.tone = value.tone || "";
      tile.toggleAttribute("data-none", value.text === "—");
      const bar = tile.querySelector(".vd-share > div");
      if (bar && value.share !== null && value.share !== undefined) bar.style.width = 100 * value.share + "%";
    }
  }

  function texts(root, values) {
    for (const [key, text] of Object.entries(values)) put(root.querySelector('[data-live="' + key + '"]'), text);
  }

  function rows(root, values) {
    root.querySelectorAll(".ag-theme-quartz, .vd-table, [data-grid]").forEach(function (element) {
      const id = element.id || element.dataset.grid;
      const api = id && window.dash_ag_grid && gridApi(id);
      if (api) api.applyTransactionAsync({ update: values });
    });
  }

  function gridApi(id) {
    try { return window.dash_ag_grid.getApi(id.startsWith("{") ? JSON.parse(id) : id); } catch (_) { return null; }
  }

  // A frame changes data and layout where they lie, then the chart is drawn once: each call of plotly.js would draw it again. A chart that
  // takes long to draw, or in which a pixel stands for many frames, is drawn less often; what came meanwhile shows then.
  // plot → {data: of which figure, said: what the last frame changed in it, waits: to be drawn, drawn: when, took: how long [ms]}
  const pictures = new WeakMap();
  function draw(plot, frame) {
    const picture = pictures.get(plot) || { data: null, said: "", waits: false, drawn: 0, took: 0 };
    pictures.set(plot, picture);
    const said = JSON.stringify([frame.restyle, frame.relayout]);
    const isNews = (said !== picture.said || plot.data !== picture.data) && !!(frame.restyle || frame.relayout);
    picture.said = said;
    picture.data = plot.data;
    if (isNews) {
      (frame.restyle || []).forEach(function (change) {
        const traces = change.traces || plot.data.map(function (_, i) { return i; });
        for (const [path, values] of Object.entries(change.set)) {
          traces.forEach(function (index, i) {
            if (plot.data[index]) set(plot.data[index], path, Array.isArray(values) ? values[i % values.length] : values);
          });
        }
      });
      for (const [path, value] of Object.entries(frame.relayout || {})) set(plot.layout, path, value);
    }
    const isMoved = frame.extend && extend(plot, frame.extend);
    if (isNews || isMoved) picture.waits = true;
    if (!picture.waits) return;
    const at = performance.now();
    if (at - picture.drawn < pace(plot, frame.extend, picture.took) - PERIOD / 2) return;
    picture.drawn = at;
    picture.waits = false;
    window.Plotly.redraw(plot);
    picture.took = performance.now() - at;
  }

  // How long a chart may stand [ms]: an eighth of what a pixel of its width stands for, and so long that drawing it keeps to its share.
  function pace(plot, one, took) {
    const still = one && one.span ? one.span / (8 * Math.max(1, plot.clientWidth)) : 0;
    return Math.min(SLOWEST, Math.max(PERIOD, still, took / SHARE));
  }

  // `annotations[0].text` of a layout, `marker.color` of a trace.
  function set(target, path, value) {
    const keys = path.split(/[.[\]]+/).filter(Boolean), last = keys.pop();
    for (const key of keys) {
      if (target[key] === undefined || target[key] === null) target[key] = {};
      target = target[key];
    }
    target[last] = value;
  }

  // One more point per trace, and the axis follows the newest, keeping its length; whether anything moved. Inside the bucket of the last
  // point the point is renewed instead, so that a day in minutes stays a day in minutes.
  function extend(plot, one) {
    const traces = one.traces || one.y.map(function (_, i) { return i; }), most = room(one);
    let isMoved = false;
    traces.forEach(function (index, i) {
      const trace = plot.data[index];
      if (!trace || !Array.isArray(trace.x) || one.y[i] === undefined) return;
      const last = trace.x.length ? Number(trace.x[trace.x.length - 1]) : -Infinity;
      if (one.bucket && trace.x.length && Math.floor(one.x / one.bucket) <= Math.floor(last / one.bucket)) {
        if (one.x >= last) trace.y[trace.y.length - 1] = one.y[i];
      } else if (one.x > last) {
        trace.x.push(one.x);
        trace.y.push(one.y[i]);
        const old = trace.x.length - most;
        if (old > 0) [trace.x, trace.y].forEach(function (column) { column.splice(0, old); });
      } else {
        return;
      }
      isMoved = true;
    });
    if (plot.layout.xaxis && one.span) {
      plot.layout.xaxis.range = [one.x - one.span, one.x];
      isMoved = true;
    }
    return isMoved;
  }

  // As many points as the window has buckets: what slid out on the left must not stretch the axes.
  function room(one) {
    return one.span && one.bucket ? Math.max(60, Math.min(MOST_POINTS, Math.ceil(one.span / one.bucket) + 2)) : MOST_POINTS;
  }

  function redraw(topic, panel, token) {
    const before = tokens.get(topic);
    tokens.set(topic, token);
    if (before !== undefined && before !== token) again(panel, token);
  }

  // Viewers who ask for the same version share one answer.
  function again(panel, version) {
    window.dash_clientside.set_props({ type: "redraw", id: panel }, { data: version === undefined ? Date.now() : version });
  }

  function redrawAll() {
    document.querySelectorAll("[data-topic]").forEach(function (root) {
      if (root.dataset.panel !== "shell") again(root.dataset.panel);
    });
  }

  // No frame would bring these back. Viewers who ask in the same seconds share one answer.
  function retrySilent() {
    const silent = document.querySelectorAll("[data-retry]");
    if (!silent.length) triedAt = Date.now();
    if (Date.now() - triedAt < AGAIN) return;
    triedAt = Date.now();
    silent.forEach(function (element) { again(element.dataset.retry, "again " + Math.floor(now() / AGAIN)); });
  }

  // --- ages and the pill ----------------------------------------------------------------------------------------------------------
  function ages() {
    document.querySelectorAll(".vd-tile").forEach(function (tile) {
      const at = Number(tile.dataset.at);
      put(tile.querySelector(".vd-age"), at ? age(now() - at) : "");
      tile.classList.toggle("vd-stale", !!at && now() - at > Number(tile.dataset.staleAfter));
    });
    document.querySelectorAll("[data-age-of]").forEach(function (element) {
      const root = document.querySelector('.vd-filled[data-panel="' + element.dataset.ageOf + '"]');
      const at = root ? Number(root.dataset.at) : 0;
      const parts = [root && root.dataset.step, root && root.dataset.simulated, at && age(now() - at)];
      put(element, parts.filter(Boolean).join(" · "));
      element.title = [root && root.dataset.stepNote, root && root.dataset.simulatedNote].filter(Boolean).join("\n");
    });
    document.querySelectorAll(".vd-age[data-at]").forEach(function (element) {
      put(element, age(now() - Number(element.dataset.at)));
    });
  }

  function pill() {
    const element = document.getElementById("live-pill");
    if (!element || element.getAttribute("aria-checked") !== "true") return;
    let state = "on", text;
    if (!socket || socket.readyState !== WebSocket.OPEN) {
      state = tries > 1 ? "lost" : "connecting";
      text = word("live." + state);
    } else if (Date.now() - heard > LOST) {
      state = "lost";
      text = word("live.lost");
    } else if (!plantAt) {
      state = "connecting";
      text = word("live");
    } else {
      const old = now() - plantAt;
      state = old > STALE ? "stale" : "on";
      if (state === "on" && element.dataset.state === "range") state = "range";
      text = word({ on: "live", stale: "live.stale", range: "live.range" }[state]) + " · " + age(old);
    }
    element.dataset.shown = state;
    put(element.querySelector(".vd-pill-text"), text);
  }

  // --- zoom: ask again for the window; a click on a marked point follows its link ------------------------------------------------------
  let zoomTimer = 0;
  function hook(plot) {
    if (plot.dataset.hooked || typeof plot.on !== "function") return;
    plot.dataset.hooked = "1";
    const zooms = !!plot.closest(".vd-zooms");
    plot.on("plotly_relayout", function (change) {
      const from = change["xaxis.range[0]"], to = change["xaxis.range[1]"];
      if (!zooms || from === undefined || to === undefined) return;
      const card = plot.closest("[data-card]"), range = { from: stamp(from), to: stamp(to) };
      if (card) window.voltdeckLead(card.dataset.card, range.from, range.to);
      clearTimeout(zoomTimer);
      zoomTimer = setTimeout(function () { window.voltdeckShell.change(range); }, 30);
    });
    plot.on("plotly_doubleclick", function () {
      if (zooms && new URLSearchParams(location.search).has("from")) history.back();
    });
    plot.on("plotly_click", function (event) {
      const link = event.points && event.points[0] && event.points[0].customdata;
      const href = Array.isArray(link) ? link[0] : link;
      if (typeof href === "string" && /^(\/(?!\/)|\?)/.test(href)) window.voltdeckShell.go(href);
    });
  }

  // To the second, whole minutes without seconds, as the server writes them; plotly shortens midnight to its day.
  function stamp(value) {
    const [day, time = ""] = (typeof value === "number" ? new Date(value).toISOString() : String(value)).split(/[ T]/);
    const clock = (time + "00:00:00".slice(time.length)).slice(0, 8);
    return day + "T" + (clock.endsWith(":00") ? clock.slice(0, 5) : clock);
  }

  // Rows with a `href` open it; the id of the grid is on the element AG Grid lives in.
  document.addEventListener("click", openRow);
  document.addEventListener("keydown", function (event) { if (event.key === "Enter") openRow(event); });
  function openRow(event) {
    const row = event.target.closest && event.target.closest(".ag-row");
    if (!row) return;
    const holder = row.closest("[data-panel]");
    const grid = holder && holder.querySelector(".ag-root-wrapper") && row.closest("[id]");
    let element = grid;
    while (element && !(window.dash_ag_grid && gridApi(element.id))) element = element.parentElement && element.parentElement.closest("[id]");
    if (!element) return;
    const node = gridApi(element.id).getRowNode(row.getAttribute("row-id"));
    if (node && node.data && typeof node.data.href === "string") window.voltdeckShell.go(node.data.href);
  }

  // --- rhythm --------------------------------------------------------------------------------------------------------------------
  function look() {
    document.querySelectorAll(".js-plotly-plot").forEach(hook);
    if (!window.voltdeckShell) return; // its script comes after this one
    window.voltdeckShell.fit();
    word("live"); // takes over words and the server's clock when the header changed
    if (document.hidden) return;
    reconcile();
    retrySilent();
    ages();
    pill();
  }

  document.addEventListener("visibilitychange", function () {
    if (document.hidden) {
      hiddenSince = Date.now();
      hangUp();
    } else {
      if (hiddenSince && Date.now() - hiddenSince > MISSED) redrawAll();
      hiddenSince = 0;
      look();
    }
  });
  window.addEventListener("online", function () { clearTimeout(retry); retry = 0; tries = 0; reconcile(); });
  setInterval(look, PERIOD);
  setInterval(function () { send({ type: "ping" }); }, 20000);
  let soon = 0;
  function isNews(change) { // our own writing of ages and numbers is only text, and a chart that we know draws itself
    const plot = change.target.closest && change.target.closest(".js-plotly-plot");
    if (plot && plot.dataset.hooked) return false;
    return change.type === "attributes" || Array.prototype.some.call(change.addedNodes, function (node) { return node.nodeType === 1; });
  }
  new MutationObserver(function (changes) {
    if (soon || !changes.some(isNews)) return;
    soon = setTimeout(function () { soon = 0; look(); }, 120);
  }).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-topic"] });
})();
