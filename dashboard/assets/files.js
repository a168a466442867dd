// What is taken away from a panel: addresses of its files in the view of now, pictures drawn by Plotly, the link to the view.
(function () {
  "use strict";
  const HEAD = 44;      // room for the words over a picture [px]
  const SAID = 2500;    // how long an item says what became of it [ms]

  function menuOf(element) { return element.closest("details.vd-files"); }

  function plotOf(menu) {
    const card = menu.closest("[data-card]");
    return card && card.querySelector(".js-plotly-plot");
  }

  // The items are the same for all panels; a menu gets its own when it is opened, anew when the node has become another panel's.
  const outfits = new WeakMap();
  function outfit(menu) {
    const place = menu.querySelector(".vd-pop"), items = document.querySelector(".vd-files-items");
    if (!items) return;
    const look = menu.dataset.files + items.textContent;
    if (outfits.get(place) === look) return;
    outfits.set(place, look);
    place.replaceChildren.apply(place, Array.from(items.children, function (item) { return item.cloneNode(true); }));
    Object.assign(menu.dataset, items.dataset);
  }

  // A card outlives many views: what is asked for is the view in the address bar, as it is at this moment or was when it was paused.
  function complete(menu) {
    const query = new URLSearchParams(location.search), paused = menu.closest("section").querySelector("[data-paused]");
    ["theme", "live", "kiosk", "link"].forEach(function (name) { query.delete(name); });
    query.set("at", paused ? paused.dataset.paused : Math.round(window.voltdeckNow ? window.voltdeckNow() : Date.now()));
    if (isRaw(menu)) query.set("raw", "1");
    menu.querySelectorAll("a[data-ending]").forEach(function (link) { link.href = "/panels/" + menu.dataset.files + link.dataset.ending + "?" + query; });
    const hasPlot = !!plotOf(menu);
    menu.querySelectorAll('[data-file="png"], [data-file="svg"]').forEach(function (button) { button.hidden = !hasPlot; });
  }

  function isRaw(menu) {
    const button = menu.querySelector('[data-file="raw"]');
    return !!button && button.getAttribute("aria-pressed") === "true";
  }

  function toggleRaw(menu, button) {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", on ? "true" : "false");
    button.querySelector(".bi").className = "bi bi-" + (on ? "check-square" : "square");
    complete(menu);
  }

  // --- pictures ------------------------------------------------------------------------------------------------------------------
  function token(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  function plain(text) { return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;"); }

  // Axes over time hold the site's wall clock as epoch ms.
  function stamp(at) { return new Date(at).toISOString().slice(0, 16).replace("T", " "); }

  function windowOf(plot) {
    const axis = plot._fullLayout && plot._fullLayout.xaxis;
    if (axis && axis.type === "date") {
      return axis.range.map(function (end) { return stamp(typeof end === "number" ? end : Date.parse(String(end).replace(" ", "T") + "Z")); });
    }
    const zone = (document.getElementById("client") || { dataset: {} }).dataset.zone || "UTC";
    const now = new Date(window.voltdeckNow ? window.voltdeckNow() : Date.now());
    return [now.toLocaleString("sv-SE", { timeZone: zone }).slice(0, 16)];
  }

  async function picture(menu, format) {
    const plot = plotOf(menu);
    if (!plot || !window.Plotly) return;
    const client = (document.getElementById("client") || { dataset: {} }).dataset;
    const ends = windowOf(plot);
    const words = [menu.dataset.title, ends.join(" – ") + (client.zone ? " " + client.zone : ""), client.site].filter(Boolean);
    const layout = Object.assign({}, plot.layout);
    const top = Math.max(plot._fullLayout.margin.t, plot._fullLayout._size.t); // a legend of several rows makes it larger
    const size = { width: plot.clientWidth, height: plot.clientHeight + HEAD };
    layout.margin = Object.assign({}, layout.margin, { t: top + HEAD });
    layout.title = {
      text: "<b>" + plain(words[0]) + "</b>  <span style='font-size:12px'>" + words.slice(1).map(plain).join(" · ") + "</span>",
      x: 0, xanchor: "left", y: 1, yanchor: "top", yref: "container", xref: "container", pad: { l: 14, t: 14 },
      font: { size: 14, color: token("--vd-text") },
    };
    layout.paper_bgcolor = token("--vd-surface");
    Object.assign(layout, size, { autosize: false });
    const address = await window.Plotly.toImage({ data: plot.data, layout: layout }, Object.assign({ format: format, scale: format === "png" ? 2 : 1 }, size));
    const name = [slug(client.site || ""), menu.dataset.name].concat(ends.map(function (end) { return end.replace(/[-:]/g, "").replace(" ", "T"); }));
    save(blobOf(address), name.filter(Boolean).join("_") + "." + format);
  }

  function blobOf(address) {
    const comma = address.indexOf(",");
    const head = address.slice(5, comma), body = address.slice(comma + 1);
    if (!head.endsWith(";base64")) return new Blob([decodeURIComponent(body)], { type: head });
    const text = atob(body);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    return new Blob([bytes], { type: head.slice(0, -7) });
  }

  // As dashboard/exports.py names its files.
  function slug(text) { return text.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|[-.]+$/g, "").slice(0, 80) || "site"; }

  function save(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 10000);
  }

  // --- tables and receipts: fetched, so that a session is renewed on the way and a refusal is said instead of saved ---------------------
  async function file(menu, link) {
    let answer;
    try { answer = await window.fetch(link.href, { credentials: "same-origin" }); } catch (_) { answer = null; }
    if (!answer || !answer.ok) {
      const why = answer && (answer.headers.get("Content-Type") || "").startsWith("text/plain") ? (await answer.text()).slice(0, 120) : menu.dataset.failed;
      menu.open = true;
      return say(link, why);
    }
    save(await answer.blob(), nameIn(answer.headers.get("Content-Disposition") || "") || menu.dataset.name);
  }

  function nameIn(told) {
    const wide = told.match(/filename\*=UTF-8''([^;]+)/i), plainly = told.match(/filename="?([^";]+)/i);
    return wide ? decodeURIComponent(wide[1]) : plainly ? plainly[1] : "";
  }

  // An item says what became of it for a moment.
  function say(item, text) {
    const span = item.querySelector("span");
    item.dataset.said = item.dataset.said || span.textContent;
    span.textContent = text;
    clearTimeout(Number(item.dataset.timer));
    item.dataset.timer = setTimeout(function () { span.textContent = item.dataset.said; }, SAID);
  }

  // --- the link ------------------------------------------------------------------------------------------------------------------
  async function copy(menu, button, text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch (_) { // only secure origins have a clipboard
      const field = document.createElement("textarea");
      field.value = text;
      field.className = "vd-files-copy";
      button.after(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      button.focus();
    }
    say(button, menu.dataset.copied);
  }

  // --- a panel alone, for a frame elsewhere: with a link that shows nothing else where one may issue links -------------------------------
  const issued = new Map();

  async function tokenFor(menu) {
    if (!menu.dataset.issues) return "";
    const panel = menu.dataset.files;
    if (!issued.has(panel)) {
      const csrf = document.cookie.match(/(?:^|; )csrf_access_token=([^;]*)/);
      const headers = Object.assign({ "Content-Type": "application/json", Accept: "application/json" }, csrf ? { "X-CSRF-TOKEN": decodeURIComponent(csrf[1]) } : {});
      const body = JSON.stringify({ name: menu.dataset.title.slice(0, 80), panels: [panel] });
      const answer = await window.fetch("/api/v1/kiosk-links", { method: "POST", credentials: "same-origin", headers: headers, body: body });
      if (!answer.ok) throw new Error("refused");
      issued.set(panel, (await answer.json()).token);
    }
    return issued.get(panel);
  }

  async function embed(menu, button, isCode) {
    let token;
    try { token = await tokenFor(menu); } catch (_) { return say(button, menu.dataset.refused); }
    const target = new URL("/embed/" + menu.dataset.files, location.origin);
    new URLSearchParams(location.search).forEach(function (value, name) { if (name !== "kiosk" && name !== "link") target.searchParams.set(name, value); });
    if (!target.searchParams.has("theme")) target.searchParams.set("theme", document.documentElement.dataset.bsTheme);
    if (token) {
      target.searchParams.set("kiosk", "1");
      target.searchParams.set("link", token);
    }
    const plainly = menu.dataset.title.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
    const code = '<iframe src="' + target.href.replace(/&/g, "&amp;") + '" title="' + plainly + '" width="800" height="420" style="border:0" loading="lazy"></iframe>';
    copy(menu, button, isCode ? code : target.href);
  }

  // Before it opens, for a key may follow at once; whoever opens it otherwise finds it complete a moment later.
  function prepare(menu) {
    outfit(menu);
    complete(menu);
  }

  document.addEventListener("toggle", function (event) {
    if (event.target.open && event.target.matches("details.vd-files")) prepare(event.target);
  }, true);

  document.addEventListener("click", function (event) {
    const summary = event.target.closest && event.target.closest(".vd-files > summary");
    if (summary) prepare(menuOf(summary));
    const one = event.target.closest && event.target.closest("[data-file]");
    const menu = one && menuOf(one);
    if (!menu) return;
    const what = one.dataset.file;
    if (one.dataset.ending) {
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      file(menu, one);
    }
    if (what === "raw") toggleRaw(menu, one);
    else if (what === "link") copy(menu, one, location.href);
    else if (what === "embed-link" || what === "embed-code") embed(menu, one, what === "embed-code");
    else {
      if (what === "png" || what === "svg") picture(menu, what).catch(function (error) { console.error(error); });
      menu.open = what === "receipt"; // the receipt is of the file that the same opened menu gives
    }
  });

  // Up and down go through an opened menu.
  document.addEventListener("keydown", function (event) {
    const menu = event.target.closest && menuOf(event.target);
    if (!menu || !menu.open || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    event.preventDefault();
    const items = Array.from(menu.querySelectorAll("summary, [data-file]:not([hidden])"));
    const place = items.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    items[(place + items.length) % items.length].focus();
  });
})();
