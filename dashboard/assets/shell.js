// The shell in the browser: navigation without reloads, menus, full screen, theme and language on the document, log out.
(function () {
  "use strict";

  // --- the URL is the view -------------------------------------------------------------------------------------------------
  function go(href) {
    const target = new URL(href, location.href);
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
      go(link.href);
      return;
    }
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.fold) fold(!document.body.classList.contains("vd-folded"));
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
      if (open) {
        open.open = false;
        open.querySelector("summary").focus();
      } else {
        full(null);
      }
    }
  });

  function range() {
    const from = document.getElementById("range-from");
    const to = document.getElementById("range-to");
    const [start, end] = [from.value || to.value, to.value || from.value].sort();
    if (!start) return from.focus();
    closeMenus(null);
    change({ from: start, to: end, window: null });
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
    }).then(function (answer) { return answer.ok; }, function () { return false; }).finally(function () { renewing = null; });
    return renewing;
  }
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
    location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
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

  // Values of controls → the query. Controls also fire when they are drawn: then they agree with the scope and nothing happens.
  function choose(single, many, scope) {
    const context = window.dash_clientside.callback_context;
    const shown = new URLSearchParams(scope ? scope.query : "");
    const values = {};
    context.triggered.forEach(function (one) {
      const name = JSON.parse(one.prop_id.slice(0, one.prop_id.lastIndexOf("."))).id;
      const text = Array.isArray(one.value) ? one.value.join(",") : one.value === "*" || one.value === null || one.value === undefined ? "" : String(one.value);
      if ((shown.get(name) || "") !== text) values[name] = text;
    });
    if ("unit" in values && !("rack" in values)) values.rack = null; // the rack belonged to the other unit
    if (Object.keys(values).length) change(values);
    return window.dash_clientside.no_update;
  }

  window.voltdeckShell = { go: go, change: change, fit: fit };
  window.dash_clientside = Object.assign({}, window.dash_clientside, { voltdeck: { apply: apply, choose: choose } });
  try { if (localStorage.getItem("vd-folded")) document.body.classList.add("vd-folded"); } catch (_) { /* private mode */ }
})();
