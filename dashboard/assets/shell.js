// The shell in the browser: navigation without reloads, menus, full screen, theme and language on the document, log out.
(function () {
  "use strict";

  // --- the URL is the view -------------------------------------------------------------------------------------------------
  function go(href) {
    const target = new URL(href, location.href);
    if (!target.search) target.search = ""; // a question mark alone says nothing
    if (target.href === location.href) return;
    const isOtherPage = target.pathname !== location.pathname;
    history.pushState({}, "", target.href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate")); // what dcc.Location listens to
    if (isOtherPage) {
      window.scrollTo(0, 0);
      const main = document.getElementById("main");
      if (main) main.focus({ preventScroll: true });
    }
  }

  function change(values) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(values)) {
      if (value === null || value === "") query.delete(name);
      else query.set(name, value);
    }
    const text = query.toString();
    go(location.pathname + (text ? "?" + text : ""));
  }

  function closeMenus(but) {
    document.querySelectorAll("details.vd-menu[open]").forEach(function (menu) {
      if (menu !== but) menu.open = false;
    });
  }

  document.addEventListener("click", function (event) {
    closeMenus(event.target.closest("details.vd-menu"));
    const link = event.target.closest("a[data-nav]");
    if (link && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      if (!link.dataset.stay) closeMenus(null);
      more(false);
      go(link.dataset.made ? later(link) : link.href);
      return;
    }
    const button = event.target.closest("button");
    if (!button || !button.dataset.more) more(false);
    if (!button) return;
    if (button.dataset.fold) fold(!document.body.classList.contains("vd-folded"));
    else if (button.dataset.more) more(button.getAttribute("aria-expanded") !== "true");
    else if (button.dataset.full) full(button.dataset.full);
    else if (button.dataset.range) range();
    else if (button.dataset.logout) logout();
  });

  // Options of a long menu that do not hold the words searched for are left out.
  document.addEventListener("input", function (event) {
    if (!event.target.classList.contains("vd-search")) return;
    const wanted = event.target.value.toLowerCase().split(/\s+/);
    event.target.closest(".vd-pick").querySelectorAll(".vd-option").forEach(function (option) {
      const text = option.textContent.toLowerCase();
      option.hidden = !wanted.every(function (word) { return text.includes(word); });
    });
  });

  document.addEventListener("keydown", function (event) {
    const link = event.target.closest && event.target.closest("a[role=switch]");
    if (link && event.key === " ") {
      event.preventDefault();
      link.click();
    }
    if (event.key === "Escape") {
      const open = document.querySelector("details.vd-menu[open]");
      if (more(false)) {
        document.querySelector("[data-more]").focus();
      } else if (open) {
        open.open = false;
        open.querySelector("summary").focus();
      } else {
        full(null);
      }
    }
  });

  // Days and times of day → the range; a day without a time is meant as a whole.
  function range() {
    const [from, fromTime, to, toTime, against] = ["from", "from-time", "to", "to-time", "against"].map(function (name) {
      const field = document.getElementById("range-" + name);
      return field ? field.value : "";
    });
    const values = against ? { against: against } : {};
    if (from || to) {
      let start = from || to, end = to || from;
      if (!fromTime && !toTime && start > end) [start, end] = [end, start];
      values.from = start + (fromTime ? "T" + fromTime : "");
      values.to = end + (toTime ? "T" + toTime : "");
    }
    if (!Object.keys(values).length) return document.getElementById("range-from").focus();
    closeMenus(null);
    change(values);
  }

  // A link to a range that ended when it was made, moved on by the time since.
  function later(link) {
    const target = new URL(link.href, location.href), since = (window.voltdeckNow ? window.voltdeckNow() : Date.now()) - Number(link.dataset.made);
    if (since > 60000) {
      ["from", "to"].forEach(function (name) {
        const at = Date.parse(target.searchParams.get(name) + "Z");
        if (at) target.searchParams.set(name, new Date(at + since).toISOString().slice(0, 19));
      });
    }
    return target.href;
  }

  // The pages that have no place in the bar of a phone.
  function more(isOpen) {
    const button = document.querySelector("[data-more]");
    if (!button || (button.getAttribute("aria-expanded") === "true") === isOpen) return false;
    button.setAttribute("aria-expanded", String(isOpen));
    document.body.classList.toggle("vd-more", isOpen);
    if (isOpen) document.querySelector("#nav-rest a").focus();
    return true;
  }

  // --- folding, full screen ------------------------------------------------------------------------------------------------
  function fold(isFolded) {
    document.body.classList.toggle("vd-folded", isFolded);
    try { localStorage.setItem("vd-folded", isFolded ? "1" : ""); } catch (_) { /* private mode */ }
    resize();
  }

  function full(panel) {
    const now = document.querySelector(".vd-full");
    const next = panel && document.querySelector('[data-card="' + panel + '"]');
    [now, next].forEach(function (card) {
      if (!card) return;
      const on = card === next && card !== now;
      card.classList.toggle("vd-full", on);
      const button = card.querySelector("[data-full]");
      button.setAttribute("aria-pressed", on ? "true" : "false");
      button.firstElementChild.className = "bi bi-" + (on ? "fullscreen-exit" : "arrows-fullscreen");
      if (!on) card.querySelectorAll(".vd-graph").forEach(function (graph) { tall(graph, Number(graph.dataset.height)); });
    });
    document.body.classList.toggle("vd-has-full", !!document.querySelector(".vd-full"));
    fit();
  }

  // Charts of the card on full screen take its height; called again after each draw, which brings the panel's own height back.
  function fit() {
    const card = document.querySelector(".vd-full");
    if (!card) return;
    const room = card.clientHeight - card.querySelector("header").offsetHeight - 40;
    card.querySelectorAll(".vd-graph").forEach(function (graph) { tall(graph, room); });
  }

  function tall(graph, height) {
    const plot = graph.querySelector(".js-plotly-plot");
    if (!height || !plot || !plot.layout || !window.Plotly) return;
    if (!graph.dataset.height) graph.dataset.height = parseInt(graph.style.height, 10); // the panel's own, there before its chart is
    if (plot.layout.height === height && graph.style.height === height + "px") return;
    graph.style.height = height + "px";
    // whoever is asked twice in a row may still be busy with the first height
    Promise.resolve(window.Plotly.relayout(plot, { height: height })).then(function () {
      if (graph.style.height === height + "px" && plot.layout.height !== height) window.Plotly.relayout(plot, { height: height });
    });
  }

  function resize() {
    setTimeout(function () { window.dispatchEvent(new Event("resize")); }, 60);
  }

  async function logout() {
    const match = document.cookie.match(/(?:^|; )csrf_access_token=([^;]*)/);
    try {
      await fetch("/api/v1/auth/logout", { method: "POST", credentials: "same-origin", headers: match ? { "X-CSRF-TOKEN": decodeURIComponent(match[1]) } : {} });
    } finally {
      location.assign("/login");
    }
  }

  // --- an expired session: renew once, else log in ---------------------------------------------------------------------------
  const plainFetch = window.fetch.bind(window);
  let renewing = null;
  function renew() {
    const match = document.cookie.match(/(?:^|; )csrf_refresh_token=([^;]*)/);
    if (!match) return Promise.resolve(false);
    renewing = renewing || plainFetch("/api/v1/auth/refresh", {
      method: "POST", credentials: "same-origin", headers: { "X-CSRF-TOKEN": decodeURIComponent(match[1]), "Content-Type": "application/json" }, body: "{}",
    }).then(function (answer) {
      if (answer.status === 401) document.cookie = "csrf_refresh_token=; Max-Age=0; path=/"; // it has ended: not asked for again
      return answer.ok;
    }, function () { return false; }).finally(function () { renewing = null; });
    return renewing;
  }

  // An open server takes an expired session for nobody instead of refusing it: it is renewed before that, or found again after a pause.
  const RENEW = 600000, ANONYMOUS = 60000;
  function isDue(store, name, after) {
    if (Date.now() - Number(store.getItem(name)) < after) return false;
    store.setItem(name, Date.now());
    return true;
  }
  function stay() {
    if (document.documentElement.dataset.kiosk || !/(?:^|; )csrf_refresh_token=./.test(document.cookie)) return;
    const isNobody = !!document.querySelector('#header a[href^="/login"]');
    let due = false;
    try { due = isNobody ? isDue(sessionStorage, "vd-found", ANONYMOUS) : isDue(localStorage, "vd-renewed", RENEW); } catch (_) { /* private mode */ }
    if (due) renew().then(function (done) { if (done && isNobody) location.reload(); });
  }
  setTimeout(stay, 3000);
  setInterval(stay, 30000);
  let isLeaving = false; // once for all requests that were refused: a second navigation would abort the first
  window.addEventListener("pageshow", function () { isLeaving = false; }); // came back out of the browser's memory
  window.fetch = async function (input, init) {
    const answer = await plainFetch(input, init);
    const path = new URL(input instanceof Request ? input.url : input, location.href).pathname;
    if (answer.status !== 401 || path.startsWith("/api/")) return answer;
    if (await renew()) {
      const csrf = document.cookie.match(/(?:^|; )csrf_access_token=([^;]*)/);
      const again = Object.assign({}, init);
      again.headers = Object.assign({}, init && init.headers, csrf ? { "X-CSRF-TOKEN": decodeURIComponent(csrf[1]) } : {});
      return plainFetch(input, again);
    }
    if (isLeaving) return answer;
    isLeaving = true;
    const isWall = document.documentElement.dataset.kiosk; // nobody there can log in
    location.assign(isWall ? "/kiosk?ended=1" : "/login?next=" + encodeURIComponent(location.pathname + location.search));
    return answer;
  };

  // --- called by Dash ------------------------------------------------------------------------------------------------------
  function apply(scope) {
    const none = window.dash_clientside.no_update;
    if (!scope) return none;
    const root = document.documentElement;
    if (root.lang !== scope.lang) root.lang = scope.lang;
    if (root.dataset.bsTheme !== scope.theme) root.dataset.bsTheme = scope.theme;
    return none;
  }

  // Controls somebody has touched since they were last asked. Others fire only because they were drawn, some with what holds while
  // nothing is chosen: that must not become a choice, for the whole page would be asked for again.
  const touched = new Set();
  ["input", "change"].forEach(function (kind) {
    document.addEventListener(kind, function (event) {
      for (let element = event.target; element && element.getAttribute; element = element.parentElement) {
        if (!/^\{.*"type":"controls?"/.test(element.id)) continue;
        touched.add(JSON.parse(element.id).id);
        return;
      }
    }, true);
  });

  // Values of controls → the query.
  function choose(single, many, scope) {
    const context = window.dash_clientside.callback_context;
    const shown = new URLSearchParams(scope ? scope.query : "");
    const values = {};
    context.triggered.forEach(function (one) {
      const name = JSON.parse(one.prop_id.slice(0, one.prop_id.lastIndexOf("."))).id;
      const text = Array.isArray(one.value) ? one.value.join(",") : one.value === "*" || one.value === null || one.value === undefined ? "" : String(one.value);
      if (touched.delete(name) && (shown.get(name) || "") !== text) values[name] = text;
    });
    // what was chosen inside the other unit, rack or module is not in this one
    const inside = { unit: ["rack", "module", "cell"], module: ["cell"] };
    for (const [name, parts] of Object.entries(inside)) {
      if (name in values) parts.forEach(function (part) { if (!(part in values)) values[part] = null; });
    }
    // nor is it compared with a neighbour of the other one
    const isPeriod = /^(before|day|week|month|\d{4}-\d\d-\d\d)?$/.test(shown.get("against") || "");
    if (!isPeriod && !("against" in values) && ["unit", "device"].some(function (name) { return name in values && shown.has(name); })) values.against = null;
    if (Object.keys(values).length) change(values);
    return window.dash_clientside.no_update;
  }

  // The largest script of later pages comes while nothing else does: then opening one costs no more than its data.
  const LATER = ["/_dash-component-suites/dash_ag_grid/async-community.js"], QUIET = 4000;
  window.addEventListener("load", function () {
    if (navigator.connection && navigator.connection.saveData) return;
    const idle = window.requestIdleCallback || setTimeout;
    setTimeout(function () {
      idle(function () { LATER.forEach(function (path) { plainFetch(path, { priority: "low" }).catch(function () {}); }); });
    }, QUIET);
  });

  window.voltdeckShell = { go: go, change: change, fit: fit };
  window.dash_clientside = Object.assign({}, window.dash_clientside);
  window.dash_clientside.voltdeck = Object.assign({}, window.dash_clientside.voltdeck, { apply: apply, choose: choose });
  try { if (localStorage.getItem("vd-folded")) document.body.classList.add("vd-folded"); } catch (_) { /* private mode */ }
})();
