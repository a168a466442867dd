// A wall screen (?kiosk=1) and a panel alone (/embed/…): pages take turns, tall ones by screenfuls; the picture says when it has stopped; the
// screen reports, and loads itself again for a new build and every few hours. One timer drives it all, so nothing overlaps.
(function () {
  "use strict";
  const root = document.documentElement;
  const isWall = root.dataset.kiosk === "1" && !root.dataset.embed;
  if (!isWall && !root.dataset.embed) return;

  const BEAT = 500;                 // of the one timer [ms]
  const LEAD = 6000;                // the next page is prepared this long before its turn [ms]
  const AGAIN = 10000;              // a place that was not emptied is asked to be once more [ms]
  const PATIENCE = 45000;           // a page that does not stand by then waits for its next turn [ms]
  const SCREENFUL = 20000;          // of a tall page without rotation [ms]
  const REPORT = 30000;             // between heartbeats [ms]
  const RELOAD = 4 * 3600000;       // a page lives so long, and up to half an hour more: screens must not come back all at once [ms]
  const CALM = 60000;               // nobody has touched the screen for this long [ms]
  const STILL = 3000;               // the pointer goes after this long [ms]
  const SHIFT = 60000, PATH = [[0, 0], [2, 0], [3, 2], [2, 4], [0, 5], [-2, 4], [-3, 2], [-2, 0]]; // against burn-in [ms, px]
  const SMALL = 1600, MOST_ZOOM = 3; // type grows with the screen from this width on [px]

  const began = performance.now(), lifetime = RELOAD + Math.random() * 1800000;
  let planText = null, plan = null, at = 0, tried = 0, shown = "a", next = -1, askedAt = 0, shownSince = performance.now(), asks = 0, clearedAt = 0;
  let touched = -CALM, reportAt = began + 3000, build = "", isOld = false, reloading = false, screenfulNow = -1, hadDevices = false;

  function client() { const found = document.getElementById("client"); return found ? found.dataset : {}; }
  function word(key, n) {
    const texts = client().words;
    return texts ? (JSON.parse(texts)[key] || "").replace("{n}", n) : "";
  }
  function live() { return window.voltdeckLive ? window.voltdeckLive() : { at: 0, lostSince: 0 }; }
  function now() { return window.voltdeckNow ? window.voltdeckNow() : Date.now(); }
  function clock(ms) {
    const data = client();
    return new Intl.DateTimeFormat("sv-SE", { hour: "2-digit", minute: "2-digit", timeZone: data.zone || "UTC" }).format(ms);
  }
  function put(element, text) { if (element.textContent !== text) element.textContent = text; }

  // --- turns ---------------------------------------------------------------------------------------------------------------------
  function place(name) { return document.querySelector('.vd-turn[data-turn="' + name + '"]'); }
  function other() { return shown === "a" ? "b" : "a"; }
  function ask(name, path) {
    asks += 1;
    window.dash_clientside.set_props({ type: "turn-ask", id: name }, { data: { path: path, n: asks } });
  }

  // It holds the page that was asked for last, every panel has its answer, every chart its picture, and none says that the store is silent.
  function stands(element) {
    if (!element.querySelector('[data-asked="' + asks + '"]') || element.querySelector(".vd-skeleton, [data-retry]")) return false;
    return Array.from(element.querySelectorAll(".vd-graph")).every(function (graph) { return graph.querySelector(".main-svg"); });
  }

  function follow() {
    const text = client().turns || "";
    if (text === planText) return;
    planText = text;
    plan = text ? JSON.parse(text) : null;
    at = tried = plan ? plan.start : 0;
    show("a");
    next = -1;
  }

  function show(name) {
    shown = name;
    root.dataset.turn = name;
    shownSince = performance.now();
    screenfulNow = -1;
    scrollTo(0, 0);
  }

  function turn(due) {
    if (!plan || document.hidden) return;
    const here = place(shown), there = place(other());
    if (!here || !there) return;
    if (!here.childElementCount && there.childElementCount && !there.querySelector("[data-asked]")) {
      at = tried = plan.start; // the server laid the page out anew meanwhile, from its first page on
      next = -1;
      return show(other());
    }
    if (next < 0) {
      if (there.childElementCount) { // never two pages on their way into one place
        if (performance.now() - clearedAt > AGAIN) clear(other());
        return;
      }
      const since = performance.now() - shownSince, length = plan.seconds * 1000;
      if (due || since >= length - Math.min(LEAD, length / 2)) {
        if (!live().lostSince) prepare(after(tried));
      }
      return;
    }
    const waited = performance.now() - askedAt;
    if ((due || performance.now() - shownSince >= plan.seconds * 1000) && stands(there)) swap();
    else if (waited > PATIENCE) { // the last picture stays; the one after it is tried
      clear(other());
      tried = next;
      next = -1;
    }
  }

  // What was shown is taken out: its charts are purged and its topics are let go.
  function clear(name) {
    clearedAt = performance.now();
    ask(name, "");
  }

  // The page after this one that is not shown already: no panel is twice in the page.
  function after(index) {
    for (let i = 1; i <= plan.pages.length; i += 1) {
      const one = (index + i) % plan.pages.length;
      if (plan.pages[one][0] !== plan.pages[at][0]) return one;
    }
    return index;
  }

  function prepare(index) {
    next = index;
    askedAt = performance.now();
    ask(other(), plan.pages[index][0]);
  }

  function swap() {
    const old = shown;
    at = tried = next;
    next = -1;
    show(other());
    clear(old);
    window.dispatchEvent(new Event("resize"));
    if (isOld) reload();
  }

  // --- size: type that grows with the screen, tall pages by screenfuls whose edge is between cards ---------------------------------------
  function grow() {
    const zoom = Math.max(1, Math.min(MOST_ZOOM, innerWidth / SMALL));
    const text = zoom.toFixed(3);
    if (root.style.getPropertyValue("--wall-zoom") === text) return;
    root.style.setProperty("--wall-zoom", text);
    window.dispatchEvent(new Event("resize"));
  }

  function screenfuls(field, bar) {
    const room = innerHeight - bar, top = field.getBoundingClientRect().top;
    const cards = Array.from(field.children).map(function (card) {
      const box = card.getBoundingClientRect();
      return [box.top - top, box.bottom - top];
    }).filter(function (box) { return box[1] > box[0]; }).sort(function (a, b) { return a[0] - b[0]; });
    const starts = [0];
    cards.forEach(function (box) {
      const last = starts[starts.length - 1];
      if (box[1] > last + room + 1 && box[0] > last + 1) starts.push(box[0]);
    });
    return starts;
  }

  function scroll() {
    if (performance.now() - touched < CALM) return;
    const field = plan ? place(shown) : document.getElementById("content");
    if (!field) return;
    const starts = screenfuls(field, bar.offsetHeight);
    const length = plan ? plan.seconds * 1000 / starts.length : SCREENFUL;
    const index = Math.floor((performance.now() - shownSince) / length) % starts.length;
    if (index === screenfulNow) return;
    screenfulNow = index;
    scrollTo({ top: starts[index], behavior: index ? "smooth" : "auto" });
  }

  function shift() {
    const step = PATH[Math.floor((performance.now() - began) / SHIFT) % PATH.length];
    root.style.setProperty("--wall-x", step[0] + "px");
    root.style.setProperty("--wall-y", step[1] + "px");
  }

  // --- what stands around the picture: a bar, and the stamp ------------------------------------------------------------------------------
  function make(tag, name, parent) {
    const element = document.createElement(tag);
    element.className = name;
    parent.append(element);
    return element;
  }
  const bar = make("div", "vd-wall-bar", document.body);
  const title = make("strong", "", bar), site = make("span", "vd-wall-site", bar), dots = make("span", "vd-wall-dots", bar);
  const state = make("span", "vd-wall-state", bar), dot = make("i", "vd-dot", state), told = make("span", "", state), time = make("span", "vd-wall-time", bar);
  const stamp = make("div", "vd-wall-stamp", document.body);
  const stampHead = make("strong", "", stamp), stampText = make("span", "", stamp);
  stamp.setAttribute("role", "status");
  stamp.hidden = true;
  bar.hidden = !isWall;

  function dress() {
    const data = client(), pill = document.getElementById("live-pill"), head = document.querySelector("#page-head h1"), feed = live();
    put(title, plan ? plan.pages[at][1] : head ? head.textContent : "");
    put(site, data.site || "");
    put(time, data.zone ? clock(now()) : "");
    dots.hidden = !plan;
    if (plan && dots.dataset.of !== at + "/" + plan.pages.length) {
      dots.dataset.of = at + "/" + plan.pages.length;
      dots.replaceChildren.apply(dots, plan.pages.map(function (_, i) {
        const one = document.createElement("i");
        if (i === at) one.className = "on";
        return one;
      }));
    }
    const isLost = feed.lostSince && Date.now() - feed.lostSince > 3000;
    const lost = isLost ? word("wall.offline", clock(feed.lostSince + now() - Date.now())) : "";
    state.dataset.shown = isLost ? "lost" : pill ? pill.dataset.shown || pill.dataset.state : "";
    put(told, lost || (pill ? pill.querySelector(".vd-pill-text").textContent : ""));
    if (feed.at) hadDevices = true;
    const limit = Number(data.frozen || 60) * 1000;
    const isFrozen = hadDevices && feed.at > 0 && now() - feed.at > limit;
    if (stamp.hidden === isFrozen) stamp.hidden = !isFrozen;
    root.toggleAttribute("data-frozen-now", isFrozen);
    if (isFrozen) {
      put(stampHead, word("wall.frozen"));
      put(stampText, [word("wall.newest", clock(feed.at)), lost].filter(Boolean).join(" · "));
    } else if (!isWall && isLost) { // a frame has no bar
      stamp.hidden = false;
      put(stampHead, "");
      put(stampText, lost);
    }
    stamp.toggleAttribute("data-small", !isFrozen);
  }

  // --- who and how, for the list of screens; a new build, a new day -------------------------------------------------------------------------
  function name() {
    const given = new URLSearchParams(location.search).get("screen") || "";
    if (/^[A-Za-z0-9._:-]{1,64}$/.test(given)) return given;
    if (!isWall) return ""; // a frame may be looked at by anybody: it reports only under a name of its own
    try {
      const kept = localStorage.getItem("vd-screen") || "screen-" + crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
      localStorage.setItem("vd-screen", kept);
      return kept;
    } catch (_) { return ""; }
  }

  function frames() {
    return new Promise(function (done) {
      const start = performance.now();
      let count = 0;
      (function one() {
        count += 1;
        const spent = performance.now() - start;
        if (spent < 1000 && !document.hidden) requestAnimationFrame(one);
        else done(spent > 500 ? Math.round(count * 10000 / spent) / 10 : null);
      })();
    });
  }

  async function report() {
    const screen = name();
    if (!screen || document.hidden) return;
    const feed = live(), memory = performance.memory;
    const said = {
      screen: screen, page: (plan ? plan.pages[at][0] : location.pathname).slice(0, 200), width: Math.round(innerWidth), height: Math.round(innerHeight),
      build: build, age: feed.at ? Math.max(0, Math.round(now() - feed.at)) : null, fps: await frames(),
      memory: memory ? Math.round(memory.usedJSHeapSize / 1e5) / 10 : null,
    };
    const csrf = document.cookie.match(/(?:^|; )csrf_access_token=([^;]*)/);
    const headers = Object.assign({ "Content-Type": "application/json", Accept: "application/json" }, csrf ? { "X-CSRF-TOKEN": decodeURIComponent(csrf[1]) } : {});
    try {
      const answer = await window.fetch("/api/v1/screens/heartbeat", { method: "POST", credentials: "same-origin", headers: headers, body: JSON.stringify(said) });
      if (!answer.ok) return;
      const server = (await answer.json()).server_build;
      if (server && build && server !== build) isOld = true;
    } catch (_) { /* no connection: the bar says so */ }
  }

  // Only when the server answers: a screen that cannot load its page would show the browser's own error until somebody comes.
  async function reload() {
    if (reloading) return;
    reloading = true;
    try {
      const answer = await window.fetch(location.href, { cache: "no-store", credentials: "same-origin", headers: { Accept: "text/html" } });
      if (answer.ok) return location.reload();
    } catch (_) { /* later */ }
    setTimeout(function () { reloading = false; }, 30000);
  }

  // --- rhythm ------------------------------------------------------------------------------------------------------------------------------
  function beat() {
    const data = client();
    if (!data.words) return;
    build = build || data.build || ""; // what this page was loaded from; the header is made anew by later servers
    dress();
    if (isWall) {
      follow();
      grow();
      shift();
      turn(false);
      scroll();
      root.toggleAttribute("data-still", performance.now() - touched > STILL);
    }
    if (performance.now() >= reportAt) {
      reportAt = performance.now() + REPORT * (0.9 + 0.2 * Math.random());
      report();
    }
    if (performance.now() - began > lifetime) isOld = true;
    if (isOld && !plan && !live().lostSince && performance.now() - touched > CALM) reload();
  }
  ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"].forEach(function (kind) {
    addEventListener(kind, function () { touched = performance.now(); root.removeAttribute("data-still"); }, { passive: true });
  });
  setInterval(beat, BEAT);
  window.voltdeckWall = { turn: function () { turn(true); }, report: report, state: function () { return { at: at, next: next, shown: shown, isOld: isOld, build: build }; } };
})();
